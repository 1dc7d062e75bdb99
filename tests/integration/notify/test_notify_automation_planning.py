"""Automations on a real Postgres: set off once, and held against the lead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause
from services.notify.automation_queue import (
    note_firings,
)
from services.notify.convert import to_change
from services.notify.domain.automations import StageEntered
from services.notify.errors import AutomationUnreadable
from services.notify.ports import PublishedChange
from services.notify.tables import automation_candidates, automations
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import BEGIN, AutomationRoom
from tests.support.endpoint_room import empty_database, room
from tests.support.eventually import eventually_async

ENTERED = {"stage_entered": {"stages": ["hot"]}}
EVERY_TIME = {"frequency": "AUTOMATION_FREQUENCY_EVERY_TIME"}
ONCE = {"frequency": "AUTOMATION_FREQUENCY_ONCE"}
DAY = timedelta(days=1)


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


def hot(at: AutomationRoom, lead_id: str, version: int = 1, **fields: Any) -> ScoreChange:
    return at.change(lead_id, version, previous_stage="cold", stage="hot", **fields)


async def candidates(at: AutomationRoom) -> int:
    async with at.database.begin() as connection:
        count = sa.select(sa.func.count()).select_from(automation_candidates)
        return await connection.scalar(count) or 0


async def test_it_acts_once_a_day_on_a_lead(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    for _ in range(2):
        await at.plan(
            hot(at, "a", 1), at.change("a", 2, stage="hot"), hot(at, "a", 3), hot(at, "b")
        )
    assert await at.buckets(made) == [("a", "2026-02-01"), ("b", "2026-02-01")]
    assert await at.act() == 2
    await at.plan(hot(at, "a", 4))
    assert await at.act() == 0
    at.clock.time = BEGIN + DAY
    await at.plan(hot(at, "a", 5))
    assert await at.act() == 1
    assert [one.lead_id for one in at.hands.done] == ["a", "b", "a"]


async def test_the_day_is_the_changes_not_that_of_planning(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    late = [hot(at, "a", 1)]
    at.clock.time = BEGIN + timedelta(hours=11, minutes=59, seconds=59)
    late.append(hot(at, "a", 2))
    at.clock.time = BEGIN + timedelta(hours=12)
    late.append(hot(at, "a", 3))
    at.clock.time = BEGIN + 5 * DAY
    # Notify was away for days: it acts for each of the days all the same, once.
    await at.plan(*late)
    assert await at.buckets(made) == [("a", "2026-02-01"), ("a", "2026-02-02")]


async def test_it_acts_every_time_or_ever(at: AutomationRoom) -> None:
    every, ever = await at.automation(ENTERED, **EVERY_TIME), await at.automation(ENTERED, **ONCE)
    for _ in range(2):
        await at.plan(hot(at, "a", 1), hot(at, "a", 3))
    at.clock.time = BEGIN + 9 * DAY
    await at.plan(hot(at, "a", 5))
    assert await at.buckets(every) == [("a", "v1"), ("a", "v3"), ("a", "v5")]
    assert await at.buckets(ever) == [("a", "ever")]


async def test_replays_and_other_rules_set_nothing_off_unless_asked(at: AutomationRoom) -> None:
    plain = await at.automation(ENTERED)
    asked = await at.automation(ENTERED, include_bulk_changes=True)
    causes = ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES, ScoreChangeCause.SCORE_CHANGE_CAUSE_REPLAY
    await at.plan(*(hot(at, f"lead-{cause}", cause=cause) for cause in causes))
    assert await at.buckets(plain) == []
    assert len(await at.buckets(asked)) == 2


async def test_what_happened_before_it_was_there_or_enabled_sets_nothing_off(
    at: AutomationRoom,
) -> None:
    before = hot(at, "a")
    at.clock.time += timedelta(microseconds=1)
    made = await at.automation(ENTERED)
    await at.plan(before)
    await at.disable(made)
    await at.plan(hot(at, "b"))
    await at.disable(made, False)
    await at.plan(hot(at, "c"))
    assert await at.buckets(made) == [("c", "2026-02-01")]


async def test_a_condition_over_the_change_is_decided_at_once(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, condition="change.score > 50.0")
    await at.plan(hot(at, "a", score=50), hot(at, "b", score=51))
    assert await at.buckets(made) == [("b", "2026-02-01")]
    assert await candidates(at) == 0


async def test_a_condition_over_the_lead_is_held_against_it_now(at: AutomationRoom) -> None:
    made = await at.automation(
        ENTERED, condition='lead.attributes.country == "DE" && change.score > 50.0'
    )
    await at.plan(*(hot(at, lead_id, score=60) for lead_id in "abc"), hot(at, "d", score=10))
    at.leads.known["a"] = {"attributes": {"country": "DE"}}
    at.leads.known["d"] = {"attributes": {"country": "DE"}}
    del at.leads.known["c"]
    assert await at.look() == 4
    # One that does not hold uses up no day: the next change may.
    assert await at.buckets(made) == [("a", "2026-02-01")]
    at.leads.known["b"] = {"attributes": {"country": "DE"}}
    await at.plan(hot(at, "b", 2, score=60))
    await at.look()
    assert await at.buckets(made) == [("a", "2026-02-01"), ("b", "2026-02-01")]
    assert await candidates(at) == 0


async def test_candidates_wait_for_scoring(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, condition="lead.score > 0.0")
    await at.plan(hot(at, "a"))
    at.leads.away = True
    assert await at.look() == 1
    assert (await at.look(), await candidates(at)) == (0, 1)
    at.leads.away = False
    at.clock.time += timedelta(seconds=6)
    assert await at.look() == 1
    assert (await candidates(at), len(await at.buckets(made))) == (0, 1)


async def test_a_next_action_is_compared_with_the_one_before(at: AutomationRoom) -> None:
    made = await at.automation({"next_action_became": {"next_actions": ["call"]}}, **EVERY_TIME)
    version = 0

    async def becomes(action: str) -> None:
        nonlocal version
        version += 1
        at.clock.time += timedelta(seconds=1)
        at.leads.known["a"] = {"next_action": action}
        await at.plan(at.change("a", version))
        await at.look()

    # What it was before the first look is asked of scoring, as of then.
    at.leads.earlier["a"] = {"next_action": "call"}
    await becomes("call")
    assert await at.buckets(made) == []
    for action in ("wait", "call", "call", "mail", "call"):
        await becomes(action)
    assert len(await at.buckets(made)) == 2
    assert [one.version for one in await at.executions(made)] == [3, 6]


async def test_many_changes_of_one_moment_are_one_next_action(at: AutomationRoom) -> None:
    made = await at.automation({"next_action_became": {}}, **EVERY_TIME)
    at.leads.known["a"] = {"next_action": "call"}
    at.leads.earlier["a"] = {"next_action": "wait"}
    await at.plan(*(at.change("a", version) for version in (1, 2, 3)))
    assert await at.look() == 1
    at.clock.time += timedelta(seconds=1)
    await at.plan(at.change("a", 4), at.change("a", 5))
    found = await at.candidates.claim(10, timedelta(seconds=60), at.clock.now())
    await asyncio.gather(*(at.looking.look(*one) for one in found * 3))
    assert len(await at.buckets(made)) == 1


async def test_a_lead_without_an_owner_takes_that_of_one_merged_into_it(at: AutomationRoom) -> None:
    now = at.clock.now()
    await at.owners.set_owner(at.project_id, "a", "x", now)
    await at.owners.set_owner(at.project_id, "c", "y", now)
    await at.owners.set_owner(at.project_id, "d", "z", now)
    await at.plan(at.change("a", 2, merged_into="b"), at.change("c", 2, merged_into="d"))
    assert [await at.owners.owner(at.project_id, lead_id) for lead_id in "abcd"] == [*"xxyz"]


async def test_ending_and_planning_do_not_wait_for_each_other(database: Database) -> None:
    """Who plans has the lane and comes to the execution; who ends the execution comes to the lane."""
    hooks = await room(database, event_types=("score.changed", "automation.executed"))
    at = AutomationRoom(database)
    at.project_id = hooks.endpoint.project_id
    await at.automation(ENTERED)
    await at.plan(hot(at, "a", 1))
    (claimed,) = await at.claim()
    encoded = hot(at, "a", 2, delta=1.0).SerializeToString()
    published = [PublishedChange(1, at.project_id, "s", to_change(encoded), encoded)]

    async def somebody_waits() -> bool:
        async with database.begin() as other:
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(await other.scalar(waiting))

    async with database.begin() as connection:
        await hooks.endpoint_plan.plan(connection, published)
        ending = asyncio.create_task(at.worker.attempt(claimed))
        await eventually_async(somebody_waits)
        await at.automation_plan.plan(connection, published)
    await ending
    assert len(await hooks.told()) == 2


async def test_candidates_of_another_trigger_set_nothing_off(at: AutomationRoom) -> None:
    made = await at.automation({"any_change": {}}, condition="lead.score > 0.0")
    await at.plan(at.change("a"), hot(at, "b"))
    at.clock.time += timedelta(seconds=1)
    await at.retrigger(made, StageEntered(("hot",)))
    assert await at.look() == 2
    assert (await at.buckets(made), await candidates(at)) == ([], 0)


async def test_one_that_can_not_be_read_hinders_nobody(at: AutomationRoom) -> None:
    broken = await at.automation(ENTERED)
    await at.plan(hot(at, "b"))
    async with at.database.begin() as connection:
        await connection.execute(
            sa.update(automations)
            .where(automations.c.automation_id == broken.automation_id)
            .values(sealed_definition=b"of another key", revision=2)
        )
    made = await at.automation(ENTERED)
    await at.plan(hot(at, "a"))
    assert await at.act() == 1
    assert await at.buckets(made) == [("a", "2026-02-01")]
    assert [one.automation_id for one in await at.store.newest(at.project_id, None, 9)] == [
        made.automation_id
    ]
    with pytest.raises(AutomationUnreadable):
        await at.store.get(at.project_id, broken.automation_id)
    assert await at.store.remove(at.project_id, broken.automation_id)


async def test_others_have_turns_while_much_is_planned(at: AutomationRoom) -> None:
    for number in range(50):
        await at.automation(ENTERED, **EVERY_TIME, condition=f"change.score > {number}.0")
    changes = [hot(at, f"lead-{number}", score=60) for number in range(200)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    watching = asyncio.create_task(others())
    encoded = [change.SerializeToString() for change in changes]
    published = [PublishedChange(1, at.project_id, "s", to_change(one), one) for one in encoded]
    async with at.database.begin() as connection:
        looked = at.automation_plan.set_off(
            published, await at.automation_plan.acting(connection, {at.project_id})
        )
        before = turns
        firings, _ = await looked
        given = turns - before
        await note_firings(connection, firings, at.clock.now())
    watching.cancel()
    assert await at.count() == 10_000
    assert given > 10
