"""Merges beside batches of events, other merges and facts, on real Postgres: who looked up a lead before it was merged
sees the merge, nothing is lost or counted twice, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from services.scoring import facts as fact_entries
from services.scoring import linking, merging
from services.scoring.domain.identity import own_subject
from services.scoring.errors import LeadNotMerged, LeadsMerged, OutOfDate
from services.scoring.handlers import BatchReport, EventHandlers
from services.scoring.ports import IncomingEvent, Quarantined, Transaction
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from tests.support import scoring_cases as cases
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.scoring_facts import (
    ADA,
    ADA_ID,
    CRM,
    CRM_ID,
    VISITOR,
    VISITOR_ID,
    Facts,
    identify,
)
from tests.support.scoring_rig import Rig
from tests.support.scoring_subjects import PostgresSubject, assert_chain

T = TypeVar("T")

BLOCKED_S = 0.3
"""A transaction that has not gone on by then waits for another."""


@pytest.fixture
async def facts(scoring_database: Database, project: str) -> Facts:
    """ADA with 20 points, VISITOR with 1."""
    made = Facts(PostgresSubject(scoring_database), project)
    await made.activate()
    await made.event("a1", ADA, "signup", 1)
    await made.event("v1", VISITOR, "page_view", 0)
    return made


async def waits(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start the work, which must not come to its end by itself."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait([task], timeout=BLOCKED_S)
    assert not done
    return task


class Held:
    """A merge or unmerge by hand whose transaction is held open before it writes."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.project = facts.project
        self.store = facts.subject.store

    async def merge(
        self, one: str, other: str, meanwhile: Callable[[], Coroutine[Any, Any, Any]]
    ) -> asyncio.Task[Any]:
        """Both leads are locked when `meanwhile` begins, which must wait for them."""
        async with self.store.begin() as tx:
            rules = await tx.rules_in_force([self.project])
            now = self.facts.clock.now()
            await tx.attach({(self.project, own_subject(other)): other}, rules, now)
            snapshots = await tx.lock([(self.project, one), (self.project, other)])
            task = await waits(meanwhile())
            moves = await merging.merge(tx, snapshots, one, rules[self.project], now)
            await self._done(tx, moves, now)
        return task

    async def unmerge(
        self, home: str, other: str, meanwhile: Callable[[], Coroutine[Any, Any, Any]]
    ) -> asyncio.Task[Any]:
        async with self.store.begin() as tx:
            rules = await tx.rules_in_force([self.project])
            now = self.facts.clock.now()
            snapshots = await tx.lock([(self.project, home), (self.project, other)])
            task = await waits(meanwhile())
            moves = await merging.unmerge(tx, snapshots, other, home, rules[self.project], now)
            await self._done(tx, moves, now)
        return task

    async def _done(self, tx: Transaction, moves: merging.Moves, now: Any) -> None:
        fact = fact_entries.link(
            self.project, "x", now.isoformat(), [], sorted(moves), linking.IDENTIFIED, now
        )
        recorded = await tx.append([fact], now)
        await tx.note_moves(self.project, moves, recorded[self.project])


async def test_a_batch_that_looked_up_its_leads_before_a_merge_sees_it(facts: Facts) -> None:
    batch = [
        cases.incoming("v2", "purchase", 5, VISITOR),
        cases.incoming("v3", "signup", 6, own_subject(VISITOR_ID)),
        cases.incoming("a2", "signup", 7, ADA),
    ]
    task = await Held(facts).merge(ADA_ID, VISITOR_ID, lambda: facts.send(*batch))
    assert await task == BatchReport(3, 0, 0)
    lead = await facts.lead(VISITOR)
    assert (lead.profile.lead_id, lead.snapshot.score) == (ADA_ID, 161_000)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_a_batch_that_looked_up_its_leads_before_an_unmerge_sees_it(facts: Facts) -> None:
    await facts.merge(ADA, VISITOR)
    task = await Held(facts).unmerge(
        ADA_ID, VISITOR_ID, lambda: facts.event("v2", VISITOR, "purchase", 5)
    )
    await task
    assert (await facts.points(VISITOR), await facts.points(ADA)) == (101, 20)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_facts_that_looked_up_their_leads_before_a_merge_see_it(facts: Facts) -> None:
    works: list[Callable[[], Coroutine[Any, Any, Any]]] = [
        lambda: facts.adjust(VISITOR, 7),
        lambda: facts.retract("v1"),
        lambda: facts.send(identify("i1", CRM, VISITOR, minutes=9)),
    ]
    for work in works:
        task = await Held(facts).merge(ADA_ID, VISITOR_ID, work)
        await task
        assert (await facts.lead(VISITOR)).profile.lead_id == ADA_ID
        await facts.assert_sound(ADA_ID, VISITOR_ID)
        await facts.unmerge(VISITOR_ID)
    assert (await facts.points(VISITOR), await facts.points(ADA)) == (7, 20)
    assert (await facts.lead(CRM)).profile.lead_id == ADA_ID


