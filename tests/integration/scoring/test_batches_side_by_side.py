"""Batches that are scored at the same time: what they share waits, the rest does not."""

from __future__ import annotations

import asyncio

from services.scoring.handlers import BatchReport, EventHandlers
from services.shared.db import Database
from tests.support import scoring_cases as cases
from tests.support.clocks import SteppingClock
from tests.support.eventually import eventually_async
from tests.support.scoring_subjects import PostgresSubject, assert_chain, find


async def versions(subject: PostgresSubject, project: str, *leads: str) -> list[int]:
    found = [await find(subject, project, lead) for lead in leads]
    return [0 if view is None else view.snapshot.version for view in found]


async def test_only_events_of_leads_that_another_batch_holds_wait_for_it(
    scoring_database: Database, project: str
) -> None:
    subject = PostgresSubject(scoring_database)
    handlers = EventHandlers(subject.store, SteppingClock())
    first = [cases.incoming(f"{one}1", "signup", 1, f"lead:{one}", project) for one in "abc"]
    await handlers.apply_events(first)
    second = [cases.incoming(f"{one}2", "signup", 2, f"lead:{one}", project) for one in "abcd"]
    async with subject.store.begin() as tx:
        await tx.lock([(project, "b")])
        batch = asyncio.create_task(handlers.apply_events(second))

        async def the_others_are_scored() -> bool:
            return await versions(subject, project, "a", "b", "c", "d") == [2, 1, 2, 1]

        await eventually_async(the_others_are_scored)
        assert not batch.done()
    assert await batch == BatchReport(applied=4, duplicates=0, conflicts=0)
    assert await versions(subject, project, "a", "b", "c", "d") == [2, 2, 2, 1]
    await assert_chain(subject, project, [3, 6, 7])


async def test_the_same_events_at_once_count_once(scoring_database: Database, project: str) -> None:
    subject = PostgresSubject(scoring_database)
    handlers = EventHandlers(subject.store, SteppingClock())
    leads = [f"l{number}" for number in range(5)]
    for turn in range(10):
        batch = [
            cases.incoming(f"{turn}-{one}", "signup", turn, f"lead:{one}", project) for one in leads
        ]
        reports = await asyncio.gather(*(handlers.apply_events(batch) for _ in range(4)))
        assert sum(one.applied for one in reports) == len(leads)
        assert sum(one.duplicates for one in reports) == 3 * len(leads)
    assert await versions(subject, project, *leads) == [10] * len(leads)
