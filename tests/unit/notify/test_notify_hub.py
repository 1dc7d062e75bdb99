"""The hub hands each change to who wants it, once; who falls behind is cut off alone."""

from __future__ import annotations

import asyncio

import pytest

from services.notify import hub as hub_module
from services.notify.domain.filtering import ChangeFilter
from services.notify.errors import ResumeTokenExpired, WatcherTooSlow, WatchInterrupted
from services.notify.hub import Hub
from services.notify.watcher import Watcher
from services.shared.errors import LimitExceeded
from tests.support.notify_fakes import FakeStream, limits, score_change

ALL = ChangeFilter()


def publish(hub: Hub, stream: FakeStream, project: str, *versions: tuple[str, int]) -> None:
    for lead_id, version in versions:
        stream.publish(project, score_change(lead_id, version))
        hub.advance(stream.published(stream.last))


def joined(hub: Hub, project: str = "p", wanted: ChangeFilter = ALL) -> Watcher:
    watcher = hub.open(project, "key", wanted)
    hub.join(watcher, hub.position)
    return watcher


def drain(hub: Hub, watcher: Watcher) -> list[tuple[str, int]]:
    found = []
    while taken := hub.take(watcher):
        published, _ = taken
        found.append((published.change.lead_id, published.change.version))
    return found


@pytest.fixture
def stream() -> FakeStream:
    return FakeStream()


def new_hub(**sizes: int) -> Hub:
    hub = Hub(limits(**sizes))
    hub.begin(stream_id=7, position=0)
    return hub


def test_each_watcher_gets_its_projects_changes_it_wants(stream: FakeStream) -> None:
    hub = new_hub()
    everything, only_a = joined(hub), joined(hub, wanted=ChangeFilter(lead_ids=frozenset({"a"})))
    other = joined(hub, "q")
    publish(hub, stream, "p", ("a", 1), ("b", 1), ("a", 2))
    publish(hub, stream, "q", ("a", 1))
    assert drain(hub, everything) == [("a", 1), ("b", 1), ("a", 2)]
    assert drain(hub, only_a) == [("a", 1), ("a", 2)]
    assert drain(hub, other) == [("a", 1)]
    assert hub.position == 4


def test_a_copy_is_dropped(stream: FakeStream) -> None:
    hub = new_hub()
    watcher = joined(hub)
    publish(hub, stream, "p", ("a", 1), ("a", 2), ("a", 1), ("a", 2), ("a", 3))
    publish(hub, stream, "q", ("a", 1))
    assert drain(hub, watcher) == [("a", 1), ("a", 2), ("a", 3)]
    assert hub.position == 6
    assert [c.change.version for c in hub.recent("p", 0)[0]] == [1, 2, 3]


def test_a_slow_watcher_is_cut_off_alone_after_what_was_queued(stream: FakeStream) -> None:
    hub = new_hub(queue=3)
    slow, quick = joined(hub), joined(hub)
    for version in range(1, 7):
        publish(hub, stream, "p", ("a", version))
        assert drain(hub, quick) == [("a", version)]
    assert isinstance(slow.ending, WatcherTooSlow)
    assert drain(hub, slow) == [("a", 1), ("a", 2), ("a", 3)]
    assert quick.ending is None


def test_what_was_handed_out_before_joining_is_not_queued_again(stream: FakeStream) -> None:
    hub = new_hub()
    ahead = hub.open("p", "key", ALL)
    hub.join(ahead, 2)  # another process had sent it changes up to 2
    publish(hub, stream, "p", ("a", 1), ("a", 2), ("a", 3))
    assert drain(hub, ahead) == [("a", 3)]


def test_joining_behind_the_edge_would_leave_a_gap(stream: FakeStream) -> None:
    hub = new_hub()
    publish(hub, stream, "p", ("a", 1))
    with pytest.raises(ValueError, match="gap"):
        hub.join(hub.open("p", "key", ALL), 0)


