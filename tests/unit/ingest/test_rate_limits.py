"""Requests counted by key and minute, on counters in memory."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from services.ingest.errors import RateLimited
from services.ingest.rate_limits import RateLimits
from services.shared.context import Caller
from tests.support.clocks import START


class MemoryCounters:
    """ports of several processes: what they share."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    async def count(self, name: str) -> int:
        self.counts[name] += 1
        return self.counts[name]


class SetClock:
    def __init__(self) -> None:
        self.instant = START.replace(second=0, microsecond=0)

    def now(self) -> datetime:
        return self.instant


def caller(key_id: str = "key_1", limit: int = 3, project: str = "p1") -> Caller:
    return Caller(project, key_id, frozenset({4}), (), limit)


async def passed(limits: RateLimits, who: Caller, calls: int) -> int:
    """How many of so many calls pass."""
    count = 0
    for _ in range(calls):
        try:
            await limits.count(who)
        except RateLimited:
            continue
        count += 1
    return count


async def test_a_key_has_its_calls_of_each_minute() -> None:
    clock = SetClock()
    limits = RateLimits(MemoryCounters(), clock)
    assert await passed(limits, caller(), 5) == 3
    clock.instant += timedelta(seconds=59.999)
    assert await passed(limits, caller(), 1) == 0
    clock.instant += timedelta(seconds=0.001)
    assert await passed(limits, caller(), 5) == 3


async def test_processes_share_the_count() -> None:
    counters, clock = MemoryCounters(), SetClock()
    one, other = RateLimits(counters, clock), RateLimits(counters, clock)
    assert await passed(one, caller(), 2) == 2
    assert await passed(other, caller(), 2) == 1
    assert await passed(one, caller(), 2) == 0


async def test_keys_and_projects_are_counted_apart() -> None:
    limits = RateLimits(MemoryCounters(), SetClock())
    assert await passed(limits, caller(), 5) == 3
    assert await passed(limits, caller("key_2"), 5) == 3
    # Ids of keys are unique in their project only.
    assert await passed(limits, caller(project="p2"), 5) == 3


async def test_who_goes_on_is_refused_without_asking_again() -> None:
    counters = MemoryCounters()
    limits = RateLimits(counters, SetClock())
    await passed(limits, caller(), 1_000)
    assert counters.counts.total() == 4


async def test_who_used_up_a_minute_is_forgotten_with_it() -> None:
    clock = SetClock()
    limits = RateLimits(MemoryCounters(), clock)
    for number in range(20):
        await passed(limits, caller(f"key_{number}", 1), 2)
    assert len(limits._used_up) == 20
    clock.instant += timedelta(minutes=1)
    await passed(limits, caller(), 1)
    assert limits._used_up == set()


async def test_a_refusal_says_when_and_how_much() -> None:
    clock = SetClock()
    limits = RateLimits(MemoryCounters(), clock)
    clock.instant += timedelta(seconds=47.5)
    await passed(limits, caller(), 3)
    with pytest.raises(RateLimited) as caught:
        await limits.count(caller())
    assert caught.value.retry_after_s == pytest.approx(12.5)
    assert caught.value.metadata == {"requests_per_minute": "3"}
