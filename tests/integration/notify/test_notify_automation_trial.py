"""What an automation would do, and would have done: the same as what it does, without doing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause
from services.notify import automation_past, automation_trial
from services.notify.domain.automations import Automation, moment_of_changes
from services.notify.follow_up_store import TaskFilter
from services.shared.db import Database
from services.shared.errors import ResourceNotFound
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import BEGIN, NOTE, TASK, AutomationRoom
from tests.support.endpoint_room import empty_database

ENTERED = {"stage_entered": {"stages": ["hot"]}}
EVERY_TIME = {"frequency": "AUTOMATION_FREQUENCY_EVERY_TIME"}
OWNER = {"assign_owner": {"owners": ["x", "y"]}}
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


def happened(at: AutomationRoom, lead_id: str, version: int, **fields: Any) -> ScoreChange:
    """A change that is part of history, made now."""
    at.leads.known.setdefault(lead_id, {})
    change = at.change(lead_id, version, **({"previous_stage": "cold", "stage": "hot"} | fields))
    at.leads.history.append(change)
    return change


async def made(
    at: AutomationRoom, trigger: dict[str, Any], *actions: Any, **more: Any
) -> Automation:
    """An automation that was made before everything."""
    now, at.clock.time = at.clock.time, BEGIN - 30 * DAY
    automation = await at.automation(trigger, *actions, **more)
    at.clock.time = now
    return automation


async def test_for_a_lead_it_says_what_it_would_send_and_does_nothing(at: AutomationRoom) -> None:
    mine = {"create_task": {"title": "Mine"}}
    automation = await made(at, ENTERED, TASK, mine, OWNER, mine, NOTE)
    happened(at, "a", 1)
    trial = await at.trial.on_lead(automation, "external:a")
    assert trial.reason == ""
    assert trial.tried is not None
    assert (trial.tried.met.lead_id, trial.tried.bucket) == ("a", "2026-02-01")
    assert [(one.kind, one.content) for one in trial.previews] == [
        ("create_task", {"title": "Call ada@example.com", "note": "", "assignee": "sam"}),
        ("create_task", {"title": "Mine", "note": "", "assignee": ""}),
        ("assign_owner", {"owner": "x"}),
        # What was assigned is the lead's owner for what follows.
        ("create_task", {"title": "Mine", "note": "", "assignee": "x"}),
        ("publish", {"subject": "done"}),
    ]
    assert await at.owners.tasks(at.project_id, TaskFilter(), None, 10) == []
    assert await at.owners.owner(at.project_id, "a") == ""
    assert (at.hands.done, await at.executions(automation)) == ([], [])


@pytest.mark.parametrize(
    ("fields", "change", "reason"),
    [
        ({}, {"stage": "warm"}, "the trigger is not met"),
        ({"condition": "change.score > 99.0"}, {}, "the condition does not hold"),
        ({"condition": 'lead.stage == "x"'}, {}, "the condition does not hold"),
        ({"disabled": True}, {}, "it is disabled"),
        ({}, {"cause": ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES}, "the trigger is not met"),
    ],
)
async def test_for_a_lead_it_says_why_not(
    at: AutomationRoom, fields: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    automation = await made(at, ENTERED, NOTE, **fields)
    happened(at, "a", 1, **change)
    trial = await at.trial.on_lead(automation, "a")
    assert (trial.reason, trial.tried) == (reason, None)
    # What it would send is shown all the same.
    assert [one.kind for one in trial.previews] == ["publish"]


async def test_for_a_lead_that_it_has_acted_on(at: AutomationRoom) -> None:
    automation = await made(at, ENTERED)
    await at.plan(happened(at, "a", 1))
    await at.act()
    trial = await at.trial.on_lead(automation, "a")
    assert trial.reason == "it has acted on the lead in this bucket: 2026-02-01"


async def test_for_a_lead_that_pauses(at: AutomationRoom) -> None:
    automation = await made(at, {"inactive": {"days": 7}})
    at.leads.known["a"] = {}
    at.leads.last_events["a"] = BEGIN - 7 * DAY
    assert (await at.trial.on_lead(automation, "a")).reason == ""
    at.leads.last_events["a"] = BEGIN - 6 * DAY
    assert (await at.trial.on_lead(automation, "a")).reason == "the trigger is not met"


async def test_for_a_lead_that_is_not_there(at: AutomationRoom) -> None:
    automation = await made(at, ENTERED)
    with pytest.raises(ResourceNotFound):
        await at.trial.on_lead(automation, "nobody")


async def test_a_time_of_day_is_about_no_lead(at: AutomationRoom) -> None:
    automation = await made(at, {"daily": {"time_of_day": "08:00"}})
    at.leads.known["a"] = {}
    assert "no lead" in (await at.trial.on_lead(automation, "a")).reason
    trial = await at.trial.on_days(automation, 3)
    assert [one.bucket for one in trial.newest] == ["2026-02-01", "2026-01-31", "2026-01-30"]
    assert (trial.execution_count, trial.lead_count) == (3, 0)


@pytest.mark.parametrize("fields", [{}, EVERY_TIME, {"frequency": "AUTOMATION_FREQUENCY_ONCE"}])
@pytest.mark.parametrize(
    "condition", ["", "change.score >= 40.0", 'lead.company != "" && change.score >= 40.0']
)
async def test_what_it_would_have_done_is_what_it_does(
    at: AutomationRoom, fields: dict[str, Any], condition: str
) -> None:
    automation = await made(at, ENTERED, condition=condition, **fields)
    at.clock.time = BEGIN - 2 * DAY
    for hour in range(60):
        at.clock.time += timedelta(minutes=47)
        stage = "hot" if hour % 3 else "warm"
        change = happened(at, f"lead-{hour % 7}", hour + 1, score=hour, stage=stage)
        at.leads.earlier[change.lead_id] = {}
        await at.plan(change)
        await at.look()
    at.clock.time = BEGIN
    trial = await at.trial.on_days(automation, 3)
    done = await at.buckets(automation)
    assert trial.execution_count == len(done) > 0
    assert {(one.met.lead_id, one.bucket) for one in trial.newest} == set(done)
    assert trial.lead_count == len({lead_id for lead_id, _ in done})
    assert trial.change_count == 60
    times = [one.met.time for one in trial.newest]
    assert times == sorted(times, reverse=True)


async def test_next_actions_that_would_have_been(at: AutomationRoom) -> None:
    automation = await made(at, {"next_action_became": {"next_actions": ["call"]}}, **EVERY_TIME)
    at.clock.time = BEGIN - DAY
    happened(at, "a", 1)
    happened(at, "b", 1)
    at.leads.earlier = {"a": {"next_action": "call"}, "b": {"next_action": "call"}}
    at.clock.time = BEGIN
    # As of any time it is the same: nothing became anything.
    assert (await at.trial.on_days(automation, 2)).execution_count == 0


async def test_more_than_is_looked_at_leaves_the_oldest_out(
    at: AutomationRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation_past, "FACTS_MAX", 5)
    automation = await made(at, ENTERED, condition='lead.company != ""', **EVERY_TIME)
    at.clock.time = BEGIN - DAY
    for number in range(20):
        at.clock.time += timedelta(hours=1)
        happened(at, f"lead-{number}", 1)
        at.leads.earlier[f"lead-{number}"] = {}
    at.clock.time = BEGIN
    trial = await at.trial.on_days(automation, 3)
    assert [one.met.lead_id for one in trial.newest] == [f"lead-{one}" for one in range(19, 14, -1)]
    assert trial.from_time == BEGIN - timedelta(hours=8)
    assert trial.from_time == trial.newest[-1].met.time


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        # Spans are shortened until they fit, and the last that fit are the newest.
        ({"CHANGES_MAX": 40}, range(200, 160, -1)),
        # Changes of one second are looked at together or not at all.
        ({"CHANGES_MAX": 12, "SPAN_MIN": DAY}, range(0)),
        ({"MET_MAX": 7}, range(200, 193, -1)),
        ({"CHANGES_MAX": 40, "MET_MAX": 25}, range(200, 175, -1)),
    ],
)
async def test_bounds_hold_within_a_span(
    at: AutomationRoom,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, Any],
    shown: range,
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(automation_past, name, value)
    automation = await made(at, ENTERED, **EVERY_TIME)
    at.clock.time = BEGIN - timedelta(hours=5)
    for number in range(1, 201):
        at.clock.time += timedelta(seconds=10)
        happened(at, f"lead-{number}", 1)
    at.clock.time = BEGIN
    trial = await at.trial.on_days(automation, 3)
    names = [one.met.lead_id for one in trial.newest]
    # The last part may be left where it does not fit: never more than the bound, and most of it.
    most = limits.get("CHANGES_MAX", 200)
    assert trial.change_count <= most
    assert names == [f"lead-{one}" for one in shown][: len(names)]
    assert len(names) >= len(shown) * 3 // 4
    assert trial.execution_count == len(names)
    # From then on nothing is left out.
    since = [one for one in at.leads.history if one.change_time.ToDatetime(UTC) >= trial.from_time]
    assert [one.lead_id for one in since] == names[::-1]


async def test_more_pauses_than_are_looked_at_leave_the_oldest_out(
    at: AutomationRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation_past, "MET_MAX", 5)
    monkeypatch.setattr(automation_past, "PAGE_LEADS", 3)
    automation = await made(at, {"inactive": {"days": 7}})
    for number in range(20):
        at.leads.known[f"lead-{number}"] = {}
        at.leads.last_events[f"lead-{number}"] = BEGIN - 8 * DAY + timedelta(hours=number)
    trial = await at.trial.on_days(automation, 3)
    assert [one.met.lead_id for one in trial.newest] == [f"lead-{one}" for one in range(19, 14, -1)]
    assert trial.from_time == trial.newest[-1].met.time


async def test_what_was_changed_together_is_one_next_action(at: AutomationRoom) -> None:
    automation = await made(at, {"next_action_became": {}}, **EVERY_TIME)
    at.clock.time = BEGIN - DAY
    together = [happened(at, "a", version) for version in (1, 2, 3)]
    at.clock.time = BEGIN - DAY / 2
    happened(at, "a", 4)
    at.leads.earlier_by_time = lambda lead_id, as_of: {"next_action": as_of.isoformat()}
    at.clock.time = BEGIN
    trial = await at.trial.on_days(automation, 2)
    await at.plan(*together, at.leads.history[-1])
    assert {one.bucket for one in trial.newest} == {
        moment_of_changes(BEGIN - DAY),
        moment_of_changes(BEGIN - DAY / 2),
    }
    candidates = await at.candidates.claim(100, timedelta(minutes=1), at.clock.now())
    assert {one.moment for _, one in candidates} == {one.bucket for one in trial.newest}
    assert trial.execution_count == 2
    at.leads.known["a"] = {"next_action": "call"}
    on_lead = await at.trial.on_lead(automation, "a")
    assert on_lead.tried is not None
    assert on_lead.tried.bucket == moment_of_changes(BEGIN - DAY / 2)


async def test_trials_of_leads_wait_for_their_turn_as_well(at: AutomationRoom) -> None:
    automation = await made(at, ENTERED)
    happened(at, "a", 1)
    most, running = 0, 0
    resolve = at.leads.resolve

    async def slowly(project_id: str, reference: str) -> str | None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        for _ in range(10):
            await asyncio.sleep(0)
        running -= 1
        return await resolve(project_id, reference)

    at.leads.resolve = slowly  # type: ignore[method-assign]
    await asyncio.gather(*(at.trial.on_lead(automation, "a") for _ in range(6)))
    assert most == automation_trial.TRIALS_AT_ONCE


async def test_one_that_is_not_made_is_tried_as_well(at: AutomationRoom) -> None:
    automation = replace(await made(at, ENTERED, OWNER), automation_id="")
    happened(at, "a", 1)
    trial = await at.trial.on_lead(automation, "a")
    assert trial.reason == ""
    assert trial.previews[0].content == {"owner": "x"}
