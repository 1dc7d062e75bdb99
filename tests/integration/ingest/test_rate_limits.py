"""Requests of keys counted on a real broker: over processes, and after it has forgotten."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from services.ingest.errors import RateLimited
from services.ingest.rate_limits import STREAM, BrokerCounters, RateLimits
from services.shared.bus import Bus
from services.shared.context import Caller
from services.shared.errors import DependencyUnavailable
from stack import Stack
from tests.support.clocks import START

LIMIT = 50
TIMEOUT_S = 20.0


class Fixed:
    def now(self) -> datetime:
        return START


@pytest.fixture
async def buses(servers: Stack) -> AsyncIterator[list[Bus]]:
    """Connections as two processes have them."""
    opened = [await Bus.connect(servers.nats_url, f"test-{name}", TIMEOUT_S) for name in "ab"]
    yield opened
    for bus in opened:
        await bus.close()


@pytest.fixture
async def processes(buses: list[Bus]) -> list[RateLimits]:
    counters = [BrokerCounters(bus) for bus in buses]
    for one in counters:
        await one.start(TIMEOUT_S)
    return [RateLimits(one, Fixed()) for one in counters]


@pytest.fixture
def caller() -> Caller:
    return Caller(f"p-{uuid.uuid4().hex}", "key_1", frozenset({4}), (), LIMIT)


async def passes(limits: RateLimits, caller: Caller) -> bool:
    try:
        await limits.count(caller)
    except RateLimited:
        return False
    return True


async def test_processes_together_let_no_more_pass(
    processes: list[RateLimits], caller: Caller
) -> None:
    calls = [passes(processes[number % 2], caller) for number in range(200)]
    assert sum(await asyncio.gather(*calls)) == LIMIT


async def test_a_broker_that_has_forgotten_begins_anew(
    processes: list[RateLimits], buses: list[Bus], caller: Caller
) -> None:
    assert await passes(processes[0], caller)
    await buses[0].jetstream.delete_stream(STREAM)
    calls = [passes(processes[number % 2], caller) for number in range(200)]
    assert sum(await asyncio.gather(*calls)) == LIMIT


async def test_without_the_broker_no_request_passes(
    processes: list[RateLimits], buses: list[Bus], caller: Caller
) -> None:
    await buses[0].close()
    with pytest.raises(DependencyUnavailable) as caught:
        await processes[0].count(caller)
    assert caught.value.retry_after_s == 1.0
    # The other process is none the worse for it.
    assert await passes(processes[1], caller)
