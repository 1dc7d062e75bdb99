"""What the clock sets off, on a real Postgres: pauses and times of day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.notify import automation_clock
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import BEGIN, AutomationRoom
from tests.support.endpoint_room import empty_database

INACTIVE = {"inactive": {"days": 7}}
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with empty_database(schema) as opened:
        yield opened


@pytest.fixture
def at(database: Database) -> AutomationRoom:
    return AutomationRoom(database)


def seen(at: AutomationRoom, lead_id: str, last: datetime) -> None:
    at.leads.known[lead_id] = {}
    at.leads.last_events[lead_id] = last


async def test_a_pause_sets_it_off_once_when_it_is_long_enough(at: AutomationRoom) -> None:
    made = await at.automation(INACTIVE, frequency="AUTOMATION_FREQUENCY_EVERY_TIME")
    seen(at, "long-ago", BEGIN - 7 * DAY - SECOND)
    seen(at, "just", BEGIN - 7 * DAY + SECOND)
    seen(at, "later", BEGIN - 3 * DAY)
    for seconds in (0, 62, 62):
        at.clock.time += timedelta(seconds=seconds)
        await at.by_clock.look()
        await at.look()
    # Who was inactive for longer already is left alone.
    assert [lead_id for lead_id, _ in await at.buckets(made)] == ["just"]
    at.clock.time = BEGIN + 4 * DAY + 2 * MINUTE
    await at.by_clock.look()
    await at.look()
    assert [lead_id for lead_id, _ in await at.buckets(made)] == ["just", "later"]
    # A second pause of the same lead is another one.
    seen(at, "just", at.clock.time)
    at.clock.time += 7 * DAY + 2 * MINUTE
    await at.by_clock.look()
    await at.look()
    buckets = await at.buckets(made)
    assert [lead_id for lead_id, _ in buckets] == ["just", "later", "just"]
    assert len(set(buckets)) == 3


async def test_who_came_back_meanwhile_is_not_inactive(at: AutomationRoom) -> None:
    made = await at.automation(INACTIVE)
    seen(at, "a", BEGIN - 7 * DAY + SECOND)
    at.clock.time += 2 * MINUTE
    await at.by_clock.look()
    seen(at, "a", at.clock.time)
    assert await at.look() == 1
    assert await at.buckets(made) == []


async def test_an_event_that_comes_too_late_for_the_clock_is_seen_all_the_same(
    at: AutomationRoom,
) -> None:
    made = await at.automation(INACTIVE)
    at.clock.time += DAY
    await at.by_clock.look()
    occurred = at.clock.time - 9 * DAY
    seen(at, "a", occurred)
    late = at.change("a")
    late.occur_time.FromDatetime(occurred)
    await at.plan(late)
    assert await at.look() == 1
    assert [lead_id for lead_id, _ in await at.buckets(made)] == ["a"]


async def test_it_looks_where_it_was_interrupted(
    at: AutomationRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation_clock, "PAGE_LEADS", 3)
    made = await at.automation(INACTIVE)
    for number in range(8):
        seen(at, f"lead-{number}", BEGIN - 7 * DAY + number * SECOND)
    at.clock.time += DAY
    at.leads.away = True
    await at.by_clock.look()
    at.leads.away = False
    at.clock.time += 5 * DAY
    await at.by_clock.look()
    await at.look()
    assert len(await at.buckets(made)) == 8


async def test_disabled_it_looks_for_nothing_and_begins_anew(at: AutomationRoom) -> None:
    made = await at.automation(INACTIVE)
    seen(at, "a", BEGIN - 6 * DAY)
    await at.disable(made)
    at.clock.time += 2 * DAY
    await at.by_clock.look()
    assert await at.look() == 0


async def test_a_time_of_day_comes_once_a_day(at: AutomationRoom) -> None:
    made = await at.automation({"daily": {"time_of_day": "13:00"}})
    times = [
        (BEGIN, 0),
        (BEGIN + timedelta(minutes=59, seconds=59), 0),
        (BEGIN + timedelta(hours=1), 1),
        (BEGIN + timedelta(hours=1, seconds=5), 1),
        (BEGIN + timedelta(hours=24), 1),
        # Away for three days: what was missed for more than a day is left out.
        (BEGIN + timedelta(days=4), 2),
        (BEGIN + timedelta(days=4, hours=1), 3),
    ]
    for now, count in times:
        at.clock.time = now
        await at.by_clock.look()
        assert len(await at.buckets(made)) == count, now
    assert await at.buckets(made) == [("", "2026-02-01"), ("", "2026-02-04"), ("", "2026-02-05")]
    assert await at.act() == 3
    digests = [one.digest["until_time"] for one in at.hands.done if one.digest]
    assert digests[0] == datetime(2026, 2, 1, 13, tzinfo=UTC).isoformat()
    assert all(one.lead is None and one.change is None for one in at.hands.done)


async def test_a_time_of_day_before_it_was_made_is_left_out(at: AutomationRoom) -> None:
    made = await at.automation({"daily": {"time_of_day": "11:00"}})
    await at.by_clock.look()
    assert await at.buckets(made) == []


async def test_who_can_not_be_asked_about_hinders_nobody(at: AutomationRoom) -> None:
    await at.automation(INACTIVE)
    daily = await at.automation({"daily": {"time_of_day": "12:30"}})
    at.clock.time += timedelta(hours=1)
    at.leads.away = True
    await at.by_clock.look()
    assert await at.buckets(daily) == [("", "2026-02-01")]


async def test_an_event_that_scoring_is_still_writing_is_not_looked_past(
    at: AutomationRoom,
) -> None:
    made = await at.automation(INACTIVE)
    at.clock.time += 2 * MINUTE
    await at.by_clock.look()
    # It happened before the look, and is in the books only now.
    seen(at, "a", at.clock.time - 7 * DAY - 10 * SECOND)
    at.clock.time += 2 * MINUTE
    await at.by_clock.look()
    await at.look()
    assert [lead_id for lead_id, _ in await at.buckets(made)] == ["a"]