@pytest.mark.parametrize("sizes", [{"ring": 5}, {"ring": 10_000, "ring_bytes": 5 * 5}])
def test_the_ring_holds_exactly_what_is_after_its_floor(
    stream: FakeStream, sizes: dict[str, int]
) -> None:
    hub = new_hub(**sizes)
    for version in range(1, 5):
        publish(hub, stream, "p", ("a", version))
        publish(hub, stream, "q", ("a", version))
    assert hub.floor == 3
    everything = [(c.sequence, c.project_id) for p in "pq" for c in hub.recent(p, hub.floor)[0]]
    assert sorted(everything) == [(4, "q"), (5, "p"), (6, "q"), (7, "p"), (8, "q")]
    assert [c.sequence for c in hub.recent("p", 5)[0]] == [7]
    assert hub.recent("p", 7) == ([], 8)
    assert hub.recent("nobody", 3) == ([], 8)


def test_the_ring_is_read_page_by_page(stream: FakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RING_PAGE", 3)
    hub = new_hub()
    publish(hub, stream, "p", *(("a", version) for version in range(1, 9)))
    publish(hub, stream, "q", ("a", 1))
    reached, found = 0, []
    while reached < hub.position:
        page, reached = hub.recent("p", reached)
        found += [c.sequence for c in page]
    assert found == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_long_ring_stays_searchable(stream: FakeStream) -> None:
    hub = new_hub(ring=50)
    for version in range(1, 3_000):
        publish(hub, stream, "p", ("a", version))
        found, reached = hub.recent("p", hub.floor)
        assert [c.sequence for c in found] == list(range(max(1, version - 49), version + 1))
        assert reached == version


def test_changes_lost_unread_end_everything(stream: FakeStream) -> None:
    hub = new_hub()
    live, catching_up = joined(hub), hub.open("q", "key", ALL)
    publish(hub, stream, "p", ("a", 1))
    hub.lose_until(5)
    assert isinstance(live.ending, ResumeTokenExpired)
    assert isinstance(catching_up.ending, ResumeTokenExpired)
    assert drain(hub, live) == []
    assert (hub.floor, hub.position) == (4, 4)


async def test_drained_it_ends_all_and_takes_none() -> None:
    hub = new_hub()
    watcher = joined(hub)
    await hub.drain()
    assert isinstance(watcher.ending, WatchInterrupted)
    with pytest.raises(WatchInterrupted):
        hub.open("p", "key", ALL)


def test_a_closed_watcher_is_forgotten(stream: FakeStream) -> None:
    hub = new_hub()
    watcher = joined(hub)
    publish(hub, stream, "p", ("a", 1))
    hub.close(watcher)
    publish(hub, stream, "p", ("a", 2))
    assert not hub.watchers
    assert not len(watcher.waiting)
    hub.close(watcher)


def test_an_ended_watcher_can_not_join(stream: FakeStream) -> None:
    hub = new_hub()
    watcher = hub.open("p", "key", ALL)
    hub.end(watcher, WatchInterrupted("x"))
    hub.join(watcher, 0)
    publish(hub, stream, "p", ("a", 1))
    assert not len(watcher.waiting)


def test_no_more_watchers_than_allowed() -> None:
    hub = new_hub()
    first = hub.open("p", "key", ALL)
    for _ in range(999):
        hub.open("p", "key", ALL)
    with pytest.raises(LimitExceeded):
        hub.open("p", "key", ALL)
    hub.close(first)
    hub.open("p", "key", ALL)


async def test_reading_on_waits_while_most_watchers_are_behind(stream: FakeStream) -> None:
    hub = new_hub(queue=10)
    watchers = [joined(hub) for _ in range(3)]
    publish(hub, stream, "p", *(("a", version) for version in range(1, 9)))
    waiting = asyncio.create_task(hub.let_watchers_read())
    drain(hub, watchers[0])
    done, _ = await asyncio.wait({waiting}, timeout=0.02)
    assert not done  # two of three are still behind
    drain(hub, watchers[1])
    await asyncio.wait_for(waiting, timeout=hub_module.PACE_MAX_S / 2)
    # One slow watcher of three holds nobody up.
    publish(hub, stream, "p", ("a", 9))
    await asyncio.wait_for(hub.let_watchers_read(), timeout=hub_module.PACE_MAX_S / 2)


async def test_nobody_holds_the_hub_up_for_long(stream: FakeStream) -> None:
    hub = new_hub(queue=10)
    joined(hub)
    publish(hub, stream, "p", *(("a", version) for version in range(1, 9)))
    await asyncio.wait_for(hub.let_watchers_read(), timeout=hub_module.PACE_MAX_S * 4)
