"""Activity: what is scored, as it is scored; what nobody has time for is left out and counted."""

from __future__ import annotations

import asyncio

import pytest

from scoreline.scoring.v1.score_change_pb2 import ScoreChangeCause
from services.notify.activity import ActivityUpdate, ActivityWatch
from services.notify.boards import Boards
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.waiting import SAMPLE_MAX
from services.notify.errors import FeedInterrupted
from services.notify.handlers import FeedHandler
from services.notify.hub import Hub
from services.notify.updates import HeartbeatUpdate
from tests.support.notify_fakes import REQUEST, FakeBoards, FakeStream, limits, score_change

EVENTS = ChangeFilter(causes=frozenset({"EVENT"}))


class Rig:
    def __init__(self) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits())
        self.hub.begin(7, 0)
        self.handler = FeedHandler(self.hub, Boards(self.hub, FakeBoards(), 1, 1))
        self.count = 0

    def happen(self, number: int = 1, cause: str = "EVENT", **fields: object) -> None:
        for _ in range(number):
            self.count += 1
            code = ScoreChangeCause.Value(f"SCORE_CHANGE_CAUSE_{cause}")
            self.stream.publish("p", score_change("a", self.count, cause=code, **fields))
            self.hub.advance(self.stream.published(self.stream.last))

    async def open(
        self, wanted: ChangeFilter = EVENTS, interval_s: float = 0, heartbeat_s: float = 60
    ) -> ActivityWatch:
        watch = await self.handler.open_activity("p", REQUEST, wanted, interval_s, heartbeat_s)
        assert isinstance(await watch.next(), HeartbeatUpdate)
        return watch


async def next_of(watch: ActivityWatch) -> tuple[int, int]:
    """Version and how many were left out."""
    async with asyncio.timeout(5):
        update = await watch.next()
    assert isinstance(update, ActivityUpdate)
    return update.published.change.version, update.left_out


async def test_events_come_as_they_are_scored_and_nothing_else() -> None:
    rig = Rig()
    watch = await rig.open()
    rig.happen(2)
    rig.happen(cause="RULES")
    rig.happen(cause="DECAY")
    rig.happen()
    assert [await next_of(watch) for _ in range(3)] == [(1, 0), (2, 0), (5, 0)]
    typed = await rig.open(ChangeFilter(causes=EVENTS.causes, event_types=frozenset({"x"})))
    rig.happen(event_type="y")
    rig.happen(event_type="x")
    assert await next_of(typed) == (7, 0)


async def test_what_the_reader_has_no_time_for_is_counted() -> None:
    rig = Rig()
    watch = await rig.open()
    rig.happen(SAMPLE_MAX + 7)
    found = [await next_of(watch) for _ in range(SAMPLE_MAX)]
    assert found[0] == (8, 7)
    assert found[1:] == [(version, 0) for version in range(9, SAMPLE_MAX + 8)]


async def test_with_an_interval_the_newest_of_each_is_sent() -> None:
    rig = Rig()
    watch = await rig.open(interval_s=0.05)
    loop = asyncio.get_running_loop()
    rig.happen(5)
    assert await next_of(watch) == (5, 4)
    before = loop.time()
    rig.happen(3)
    assert await next_of(watch) == (8, 2)
    assert loop.time() - before >= 0.045
    rig.happen(1)
    assert await next_of(watch) == (9, 0)


async def test_silence_is_a_heartbeat_and_a_drain_an_end() -> None:
    rig = Rig()
    watch = await rig.open(heartbeat_s=0.02)
    assert isinstance(await watch.next(), HeartbeatUpdate)
    await rig.hub.drain()
    with pytest.raises(FeedInterrupted):
        await watch.next()
    watch.close()
    assert not rig.hub.watchers
