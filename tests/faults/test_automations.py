"""Automations while notify, scoring and the broker are killed: what is recorded is done once and nothing is forgotten,
on redelivery nothing is repeated, and replays and other rules set nothing off."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc.aio
import httpx
import nats
import psycopg
import pytest

from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause
from stack import Stack, StackConfig
from tests.faults import evidence
from tests.faults.sending import Sender, shipment
from tests.support.eventually import eventually, eventually_async
from tests.support.hostile_receiver import Receipt, Receiver
from tests.support.projects import TestProject, new_project

# A suite of its own and three crashes: as in test_kills.py.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("faults")]

SEED = 78
EVENTS = 400
SETTLE_S = 90.0
PAGE = 200

SETTINGS = {
    "SCORELINE_SCORING_ACK_WAIT_S": "2",
    "SCORELINE_NOTIFY_ALLOW_PRIVATE_TARGETS": '["127.0.0.0/8"]',
    "SCORELINE_NOTIFY_ALLOW_HTTP_TARGETS": "true",
    "SCORELINE_NOTIFY_RETRY_SCHEDULE_S": "[" + ",".join(["0.2"] * 29) + "]",
    "SCORELINE_NOTIFY_AUTOMATION_RETRY_SCHEDULE_S": "[" + ",".join(["0.2"] * 29) + "]",
}

RULES = ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES
REPLAY = ScoreChangeCause.SCORE_CHANGE_CAUSE_REPLAY


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(StackConfig(env=SETTINGS)) as running:
        yield running


class Office:
    """A project's automations, called as an administrator does."""

    def __init__(self, stack: Stack, project: TestProject) -> None:
        self._http = httpx.Client(base_url=stack.http_url, headers=project.headers, timeout=20)

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def create(self, trigger: dict[str, Any], *actions: dict[str, Any], **fields: Any) -> str:
        automation = {"display_name": "A", "trigger": trigger, "actions": actions} | fields
        made = self.post("/v1/automations", {"automation": automation})
        return str(made["automation"]["automation_id"])

    def pages(self, path: str, field: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self._http.get(path, params={"page_size": PAGE, "page_token": token})
            assert answer.status_code == 200, answer.text
            found += answer.json().get(field, [])
            token = answer.json().get("next_page_token", "")
            if not token:
                return found

    def executions(self, automation_id: str) -> list[dict[str, Any]]:
        return self.pages(f"/v1/automations/{automation_id}/executions", "executions")

    def at_rest(self, automation_ids: list[str]) -> bool:
        """Whether all that was set off has come to its end."""
        found = [one for name in automation_ids for one in self.executions(name)]
        return bool(found) and all(one["state"] == "STATE_SUCCEEDED" for one in found)


@asynccontextmanager
async def published(stack: Stack, project_id: str) -> AsyncIterator[list[dict[str, Any]]]:
    """What stands on the broker for `publish`, filled in when the context ends."""
    found: list[dict[str, Any]] = []
    yield found
    client = await nats.connect(stack.nats_url)
    try:
        subscription = await client.jetstream().subscribe(
            f"automations.{project_id}.>", stream="AUTOMATIONS", ordered_consumer=True
        )
        while True:
            try:
                message = await subscription.next_msg(timeout=2)
            except nats.errors.TimeoutError:
                return
            found.append(json.loads(message.data))
    finally:
        await client.close()


async def changes_of(stack: Stack, project: TestProject) -> list[ScoreChange]:
    """The changes, when all are made and published."""
    before = -1

    async def quiet() -> bool:
        nonlocal before
        if evidence.count(stack, "ledger", project.project_id) < EVENTS:
            return False
        found = await evidence.gather(stack, project)
        made = len(found.changes)
        settled = made == before == len(found.messages)
        before = made
        return settled

    await eventually_async(quiet, timeout_s=SETTLE_S)
    return [message.change for message in (await evidence.gather(stack, project)).messages]


class Stumbling:
    """Fails every delivery once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, receipt: Receipt) -> str:
        if receipt.id in self._seen:
            return "204"
        self._seen.add(receipt.id)
        return "500"


async def test_each_acts_once_whatever_is_killed(stack: Stack) -> None:
    project = new_project(stack, "automated")
    office = Office(stack, project)
    order = list(dict.fromkeys(shipment(SEED).order))[:EVENTS]
    async with (
        Receiver().serve() as receiver,
        grpc.aio.insecure_channel(stack.grpc_target) as channel,
        published(stack, project.project_id) as messages,
    ):
        receiver.behaviours["/"] = Stumbling()
        endpoint = office.post(
            "/v1/webhookEndpoints",
            {
                "webhook_endpoint": {
                    "url": receiver.url("/"),
                    "event_types": ["score.changed", "automation.executed"],
                }
            },
        )["webhook_endpoint"]["endpoint_id"]
        every = office.create(
            {"stage_entered": {}},
            {"webhook": {"endpoint_id": endpoint}},
            {"create_task": {"title": "Call {{ lead.lead_id }}", "assignee": "sam"}},
            {"publish": {"subject": "entered"}},
            frequency="AUTOMATION_FREQUENCY_EVERY_TIME",
        )
        daily = office.create({"any_change": {}}, {"create_task": {"title": "Once a day"}})
        looked = office.create(
            {"any_change": {}},
            {"assign_owner": {"owners": ["x", "y", "z"]}},
            condition="lead.score >= 0.0",
            frequency="AUTOMATION_FREQUENCY_ONCE",
        )
        sender = Sender(channel, project.metadata)
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(order))
            for number, victim in enumerate(("notify", "scoring", "nats"), start=1):
                await sender.allow((number + 1) * EVENTS // 4)
                await sender.has_accepted(number * EVENTS // 4)
                await asyncio.to_thread(stack.kill, victim)
                await asyncio.to_thread(stack.restart, victim)
            await sender.allow(EVENTS)
        changes = await changes_of(stack, project)

        async def at_rest() -> bool:
            return await asyncio.to_thread(_complete, office, changes, every, daily, looked)

        await eventually_async(at_rest, timeout_s=SETTLE_S)
        await asyncio.to_thread(_act_of_rules, stack, project, office)
        rescored = await changes_of(stack, project)
        # All changes once more, as after a database that was restored from a backup.
        await asyncio.to_thread(stack.kill, "notify")
        await asyncio.to_thread(_rewind, stack)
        await asyncio.to_thread(stack.restart, "notify")
        await eventually_async(partial(_read_again, stack), timeout_s=SETTLE_S)
        await eventually_async(at_rest, timeout_s=SETTLE_S)

        def told() -> set[str]:
            return {
                one.data["execution_id"]
                for one in receiver.receipts["/"]
                if one.type == "automation.executed" and one.data["state"] == "pending"
            }

        executions = {one["execution_id"] for one in office.executions(every)}

        async def all_told() -> bool:
            return told() == executions

        await eventually_async(all_told, timeout_s=SETTLE_S)
    causes = {change.cause for change in rescored}
    assert causes >= {RULES, REPLAY}, "there was something to leave alone"
    tasks = Counter(one["execution_id"] for one in office.pages("/v1/tasks", "tasks"))
    noted = {one["execution_id"] for name in (every, daily) for one in office.executions(name)}
    assert (set(tasks), max(tasks.values())) == (noted, 1)
    assert Counter(one["id"].split("/")[0] for one in messages) == Counter(executions)
    owners = office.pages("/v1/leadOwners", "lead_owners")
    counted = Counter(one["owner"] for one in owners)
    assert max(counted.values()) - min(counted.values()) <= 1, "everybody has his turn"
    office.close()


def _complete(
    office: Office, changes: list[ScoreChange], every: str, daily: str, looked: str
) -> bool:
    """Whether each has acted as often as the ledger's changes say; never more often."""
    entered = [
        (change.lead_id, f"v{change.version}")
        for change in changes
        if change.stage != change.previous_stage and not change.merged_into
    ]
    days = {
        (change.lead_id, change.change_time.ToDatetime().date().isoformat())
        for change in changes
        if not change.merged_into
    }
    leads = {(lead_id, "ever") for lead_id, _ in days}
    complete = True
    for name, expected in ((every, set(entered)), (daily, days), (looked, leads)):
        found = Counter((one["lead_id"], one["bucket"]) for one in office.executions(name))
        assert not found or max(found.values()) == 1
        assert set(found) <= expected
        complete = complete and set(found) == expected and office.at_rest([name])
    return complete


def _rewind(stack: Stack) -> None:
    with psycopg.connect(stack.superuser_url) as database:
        database.execute("UPDATE notify.positions SET sequence = 0 WHERE reader = 'scores'")


async def _read_again(stack: Stack) -> bool:
    """Whether notify is at the end of the stream."""
    client = await nats.connect(stack.nats_url)
    try:
        last = (await client.jetstream().stream_info("SCORES")).state.last_seq
    finally:
        await client.close()
    with psycopg.connect(stack.superuser_url) as database:
        row = database.execute(
            "SELECT sequence FROM notify.positions WHERE reader = 'scores'"
        ).fetchone()
    return row is not None and row[0] == last


def _act_of_rules(stack: Stack, project: TestProject, office: Office) -> None:
    """Other rules, and a replay of everything."""
    with httpx.Client(base_url=stack.http_url, headers=project.headers, timeout=60) as http:
        http.patch("/v1/rules/signup", json={"points": 99}).raise_for_status()
        eventually(lambda: http.post("/v1/ruleSets/0:activate", json={}).status_code == 200)

        def rescored() -> bool:
            found = asyncio.run(evidence.gather(stack, project))
            return any(change.cause == "rules" for change in found.changes)

        eventually(rescored, timeout_s=SETTLE_S)
        # A replay changes what somebody has changed past the ledger.
        with psycopg.connect(stack.superuser_url) as database:
            database.execute(
                "UPDATE scoring.snapshots SET score = score + 1000000 WHERE project_id = %s",
                [project.project_id],
            )
        http.post("/v1/leads:replay", json={}).raise_for_status()
