"""What can go wrong while the suite runs on one machine.

StackError
├── DataDirInUse      another running suite holds the data directory
├── PortTaken         a port that was asked for by number is in use
├── ComponentFailed   a component exited, or was not ready in time
└── StartCancelled    the start was interrupted before everything was up

Every message is one line that says what happened and what to do; ComponentFailed also carries
the last lines of the component's log.
"""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """The suite can't do what was asked; the message says why and what to do."""


class DataDirInUse(StackError):
    """Another running suite holds the data directory."""


class PortTaken(StackError):
    """A port that was asked for by number is in use."""


class StartCancelled(StackError):
    """The start was interrupted before everything was up."""


class ComponentFailed(StackError):
    """A component exited or was not ready in time.

    `component` is its name, `log_path` its log, `log_tail` the last lines of that log.
    """

    def __init__(
        self, component: str, what: str, *, advice: str, log_path: Path, log_tail: list[str]
    ) -> None:
        super().__init__(f"{component} {what}. {advice} Log: {log_path}")
        self.component = component
        self.log_path = log_path
        self.log_tail = log_tail
