"""The use cases over the store in memory. The property the whole service stands on is here: whatever the order, the
repetitions, the batches and the number of processes, the same leads, versions and ledger come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring import handlers, moving
from services.scoring.domain.fold import fold
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.model import RuleSet
from services.scoring.errors import ConcurrentAppend
from services.scoring.handlers import BatchReport, EventHandlers
from services.scoring.ports import IncomingEvent, LeadFilter, Transaction
from tests.support import scoring_cases as cases
from tests.support.clocks import START, SteppingClock
from tests.support.scoring_histories import arrivals, assert_pure_fold
from tests.support.scoring_store import InMemoryStore
from tests.support.scoring_subjects import MemorySubject, assert_chain, histories


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
async def events(store: InMemoryStore) -> EventHandlers:
    made = EventHandlers(store, SteppingClock())
    await made.record_activation(cases.activation(1))
    return made


def snapshots(store: InMemoryStore) -> dict[str, Snapshot]:
    return {key[1]: snapshot for key, (snapshot, _) in store.contents.snapshots.items()}


async def test_new_repeated_and_conflicting_events_in_one_batch(
    store: InMemoryStore, events: EventHandlers
) -> None:
    first = cases.incoming("e1", "signup")
    other = cases.incoming("e1", "purchase")
    second = cases.incoming("e2", "page_view", 1)
    assert await events.apply_events([first, first, other, second]) == BatchReport(2, 1, 1)
    assert await events.apply_events([other, second, first]) == BatchReport(0, 2, 1)
    assert snapshots(store)["ada"].score == 21_000
    assert await MemorySubject.quarantined(_around(store), "p1") == [
        ("conflict", "e1", other.payload, 2)
    ]


def _around(store: InMemoryStore) -> MemorySubject:
    subject = MemorySubject()
    subject.store = store
    return subject


async def test_one_id_counts_once_in_each_project(
    store: InMemoryStore, events: EventHandlers
) -> None:
    batch = [cases.incoming("e1", project_id=project) for project in ("p1", "p2")]
    assert await events.apply_events(batch) == BatchReport(2, 0, 0)
    assert set(store.contents.snapshots) == {("p1", "ada"), ("p2", "ada")}


async def test_an_empty_batch_is_nothing(store: InMemoryStore, events: EventHandlers) -> None:
    before = store.contents.copy()
    assert await events.apply_events([]) == BatchReport(0, 0, 0)
    assert store.contents == before


class Contended(InMemoryStore):
    """Another process appends something of the batch meanwhile, a few times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.tries = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with super().begin() as tx:
            yield tx
            self.tries += 1
            if self.tries <= self.times:
                raise ConcurrentAppend


async def test_a_batch_starts_over_when_another_process_was_faster() -> None:
    store = Contended(moving.APPEND_TRIES_MAX - 1)
    report = await EventHandlers(store, SteppingClock()).apply_events([cases.incoming("e1")])
    assert report.applied == 1
    assert store.tries == moving.APPEND_TRIES_MAX


async def test_a_batch_does_not_start_over_for_ever() -> None:
    store = Contended(1_000)
    with pytest.raises(ConcurrentAppend):
        await EventHandlers(store, SteppingClock()).apply_events([cases.incoming("e1")])
    assert store.tries == moving.APPEND_TRIES_MAX
    assert store.contents.ledger == {}


async def rescore_all(events: EventHandlers) -> int:
    for rounds in count():
        if not await events.rescore_next():
            return rounds
    raise AssertionError


async def test_rescoring_reaches_every_lead_and_ends(
    store: InMemoryStore, events: EventHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 3)
    batch = [cases.incoming(f"e{n}", "signup", n, f"lead:l{n}") for n in range(8)]
    await events.apply_events(batch)
    await rescore_all(events)
    more = replace(cases.RULES, rules=(cases.rule("signup", 40),))
    assert await events.record_activation(cases.activation(2, more))
    assert not await events.record_activation(cases.activation(2, more))
    assert await rescore_all(events) == 3
    for snapshot in snapshots(store).values():
        assert (snapshot.score, snapshot.version, snapshot.activation) == (40_000, 2, 2)
    assert await rescore_all(events) == 0


async def test_rescoring_takes_a_large_lead_alone(
    store: InMemoryStore, events: EventHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "ENTRIES_MAX", 4)
    sizes = {"a": 2, "b": 2, "c": 9, "d": 1}
    await events.apply_events(
        [
            cases.incoming(f"{lead}{n}", "signup", n, f"lead:{lead}")
            for lead, size in sizes.items()
            for n in range(size)
        ]
    )
    await rescore_all(events)
    await events.record_activation(cases.activation(2))
    assert await rescore_all(events) == 3
    assert {one.activation for one in snapshots(store).values()} == {2}


