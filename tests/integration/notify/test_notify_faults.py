"""Brokers and notify processes that are killed, drained, purged and replaced: every watcher's history is whole or the
watch ends with an error that says what to do."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.convert import to_change
from services.notify.domain.filtering import ChangeFilter
from tests.integration.notify.conftest import MakeRig, Rig
from tests.integration.notify.test_notify_watch_scores import key_of, refusal
from tests.support.eventually import eventually, eventually_async
from tests.support.notify_rig import (
    STREAM,
    STREAM_CONFIG,
    Broker,
    Client,
    broker,
    client,
    opened,
    receive,
    receive_changes,
)

SEED = 20_231
WATCHERS = 50
BATCHES = 45
BATCH = 40
LEADS = [f"lead-{n}" for n in range(25)]
STAGES = ["cold", "warm", "hot"]
PROJECTS = ["one", "two"]

RESUMABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


@pytest.fixture
def rig(_make_rig: MakeRig) -> Iterator[Rig]:
    """A broker and a notify that nobody else uses; small rooms, so that every edge is met."""
    made = _make_rig(queue_messages_max=150, ring_messages_max=200, broker_silence_max_s=7)
    yield made
    made.notify.stop()
    made.stack.stop()


@dataclass
class Watching:
    """A watcher that drops and resumes at random, and what it has seen."""

    project: str
    wanted: dict[str, Any]
    filter: ChangeFilter
    chance: random.Random
    token: str = ""
    seen: list[tuple[str, int]] = field(default_factory=list)
    resumed: int = 0
    ended: dict[grpc.StatusCode, int] = field(default_factory=dict)

    async def run(self, clients: list[Client], key: str) -> None:
        while True:
            call = self.chance.choice(clients).watch(
                key, resume_token=self.token, heartbeat_s=1, **self.wanted
            )
            try:
                for _ in range(self.chance.randint(0, 80)):
                    self._note(await receive(call))
            except grpc.aio.AioRpcError as error:
                if error.code() not in RESUMABLE:
                    raise
                self.ended[error.code()] = self.ended.get(error.code(), 0) + 1
            finally:
                call.cancel()
            self.resumed += 1

    def _note(self, message: Any) -> None:
        if message.WhichOneof("message") == "score_change":
            self.seen.append((message.score_change.lead_id, message.score_change.version))
        self.token = message.resume_token


def _watchers(chance: random.Random) -> list[Watching]:
    found = []
    for number in range(WATCHERS):
        wanted: dict[str, Any] = [
            {},
            {"lead_ids": chance.sample(LEADS, 1)},
            {"lead_ids": chance.sample(LEADS, 7)},
            {"stages": [chance.choice(STAGES)], "min_delta": 2.5},
            {"stage_changes_only": True},
        ][number % 5]
        as_filter = ChangeFilter(
            frozenset(wanted.get("lead_ids", ())),
            frozenset(wanted.get("stages", ())),
            round(wanted.get("min_delta", 0) * 1000),
            wanted.get("stage_changes_only", False),
        )
        project = PROJECTS[number % 2]
        found.append(Watching(project, wanted, as_filter, random.Random(chance.random())))
    return found


async def test_fifty_watchers_see_their_histories_whole_while_things_are_killed(rig: Rig) -> None:
    chance = random.Random(SEED)
    second = rig.another(queue_messages_max=2_000, ring_messages_max=20)
    second.start()
    published: dict[str, list[ScoreChange]] = {name: [] for name in PROJECTS}
    watchers = _watchers(chance)
    async with AsyncExitStack() as life:
        at = await life.enter_async_context(broker(rig.stack.nats_url))
        clients = [
            await life.enter_async_context(client(target))
            for target in (rig.notify.target, second.target)
        ]
        keys = {name: await key_of(at, clients[0], name) for name in PROJECTS}
        for name in PROJECTS:
            await key_of(at, clients[1], name)
        for watcher in watchers:
            call = clients[0].watch(keys[watcher.project], **watcher.wanted)
            watcher.token = await opened(call)
            call.cancel()
        running = [asyncio.create_task(w.run(clients, keys[w.project])) for w in watchers]
        life.callback(lambda: [task.cancel() for task in running])

        stage_of: dict[tuple[str, str], str] = {}
        for number in range(BATCHES):
            project = chance.choice(PROJECTS)
            changes = [_next_change(at, project, stage_of, chance) for _ in range(BATCH)]
            if number == 15:
                rig.notify.signal(signal.SIGKILL)
                await asyncio.to_thread(rig.notify.ended)
            if number == 20:
                rig.notify.start(wait=False)
            if number == 30:
                await asyncio.to_thread(rig.stack.kill, "nats")
                restart = asyncio.create_task(asyncio.to_thread(rig.stack.restart, "nats"))
            await at.publish_surely(project, changes)
            published[project] += changes
        await restart

        expected = {id(w): _expected(published[w.project], w.filter) for w in watchers}

        async def all_seen() -> bool:
            for task in running:
                if task.done():  # they never end by themselves
                    raise RuntimeError from task.exception()
            return all(len(w.seen) >= len(expected[id(w)]) for w in watchers)

        await eventually_async(all_seen, timeout_s=40)
        for watcher in watchers:
            assert watcher.seen == expected[id(watcher)], watcher.wanted
        for name in PROJECTS:
            assert await at.stored(name) == [(c.lead_id, c.version) for c in published[name]]
    # It was put to the test: many resumed, and both kills cut some off.
    assert sum(w.resumed for w in watchers) > 4 * WATCHERS
    assert sum(w.ended.get(grpc.StatusCode.UNAVAILABLE, 0) for w in watchers) > 0


def _next_change(
    at: Broker, project: str, stage_of: dict[tuple[str, str], str], chance: random.Random
) -> ScoreChange:
    lead_id = chance.choice(LEADS)
    before = stage_of.get((project, lead_id), "cold")
    after = stage_of[project, lead_id] = chance.choice([before, before, *STAGES])
    return at.change(
        project,
        lead_id,
        delta=chance.choice([0, 1, 2.499, 2.5, -7]),
        previous_stage=before,
        stage=after,
    )


def _expected(changes: list[ScoreChange], wanted: ChangeFilter) -> list[tuple[str, int]]:
    return [
        (c.lead_id, c.version) for c in changes if wanted.matches(to_change(c.SerializeToString()))
    ]


async def test_tokens_older_than_what_is_kept_are_refused(rig: Rig) -> None:
    async with broker(rig.stack.nats_url) as at, client(rig.notify.target) as notify:
        key = await key_of(at, notify, "p")
        call = notify.watch(key)
        tokens = [await opened(call)]
        for _ in range(6):  # beyond the ring
            await at.publish("p", [at.change("p", "a") for _ in range(100)])
            tokens += [(await receive(call)).resume_token for _ in range(100)]
        await at.bus.jetstream.purge_stream(STREAM, seq=301)
        for token in (tokens[0], tokens[299]):
            said = await refusal(notify.watch(key, resume_token=token))
            assert (said.code, said.reason) == (
                grpc.StatusCode.OUT_OF_RANGE,
                "RESUME_TOKEN_EXPIRED",
            )
            assert "include_snapshot" in said.text
        kept = notify.watch(key, resume_token=tokens[300])
        await opened(kept)
        assert await receive_changes(kept, 300) == [("a", n) for n in range(301, 601)]
        # The one that was at the edge goes on.
        await at.publish("p", [at.change("p", "a")])
        assert await receive_changes(call, 1) == [("a", 601)]


async def test_another_stream_of_the_same_name_ends_watches_and_tokens(rig: Rig) -> None:
    async with broker(rig.stack.nats_url) as at, client(rig.notify.target) as notify:
        key = await key_of(at, notify, "p")
        call = notify.watch(key)
        await opened(call)
        await at.publish("p", [at.change("p", "a") for _ in range(5)])
        token = (await receive(call)).resume_token
        await at.bus.jetstream.delete_stream(STREAM)
        await at.bus.jetstream.add_stream(**STREAM_CONFIG)
        # More than before, so that by numbers alone they would look like the old stream's next ones.
        await at.publish("p", [at.change("p", "b") for _ in range(9)])
        said = await refusal(call)
        assert (said.code, said.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
        said = await refusal(notify.watch(key, resume_token=token))
        assert said.code == grpc.StatusCode.OUT_OF_RANGE
        anew = notify.watch(key)
        await opened(anew)
        await at.publish("p", [at.change("p", "b")])
        assert await receive_changes(anew, 1) == [("b", 10)]


async def test_drained_it_ends_watches_so_that_they_resume_elsewhere(rig: Rig) -> None:
    second = rig.another()
    second.start()
    async with (
        broker(rig.stack.nats_url) as at,
        client(rig.notify.target) as notify,
        client(second.target) as elsewhere,
    ):
        key = await key_of(at, notify, "p")
        await key_of(at, elsewhere, "p")
        call = notify.watch(key)
        await opened(call)
        await at.publish("p", [at.change("p", "a"), at.change("p", "a")])
        token = (await receive(call)).resume_token
        rig.notify.signal(signal.SIGTERM)
        said = await refusal(call)
        assert said.code == grpc.StatusCode.UNAVAILABLE
        assert said.retry_after
        assert await asyncio.to_thread(rig.notify.ended) == 0
        resumed = elsewhere.watch(key, resume_token=token)
        await opened(resumed)
        assert await receive_changes(resumed, 1) == [("a", 2)]


async def test_a_broker_away_for_a_moment_is_silence_for_long_an_end(rig: Rig) -> None:
    async with broker(rig.stack.nats_url) as at, client(rig.notify.target) as notify:
        key = await key_of(at, notify, "p")
        call = notify.watch(key, heartbeat_s=1)
        token = await opened(call)
        await asyncio.to_thread(rig.stack.kill, "nats")

        async def not_serving() -> bool:
            return not rig.notify.serving()

        await eventually_async(not_serving)
        assert await opened(call) == token
        await asyncio.to_thread(rig.stack.restart, "nats")
        await at.publish_surely("p", [at.change("p", "a")])
        while (message := await receive(call)).WhichOneof("message") == "heartbeat":
            assert message.resume_token == token
        assert message.score_change.version == 1
        token = message.resume_token
        await asyncio.to_thread(eventually, rig.notify.serving)

        await asyncio.to_thread(rig.stack.kill, "nats")
        said = await refusal(call)
        assert (said.code, said.reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "DEPENDENCY_UNAVAILABLE",
        )
        said = await refusal(notify.watch(key, resume_token=token))
        assert said.code == grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(rig.stack.restart, "nats")
        await at.publish_surely("p", [at.change("p", "a")])

        async def resumed() -> list[tuple[str, int]]:
            again = notify.watch(key, resume_token=token)
            try:
                await opened(again)
                return await receive_changes(again, 1)
            except grpc.aio.AioRpcError:
                return []

        assert await eventually_async(resumed) == [("a", 2)]
