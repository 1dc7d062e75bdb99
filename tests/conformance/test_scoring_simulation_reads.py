"""What simulations read of any scoring store: ids of leads page by page, and every activation."""

from __future__ import annotations

from services.scoring.domain.model import microseconds
from services.scoring.handlers import EventHandlers
from services.scoring.ports import LeadFilter
from tests.support import simulation_cases as cases
from tests.support.clocks import START, SteppingClock
from tests.support.scoring_subjects import Subject


async def ids(
    scoring: Subject, project: str, which: LeadFilter, after: str = "", limit: int = 100
) -> list[str]:
    async with scoring.store.reading() as tx:
        return await tx.lead_ids(project, which, after, limit)


async def test_ids_come_in_order_page_by_page(scoring: Subject, project: str) -> None:
    events = EventHandlers(scoring.store, SteppingClock())
    await cases.activate(events, project, 1, cases.RULES)
    arriving = [
        cases.happened(project, f"e-{name}", kind, subject=f"lead:{name}")
        for name, kind in (("b", "view"), ("B", "form"), ("é", "view"), ("a", "form"))
    ]
    await events.apply_events([*arriving, cases.happened(project + "x", "e", "view")])
    every = LeadFilter()
    assert await ids(scoring, project, every) == ["B", "a", "b", "é"]
    assert await ids(scoring, project, every, limit=2) == ["B", "a"]
    assert await ids(scoring, project, every, after="a") == ["b", "é"]
    assert await ids(scoring, project, LeadFilter(stages=("warm",))) == ["B", "a"]
    assert await ids(scoring, project, LeadFilter(stages=("warm",)), after="B") == ["a"]
    # A filter's own order and page are of other reads.
    paged = LeadFilter(order="score", descending=True, after=(0, "a"))
    assert await ids(scoring, project, paged) == ["B", "a", "b", "é"]
    assert await ids(scoring, project + "none", every) == []


async def test_activations_come_newest_first(scoring: Subject, project: str) -> None:
    events = EventHandlers(scoring.store, SteppingClock())
    at_event_time = cases.rule_set(binding=2, rules=[{"event_type": "form", "points": 3}])
    for number, rule_set in enumerate((cases.RULES, at_event_time, cases.RULES), start=1):
        await cases.activate(events, project, number, rule_set)
    await cases.activate(events, project + "x", 1, cases.RULES)
    async with scoring.store.reading() as tx:
        found = await tx.activations(project, 2)
        everything = await tx.activations(project, 99)
        nothing = await tx.activations(project, 0)
    assert [one.number for one in everything] == [3, 2, 1]
    assert [one.number for one in found] == [2, 1]
    assert [one.rule_set.version for one in found] == [2, 1]
    assert [one.effective_from for one in found] == [microseconds(START), 0]
    assert found[0].recorded_at > found[1].recorded_at
    assert nothing == []
