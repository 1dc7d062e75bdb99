"""What a suite on one machine consists of, and the limits it is started and stopped under.

Settings of the services themselves live in services/<name>/config.py; they reach them through the
environment that stack/services.py makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

REPO_ROOT = Path(__file__).resolve().parent.parent

SERVICES = ("accounts", "rules", "scoring", "ingest", "notify")
"""In the order in which they are listed to people; they start in any order."""

DATABASE_SERVICES = SERVICES
"""The services with a Postgres schema and an Alembic migration of their own."""

USUAL_HTTP_PORT = 8080
USUAL_NATS_PORT = 4222
USUAL_POSTGRES_PORT = 5432

READY_TIMEOUT_S = 60.0
"""A component that is not ready by then is reported. Generous: a loaded two-core machine needs 10 s."""

READY_POLL_S = 0.03
"""How often readiness is looked at: small against the start-up time, large against one probe."""

DRAIN_TIMEOUT_S = 30.0
"""A component that has not ended this long after it was asked to is killed: above a service's own drain."""

State = Literal["starting", "ready", "stopping", "stopped", "failed"]

Progress = Callable[[str, State, str], None]
"""Called with (component, state, detail) from any thread as the suite starts and stops."""


def no_progress(component: str, state: State, detail: str) -> None:
    """The default Progress: says nothing."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Which components run, where, and with what."""

    data_dir: Path | None = None
    """Where data, logs and secrets are kept. None: a fresh temporary directory, removed at stop."""

    services: tuple[str, ...] = SERVICES
    """Any subset of SERVICES; () for the servers only."""

    envoy: bool = True
    """Whether the edge runs. It needs scoreline/descriptors.binpb, which `make protos` makes."""

    http_port: int = 0
    """Envoy's port. 0: any free one, or the usual one with `usual_ports`."""

    usual_ports: bool = False
    """Take 8080, 4222 and 5432 where they are free, so that people find the suite where they look."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Extra environment of every service; wins over what the stack sets."""

    log_level: str = "info"
    """Log level of the services."""

    cors_origins: tuple[str, ...] = ("*",)
    """Origins whose pages may call the edge; "*" is any."""

    request_body_bytes_max: int = 5_000_000
    """A larger JSON request body is answered 413: room for a batch of 1,000 events of 4 KB."""

    module: str = "services.{name}"
    """Python module of a service. The tests of the stack itself run stand-ins."""

    progress: Progress = no_progress

    def __post_init__(self) -> None:
        unknown = sorted(set(self.services) - set(SERVICES))
        if unknown:
            raise ValueError(
                f"no such service: {', '.join(unknown)}; there are {', '.join(SERVICES)}"
            )
