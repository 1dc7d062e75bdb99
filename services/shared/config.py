"""Settings every service has, read from the environment (12-factor). A service's own `config.py` adds its fields and
the prefix `SCORELINE_<NAME>_`. Every bad value is reported at once, by the name of its variable."""

from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceConfig(BaseSettings):
    """What all five services need."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    listen: str = Field(default="127.0.0.1:0", pattern=r"^.+:\d+$")
    """Address and port the gRPC server binds; port 0 takes a free one."""

    nats_url: str = "nats://127.0.0.1:4222"
    """The broker."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""

    drain_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long calls in flight may take to finish after SIGTERM."""

    startup_timeout_s: float = Field(default=120.0, gt=0)
    """How long to wait for the broker, the database and other services' streams before giving up."""

    max_message_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    """Largest gRPC message taken: room for a batch of 1,000 events of several kilobytes."""

    keepalive_time_s: float = Field(default=30.0, gt=0)
    """Silent connections are pinged this often, so that dead peers are noticed."""

    keepalive_min_client_interval_s: float = Field(default=10.0, gt=0)
    """Clients that ping more often than this are cut off (gRPC's own default, 300 s, breaks idle watchers)."""

    service_key: SecretStr | None = Field(default=None, min_length=32)
    """Signs the credentials that services call each other with in a project's name (service_keys.py); the same for all
    services. Without it such credentials are unknown."""

    previous_service_key: SecretStr | None = Field(default=None, min_length=32)
    """Another key whose credentials are taken too, while `service_key` is being changed."""

    @field_validator("previous_service_key")
    @classmethod
    def _follows(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is not None and info.data.get("service_key", key) is None:
            raise ValueError("is of no use without SERVICE_KEY")
        return key


class DatabaseConfig(BaseSettings):
    """What a service with tables needs besides."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql://` URL of the runtime role, which may touch the service's own schema only."""

    database_pool_size: int = Field(default=8, ge=2, le=100)
    """Most connections held open."""

    statement_timeout_s: float = Field(default=30.0, gt=0)
    """Postgres ends a statement that runs longer."""


class MigrationConfig(BaseSettings):
    """What `python -m services.<name> migrate` needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    migration_database_url: SecretStr
    """`postgresql://` URL of the role that owns the service's schema."""


class InvalidConfig(Exception):
    """One or more settings are missing or malformed; the text has a line for each."""


ConfigT = TypeVar("ConfigT", bound=BaseSettings)


def load(config_type: type[ConfigT], prefix: str) -> ConfigT:
    """Read the settings of `config_type` from variables that begin with `prefix`.

    Raises InvalidConfig that names every bad variable. Values are not repeated: they may be secret.
    """
    try:
        return config_type(_env_prefix=prefix)
    except ValidationError as error:
        lines = [
            f"{prefix}{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        ]
        raise InvalidConfig("\n".join(lines)) from None
