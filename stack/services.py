"""The five services as processes: their environment, their migrations, their readiness.

The contract with them (names of variables, `migrate`, SIGTERM drains, gRPC health) is in
docs/operations.md; nothing of their code is imported.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from stack.config import DATABASE_SERVICES, StackConfig
from stack.credentials import Credentials
from stack.datadir import DataDir
from stack.nats import Nats
from stack.ports import HeldPort
from stack.postgres import Postgres
from stack.probes import grpc_serving
from stack.process import ChildProcess, Launch

_ADVICE = "Its log says why."
_MIGRATE_ADVICE = "Its log says which revision failed."
_MIGRATE_TIMEOUT_S = 120.0


class Service:
    """One process of one service. Several of the same service differ in name and port."""

    def __init__(
        self,
        kind: str,
        name: str,
        port: HeldPort,
        *,
        config: StackConfig,
        data_dir: DataDir,
        environment: dict[str, str],
    ) -> None:
        self.kind = kind
        self.name = name
        self.process = ChildProcess(name)
        self._port = port
        self._config = config
        self._data_dir = data_dir
        self._environment = {**environment, f"{_prefix(kind)}LISTEN": port.address, **config.env}

    @property
    def address(self) -> str:
        """host:port of its gRPC server."""
        return self._port.address

    def start(self, cancel: threading.Event) -> None:
        """Start it and wait until its health is SERVING."""
        self.process.start(
            Launch(
                command=[sys.executable, "-m", self._config.module.format(name=self.kind)],
                env=self._data_dir.environment(self._environment),
                log_path=self._data_dir.log_path(self.name),
            )
        )
        self.process.wait(lambda: grpc_serving(self._port), advice=_ADVICE, cancel=cancel)


class Migrations:
    """Brings the schemas of services up to date, all in one process."""

    name = "migrations"

    def __init__(
        self, kinds: Sequence[str], *, config: StackConfig, data_dir: DataDir, postgres: Postgres
    ) -> None:
        self._kinds = kinds
        self._config = config
        self._data_dir = data_dir
        self._environment = {
            f"{_prefix(kind)}MIGRATION_DATABASE_URL": postgres.url(f"scoreline_{kind}_owner")
            for kind in kinds
        }

    def run(self, cancel: threading.Event) -> None:
        """Wait until all are up to date. The process waits for Postgres by itself, so that both can start at once.

        Raises ComponentFailed when one can't be, StartCancelled when `cancel` is set meanwhile.
        """
        # The package of the services migrates several; a stand-in for all of them is one module.
        package = self._config.module.removesuffix(".{name}")
        ChildProcess(self.name).run(
            Launch(
                command=[sys.executable, "-m", package, "migrate", *self._kinds],
                env=self._data_dir.environment({**self._environment, **self._config.env}),
                log_path=self._data_dir.log_path(self.name),
            ),
            _MIGRATE_TIMEOUT_S,
            _MIGRATE_ADVICE,
            cancel,
        )


def environment_of(
    kind: str,
    *,
    config: StackConfig,
    credentials: Credentials,
    nats: Nats,
    postgres: Postgres,
    scoring_target: str | None,
) -> dict[str, str]:
    """What a service is told, apart from its port."""
    prefix = _prefix(kind)
    environment = {
        f"{prefix}NATS_URL": nats.url,
        f"{prefix}LOG_LEVEL": config.log_level,
        f"{prefix}SERVICE_KEY": credentials.service_key,
    }
    if kind in DATABASE_SERVICES:
        environment[f"{prefix}DATABASE_URL"] = postgres.url(f"scoreline_{kind}")
    if kind == "accounts":
        environment[f"{prefix}BOOTSTRAP_KEY"] = credentials.api_key
    if kind == "ingest":
        # It refuses to start on a broker that does not fsync every write.
        environment[f"{prefix}NATS_MONITOR_URL"] = nats.monitor_url
        environment[f"{prefix}SECRET_KEYS"] = credentials.ingest_secret_key
    if kind == "notify":
        environment[f"{prefix}TOKEN_KEY"] = credentials.notify_token_key
        environment[f"{prefix}SECRET_KEYS"] = credentials.notify_secret_key
    if kind in ("notify", "rules") and scoring_target is not None:
        environment[f"{prefix}SCORING_TARGET"] = scoring_target
    return environment


def _prefix(kind: str) -> str:
    return f"SCORELINE_{kind.upper()}_"
