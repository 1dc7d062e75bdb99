"""Histories as any scoring store reads them: lead by lead and in order, whatever portions they come in."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from services.scoring import ledger_queries
from services.scoring.handlers import EventHandlers
from services.scoring.ports import LeadFilter
from tests.support import scoring_cases as cases
from tests.support import scoring_ledger_reads
from tests.support.clocks import SteppingClock
from tests.support.scoring_subjects import Subject

SIZES = {"a": 4, "b": 1, "c": 0, "d": 6, "é": 3}
"""Events by lead."""


@pytest.fixture(params=[1, 2, 7, 14, 500])
def portion(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Entries read at a time: of 14, one, parts, exactly all, and more."""
    monkeypatch.setattr(ledger_queries, "PORTION_ENTRIES", request.param)
    monkeypatch.setattr(scoring_ledger_reads, "PORTION_ENTRIES", request.param)
    return int(request.param)


async def fill(scoring: Subject, project: str) -> list[tuple[str, str]]:
    events = EventHandlers(scoring.store, SteppingClock())
    await events.record_activation(cases.activation(1, project_id=project))
    # The newest first, the leads' mixed.
    arriving = [
        cases.incoming(f"{lead}{number}", "page_view", -number, f"lead:{lead}", project)
        for number in range(max(SIZES.values()))
        for lead, size in SIZES.items()
        if number < size
    ]
    await events.apply_events(arriving)
    return [(project, lead) for lead in SIZES]


async def test_entries_come_lead_by_lead_and_in_order(
    scoring: Subject, project: str, portion: int
) -> None:
    keys = await fill(scoring, project)
    for in_event_time in (True, False):
        leads: list[str] = []
        found: dict[str, list[str]] = {}
        async with scoring.store.reading() as tx:
            histories = tx.histories_of(reversed(keys), in_event_time=in_event_time)
            async for key, entries in histories:
                assert 0 < len(entries) <= portion
                if leads[-1:] != [key[1]]:
                    leads.append(key[1])
                found.setdefault(key[1], []).extend(entry.event_id for entry in entries)
        assert leads == ["a", "b", "d", "é"]
        for lead, size in SIZES.items():
            numbers = sorted(range(size), reverse=in_event_time)
            assert found.get(lead, []) == [f"{lead}{number}" for number in numbers]


async def test_who_has_seen_enough_goes_on_with_the_transaction(
    scoring: Subject, project: str, portion: int
) -> None:
    keys = await fill(scoring, project)
    async with scoring.store.reading() as tx:
        for _ in range(2):
            async with aclosing(tx.histories_of(keys)) as histories:
                key, entries = await anext(histories)
            assert (key[1], entries[0].event_id) == ("a", "a3")
            assert await tx.lead_ids(project, LeadFilter(), "", 2) == ["a", "b"]
