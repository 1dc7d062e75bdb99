"""Watched boards: told once, then what differs; in the end what scoring answers, whatever comes in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from services.notify import boards as boards_module
from services.notify.boards import Boards, BoardWatch
from services.notify.domain.leaderboard import Board, Difference, Kind, Place, Which
from services.notify.errors import FeedInterrupted, ResumeTokenExpired
from services.notify.handlers import FeedHandler
from services.notify.hub import Hub
from services.notify.updates import HeartbeatUpdate
from services.shared.context import Request
from services.shared.errors import DependencyUnavailable, LimitExceeded
from tests.support.eventually import eventually_async
from tests.support.notify_fakes import (
    REQUEST,
    FakeBoards,
    FakeStream,
    board_of,
    limits,
    score_change,
)

WHICH = Which(3, frozenset())


class Rig:
    def __init__(self, boards_max: int = 10) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits())
        self.hub.begin(7, 0)
        self.scoring = FakeBoards()
        self.boards = Boards(self.hub, self.scoring, boards_max, 2)
        self.handler = FeedHandler(self.hub, self.boards)
        self.versions: dict[str, int] = {}

    def score(self, lead_id: str, score: float, project: str = "p") -> None:
        """A new score, committed and published."""
        if project == "p":
            self.scoring.scores[lead_id] = score
        self.versions[lead_id] = self.versions.get(lead_id, 0) + 1
        self.stream.publish(project, score_change(lead_id, self.versions[lead_id], score=score))
        self.hub.advance(self.stream.published(self.stream.last))

    async def open(
        self, which: Which = WHICH, request: Request = REQUEST, heartbeat_s: float = 60
    ) -> BoardWatch:
        return await self.handler.open_board("p", request, which, heartbeat_s)


class Client:
    """A board put together from what a watch says."""

    def __init__(self, watch: BoardWatch) -> None:
        self.watch = watch
        self.places: dict[str, Place] = {}
        self.told = False

    async def read(self) -> Board | Difference | HeartbeatUpdate:
        async with asyncio.timeout(5):
            update = await self.watch.next()
        if isinstance(update, Board):
            self.told = True
            self.places = {place.lead_id: place for place in update.places}
        elif isinstance(update, Difference):
            for change in update.changes:
                self.places[change.place.lead_id] = change.place
                if change.kind is Kind.LEFT:
                    del self.places[change.place.lead_id]
        return update

    async def read_on(self) -> None:
        while True:
            await self.read()

    def board(self) -> tuple[Place, ...]:
        return tuple(sorted(self.places.values(), key=lambda place: place.position))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(boards_module, "READ_INTERVAL_S", 0.005)
    monkeypatch.setattr(boards_module, "RETRY_S", 0.005)
    # So that nothing is right only because a board is read again after a while.
    monkeypatch.setattr(boards_module, "REFRESH_S", 3_600)
    return iter((None,))


async def test_the_board_comes_first_then_what_differs_then_heartbeats() -> None:
    rig = Rig()
    for lead_id, score in (("a", 30), ("b", 20), ("c", 10), ("d", 5)):
        rig.scoring.scores[lead_id] = score
    client = Client(await rig.open(heartbeat_s=0.1))
    first = await client.read()
    assert isinstance(first, Board)
    assert [place.lead_id for place in first.places] == ["a", "b", "c"]
    assert isinstance(await client.read(), HeartbeatUpdate)
    rig.score("d", 25)
    found = await client.read()
    assert isinstance(found, Difference)
    assert [(one.kind, one.place.lead_id) for one in found.changes] == [
        (Kind.LEFT, "c"),
        (Kind.ENTERED, "d"),
        (Kind.MOVED, "b"),
    ]
    assert isinstance(await client.read(), HeartbeatUpdate)
    client.watch.close()


async def test_what_can_not_show_is_not_read() -> None:
    rig = Rig()
    rig.scoring.scores |= {"a": 30, "b": 20, "c": 10}
    client = Client(await rig.open(heartbeat_s=0.05))
    await client.read()
    for number in range(50):
        rig.score(f"x{number}", 9)
        rig.score("a", 999, project="q")
    assert isinstance(await client.read(), HeartbeatUpdate)
    assert len(rig.scoring.readings) == 1
    client.watch.close()


async def test_watchers_of_one_board_share_its_readings() -> None:
    rig = Rig()
    clients = [Client(await rig.open()) for _ in range(300)]
    reading = [asyncio.create_task(client.read_on()) for client in clients]

    async def all_have_one() -> bool:
        return all(client.told for client in clients)

    await eventually_async(all_have_one)
    for number in range(200):
        rig.score(f"x{number % 7}", number)
    wanted = board_of(rig.scoring.scores).places

    async def all_told() -> bool:
        return all(client.board() == wanted for client in clients)

    await eventually_async(all_told)
    assert len(rig.scoring.readings) <= 3
    for task in reading:
        task.cancel()
    for client in clients:
        client.watch.close()
    assert len(rig.boards) == 0
    assert not rig.hub.watchers


@pytest.mark.parametrize("seed", range(8))
async def test_when_all_is_quiet_the_board_is_what_scoring_answers(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig()
    rig.scoring.slow_s = chance.choice([0, 0.002, 0.01])
    client = Client(await rig.open(Which(chance.choice([1, 3, 50]), frozenset())))
    reading = asyncio.create_task(client.read_on())
    for _ in range(300):
        rig.score(chance.choice("abcdefgh"), chance.randrange(20))
        if chance.random() < 0.4:
            for _ in range(chance.choice([1, 20, 200])):
                await asyncio.sleep(0)
    wanted = board_of(rig.scoring.scores, client.watch._feed.which).places

    async def told() -> bool:
        return client.board() == wanted

    await eventually_async(told)
    reading.cancel()
    client.watch.close()


async def test_a_board_that_can_not_be_read_refuses_newcomers_and_ends_watches_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    client = Client(await rig.open(heartbeat_s=0.05))
    await client.read()
    rig.scoring.error = DependencyUnavailable("down")
    rig.score("a", 5)
    assert isinstance(await client.read(), HeartbeatUpdate)
    late = await rig.open()
    with pytest.raises(DependencyUnavailable):
        await late.next()
    late.close()
    # Back: what happened meanwhile is told.
    rig.scoring.error = None
    found = await client.read()
    assert isinstance(found, Difference)
    assert client.board() == board_of(rig.scoring.scores).places
    monkeypatch.setattr(boards_module, "STALE_MAX_S", 0.02)
    rig.scoring.error = DependencyUnavailable("down")
    rig.score("a", 6)
    with pytest.raises(DependencyUnavailable):
        await client.read_on()
    client.watch.close()


async def test_a_revoked_key_does_not_end_the_others_board() -> None:
    rig = Rig()
    revoked = Request(request_id="r", traceparent="", credential="revoked")
    first, second = Client(await rig.open(request=revoked)), Client(await rig.open())
    await first.read()
    rig.scoring.revoked.add("revoked")
    await second.read()
    rig.score("a", 5)
    await second.read()
    assert [place.lead_id for place in second.board()] == ["a"]
    first.watch.close()
    second.watch.close()


async def test_there_is_a_limit_of_boards() -> None:
    rig = Rig(boards_max=1)
    watch = await rig.open()
    with pytest.raises(LimitExceeded):
        await rig.open(Which(4, frozenset()))
    (await rig.open()).close()
    watch.close()
    (await rig.open(Which(4, frozenset()))).close()
    assert not rig.hub.watchers


async def test_endings_say_that_there_is_nothing_to_resume() -> None:
    rig = Rig()
    client = Client(await rig.open())
    await client.read()
    rig.hub.end_all(lambda: ResumeTokenExpired("gone"))
    with pytest.raises(FeedInterrupted, match="watch again"):
        await client.read()
    client.watch.close()
    client = Client(await rig.open())
    await client.read()
    await rig.hub.drain()
    with pytest.raises(FeedInterrupted):
        await client.read()
    client.watch.close()