async def test_the_same_merge_twice_at_once_is_made_once(facts: Facts) -> None:
    async def again() -> None:
        with pytest.raises(LeadsMerged):
            await facts.merge(ADA, VISITOR)

    await (await Held(facts).merge(ADA_ID, VISITOR_ID, again))
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_the_same_adjustment_at_once_is_made_once(facts: Facts) -> None:
    made = await asyncio.gather(*(facts.adjust(ADA, 5, unique="x") for _ in range(6)))
    assert len({(event_id, change.change.version) for event_id, change in made}) == 1
    assert await facts.points(ADA) == 25
    retracted = await asyncio.gather(*(facts.retract("a1") for _ in range(6)))
    assert sorted(events for events, _, _ in retracted) == [0, 0, 0, 0, 0, 1]
    await facts.assert_sound(ADA_ID)


SUBJECTS = (ADA, VISITOR, CRM, "lead:dan", own_subject(VISITOR_ID), own_subject(CRM_ID))
IDS = (ADA_ID, VISITOR_ID, CRM_ID, "dan")


async def handed_back(work: Callable[..., Coroutine[Any, Any, T]], *values: Any) -> T:
    """Again when others were faster too often, as the worker does with events and callers do with calls."""
    while True:
        try:
            return await work(*values)
        except OutOfDate:
            continue
        except DependencyUnavailable as error:
            # Anything else, such as a deadlock, is a defect.
            if not isinstance(error.__cause__, OutOfDate):
                raise


async def test_everything_at_once(facts: Facts) -> None:
    """Six sides, three hundred steps: afterwards everything that was accepted is there once, and adds up."""
    subject, project = facts.subject, facts.project
    await facts.event("c1", CRM)
    await facts.event("d1", "lead:dan")

    async def side(number: int) -> int:
        chance = random.Random(number)
        own = Facts(subject, project)
        applied = 0
        for step in range(50):
            name = f"{number}-{step}"
            match chance.randrange(8):
                case 0 | 1 | 2 | 3:
                    batch = [
                        cases.incoming(
                            f"{name}-{n}",
                            chance.choice(cases.TYPES[:4]),
                            chance.randrange(900),
                            chance.choice(SUBJECTS),
                        )
                        for n in range(chance.randrange(1, 6))
                    ]
                    applied += (await handed_back(own.send, *batch)).applied
                case 4:
                    pair = chance.sample(SUBJECTS[:3], 2)
                    event = identify(name, *pair, minutes=step)
                    applied += (await handed_back(own.send, event)).applied
                case 5:
                    try:
                        two = chance.sample(IDS, 2)
                        await handed_back(own.merge, *two)
                    except LeadsMerged:
                        continue
                case 6:
                    try:
                        one = chance.choice(IDS)
                        await handed_back(own.unmerge, one)
                    except LeadNotMerged:
                        continue
                case 7:
                    one, event_id = chance.choice(IDS), f"{number}-{chance.randrange(step + 1)}-0"
                    await handed_back(own.adjust, one, 3)
                    await handed_back(own.retract, event_id)
        return applied

    async with asyncio.timeout(55):
        applied = sum(await asyncio.gather(*(side(number) for number in range(6))))
    await facts.assert_sound(*IDS)
    ledger = await subject.ledger(project)
    events = [row for row in ledger if not row[4].startswith("$")]
    assert len(events) == applied + 4
    # Every entry counts for one lead, and for one only.
    counts = [(await facts.lead(one)).snapshot for one in IDS]
    async with subject.store.begin() as tx:
        own = [(await tx.lock([(project, one)]))[(project, one)] for one in IDS]
    assert sum(one.state.event_count for one in own) == len(events)
    assert all(one.state.event_count == 0 for one in own if one.merged_into)
    assert {one.version for one in counts} <= {one.version for one in own}
    await assert_chain(subject, project, [end for end, _ in await subject.blocks(project)])


class Dying:
    """Handlers of a process that dies after its commit, before it could acknowledge anything."""

    def __init__(self, inner: EventHandlers, times: int) -> None:
        self.inner = inner
        self.times = times
        self.committed = asyncio.Event()

    async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
        report = await self.inner.apply_events(events)
        if self.times:
            self.times -= 1
            self.committed.set()
            await asyncio.Event().wait()
        return report

    async def quarantine(self, items: Sequence[Quarantined]) -> None:
        await self.inner.quarantine(items)


async def test_a_link_that_is_delivered_again_is_made_once(rig: Rig, project: str) -> None:
    facts = Facts(rig.subject, project)
    await facts.activate()
    for number, subject in enumerate((ADA, VISITOR)):
        await rig.send(cases.accepted(f"e{number}", "signup", number, subject, project))
    message = cases.accepted("i1", "identify", 5, ADA, project)
    message.linked_subjects.append(VISITOR)
    await rig.send(message)
    dying = Dying(rig.handlers, 1)
    async with background(rig.worker(dying).run()):
        await dying.committed.wait()
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    ids = [row[1] for row in await rig.subject.ledger(project)]
    assert sorted(ids) == ["e0", "e1", "i1", "scoreline:link:i1"]
    assert await facts.points(VISITOR) == 40
    await facts.assert_sound(ADA_ID, VISITOR_ID)
