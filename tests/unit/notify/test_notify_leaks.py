"""Watches that come and go leave nothing behind: over a real connection, cancelled at any point."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from scoreline.notify.v1 import notify_service_pb2 as pb
from scoreline.notify.v1 import notify_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChangeCause
from services.notify.activity import ActivityWatch
from services.notify.boards import Boards, BoardWatch
from services.notify.boards import _Feed as Feed
from services.notify.conditions import Conditions, SharedCondition
from services.notify.convert import Responses
from services.notify.domain.resume_token import TokenSigner
from services.notify.handlers import FeedHandler, WatchHandler
from services.notify.hub import Hub
from services.notify.servicer import NotifyServicer
from services.notify.watch import SnapshotBudget, Watch
from services.notify.watcher import Watcher
from services.shared import context as call_context
from services.shared.context import Caller
from tests.support.eventually import eventually_async
from tests.support.notify_fakes import (
    REQUEST,
    FakeBoards,
    FakeLeads,
    FakeStream,
    limits,
    score_change,
)

CYCLES = 500
AT_ONCE = 25
KINDS = (Watcher, Watch, BoardWatch, ActivityWatch, Feed, SharedCondition)
CALLER = Caller("p", "k", frozenset())


class Entered(NotifyServicer):
    """As behind the interceptor."""

    async def WatchScores(self, request: Any, context: Any) -> AsyncIterator[Any]:
        call_context.enter(REQUEST, CALLER)
        async for message in super().WatchScores(request, context):
            yield message

    async def WatchLeaderboard(self, request: Any, context: Any) -> AsyncIterator[Any]:
        call_context.enter(REQUEST, CALLER)
        async for message in super().WatchLeaderboard(request, context):
            yield message

    async def WatchActivity(self, request: Any, context: Any) -> AsyncIterator[Any]:
        call_context.enter(REQUEST, CALLER)
        async for message in super().WatchActivity(request, context):
            yield message


def alive() -> dict[str, int]:
    """Objects of watches that there are."""
    gc.collect()
    return {kind.__name__: sum(type(one) is kind for one in gc.get_objects()) for kind in KINDS}


class Suite:
    """Notify without its process: hub, handlers, and a server."""

    def __init__(self) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits(ring=50, queue=100))
        self.hub.begin(7, 0)
        self.boards = Boards(self.hub, FakeBoards(), 100, 8)
        self.budget = SnapshotBudget(100)
        signer = TokenSigner(b"k" * 32)
        watches = WatchHandler(self.hub, self.stream, FakeLeads(), signer, self.budget)
        self.servicer = Entered(
            watches, FeedHandler(self.hub, self.boards), Conditions(1_000), Responses(signer)
        )
        self._version = 0

    async def happen(self) -> None:
        """A change that everybody wants."""
        self._version += 1
        event = ScoreChangeCause.SCORE_CHANGE_CAUSE_EVENT
        self.stream.publish("p", score_change("a", self._version, cause=event, score=5.0))
        self.hub.advance(self.stream.published(self.stream.last))
        await self.hub.let_watchers_read()


def call_of(stub: Any, chance: random.Random) -> Any:
    """A watch of changes in any form, or of activity."""
    number = chance.randrange(4)
    if number == 1:
        return stub.WatchActivity(pb.WatchActivityRequest())
    request = pb.WatchScoresRequest(
        filter=chance.choice(["", f"change.score > {chance.random()}"]),
        latest_only=chance.random() < 0.5,
        bulk_causes_as_summary=chance.random() < 0.5,
        include_snapshot=number == 2,
    )
    return stub.WatchScores(request)


async def test_nothing_is_left_of_watches_that_are_gone() -> None:
    chance = random.Random(4)
    before = alive()
    suite = Suite()
    server = grpc.aio.server()
    notify_service_pb2_grpc.add_NotifyServiceServicer_to_server(suite.servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = notify_service_pb2_grpc.NotifyServiceStub(channel)
        for _ in range(CYCLES // AT_ONCE):
            boards = [
                stub.WatchLeaderboard(pb.WatchLeaderboardRequest(limit=limit))
                for limit in range(1, 6)
            ]
            opened = boards + [call_of(stub, chance) for _ in range(AT_ONCE - len(boards))]
            chance.shuffle(opened)
            # Some are cancelled before they begin, some after their first message, some after a change.
            await asyncio.gather(*(call.read() for call in opened[: AT_ONCE // 2]))
            await suite.happen()
            # Boards do not change here.
            told = [call for call in opened[: AT_ONCE // 4] if call not in boards]
            await asyncio.gather(*(call.read() for call in told))
            for call in opened:
                call.cancel()

        async def all_gone() -> bool:
            return not suite.hub.watchers

        await eventually_async(all_gone)
    await server.stop(None)

    async def none_left() -> bool:
        assert alive() == before
        return True

    await eventually_async(none_left, timeout_s=20)
    assert len(suite.boards) == 0
    assert suite.budget.held == 0
