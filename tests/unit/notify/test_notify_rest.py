"""While nobody watches the stream is not read; who comes wakes the hub, and misses nothing from then on."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from services.notify import hub as hub_module
from services.notify import worker as worker_module
from services.notify.boards import Boards
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.leaderboard import Which
from services.notify.domain.resume_token import Position, TokenSigner
from services.notify.errors import ResumeTokenExpired, WatchInterrupted
from services.notify.handlers import FeedHandler, WatchHandler
from services.notify.hub import Hub
from services.notify.updates import ChangeUpdate, HeartbeatUpdate, WatchOptions
from services.notify.watch import SnapshotBudget, Watch
from services.notify.worker import Follower, Keeper
from services.shared.errors import DependencyUnavailable
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.notify_fakes import (
    REQUEST,
    FakeBoards,
    FakeCallers,
    FakeLeads,
    FakeStream,
    limits,
    score_change,
)

OPTIONS = WatchOptions(ChangeFilter(), False, "", 60.0)
SIGNER = TokenSigner(b"k" * 32)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "VERIFY_INTERVAL_S", 0.01)
    monkeypatch.setattr(worker_module, "STATE_RETRY_S", 0.01)


@pytest.fixture
def no_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LINGER_S", 0.0)


class Rig:
    def __init__(self) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits(ring=1_000, queue=1_000))
        self.follower = Follower(self.hub, self.stream)
        self.watches = WatchHandler(self.hub, self.stream, FakeLeads(), SIGNER, SnapshotBudget(100))
        self.boards = Boards(self.hub, FakeBoards(), 10, 2)
        self.feeds = FeedHandler(self.hub, self.boards)
        self.version = 0

    def publish(self, count: int = 1) -> None:
        for _ in range(count):
            self.version += 1
            self.stream.publish("p", score_change("a", self.version))

    async def open(self, **options: object) -> Watch:
        return await self.watches.open("p", REQUEST, replace(OPTIONS, **options))  # type: ignore[arg-type]

    def token(self, sequence: int) -> str:
        return SIGNER.issue("p", Position(self.stream.stream_id, sequence))

    async def asked(self, times: int = 2) -> None:
        """Wait until the follower has asked for the stream's state so often, which it does at rest."""
        until = self.stream.states_asked + times

        async def often_enough() -> bool:
            return self.stream.states_asked >= until

        await eventually_async(often_enough)

    async def rested(self) -> None:
        async def resting() -> bool:
            return self.hub.is_at_rest and not self.stream.readers_open

        await eventually_async(resting)


