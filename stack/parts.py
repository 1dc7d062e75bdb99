"""The parts of one suite, each with its port and secrets, made before any of them is started.

They name each other (a service is told where NATS is, the edge where the services are), so all ports
are held first. Starting and stopping is stack/suite.py.
"""

from __future__ import annotations

from stack.component import Component
from stack.config import (
    DATABASE_SERVICES,
    USUAL_HTTP_PORT,
    USUAL_NATS_PORT,
    USUAL_POSTGRES_PORT,
    StackConfig,
)
from stack.credentials import Credentials
from stack.datadir import DataDir
from stack.envoy import Envoy
from stack.errors import StackError
from stack.nats import Nats
from stack.ports import HeldPort, hold_port, hold_usual_port
from stack.postgres import Postgres
from stack.services import Migrations, Service, environment_of


class Parts:
    """Every component of a suite, by name."""

    def __init__(self, config: StackConfig, data_dir: DataDir) -> None:
        self._config = config
        self._data_dir = data_dir
        self._ports: list[HeldPort] = []
        self._services: dict[str, Service] = {}
        self.credentials = Credentials.load_or_make(data_dir.secrets)
        try:
            self.postgres = Postgres(data_dir, self.credentials, self._hold(USUAL_POSTGRES_PORT))
            self.nats = Nats(data_dir, self.credentials, self._hold(USUAL_NATS_PORT), self._hold())
            ports = {kind: self._hold() for kind in config.services}
            self._scoring = ports.get("scoring")
            for kind, port in ports.items():
                self._make_service(kind, kind, port)
            stored = [kind for kind in config.services if kind in DATABASE_SERVICES]
            self.migrations = Migrations(
                stored, config=config, data_dir=data_dir, postgres=self.postgres
            )
            self.envoy = self._make_envoy(ports) if config.envoy else None
        except BaseException:  # whatever ended it, no port may stay held
            self.release_ports()
            raise

    @property
    def services(self) -> dict[str, Service]:
        """The processes of the services; several of one service differ in name."""
        return self._services

    def all(self) -> dict[str, Component]:
        """Every component there is now."""
        servers: list[Component] = [self.postgres, self.nats]
        edge: list[Component] = [] if self.envoy is None else [self.envoy]
        return {one.name: one for one in (*servers, *self._services.values(), *edge)}

    def named(self, name: str) -> Component:
        """One component. Raises StackError when there is none of that name."""
        parts = self.all()
        if name not in parts:
            raise StackError(f"There is no {name} here; there is {', '.join(parts)}.")
        return parts[name]

    def add_service(self, kind: str) -> Service:
        """One more process of a service, with a port of its own."""
        count = sum(service.kind == kind for service in self._services.values())
        if count == 0:
            raise StackError(f"There is no {kind} here to add to.")
        return self._make_service(kind, f"{kind}-{count + 1}", self._hold())

    def release_ports(self) -> None:
        """Let every port go."""
        for port in self._ports:
            port.release()
        self._ports.clear()

    def _hold(self, usual: int = 0) -> HeldPort:
        port = hold_usual_port(usual) if usual and self._config.usual_ports else hold_port()
        self._ports.append(port)
        return port

    def _make_service(self, kind: str, name: str, port: HeldPort) -> Service:
        environment = environment_of(
            kind,
            config=self._config,
            credentials=self.credentials,
            nats=self.nats,
            postgres=self.postgres,
            scoring_target=self._scoring.address if self._scoring else None,
        )
        service = Service(
            kind,
            name,
            port,
            config=self._config,
            data_dir=self._data_dir,
            environment=environment,
        )
        self._services[name] = service
        return service

    def _make_envoy(self, targets: dict[str, HeldPort]) -> Envoy:
        if self._config.http_port:
            port = hold_port(self._config.http_port)
            self._ports.append(port)
        else:
            port = self._hold(USUAL_HTTP_PORT)
        return Envoy(self._data_dir, self._config, port, self._hold(), targets)
