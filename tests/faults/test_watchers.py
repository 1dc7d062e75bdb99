"""The history checker: 200 watchers with filters of all kinds connect, drop and resume at random while events flow,
rules are activated, and notify, scoring and the broker are killed. What each put together is what its filter lets pass
of the published changes, which are those of the ledger: no gap, no repetition, in order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc.aio
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause
from stack import Stack
from tests.faults import evidence
from tests.faults.sending import LEADS, Sender, may_be_repeated, shipment
from tests.support.eventually import eventually, eventually_async
from tests.support.projects import TestProject, new_project

# Three crashes and up to 200 streams: as in test_kills.py.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("fragile")]

SEED = 77
WATCHERS = 200
EVENTS = 900
CHANNELS = 4
READ_MAX = 60
"""A watcher drops after so many messages at the latest."""

SETTLE_S = 90.0
WATCH_S = 200.0
HEARTBEAT = Duration(seconds=1)
BULK = (
    ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES,
    ScoreChangeCause.SCORE_CHANGE_CAUSE_REPLAY,
    ScoreChangeCause.SCORE_CHANGE_CAUSE_DECAY,
)

Passes = Callable[[ScoreChange], bool]


def everything(change: ScoreChange) -> bool:
    return True


def _filters(chance: random.Random) -> tuple[dict[str, Any], Passes]:
    """What to ask for, and the same in Python."""
    lead = f"lead-{chance.randrange(LEADS)}"
    few = [f"lead-{chance.randrange(LEADS)}" for _ in range(20)]
    points = chance.choice([0.5, 5.0, 20.0])
    event = ScoreChangeCause.SCORE_CHANGE_CAUSE_EVENT
    found: Sequence[tuple[dict[str, Any], Passes]] = [
        ({}, everything),
        ({"lead_ids": [lead]}, lambda change: change.lead_id == lead),
        ({"lead_ids": few}, lambda change: change.lead_id in few),
        ({"min_delta": points}, lambda change: abs(change.delta) >= points),
        ({"stage_changes_only": True}, lambda change: change.stage != change.previous_stage),
        ({"causes": [ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES]}, lambda c: c.cause in BULK[:1]),
        (
            {"filter": f"change.delta < 0.0 || change.score >= {points}"},
            lambda change: change.delta < 0 or change.score >= points,
        ),
        (
            {"filter": 'change.event_type in ["signup", "refund"] && change.late'},
            lambda change: change.event_type in ("signup", "refund") and change.late,
        ),
        (
            {"filter": f'change.lead_id.endsWith("{lead[-1]}")', "causes": [event]},
            lambda change: change.lead_id.endswith(lead[-1]) and change.cause == event,
        ),
    ]
    # All changes to every watcher would be a test of the test's own speed.
    return chance.choices(found, weights=[1, 6, 6, 3, 6, 3, 3, 6, 6])[0]


@dataclass
class Watching:
    """A watcher, and what it has put together."""

    asked: dict[str, Any]
    passes: Passes
    chance: random.Random
    metadata: list[tuple[str, str]]
    token: str = ""
    seen: list[tuple[str, int]] = field(default_factory=list)
    summed: int = 0
    streams: int = 0
    broken: int = 0

    async def run(self, stubs: Sequence[Any]) -> None:
        """Watch, drop, resume, until cancelled."""
        await eventually_async(partial(self._one_stream, stubs), timeout_s=WATCH_S)

    async def _one_stream(self, stubs: Sequence[Any]) -> bool:
        request = notify_service_pb2.WatchScoresRequest(
            resume_token=self.token, heartbeat_interval=HEARTBEAT, **self.asked
        )
        call = self.chance.choice(stubs).WatchScores(request, metadata=self.metadata)
        self.streams += 1
        try:
            for _ in range(self.chance.randint(1, READ_MAX)):
                message = await call.read()
                if message is grpc.aio.EOF:
                    break
                self._take(message)
        except grpc.aio.AioRpcError as error:
            cut_off = error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            if not cut_off and not may_be_repeated(error):
                raise
            self.broken += 1
        finally:
            call.cancel()
        return False

    def _take(self, message: Any) -> None:
        self.token = message.resume_token
        if message.WhichOneof("message") == "score_change":
            self.seen.append((message.score_change.lead_id, message.score_change.version))
        elif message.WhichOneof("message") == "bulk_summary":
            self.summed += message.bulk_summary.change_count

    def expected(self, published: Sequence[ScoreChange]) -> tuple[list[tuple[str, int]], int]:
        """Changes to see one by one, and how many in sums."""
        wanted = [change for change in published if self.passes(change)]
        summing = self.asked.get("bulk_causes_as_summary", False)
        single = [change for change in wanted if not (summing and change.cause in BULK)]
        return [(one.lead_id, one.version) for one in single], len(wanted) - len(single)

    def has_all(self, published: Sequence[ScoreChange]) -> bool:
        """Whether nothing is to come any more."""
        single, summed = self.expected(published)
        if self.asked.get("latest_only"):
            return dict(self.seen) == dict(single) and self.summed >= summed
        return len(self.seen) >= len(single) and self.summed >= summed

    def check(self, published: Sequence[ScoreChange]) -> None:
        """What was put together is what was published."""
        single, summed = self.expected(published)
        assert self.summed == summed, self.asked
        if self.asked.get("latest_only"):
            places = {one: place for place, one in enumerate(single)}
            order = [places[one] for one in self.seen]
            assert order == sorted(set(order)), self.asked
            assert dict(self.seen) == dict(single), self.asked
        else:
            assert self.seen == single, self.asked


@asynccontextmanager
async def watchers_of(stack: Stack, project: TestProject) -> AsyncIterator[list[Watching]]:
    """All watchers, each with a token from before the first event."""
    chance = random.Random(SEED)
    made = []
    for _ in range(WATCHERS):
        asked, passes = _filters(chance)
        asked |= chance.choice([{}, {}, {"latest_only": True}, {"bulk_causes_as_summary": True}])
        made.append(Watching(asked, passes, random.Random(chance.random()), project.metadata))
    async with AsyncExitStack() as life:
        stubs: list[Any] = []
        for number in range(CHANNELS):
            # Options of its own, or all would share one connection.
            channel = grpc.aio.insecure_channel(
                stack.grpc_target, options=[("scoreline.test.channel", number)]
            )
            await life.enter_async_context(channel)
            stubs.append(notify_service_pb2_grpc.NotifyServiceStub(channel))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watcher.run(stubs)) for watcher in made]

            async def all_open() -> bool:
                return all(watcher.token for watcher in made)

            await eventually_async(all_open, timeout_s=30)
            yield made
            for task in tasks:
                task.cancel()


async def test_every_history_is_whole(fragile: Stack) -> None:
    project = new_project(fragile, "watched")
    order = list(dict.fromkeys(shipment(SEED).order))[:EVENTS]
    async with (
        grpc.aio.insecure_channel(fragile.grpc_target) as channel,
        watchers_of(fragile, project) as watchers,
    ):
        sender = Sender(channel, project.metadata)
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(order))
            for number, victim in enumerate(("notify", "scoring", "nats"), start=1):
                await sender.allow((number + 1) * EVENTS // 4)
                await sender.has_accepted(number * EVENTS // 4)
                await asyncio.to_thread(fragile.kill, victim)
                await asyncio.to_thread(fragile.restart, victim)
            await asyncio.to_thread(_activate_other_rules, fragile, project)
            await sender.allow(EVENTS)
        published = await _settled(fragile, project)

        async def all_have_all() -> bool:
            return all(watcher.has_all(published) for watcher in watchers)

        await eventually_async(all_have_all, timeout_s=SETTLE_S)
    for watcher in watchers:
        watcher.check(published)
    # It was put to the test: streams broke, many more were left, all causes and forms were met.
    assert sum(watcher.broken for watcher in watchers) >= WATCHERS
    assert sum(watcher.streams for watcher in watchers) >= 4 * WATCHERS
    assert sum(watcher.summed for watcher in watchers) > 0
    assert {change.cause for change in published} >= {1, 2}


def _activate_other_rules(stack: Stack, project: TestProject) -> None:
    with httpx.Client(base_url=stack.http_url, headers=project.headers, timeout=20) as http:
        http.patch("/v1/rules/signup", json={"points": 33}).raise_for_status()
        eventually(lambda: http.post("/v1/ruleSets/0:activate", json={}).status_code == 200)


async def _settled(stack: Stack, project: TestProject) -> Sequence[ScoreChange]:
    """The changes when all are made and published: those of the ledger, in the order of the stream."""
    before = -1

    async def quiet() -> bool:
        nonlocal before
        if evidence.count(stack, "ledger", project.project_id) < EVENTS:
            return False
        made = evidence.count(stack, "score_changes", project.project_id)
        found = await evidence.gather(stack, project)
        rescored = sum(change.cause == "rules" for change in found.changes)
        settled = made == before and len(found.messages) == made and rescored > 0
        before = made
        return settled

    await eventually_async(quiet, timeout_s=SETTLE_S)
    found = await evidence.gather(stack, project)
    made = Counter((change.lead_id, change.version) for change in found.changes)
    published = [message.change for message in found.messages]
    assert made == Counter((change.lead_id, change.version) for change in published)
    assert max(made.values()) == 1
    return published
