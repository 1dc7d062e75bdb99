"""Notify processes on real brokers: a shared one for tests that keep to their own project, and one of its own for a
test that kills, purges or counts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack import Stack, StackConfig
from tests.support import service_database
from tests.support.notify_rig import Broker, Client, NotifyProcess, broker, client, free_port
from tests.support.stack_fixtures import servers

__all__ = ["servers"]


@dataclass
class Rig:
    """A broker, and notify on it."""

    stack: Stack
    directory: Path
    scoring_port: int
    life: ExitStack
    notify: NotifyProcess

    def another(self, **settings: object) -> NotifyProcess:
        """One more process of notify, not started."""
        process = NotifyProcess(
            self.stack,
            self.directory / f"notify-{len(list(self.directory.iterdir()))}.log",
            self.scoring_port,
            **settings,
        )
        self.life.callback(process.stop)
        return process


MakeRig = Callable[..., Rig]


@pytest.fixture(scope="module")
def _make_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeRig]:
    with ExitStack() as life:

        def make(**settings: object) -> Rig:
            stack = life.enter_context(Stack(StackConfig(services=(), envoy=False)))

            async def make_streams() -> None:
                async with broker(stack.nats_url) as at:
                    await at.make_streams()

            asyncio.run(make_streams())
            service_database.migrate(stack, "notify")
            directory = tmp_path_factory.mktemp("notify")
            port = free_port()
            first = NotifyProcess(stack, directory / "notify.log", port, **settings)
            life.callback(first.stop)
            first.start()
            return Rig(stack, directory, port, life, first)

        yield make


@pytest.fixture(scope="module")
def shared(_make_rig: MakeRig) -> Rig:
    """Keep to a project of your own, and leave what runs running."""
    return _make_rig(
        queue_messages_max=500, ring_messages_max=1_000, watchers_max=25, broker_silence_max_s=8
    )


@pytest.fixture
async def at_broker(shared: Rig) -> AsyncIterator[Broker]:
    async with broker(shared.stack.nats_url) as at:
        yield at


@pytest.fixture
async def notify(shared: Rig) -> AsyncIterator[Client]:
    async with client(shared.notify.target) as opened:
        yield opened


_numbers = itertools.count(1)


@pytest.fixture
def project() -> str:
    return f"project-{next(_numbers)}"
