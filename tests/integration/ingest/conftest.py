"""A real ingest process on a real broker, with accounts to know its key; and a look into the EVENTS stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from stack import Stack, StackConfig
from tests.integration.ingest.support import Client, StoredEvents, connected
from tests.support.eventually import eventually
from tests.support.projects import knows
from tests.support.stack_fixtures import revive

SERVICES = ("accounts", "ingest")


@pytest.fixture(scope="session")
def ingest() -> Iterator[Stack]:
    """Shared by the tests of the group `ingest`: keep apart by event ids. Nothing is killed here."""
    with Stack(StackConfig(services=SERVICES, envoy=False)) as stack:
        yield stack


@pytest.fixture(scope="session")
def _mortal() -> Iterator[Stack]:
    with Stack(StackConfig(services=SERVICES, envoy=False)) as stack:
        yield stack


@pytest.fixture
def mortal(_mortal: Stack) -> Stack:
    """Its parts may be killed. Shared by the tests of the group `mortal ingest`: keep apart by event ids."""
    revive(_mortal)
    eventually(lambda: all(knows(_mortal, name, _mortal.api_key) for name in SERVICES))
    return _mortal


@pytest.fixture
async def client(ingest: Stack) -> AsyncIterator[Client]:
    async with connected(ingest) as client:
        yield client


@pytest.fixture
async def stored(ingest: Stack) -> AsyncIterator[StoredEvents]:
    async with StoredEvents.of(ingest) as stored:
        yield stored