async def versions_of(watch: Watch, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            update = await watch.next()
            if isinstance(update, ChangeUpdate):
                found.append(update.published.change.version)
    return found


async def test_nobody_watches_and_nothing_is_read() -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        rig.publish(5)
        await rig.asked()
        assert rig.stream.readers_made == 0
        assert rig.hub.is_at_rest
        assert await rig.follower.healthy()


async def test_at_rest_a_broker_that_is_away_is_silent() -> None:
    rig = Rig()
    keeper = Keeper(rig.hub, rig.follower, FakeCallers(), broker_silence_max_s=0.05)

    async def silent() -> bool:
        keeper.end_interrupted()
        return rig.follower.silence_s() > 0.05

    rig.stream.down = True
    async with background(rig.follower.follow()):
        await eventually_async(silent)
        keeper.end_interrupted()
        with pytest.raises(WatchInterrupted):
            await rig.open()
        rig.stream.down = False
        await rig.asked()
        keeper.end_interrupted()
        (await rig.open()).close()


async def test_the_first_one_wakes_it_and_is_told_of_what_happens_from_then_on() -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        rig.publish(5)
        await rig.asked()
        watch = await rig.open()
        assert isinstance(await watch.next(), HeartbeatUpdate)
        rig.publish(3)
        assert await versions_of(watch, 3) == [6, 7, 8]
        watch.close()


@pytest.mark.parametrize("kind", ["board", "activity"])
async def test_feeds_wake_it_too(kind: str) -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        await rig.asked()
        opening = {
            "board": lambda: rig.feeds.open_board("p", REQUEST, Which(3, frozenset()), 60),
            "activity": lambda: rig.feeds.open_activity("p", REQUEST, ChangeFilter(), 0, 60),
        }[kind]
        feed = await opening()
        rig.publish()

        async def read() -> bool:
            return rig.hub.position == 1

        await eventually_async(read)
        feed.close()


@pytest.mark.usefixtures("no_linger")
async def test_who_resumes_is_told_what_happened_while_it_was_at_rest() -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        watch = await rig.open()
        rig.publish(2)
        assert await versions_of(watch, 2) == [1, 2]
        token = rig.token(1)
        watch.close()
        await rig.rested()
        rig.publish(3)
        await rig.asked()
        again = await rig.open(resume_token=token)
        rig.publish(2)
        assert await versions_of(again, 6) == [2, 3, 4, 5, 6, 7]
        again.close()


@pytest.mark.usefixtures("no_linger")
async def test_a_stream_replaced_while_it_was_at_rest_is_noticed_by_who_resumes() -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        watch = await rig.open()
        rig.publish(2)
        await versions_of(watch, 2)
        token = rig.token(2)
        watch.close()
        await rig.rested()
        rig.stream.stream_id += 1
        rig.stream.stored.clear()
        rig.publish(4)
        with pytest.raises(ResumeTokenExpired):
            await rig.open(resume_token=token)
        anew = await rig.open()
        rig.publish()
        assert await versions_of(anew, 1) == [7]
        anew.close()


async def test_many_at_the_same_instant_have_one_reader() -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        rig.publish(5)
        await rig.asked()
        watches = await asyncio.gather(*(rig.open() for _ in range(200)))
        rig.publish(2)
        found = await asyncio.gather(*(versions_of(watch, 2) for watch in watches))
        assert found == [[6, 7]] * 200
        assert rig.stream.readers_made == 1
        for watch in watches:
            watch.close()


async def test_without_the_broker_it_is_not_woken_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "WAKE_MAX_S", 0.05)
    rig = Rig()
    rig.stream.down = True
    async with background(rig.follower.follow()):
        with pytest.raises(DependencyUnavailable):
            await rig.open()
        assert not rig.hub.is_wanted
        waiting = asyncio.create_task(rig.open())
        await asyncio.sleep(0)
        assert rig.hub.is_wanted
        rig.stream.down = False
        (await waiting).close()


@pytest.mark.usefixtures("no_linger")
async def test_one_that_gives_up_takes_nobody_along() -> None:
    rig = Rig()
    rig.stream.down = True
    async with background(rig.follower.follow()):
        leaving, staying = (asyncio.create_task(rig.open()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        rig.stream.down = False
        watch = await staying
        rig.publish()
        assert await versions_of(watch, 1) == [1]
        watch.close()
        await rig.rested()
    assert leaving.cancelled()


async def test_it_lingers_for_who_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    async with background(rig.follower.follow()):
        watch = await rig.open()
        rig.publish(3)
        await versions_of(watch, 3)
        watch.close()
        rig.publish(2)

        async def read_on() -> bool:
            return rig.hub.position == 5

        await eventually_async(read_on)
        again = await rig.open(resume_token=rig.token(2))
        assert await versions_of(again, 3) == [3, 4, 5]
        assert (rig.stream.pages_read, rig.stream.readers_made) == (0, 1)
        again.close()
        monkeypatch.setattr(worker_module, "LINGER_S", 0.0)
        await rig.rested()
        assert rig.hub.recent("p", 0)[0] == []


@pytest.mark.usefixtures("no_linger")
async def test_comers_and_goers_miss_nothing() -> None:
    """The last one leaves while another comes, again and again, with a reader that takes its time to close."""
    rig = Rig()
    chance = random.Random(11)
    rig.stream.closing_s = 0.002

    async def come_and_go() -> None:
        for _ in range(25):
            for _ in range(chance.choice([0, 0, 10, 100, 1_000])):
                await asyncio.sleep(0)
            watch = await rig.open()
            opened_at = rig.version
            count = chance.choice([0, 1, 3])
            rig.publish(count)
            found = await versions_of(watch, count)
            if count:
                # From the opening on at the latest, nothing left out; others publish, too.
                assert found[0] <= opened_at + 1
                assert found == list(range(found[0], found[0] + count))
            watch.close()

    async with background(rig.follower.follow()):
        await asyncio.gather(*(come_and_go() for _ in range(3)))
        await rig.rested()
    assert rig.stream.readers_made > 10
