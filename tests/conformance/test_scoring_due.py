"""Which leads any scoring store says are due, run against the one in memory and the one in Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.scoring.domain.model import microseconds
from services.scoring.ports import LeadUpdate
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_subjects import NOW, Subject, apply

FAR = START - timedelta(days=365 * 40)
"""Long before anything else on the same database is due."""


async def due(scoring: Subject, now: datetime, limit: int) -> list[tuple[str, str]]:
    async with scoring.store.begin() as tx:
        return await tx.due(now, limit)


async def plan(scoring: Subject, project: str, minutes: dict[str, int | None]) -> None:
    """Leads that are due so many minutes after FAR; None: never."""
    events = [cases.incoming(one, subject=f"lead:{one}", project_id=project) for one in minutes]
    await apply(scoring, events)
    async with scoring.store.begin() as tx:
        found = await tx.lock((project, one) for one in minutes)
        for (key, snapshot), at in zip(found.items(), minutes.values(), strict=True):
            when = None if at is None else microseconds(FAR + timedelta(minutes=at))
            planned = replace(snapshot, next_transition=when)
            await tx.save([LeadUpdate(key, planned, ())], NOW)
            assert (await tx.lock([key]))[key] == planned


async def test_due_are_those_whose_time_has_come_the_longest_first(
    scoring: Subject, project: str
) -> None:
    await plan(scoring, project, {"a": 3, "b": 1, "c": None, "d": 2, "e": 9})
    try:
        assert await due(scoring, FAR, 10) == []
        first = FAR + timedelta(minutes=1)
        assert await due(scoring, first - timedelta(microseconds=1), 10) == []
        assert await due(scoring, first, 10) == [(project, "b")]
        later = FAR + timedelta(minutes=4)
        assert await due(scoring, later, 10) == [(project, one) for one in "bda"]
        assert await due(scoring, later, 2) == [(project, one) for one in "bd"]
    finally:
        await plan_nothing(scoring, project)


async def plan_nothing(scoring: Subject, project: str) -> None:
    """Nothing is left for other tests on the same database to come upon."""
    async with scoring.store.begin() as tx:
        for key, snapshot in (await tx.lock_next(project, "", 10)).items():
            await tx.save([LeadUpdate(key, replace(snapshot, next_transition=None), ())], NOW)
    assert await due(scoring, FAR + timedelta(days=1), 10) == []
