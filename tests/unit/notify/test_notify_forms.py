"""Changes in other forms than one by one: the newest of each lead, and sums of what came in bulk. In whatever form,
nothing is lost and nothing repeated, wherever a reader drops and resumes."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreline.scoring.v1.score_change_pb2 import ScoreChangeCause
from services.notify import watch as watch_module
from services.notify.domain import waiting as waiting_module
from services.notify.domain.resume_token import Position
from services.notify.domain.waiting import BULK_CAUSES
from services.notify.errors import WatcherTooSlow
from services.notify.updates import ChangeUpdate, HeartbeatUpdate, SumUpdate
from services.notify.watch import Watch
from services.shared.errors import InvalidFields
from tests.support.notify_fakes import REQUEST, score_change
from tests.unit.notify.test_notify_watch import (
    OPTIONS,
    SIGNER,
    Rig,
    changes_of,
    next_of,
    nothing_more,
)

TURNS = 100

CAUSES = ("EVENT", *BULK_CAUSES)


class Forms(Rig):
    """The rig with causes and positions."""

    def change(self, lead_id: str, cause: str = "EVENT", **fields: object) -> None:
        version = self.versions["p", lead_id] = self.versions.get(("p", lead_id), 0) + 1
        number = ScoreChangeCause.Value(f"SCORE_CHANGE_CAUSE_{cause}")
        self.stream.publish("p", score_change(lead_id, version, cause=number, **fields))

    async def at(self, position: Position | None, **options: object) -> Watch:
        token = "" if position is None else SIGNER.issue("p", position)
        asked = replace(OPTIONS, resume_token=token, **options)  # type: ignore[arg-type]
        watch = await self.handler.open("p", REQUEST, asked)
        first = await next_of(watch)
        assert isinstance(first, HeartbeatUpdate)
        assert first.sequence is not None
        if position is not None:
            assert (first.sequence, first.summed) == (position.sequence, position.summed)
        return watch


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "SUM_INTERVAL_S", 0.02)


async def test_of_a_leads_changes_that_wait_only_the_newest_is_sent() -> None:
    rig = Forms(queue=3)
    watch = await rig.at(None, latest_only=True)
    await nothing_more(watch)
    for lead_id in ("a", "b", "a", "a", "b", "c", "a"):
        rig.change(lead_id)
    rig.read()
    found = [await next_of(watch) for _ in range(3)]
    assert [
        (one.published.change.lead_id, one.published.change.version, one.left_out)
        for one in found
        if isinstance(one, ChangeUpdate)
    ] == [("b", 2, 1), ("c", 1, 0), ("a", 4, 3)]
    await nothing_more(watch)


async def test_a_lead_that_never_rests_is_read_all_the_same() -> None:
    rig = Forms()
    watch = await rig.at(None, latest_only=True)
    await nothing_more(watch)
    seen = Counter[str]()
    for _ in range(50):
        for lead_id in ("hot", "hot", "x", "y", "z", "hot"):
            rig.change(lead_id)
        rig.read()
        for lead_id, _ in await changes_of(watch, 2):
            seen[lead_id] += 1
    assert seen["hot"] >= 20


async def test_too_many_leads_that_wait_end_the_watch_too() -> None:
    rig = Forms(queue=3)
    watch = await rig.at(None, latest_only=True)
    await nothing_more(watch)
    for lead_id in ("a", "b", "c", "a", "d", "b"):
        rig.change(lead_id)
    rig.read()
    assert await changes_of(watch, 3) == [("b", 1), ("c", 1), ("a", 2)]
    with pytest.raises(WatcherTooSlow):
        await next_of(watch)


async def test_what_lies_behind_a_token_is_condensed_likewise() -> None:
    rig = Forms(ring=2)
    for _ in range(40):
        rig.change("a")
        rig.change("b")
    rig.read()
    watch = await rig.at(Position(7, 0), latest_only=True)
    # One page from the stream; then the ring, which holds nothing newer.
    assert await changes_of(watch, 2) == [("a", 40), ("b", 40)]
    await nothing_more(watch)


async def test_bulk_causes_come_as_sums_between_the_others() -> None:
    rig = Forms()
    watch = await rig.at(None, bulk_as_sums=True)
    await nothing_more(watch)
    for number in range(100):
        rig.change("a", "RULES", delta=number % 3 - 1, rule_set_version=number, stage="hot")
        rig.change("b", "DECAY", delta=-1)
    rig.change("a")
    rig.read()
    first = await next_of(watch)
    assert isinstance(first, ChangeUpdate)
    # The token says that the changes before it, which went into sums, were not sent yet.
    assert (first.published.sequence, first.summed) == (201, (0, 201, 1))
    sums = [await next_of(watch) for _ in range(2)]
    assert [
        (
            one.sum.cause,
            one.sum.rule_set_version,
            one.sum.change_count,
            one.sum.up_count,
            one.sum.down_count,
            one.sum.stage_change_count,
        )
        for one in sums
        if isinstance(one, SumUpdate)
    ] == [("RULES", 99, 100, 33, 34, 100), ("DECAY", 0, 100, 0, 100, 0)]
    last = sums[-1]
    assert isinstance(last, SumUpdate)
    assert (last.sequence, last.summed) == (201, ())
    await nothing_more(watch)


async def test_a_hundred_thousand_changes_of_an_activation_are_few_messages() -> None:
    rig = Forms(queue=10)
    summed = await rig.at(None, bulk_as_sums=True)
    chosen = await rig.at(None, wanted=replace(OPTIONS.wanted, causes=frozenset({"EVENT"})))
    everything = await rig.at(None)
    for watch in (summed, chosen, everything):
        await nothing_more(watch)
    for number in range(100_000):
        rig.stream.publish("p", score_change(f"lead-{number}", 1, cause=2, delta=1))
        rig.hub.advance(rig.stream.published(rig.stream.last))
        rig.stream.purge(keep_from=rig.stream.last + 1)
    rig.change("a")
    rig.read()
    assert await changes_of(chosen, 1) == [("a", 1)]
    await nothing_more(chosen)
    assert await changes_of(summed, 1) == [("a", 1)]
    one = await next_of(summed)
    assert isinstance(one, SumUpdate)
    assert (one.sum.change_count, one.sum.up_count) == (100_000, 100_000)
    await nothing_more(summed)
    # Who asks for every one of them, and does not read, is told so.
    await changes_of(everything, 10)
    with pytest.raises(WatcherTooSlow):
        await next_of(everything)


async def test_a_token_between_sums_is_not_taken_without_them() -> None:
    rig = Forms()
    rig.change("a")
    rig.read()
    with pytest.raises(InvalidFields) as refused:
        await rig.at(Position(7, 1, (0, 1, 1)))
    assert [one.field for one in refused.value.violations] == ["bulk_causes_as_summary"]


@settings(max_examples=80, deadline=None)
@given(
    history=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(CAUSES)), max_size=40),
    ring=st.integers(1, 12),
    latest_only=st.booleans(),
    data=st.data(),
)
def test_any_reader_that_drops_and_resumes_misses_and_repeats_nothing(
    history: list[tuple[str, str]], ring: int, latest_only: bool, data: st.DataObject
) -> None:
    async def run() -> None:
        rig = Forms(ring=ring, queue=100)
        seen: list[tuple[str, int]] = []
        sums = Counter[str]()
        position = Position(7, 0)
        left = list(history)

        async def read_on(watch: Watch) -> bool:
            nonlocal position
            reading = asyncio.create_task(watch.next())
            # Nothing here waits for a clock: what is there is had within some turns of the loop.
            for _ in range(TURNS):
                if reading.done():
                    break
                await asyncio.sleep(0)
            else:
                reading.cancel()
                await asyncio.wait({reading})
                return False
            update = reading.result()
            if isinstance(update, SumUpdate):
                sums[update.sum.cause] += update.sum.change_count
                position = Position(7, update.sequence, update.summed)
            else:
                assert isinstance(update, ChangeUpdate)
                change = update.published.change
                seen.append((change.lead_id, change.version))
                position = Position(7, update.published.sequence, update.summed)
            return True

        done = False
        while not done:
            done = not left
            watch = await rig.at(position, latest_only=latest_only, bulk_as_sums=True)
            for _ in range(data.draw(st.integers(0, 8))):
                for lead_id, cause in left[:3]:
                    rig.change(lead_id, cause)
                del left[:3]
                if data.draw(st.booleans()):
                    rig.read()
                if data.draw(st.booleans()):
                    await read_on(watch)
            if done:
                rig.read()
                while await read_on(watch):
                    pass
            watch.close()

        expected = Counter(cause for _, cause in history)
        assert sums == Counter({c: n for c, n in expected.items() if c != "EVENT"})
        versions, ordinary = Counter[str](), []
        for lead_id, cause in history:
            versions[lead_id] += 1
            if cause == "EVENT":
                ordinary.append((lead_id, versions[lead_id]))
        if latest_only:
            assert dict(seen) == dict(ordinary)
            places = [ordinary.index(one) for one in seen]
            assert places == sorted(set(places))
        else:
            assert seen == ordinary

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(waiting_module, "SUM_INTERVAL_S", 0)
        patched.setattr(watch_module, "READ_AGAIN_AFTER_S", 0)
        asyncio.run(run())
