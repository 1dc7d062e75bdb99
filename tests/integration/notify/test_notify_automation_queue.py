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
from services.notify.automation_queue import CONCURRENCY
from services.notify.domain.actions import Outcome
from services.notify.domain.automations import ExecutionState
from services.notify.errors import ExecutionNotFailed, TooManyAutomations
from services.notify.follow_up_store import TaskFilter
from services.notify.tables import automation_candidates
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import BEGIN, NOTE, TASK, AutomationRoom, Died
from tests.support.endpoint_room import empty_database, room

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


async def test_disabled_it_waits_and_is_given_up_after_a_week(at: AutomationRoom) -> None:
    made = await at.automation(ENTERED)
    await at.plan(hot(at, "a"))
    await at.disable(made)
    assert await at.act() == 0
    now = at.clock.now()
    assert await at.queue.drop_waiting(now - timedelta(days=7), now, 100) == 0
    later = now + timedelta(days=7, seconds=1)
    assert await at.queue.drop_waiting(later - timedelta(days=7), later, 100) == 1
    (execution,) = await at.executions(made)
    assert (execution.state, execution.end_time) == (ExecutionState.FAILED, later)


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
