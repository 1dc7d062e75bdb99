"""Automations on a real Postgres: set off once, looked at, carried out once, retried, given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause
from services.notify.automation_queue import (
    CONCURRENCY,
    PROJECT_AUTOMATIONS_AT_ONCE,
    PROJECT_CONCURRENCY,
    WAITED_TOO_LONG,
    note_firings,
)
from services.notify.convert import to_change
from services.notify.domain.actions import Outcome
from services.notify.domain.automations import ExecutionState, StageEntered
from services.notify.errors import AutomationUnreadable, ExecutionNotFailed, TooManyAutomations
from services.notify.follow_up_store import TaskFilter
from services.notify.ports import PublishedChange
from services.notify.tables import automation_candidates, automations
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import BEGIN, NOTE, TASK, AutomationRoom, Died
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


async def test_what_is_done_here_is_done_once_with_its_record(at: AutomationRoom) -> None:
    await at.automation(ENTERED, TASK, {"assign_owner": {"owners": ["x", "y"]}}, NOTE)
    at.hands.outcomes = [Outcome(error="away")]
    await at.plan(hot(at, "a"), hot(at, "b"), hot(at, "c"))
    assert await at.act() == 3
    found = await at.owners.tasks(at.project_id, TaskFilter(), None, 100)
    assert {(one.lead_id, one.title, one.assignee) for one in found} == {
        (lead_id, "Call ada@example.com", "sam") for lead_id in "abc"
    }
    owners = {
        one.lead_id: one.owner for one in await at.owners.owners(at.project_id, [], "", None, 9)
    }
    assert sorted(owners.values()) == ["x", "x", "y"]
    # An action behind the assignment sees who was assigned.
    assert {one.lead_id: one.lead["owner"] for one in at.hands.done if one.lead} == owners
    at.clock.time += timedelta(seconds=7)
    assert await at.act() == 1
    assert len(await at.owners.tasks(at.project_id, TaskFilter(), None, 100)) == 3
    again = {
        one.lead_id: one.owner for one in await at.owners.owners(at.project_id, [], "", None, 9)
    }
    assert again == owners


async def test_a_claim_that_was_lost_does_and_records_nothing(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, TASK)
    await at.plan(hot(at, "a"))
    (late,) = await at.claim(lease=timedelta(seconds=-1))
    (current,) = await at.claim()
    assert late.claim + 1 == current.claim
    await at.worker.attempt(late)
    assert await at.owners.tasks(at.project_id, TaskFilter(), None, 100) == []
    await at.worker.attempt(current)
    assert len(await at.owners.tasks(at.project_id, TaskFilter(), None, 100)) == 1
    (execution,) = await at.executions(made)
    assert (execution.state, execution.attempt_count) == (ExecutionState.SUCCEEDED, 1)


async def test_what_was_recorded_is_not_repeated_after_a_crash(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, TASK, NOTE, NOTE)
    await at.plan(hot(at, "a"))
    at.hands.dies_at = 2
    (claimed,) = await at.claim()
    with pytest.raises(Died):
        await at.worker.attempt(claimed)
    assert await at.act() == 0, "it is still in the hands of the dead"
    at.clock.time += timedelta(seconds=61)
    assert await at.act() == 1
    # The task and the first note were recorded; the second note was not, so it is carried out.
    assert len(at.hands.done) == 2
    assert len(await at.owners.tasks(at.project_id, TaskFilter(), None, 100)) == 1
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.SUCCEEDED


async def test_what_fails_is_tried_again_then_given_up_then_retried_by_hand(
    at: AutomationRoom,
) -> None:
    made = await at.automation(ENTERED, NOTE, TASK)
    at.hands.outcomes = [Outcome(error="away")] * 3
    await at.plan(hot(at, "a"))
    for seconds in (0, 7, 80):
        at.clock.time += timedelta(seconds=seconds)
        assert await at.act() == 1
        assert await at.act() == 0
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.FAILED
    assert [one.state for one in execution.actions] == [
        ExecutionState.FAILED,
        ExecutionState.SUCCEEDED,
    ]
    assert execution.actions[0].error == "away"
    assert (execution.attempt_count, execution.retry_time) == (3, None)
    at.clock.time += DAY
    assert await at.act() == 0
    await at.store.retry(made.automation_id, execution.execution_id, at.clock.now())
    assert await at.act() == 1
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.SUCCEEDED
    with pytest.raises(ExecutionNotFailed):
        await at.store.retry(made.automation_id, execution.execution_id, at.clock.now())
    assert await at.store.retry(made.automation_id, "exe_none", at.clock.now()) is None


async def test_the_other_side_is_left_alone_for_as_long_as_it_asks(at: AutomationRoom) -> None:
    await at.automation(ENTERED)
    at.hands.outcomes = [Outcome(error="too many", retry_after_s=600)]
    await at.plan(hot(at, "a"))
    await at.act()
    at.clock.time += timedelta(seconds=599)
    assert await at.act() == 0
    at.clock.time += timedelta(seconds=1)
    assert await at.act() == 1


async def test_what_can_never_succeed_is_not_tried_again(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    at.hands.outcomes = [Outcome(error="no such channel", permanent=True)]
    await at.plan(hot(at, "a"))
    await at.act()
    (execution,) = await at.executions(made)
    assert (execution.state, execution.attempt_count) == (ExecutionState.FAILED, 1)


async def test_scoring_being_away_uses_up_no_attempt(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    await at.plan(hot(at, "a"))
    at.leads.away = True
    for _ in range(20):
        assert await at.act() == 1
        at.clock.time += timedelta(seconds=6)
    at.leads.away = False
    await at.act()
    (execution,) = await at.executions(made)
    assert (execution.state, execution.attempt_count) == (ExecutionState.SUCCEEDED, 1)


async def test_a_lead_that_is_gone_fails_for_good(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    await at.plan(hot(at, "a"))
    del at.leads.known["a"]
    await at.act()
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.FAILED
    assert execution.actions[0].error == "the lead is not there any more"
    assert at.hands.done == []


async def test_concurrency_is_that_of_all_processes(at: AutomationRoom) -> None:
    await at.automation(ENTERED)
    await at.plan(*(hot(at, f"lead-{number}") for number in range(30)))
    found = await asyncio.gather(*(at.claim() for _ in range(6)))
    assert sum(map(len, found)) == CONCURRENCY
    for some in found:
        for one in some:
            await at.worker.attempt(one)
    assert len(await at.claim()) == CONCURRENCY


async def test_disabled_it_waits_and_is_given_up_after_a_week(database: Database) -> None:
    hooks = await room(database, event_types=("automation.executed",))
    at = AutomationRoom(database)
    at.project_id = hooks.endpoint.project_id
    made = await at.automation(ENTERED, NOTE, TASK)
    await at.plan(hot(at, "a"))
    await at.disable(made)
    assert await at.act() == 0
    now = at.clock.now()
    assert await at.queue.drop_waiting(now - timedelta(days=7), now, 100) == 0
    later = now + timedelta(days=7, seconds=1)
    assert await at.queue.drop_waiting(later - timedelta(days=7), later, 100) == 1
    (execution,) = await at.executions(made)
    assert (execution.state, execution.end_time) == (ExecutionState.FAILED, later)
    assert {one.error for one in execution.actions} == {WAITED_TOO_LONG}
    (told,) = [json.loads(one.payload)["data"] for one in await hooks.told()]
    assert (told["state"], len(told["actions"])) == ("failed", 2)


async def test_a_removed_automation_takes_what_it_has_with_it(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, TASK)
    looked = await at.automation(ENTERED, condition="lead.score > 0.0")
    await at.plan(hot(at, "a"))
    (claimed,) = await at.claim()
    ((automation, candidate),) = await at.candidates.claim(1, timedelta(seconds=60), at.clock.now())
    for one in (made, looked):
        assert await at.store.remove(at.project_id, one.automation_id)
    await at.worker.attempt(claimed)
    await at.looking.look(automation, candidate)
    assert await at.owners.tasks(at.project_id, TaskFilter(), None, 100) == []
    assert await candidates(at) == 0


async def test_a_lead_without_an_owner_takes_that_of_one_merged_into_it(at: AutomationRoom) -> None:
    now = at.clock.now()
    await at.owners.set_owner(at.project_id, "a", "x", now)
    await at.owners.set_owner(at.project_id, "c", "y", now)
    await at.owners.set_owner(at.project_id, "d", "z", now)
    await at.plan(at.change("a", 2, merged_into="b"), at.change("c", 2, merged_into="d"))
    assert [await at.owners.owner(at.project_id, lead_id) for lead_id in "abcd"] == [*"xxyz"]


async def test_what_postgres_takes_in_no_text_ends_all_the_same(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    at.hands.outcomes = [Outcome("taken \x00 \ud800", "", False)]
    await at.plan(hot(at, "a"))
    await at.act()
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.SUCCEEDED
    assert execution.actions[0].detail == "taken   ?"


async def test_a_defect_of_one_action_holds_up_no_other(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED, NOTE, TASK, NOTE)
    at.hands.defects = 1
    await at.plan(hot(at, "a"))
    await at.act()
    (execution,) = await at.executions(made)
    assert [one.state for one in execution.actions] == [
        ExecutionState.PENDING,
        ExecutionState.SUCCEEDED,
        ExecutionState.SUCCEEDED,
    ]
    assert execution.attempt_count == 1
    at.clock.time += timedelta(seconds=7)
    await at.act()
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.SUCCEEDED


async def test_what_was_done_is_written_down_when_the_database_is_back(
    at: AutomationRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await at.automation(ENTERED)
    await at.plan(hot(at, "a"))
    note, failures = at.queue.note, [DependencyUnavailable("away")] * 2

    async def stumbling(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return await note(*args)

    monkeypatch.setattr(at.queue, "note", stumbling)
    assert await at.act() == 1
    (execution,) = await at.executions(made)
    assert (execution.state, len(at.hands.done)) == (ExecutionState.SUCCEEDED, 1)


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


async def test_what_is_about_no_lead_is_not_done_for_one(at: AutomationRoom) -> None:
    made = await at.automation({"daily": {"time_of_day": "12:00"}}, TASK)
    await at.by_clock.look()
    assert await at.buckets(made) == [("", "2026-02-01")]
    await at.retrigger(made, StageEntered())
    await at.act()
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.FAILED
    assert await at.owners.tasks(at.project_id, TaskFilter(), None, 100) == []


async def test_no_project_takes_all_places(database: Database) -> None:
    greedy, modest = AutomationRoom(database), AutomationRoom(database)
    for _ in range(12):
        await greedy.automation(ENTERED)
    await greedy.plan(*(hot(greedy, f"lead-{number}") for number in range(10)))
    made = await modest.automation(ENTERED)
    await modest.plan(hot(modest, "a"))
    taken = []
    for _ in range(10):
        taken += await greedy.claim(1_000)
    of_project = [one for one in taken if one.automation.project_id == greedy.project_id]
    most = PROJECT_CONCURRENCY + (PROJECT_AUTOMATIONS_AT_ONCE - 1) * CONCURRENCY
    assert PROJECT_CONCURRENCY <= len(of_project) <= most
    assert [one.automation.automation_id for one in taken if one not in of_project] == [
        made.automation_id
    ]


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


async def test_webhook_endpoints_are_told(database: Database) -> None:
    hooks = await room(database, event_types=("automation.executed",))
    at = AutomationRoom(database)
    at.project_id = hooks.endpoint.project_id
    made = await at.automation(
        ENTERED, NOTE, {"webhook": {"endpoint_id": hooks.endpoint.endpoint_id}}, **EVERY_TIME
    )
    other = await at.automation(ENTERED, {"webhook": {"endpoint_id": "whe_none"}})
    await at.plan(hot(at, "a"))
    await at.act()
    told = [json.loads(one.payload)["data"] for one in await hooks.told()]
    # By the action itself, and of each execution that it came to its end.
    assert sorted((one["automation_id"], one["state"], "lead" in one) for one in told) == sorted(
        [
            (made.automation_id, "pending", True),
            (made.automation_id, "succeeded", False),
            (other.automation_id, "failed", False),
        ]
    )
    (execution,) = await at.executions(made)
    assert execution.state is ExecutionState.SUCCEEDED
    (refused,) = await at.executions(other)
    assert refused.actions[0].error == "there is no such webhook endpoint any more"


async def test_a_project_has_so_many_automations(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    with pytest.raises(TooManyAutomations):
        await at.store.add(made, 1)
