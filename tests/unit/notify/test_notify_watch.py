"""A watch sees every change once, wherever it starts and whatever happens on the way, or it ends with an error."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify import watch as watch_module
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.resume_token import Position, TokenSigner
from services.notify.errors import (
    ResumeTokenExpired,
    ResumeTokenInvalid,
    WatcherTooSlow,
    WatchInterrupted,
)
from services.notify.handlers import WatchHandler
from services.notify.hub import Hub
from services.notify.ports import SnapshotLead
from services.notify.updates import (
    ChangeUpdate,
    HeartbeatUpdate,
    LeadUpdate,
    SnapshotUpdate,
    Update,
    WatchOptions,
)
from services.notify.watch import SnapshotBudget, Watch
from services.shared.errors import DependencyUnavailable, LimitExceeded
from tests.support.notify_fakes import REQUEST, FakeLeads, FakeStream, limits, score_change

OPTIONS = WatchOptions(ChangeFilter(), False, "", 60.0)
SIGNER = TokenSigner(b"k" * 32)


class Rig:
    """A hub on a fake stream, and a handler on both."""

    def __init__(self, ring: int = 100, queue: int = 10) -> None:
        self.stream = FakeStream()
        self.hub = Hub(limits(ring=ring, queue=queue))
        self.leads = FakeLeads()
        self.budget = SnapshotBudget(100)
        self.handler = WatchHandler(self.hub, self.stream, self.leads, SIGNER, self.budget)
        self.hub.begin(self.stream.stream_id, 0)
        self.versions: dict[tuple[str, str], int] = {}

    def publish(self, *lead_ids: str, project: str = "p") -> None:
        """Store the next change of each lead."""
        for lead_id in lead_ids:
            version = self.versions[project, lead_id] = self.versions.get((project, lead_id), 0) + 1
            self.stream.publish(project, score_change(lead_id, version))

    def read(self) -> None:
        """Let the hub read what is stored."""
        for sequence in range(self.hub.position + 1, self.stream.last + 1):
            self.hub.advance(self.stream.published(sequence))

    def token(self, sequence: int, project: str = "p") -> str:
        return SIGNER.issue(project, Position(self.stream.stream_id, sequence))

    async def open(self, **options: object) -> Watch:
        return await self.handler.open("p", REQUEST, replace(OPTIONS, **options))  # type: ignore[arg-type]

    async def resume(self, sequence: int, **options: object) -> Watch:
        watch = await self.open(resume_token=self.token(sequence), **options)
        assert await next_of(watch) == HeartbeatUpdate(sequence)
        return watch


async def next_of(watch: Watch) -> Update:
    async with asyncio.timeout(5):
        return await watch.next()


async def changes_of(watch: Watch, count: int) -> list[tuple[str, int]]:
    found = []
    for _ in range(count):
        update = await next_of(watch)
        assert isinstance(update, ChangeUpdate)
        found.append((update.published.change.lead_id, update.published.change.version))
    return found


async def nothing_more(watch: Watch) -> None:
    waiting = asyncio.create_task(watch.next())
    done, _ = await asyncio.wait({waiting}, timeout=0.03)
    assert not done, waiting.result()
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_begins_with_a_token_then_what_happens_from_now_on() -> None:
    rig = Rig()
    rig.publish("a", "b")
    rig.read()
    watch = await rig.open()
    assert await next_of(watch) == HeartbeatUpdate(2)
    rig.publish("a", "b")
    rig.publish("a", project="q")
    rig.read()
    assert await changes_of(watch, 2) == [("a", 2), ("b", 2)]
    await nothing_more(watch)


async def test_resumes_within_the_ring() -> None:
    rig = Rig()
    rig.publish("a", "b", "a")
    rig.read()
    watch = await rig.resume(1)
    assert await changes_of(watch, 2) == [("b", 1), ("a", 2)]
    rig.publish("a")
    rig.read()
    assert await changes_of(watch, 1) == [("a", 3)]
    assert rig.stream.pages_read == 0


@pytest.mark.parametrize("ring", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("after", [0, 1, 4, 5, 6])
async def test_resumes_across_every_edge_of_the_ring(ring: int, after: int) -> None:
    rig = Rig(ring=ring)
    rig.publish("a", "b", "a", "b", "a", "b")
    rig.read()
    watch = await rig.resume(after)
    history = [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3), ("a", 4), ("b", 4)]
    rig.publish("a", "b")
    rig.read()
    assert await changes_of(watch, 8 - after) == history[after:]
    await nothing_more(watch)


async def test_catches_up_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CATCH_UP_PAGE", 3)
    rig = Rig(ring=1)
    rig.publish(*["a"] * 10)
    rig.read()
    watch = await rig.resume(0)
    assert await changes_of(watch, 10) == [("a", version) for version in range(1, 11)]
    assert rig.stream.pages_read >= 3


async def test_a_copy_is_dropped_while_catching_up() -> None:
    rig = Rig(ring=1)
    for version in (1, 2, 1, 2, 3, 3):
        rig.stream.publish("p", score_change("a", version))
    rig.read()
    watch = await rig.resume(0)
    assert await changes_of(watch, 3) == [("a", 1), ("a", 2), ("a", 3)]
    await nothing_more(watch)


async def test_a_token_ahead_of_this_process_waits_for_it() -> None:
    rig = Rig()
    rig.publish("a", "a", "a")
    watch = await rig.resume(2)  # the hub has read nothing yet
    await nothing_more(watch)
    rig.read()
    assert await changes_of(watch, 1) == [("a", 3)]


async def test_tokens_that_can_not_be_resumed_from_are_refused_at_once() -> None:
    rig = Rig(ring=1)
    rig.publish(*["a"] * 10)
    rig.read()
    rig.stream.purge(keep_from=6)
    assert await rig.resume(5)
    for expired in (rig.token(4), rig.token(0), rig.token(11)):
        with pytest.raises(ResumeTokenExpired):
            await rig.open(resume_token=expired)
    other_stream = SIGNER.issue("p", Position(8, 10))
    with pytest.raises(ResumeTokenExpired):
        await rig.open(resume_token=other_stream)
    for forged in ("x", rig.token(5, project="q")):
        with pytest.raises(ResumeTokenInvalid):
            await rig.open(resume_token=forged)
    assert len(rig.hub.watchers) == 1


async def test_changes_removed_while_catching_up_end_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "CATCH_UP_PAGE", 2)
    rig = Rig(ring=1)
    rig.publish(*["a"] * 10)
    rig.read()
    watch = await rig.resume(0)
    assert await changes_of(watch, 2) == [("a", 1), ("a", 2)]
    rig.stream.purge(keep_from=4)
    with pytest.raises(ResumeTokenExpired):
        await next_of(watch)


async def test_another_stream_while_catching_up_ends_the_watch() -> None:
    rig = Rig(ring=1)
    rig.publish(*["a"] * 4)
    rig.read()
    watch = await rig.resume(0)
    rig.stream.stream_id += 1
    with pytest.raises(ResumeTokenExpired):
        await next_of(watch)


async def test_a_broker_that_is_away_delays_catching_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "READ_AGAIN_AFTER_S", 0.001)
    rig = Rig(ring=1)
    rig.publish("a", "a", "a")
    rig.read()
    watch = await rig.resume(1)
    rig.stream.down = True
    await nothing_more(watch)
    rig.stream.down = False
    assert await changes_of(watch, 2) == [("a", 2), ("a", 3)]


async def test_heartbeats_carry_the_hubs_position_although_all_is_filtered() -> None:
    rig = Rig()
    watch = await rig.open(
        wanted=ChangeFilter(lead_ids=frozenset({"b"})), heartbeat_interval_s=0.01
    )
    assert await next_of(watch) == HeartbeatUpdate(0)
    assert await next_of(watch) == HeartbeatUpdate(0)
    rig.publish("a", "a")
    rig.read()
    assert await next_of(watch) == HeartbeatUpdate(2)


async def test_a_heartbeat_never_overtakes_a_queued_change() -> None:
    rig = Rig()
    watch = await rig.open(heartbeat_interval_s=0.001)
    assert await next_of(watch) == HeartbeatUpdate(0)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    rig.publish("a", "b")
    rig.read()
    assert isinstance(await waiting, ChangeUpdate)
    assert await changes_of(watch, 1) == [("b", 1)]
    assert await next_of(watch) == HeartbeatUpdate(2)


async def test_a_slow_reader_gets_what_was_queued_then_the_error_and_resumes() -> None:
    rig = Rig(queue=3)
    watch = await rig.open()
    await next_of(watch)
    await nothing_more(watch)  # it has joined
    rig.publish(*["a"] * 7)
    rig.read()
    assert await changes_of(watch, 3) == [("a", 1), ("a", 2), ("a", 3)]
    with pytest.raises(WatcherTooSlow):
        await next_of(watch)
    resumed = await rig.resume(3)
    assert await changes_of(resumed, 4) == [("a", 4), ("a", 5), ("a", 6), ("a", 7)]


async def test_an_ending_interrupts_at_once() -> None:
    rig = Rig()
    watch = await rig.open()
    await next_of(watch)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    rig.publish("a")
    rig.read()
    rig.hub.end_all(lambda: WatchInterrupted("x"))
    with pytest.raises(WatchInterrupted):
        await waiting


async def test_closed_it_leaves_nothing_behind() -> None:
    rig = Rig(ring=1)
    rig.publish(*["a"] * 5)
    rig.read()
    rig.leads.leads = [SnapshotLead("a", 5, "", b""), SnapshotLead("b", 1, "", b"")]
    catching_up = await rig.resume(0)
    with_snapshot = await rig.open(include_snapshot=True)
    for _ in range(3):
        await next_of(with_snapshot)
    assert rig.budget.held == 2
    for watch in (catching_up, with_snapshot):
        watch.close()
        watch.close()
        with pytest.raises(WatchInterrupted):
            await next_of(watch)
    assert not rig.hub.watchers
    assert rig.budget.held == 0


# Snapshots


def lead(lead_id: str, version: int, stage: str = "") -> SnapshotLead:
    return SnapshotLead(lead_id, version, stage, b"")


async def snapshot_of(watch: Watch, count: int) -> SnapshotUpdate:
    for _ in range(count):
        assert isinstance(await next_of(watch), LeadUpdate)
    complete = await next_of(watch)
    assert isinstance(complete, SnapshotUpdate)
    assert complete.lead_count == count
    return complete


async def test_leads_then_complete_then_only_what_is_newer() -> None:
    rig = Rig()
    rig.publish("a", "b")
    rig.read()
    rig.leads.hold = asyncio.Event()
    watch = await rig.open(include_snapshot=True)
    await nothing_more(watch)
    # While scoring answers, a and c change and the snapshot has that; then b changes, which it has not.
    rig.publish("a", "c", "b", "a")
    rig.read()
    rig.leads.leads = [lead("a", 3), lead("b", 1), lead("c", 1), lead("d", 0)]
    rig.leads.hold.set()
    complete = await snapshot_of(watch, 4)
    assert complete.sequence == 4  # behind a and c, before b
    assert await changes_of(watch, 1) == [("b", 2)]
    rig.publish("a", "b", "c", "d")
    rig.read()
    assert await changes_of(watch, 4) == [("a", 4), ("b", 3), ("c", 2), ("d", 1)]


async def test_changes_in_the_snapshot_that_are_published_later_are_not_sent() -> None:
    rig = Rig()
    rig.leads.leads = [lead("a", 2)]
    watch = await rig.open(include_snapshot=True)
    await snapshot_of(watch, 1)
    rig.publish("a", "a", "a")
    rig.read()
    assert await changes_of(watch, 1) == [("a", 3)]
    assert rig.budget.held == 0  # nothing more to remember of a


async def test_a_snapshot_that_outlasts_the_ring_leaves_no_gap() -> None:
    rig = Rig(ring=2)
    rig.leads.leads = [lead("a", 1), lead("b", 0)]
    watch = await rig.open(include_snapshot=True)
    rig.publish("a", *["b"] * 9)
    rig.read()
    complete = await snapshot_of(watch, 2)
    assert complete.sequence == 0
    assert await changes_of(watch, 9) == [("b", version) for version in range(1, 10)]


async def test_filters_apply_to_the_snapshot() -> None:
    rig = Rig()
    rig.leads.leads = [lead("a", 1, "hot"), lead("b", 1, "cold"), lead("c", 1, "hot")]
    watch = await rig.open(
        include_snapshot=True, wanted=ChangeFilter(frozenset({"a", "b"}), frozenset({"hot"}))
    )
    first = await next_of(watch)
    assert isinstance(first, LeadUpdate)
    assert first.lead.lead_id == "a"
    assert isinstance(await next_of(watch), SnapshotUpdate)


async def test_heartbeats_within_a_snapshot_give_no_place_to_resume_from() -> None:
    rig = Rig()
    rig.leads.hold = asyncio.Event()
    watch = await rig.open(include_snapshot=True, heartbeat_interval_s=0.01)
    assert await next_of(watch) == HeartbeatUpdate(None)
    rig.leads.hold.set()
    await snapshot_of(watch, 0)


async def test_scorings_failure_is_the_watchs() -> None:
    rig = Rig()
    rig.leads.error = DependencyUnavailable("down")
    watch = await rig.open(include_snapshot=True)
    with pytest.raises(DependencyUnavailable):
        await next_of(watch)


async def test_a_snapshot_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "SNAPSHOT_LEADS_MAX", 3)
    rig = Rig()
    rig.leads.leads = [lead(name, 1) for name in "abcd"]
    watch = await rig.open(include_snapshot=True)
    with pytest.raises(LimitExceeded):
        await snapshot_of(watch, 4)


async def test_all_snapshots_together_have_a_limit() -> None:
    rig = Rig()
    rig.leads.page_size = 60
    rig.leads.leads = [lead(str(n), 1) for n in range(60)]
    first = await rig.open(include_snapshot=True)
    await snapshot_of(first, 60)
    second = await rig.open(include_snapshot=True)
    with pytest.raises(LimitExceeded):
        await snapshot_of(second, 60)
    second.close()
    first.close()
    assert rig.budget.held == 0


# Any history, any filter, any drops

lead_names = st.sampled_from("abc")


@settings(max_examples=60, deadline=None)
@given(
    history=st.lists(st.tuples(st.sampled_from("pq"), lead_names), max_size=40),
    ring=st.integers(1, 12),
    only=st.sets(lead_names, max_size=2),
    data=st.data(),
)
def test_any_watch_that_drops_and_resumes_sees_its_history(
    history: list[tuple[str, str]], ring: int, only: set[str], data: st.DataObject
) -> None:
    async def run() -> None:
        rig = Rig(ring=ring, queue=100)
        wanted = ChangeFilter(lead_ids=frozenset(only))
        expected, seen, left = [], [], list(history)
        position = 0
        while True:
            watch = await rig.resume(position, wanted=wanted)
            for _ in range(data.draw(st.integers(0, 8))):
                if left and data.draw(st.booleans()):
                    project, name = left.pop(0)
                    rig.publish(name, project=project)
                    if project == "p" and (not only or name in only):
                        expected.append((name, rig.versions[project, name]))
                    if data.draw(st.booleans()):
                        rig.read()
                if len(seen) < len(expected) and rig.hub.position == rig.stream.last:
                    update = await next_of(watch)
                    assert isinstance(update, ChangeUpdate)
                    seen.append((update.published.change.lead_id, update.published.change.version))
                    position = update.published.sequence
            watch.close()
            if not left:
                break
        rig.read()
        watch = await rig.resume(position, wanted=wanted)
        seen += await changes_of(watch, len(expected) - len(seen))
        assert seen == expected
        assert rig.hub.watchers == {watch._watcher}

    asyncio.run(run())
