"""A real ingest process on a real broker, with accounts to know its key; and a look into the EVENTS stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from stack import Stack, StackConfig
from tests.integration.ingest.support import Client, StoredEvents, connected
from tests.support.stack_fixtures import servers

__all__ = ["servers"]

SERVICES = ("accounts", "ingest")


@pytest.fixture(scope="module")
def ingest() -> Iterator[Stack]:
    """Shared by the tests of a module: keep apart by event ids. Nothing is killed here."""
    with Stack(StackConfig(services=SERVICES, envoy=False)) as stack:
        yield stack


@pytest.fixture
async def client(ingest: Stack) -> AsyncIterator[Client]:
    async with connected(ingest) as client:
        yield client


@pytest.fixture
async def stored(ingest: Stack) -> AsyncIterator[StoredEvents]:
    async with StoredEvents.of(ingest) as stored:
        yield stored
