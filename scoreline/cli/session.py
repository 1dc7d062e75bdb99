"""What every command starts from: which suite, which key, and whether people or scripts read the output."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console

from scoreline.cli.suite_files import RunningSuite, find_running_suite
from scoreline.client import AsyncClient, Client, RetryPolicy
from scoreline.client.settings import DEFAULT_TARGET

RETRY_FOR_S: Final = 3.0
"""A person waits: long enough for a hiccup, short enough to say soon that nobody answers."""
IMPORT_RETRY_FOR_S: Final = 120.0
"""An import runs unattended: it outlasts the restart of any part of the suite."""


class Session:
    """One run of the command line."""

    def __init__(self, target: str | None, api_key: str | None, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False)
        """What was asked for."""
        self.err = Console(stderr=True, highlight=False)
        """Progress and failures."""
        self.suite: RunningSuite | None = find_running_suite()
        """The suite on this machine, if one runs and no other was asked for."""
        if self.suite is not None and target not in (None, self.suite.grpc_target):
            self.suite = None
        self.target = target or (self.suite.grpc_target if self.suite else DEFAULT_TARGET)
        # A local suite's key is for that suite and never goes anywhere else.
        self.api_key = api_key or (self.suite.api_key if self.suite else "") or None

    def client(self, *, patient: bool = False) -> Client:
        """The client, with a person's patience or an import's; use it as a context manager."""
        for_s = IMPORT_RETRY_FOR_S if patient else RETRY_FOR_S
        return Client(self.target, self.api_key, retry=RetryPolicy(for_s=for_s))

    def async_client(self) -> AsyncClient:
        """The asyncio client, with an import's patience."""
        return AsyncClient(self.target, self.api_key, retry=RetryPolicy(for_s=IMPORT_RETRY_FOR_S))


def session_of(context: typer.Context) -> Session:
    """The session that the main command made."""
    session = context.find_object(Session)
    assert session is not None  # noqa: S101 - made by the main callback before any command
    return session
