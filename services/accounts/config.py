"""Settings of accounts, from variables that begin with SCORELINE_ACCOUNTS_."""

from pydantic import Field, SecretStr, field_validator

from services.accounts.domain import checks
from services.accounts.domain.keys import KEY_FORMAT, key_id_of
from services.shared.config import DatabaseConfig, ServiceConfig


class AccountsConfig(ServiceConfig, DatabaseConfig):
    """What accounts needs besides the common settings."""

    bootstrap_key: SecretStr | None = None
    """A key of the operator's project with all scopes, made at start when it is not there: the way in. A new value
    replaces the key that came from this setting before, which is revoked; a revoked key never comes back."""

    operator_project_id: str = "default"
    """The project whose keys may make projects; made with the bootstrap key."""

    operator_display_name: str = Field(default="Default project", max_length=128)
    """Its name for people, given when it is made."""

    @field_validator("bootstrap_key")
    @classmethod
    def _well_formed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and key_id_of(value.get_secret_value()) is None:
            raise ValueError(f"must be {KEY_FORMAT}")
        return value

    @field_validator("operator_project_id")
    @classmethod
    def _project_id(cls, value: str) -> str:
        problem = checks.project_id_problem(value)
        if problem:
            raise ValueError(problem)
        return value
