"""Automations on a real Postgres: carried out once, retried, given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.automation_queue import (
    CONCURRENCY,
    PROJECT_AUTOMATIONS_AT_ONCE,
    PROJECT_CONCURRENCY,
    WAITED_TOO_LONG,
)
from services.notify.domain.actions import Outcome
from services.notify.domain.automations import ExecutionState, StageEntered
from services.notify.errors import ExecutionNotFailed, TooManyAutomations
from services.notify.follow_up_store import TaskFilter
from services.notify.tables import automation_candidates
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import NOTE, TASK, AutomationRoom, Died
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