async def test_an_activation_during_rescoring_starts_it_over(
    store: InMemoryStore, events: EventHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that comes between choosing what to do and holding the rules: leads that are done for the one before
    are not done for it."""
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 1)
    batch = [cases.incoming(f"e{n}", "signup", n, f"lead:l{n}") for n in range(3)]
    await events.apply_events(batch)
    await events.record_activation(cases.activation(2))
    await events.rescore_next()

    class Overtaken(InMemoryStore):
        @asynccontextmanager
        async def begin(self) -> AsyncIterator[Transaction]:
            async with super().begin() as tx:
                chosen = tx.rescore_target

                async def overtaken(after: str) -> tuple[str, int, str] | None:
                    target = await chosen(after)
                    await tx.record_activation(cases.activation(3), START)
                    return target

                tx.rescore_target = overtaken  # type: ignore[method-assign]
                yield tx

    racing = Overtaken()
    racing.contents = store.contents
    await EventHandlers(racing, SteppingClock()).rescore_next()
    store.contents = racing.contents
    await rescore_all(events)
    assert {one.activation for one in snapshots(store).values()} == {3}


async def test_nothing_is_rescored_before_the_first_activation(store: InMemoryStore) -> None:
    handler = EventHandlers(store, SteppingClock())
    await handler.apply_events([cases.incoming("e1", "signup")])
    assert not await handler.rescore_next()
    assert snapshots(store)["ada"].score == 0
    await handler.record_activation(cases.activation(1))
    await rescore_all(handler)
    assert snapshots(store)["ada"].score == 20_000


@given(arrivals())
def test_arrival_repetition_batches_and_processes_change_nothing(
    arriving: tuple[list[list[IncomingEvent]], RuleSet, int],
) -> None:
    batches, rule_set, processes = arriving
    asyncio.run(_apply_and_compare(batches, rule_set, processes))


async def _apply_and_compare(
    batches: list[list[IncomingEvent]], rule_set: RuleSet, processes: int
) -> None:
    subject = MemorySubject()
    clock = SteppingClock()
    workers = [EventHandlers(subject.store, clock) for _ in range(processes)]
    await workers[0].record_activation(cases.activation(1, rule_set))

    async def work(handler: EventHandlers, own: list[list[IncomingEvent]]) -> int:
        return sum([(await handler.apply_events(batch)).applied for batch in own])

    applied = await asyncio.gather(
        *(work(handler, batches[n::processes]) for n, handler in enumerate(workers))
    )
    distinct = {event.key: event for batch in batches for event in batch}
    assert sum(applied) == len(distinct)
    await assert_pure_fold(subject, "p1", list(distinct.values()), rule_set)
    if distinct:
        await assert_chain(subject, "p1", [end for end, _ in await subject.blocks("p1")])


@given(arrivals(), st.data())
def test_activations_among_the_events_give_the_fold_under_the_last(
    arriving: tuple[list[list[IncomingEvent]], RuleSet, int], data: st.DataObject
) -> None:
    batches, rule_set, _ = arriving
    others = data.draw(st.lists(cases.rule_sets, max_size=3))
    steps: list[int | list[IncomingEvent]] = [*batches, *range(1, len(others) + 2)]
    order = data.draw(st.permutations(steps))
    rule_sets = [*others, rule_set]

    async def run() -> None:
        subject = MemorySubject()
        handler = EventHandlers(subject.store, SteppingClock())
        for step in order:
            if isinstance(step, int):
                await handler.record_activation(cases.activation(step, rule_sets[step - 1]))
                await handler.rescore_next()
            else:
                await handler.apply_events(step)
        await rescore_all(handler)
        distinct = {event.key: event for batch in batches for event in batch}
        async with subject.store.begin() as tx:
            for view in await tx.list_leads("p1", LeadFilter(), 100):
                key = ("p1", view.profile.lead_id)
                history = (await histories(tx, [key]))[key]
                assert view.snapshot.state == fold(history, rule_set)
                assert view.snapshot.score == view.snapshot.state.score
                assert view.snapshot.stage == rule_set.stage_of(view.snapshot.score)
                changes = await tx.score_changes(key, 0, 1_000)
                versions = [one.change.version for one in changes]
                assert versions == list(range(1, view.snapshot.version + 1))
        assert len(await subject.ledger("p1")) == len(distinct)

    asyncio.run(run())
