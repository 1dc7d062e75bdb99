"""What the suite asks of each of its parts, whatever it is."""

from __future__ import annotations

import threading
from typing import Protocol

from stack.process import ChildProcess


class Component(Protocol):
    """One running part: Postgres, NATS, Envoy or a service."""

    @property
    def name(self) -> str:
        """How people call it; also the name of its log."""
        ...

    @property
    def process(self) -> ChildProcess:
        """Its main process."""
        ...

    @property
    def address(self) -> str:
        """host:port where it answers."""
        ...

    def start(self, cancel: threading.Event) -> None:
        """Start it (again) on its port and wait until it is ready.

        Raises ComponentFailed when it can't, StartCancelled when `cancel` is set meanwhile.
        """
        ...
