"""The follower hands on every message in order and notices when some are gone; the keeper ends what must end."""

from __future__ import annotations

import asyncio

import pytest

from scoreline.common.v1 import scope_pb2
from services.notify import worker as worker_module
from services.notify.domain.filtering import ChangeFilter
from services.notify.errors import ResumeTokenExpired, WatchInterrupted
from services.notify.hub import Hub
from services.notify.worker import Follower, Keeper
from services.shared.context import Caller
from services.shared.interceptor import CredentialInvalid
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.notify_fakes import FakeCallers, FakeStream, limits, score_change

ALL = ChangeFilter()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "VERIFY_INTERVAL_S", 0.01)
    monkeypatch.setattr(worker_module, "STATE_RETRY_S", 0.01)


class Rig:
    def __init__(self) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits(queue=1_000, ring=1_000))
        self.follower = Follower(self.hub, self.stream)

    def publish(self, *versions: int) -> None:
        self.stream.publish("p", *(score_change("a", version) for version in versions))

    def begin(self) -> None:
        """As if somebody had woken the hub."""
        self.hub.begin(self.stream.stream_id, self.stream.last)

    async def reached(self, position: int) -> None:
        async def there() -> bool:
            return self.hub.position == position

        await eventually_async(there)


async def test_follows_from_where_it_was() -> None:
    rig = Rig()
    rig.publish(1, 2)
    rig.begin()
    for last in (4, 6):
        rig.publish(last - 1, last)
        async with background(rig.follower.follow()):
            await rig.reached(last)
    assert [c.change.version for c in rig.hub.recent("p", 2)[0]] == [3, 4, 5, 6]
    assert rig.stream.readers_open == 0


async def test_messages_removed_unread_end_the_watches() -> None:
    rig = Rig()
    rig.publish(1, 2)
    rig.begin()
    watcher = rig.hub.open("p", "key", ALL)
    rig.publish(3, 4, 5)
    rig.stream.purge(keep_from=5)
    async with background(rig.follower.follow()):
        await rig.reached(5)
    assert isinstance(watcher.ending, ResumeTokenExpired)
    assert rig.hub.floor == 4


async def test_a_hole_in_what_is_read_ends_the_watches() -> None:
    rig = Rig()
    rig.publish(1)
    rig.begin()
    watcher = rig.hub.open("p", "key", ALL)
    rig.publish(2, 3)
    rig.stream.stored[1] = None
    async with background(rig.follower.follow()):
        await rig.reached(3)
    assert isinstance(watcher.ending, ResumeTokenExpired)


@pytest.mark.parametrize("already_there", [0, 1, 5])
async def test_another_stream_of_the_name_ends_the_watches(already_there: int) -> None:
    rig = Rig()
    rig.publish(1, 2, 3)
    rig.begin()
    watcher = rig.hub.open("p", "key", ALL)
    rig.stream.stream_id = 8
    rig.stream.stored.clear()
    rig.publish(*range(1, already_there + 1))

    async def noticed() -> bool:
        return isinstance(watcher.ending, ResumeTokenExpired)

    async with background(rig.follower.follow()):
        await eventually_async(noticed)
        assert (rig.hub.stream_id, rig.hub.position) == (8, already_there)
        rig.publish(already_there + 1)
        await rig.reached(already_there + 1)


async def test_a_stream_that_lost_its_newest_messages_ends_the_watches() -> None:
    rig = Rig()
    rig.publish(1, 2, 3)
    rig.begin()
    watcher = rig.hub.open("p", "key", ALL)
    del rig.stream.stored[1:]

    async def noticed() -> bool:
        return isinstance(watcher.ending, ResumeTokenExpired)

    async with background(rig.follower.follow()):
        await eventually_async(noticed)


async def test_a_broker_away_while_verifying_is_waited_for() -> None:
    rig = Rig()
    rig.begin()
    rig.publish(1, 2)
    rig.stream.down = True
    async with background(rig.follower.follow()) as task:
        done, _ = await asyncio.wait({task}, timeout=0.05)
        assert not done
        assert rig.hub.position == 0
        rig.stream.down = False
        await rig.reached(2)


async def test_what_is_no_score_change_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.begin()
    rig.publish(1, 2, 3)
    original = rig.stream.message

    def message(sequence: int):  # type: ignore[no-untyped-def]
        found = original(sequence)
        if found and sequence == 2:
            found[0].data = b"\xff\xff"
        return found

    monkeypatch.setattr(rig.stream, "message", message)
    watcher = rig.hub.open("p", "key", ALL)
    rig.hub.join(watcher, 0)
    async with background(rig.follower.follow()):
        await rig.reached(3)
    waiting = [rig.hub.take(watcher) for _ in range(3)]
    assert [taken and taken[0].change.version for taken in waiting] == [1, 3, None]


# The keeper


def keeper(rig: Rig, callers: FakeCallers, silence_max_s: float = 100.0) -> Keeper:
    return Keeper(rig.hub, rig.follower, callers, silence_max_s)


def caller(project: str, scope: int = scope_pb2.SCOPE_READ) -> Caller:
    return Caller(project, "k", frozenset({scope}))


async def test_watches_of_a_key_that_is_not_valid_any_more_end() -> None:
    rig = Rig()
    callers = FakeCallers(
        {
            "good": caller("p"),
            "moved": caller("q"),
            "narrowed": caller("p", scope_pb2.SCOPE_INGEST),
        }
    )
    names = ("good", "moved", "narrowed", "revoked")
    watchers = {name: rig.hub.open("p", name, ALL) for name in names}
    keeper(rig, callers).end_revoked()
    assert watchers["good"].ending is None
    for name in names[1:]:
        assert isinstance(watchers[name].ending, CredentialInvalid)


async def test_a_broker_silent_for_too_long_ends_watches_until_it_is_back() -> None:
    rig = Rig()
    rig.begin()
    watched = keeper(rig, FakeCallers(), silence_max_s=0.05)
    watcher = rig.hub.open("p", "key", ALL)

    async def silent() -> bool:
        watched.end_interrupted()
        return isinstance(watcher.ending, WatchInterrupted)

    await eventually_async(silent)
    with pytest.raises(WatchInterrupted):
        rig.hub.open("p", "key", ALL)
    async with background(rig.follower.follow()):

        async def back() -> bool:
            watched.end_interrupted()
            return rig.follower.silence_s() < 0.05

        await eventually_async(back)
    watched.end_interrupted()
    assert rig.hub.open("p", "key", ALL).ending is None
