"""Analytics over random histories on real Postgres: the queries give what plain Python gives over the same rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.scoring.analytics_handlers import AnalyticsHandlers
from services.scoring.domain.identity import lead_id_of
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Said
from services.scoring.handlers import EventHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.shared.db import Database
from stack import Stack
from tests.support import naive_analytics as naive
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_subjects import PostgresSubject

DAYS = 80
NOW = START + timedelta(days=DAYS)
SUBJECTS = [f"lead:l{number}" for number in range(14)] + ["email:a@b.c", "anonymous:v"]
STAGES = [stage.name for stage in cases.STAGES]
COMPANIES = ("Acme", " Acme ", "Zeta", "acme", "")


class World:
    """A project with a random history, and its rows."""

    def __init__(self, database: Database, project: str) -> None:
        self.database = database
        self.project = project
        self.subject = PostgresSubject(database)
        self.clock = MovableClock(START)
        self.handlers = AnalyticsHandlers(self.subject.store, self.clock)

    async def rows(self) -> naive.Rows:
        return await naive.rows_of(self.database, self.project)

    async def fill(self, seed: int) -> None:
        """Events of several weeks in a random order, late ones among them; leads with and without; retractions."""
        rng = random.Random(seed)
        events = EventHandlers(self.subject.store, self.clock)
        leads = LeadHandlers(self.subject.store, self.clock)
        await events.record_activation(cases.activation(1, project_id=self.project))
        for number in range(5):
            company = rng.choice(COMPANIES)
            attributes = {"company": rng.choice([*COMPANIES, 7])} if rng.random() < 0.5 else {}
            await leads.create_lead(self.project, f"l{number}", "", "", company, attributes)
        await leads.create_lead(self.project, "silent", "", "", "", {})
        batch = []
        for number in range(rng.randint(120, 200)):
            kind = rng.choice([*cases.TYPES, "page_view", "signup", "identify"])
            properties = {"company": rng.choice(COMPANIES)} if kind == "identify" else {}
            batch.append(
                cases.incoming(
                    f"e{number}",
                    kind,
                    rng.uniform(0, DAYS * 1440 * rng.random()),
                    rng.choice(SUBJECTS),
                    self.project,
                    **properties,
                )
            )
        for at in range(0, len(batch), 20):
            self.clock.at += timedelta(hours=rng.randint(1, 60))
            await events.apply_events(batch[at : at + 20])
        await self.retract(events, rng.sample(batch, 12))
        self.clock.at = NOW

    async def retract(self, events: EventHandlers, chosen: Sequence[Any]) -> None:
        """Each by an entry of its own lead, but for the last, by one of another, which is none of its business."""
        for number, event in enumerate(chosen):
            subject = event.subject if number < len(chosen) - 1 else other_than(event.subject)
            fact = cases.incoming(
                f"scoreline:{number}",
                "$retraction",
                DAYS * 1440,
                subject,
                self.project,
                event_ids=[event.entry.event_id, "unheard-of"],
            )
            await events.apply_events([fact])


def other_than(subject: str) -> str:
    return next(one for one in SUBJECTS if lead_id_of(one) != lead_id_of(subject))


@pytest.fixture(params=range(3))
async def world(
    request: pytest.FixtureRequest, scoring_schema: Stack, scoring_database: Database, project: str
) -> World:
    # A neighbour with the same leads and event ids, who must never be counted.
    for name, seed in ((f"{project}-other", 99), (project, request.param)):
        made = World(scoring_database, name)
        await made.fill(seed)
    if request.param % 2:
        facts = FactHandlers(made.subject.store, made.clock, lambda: None)
        said = Said("the same person", "key_1")
        await facts.merge(project, "l1", "l9", said)
        await facts.merge(project, "l2", "l8", said)
        await facts.unmerge(project, "l8", said)
        await facts.merge(project, "l3", "silent", said)
    return made


SPANS = [
    (None, None),
    (START + timedelta(days=3, hours=5), START + timedelta(days=3, hours=6)),
    (START - timedelta(days=9), START + timedelta(days=50, minutes=7)),
]


@pytest.mark.parametrize("span", SPANS)
async def test_activity(world: World, span: tuple[datetime | None, datetime | None]) -> None:
    rows = await world.rows()
    start, end = span[0] or NOW - timedelta(days=30), span[1] or NOW
    for hourly in (False, True):
        for types in ([], ["signup", "refund", "$retraction"]):
            for lead in ("", "l1"):
                found = await world.handlers.activity(world.project, *span, hourly, types, lead)
                expected = naive.activity(rows, start, end, hourly, types, lead)
                by_time: dict[datetime, Counter[str]] = {}
                for one in found:
                    by_time.setdefault(one.at, Counter())[one.type] = one.event_count
                assert by_time == expected
                order = [(one.at, -one.event_count, one.type) for one in found]
                assert order == sorted(order)


async def test_activity_has_what_the_ledger_has(world: World) -> None:
    span = (START - timedelta(days=1), START + timedelta(days=DAYS + 1))
    found = await world.handlers.activity(world.project, *span, False, [], "")
    types = {one.type for one in found}
    assert types == {*cases.TYPES, "identify"}
    ledger = await world.subject.ledger(world.project)
    events = [row for row in ledger if not row[4].startswith("$")]
    # Eleven of twelve were retracted by their own leads.
    assert sum(one.event_count for one in found) == len(events) - 11


@pytest.mark.parametrize("span", SPANS)
async def test_score_trend(world: World, span: tuple[datetime | None, datetime | None]) -> None:
    rows = await world.rows()
    start, end = span[0] or NOW - timedelta(days=30), span[1] or NOW
    for lead in ("", "l1"):
        found = await world.handlers.score_trend(world.project, *span, lead)
        points = [(one.day, one.lead_count, one.score_sum, one.change_count) for one in found]
        assert points == naive.trend(rows, start, end, lead)


async def test_the_trend_ends_with_the_scores_of_now(world: World) -> None:
    rows = await world.rows()
    last = (await world.handlers.score_trend(world.project, None, NOW + timedelta(days=1), ""))[-1]
    scored = [lead for lead in rows.leads.values() if lead.version]
    assert (last.lead_count, last.score_sum) == (len(scored), sum(one.score for one in scored))


@pytest.mark.parametrize(
    "span",
    [(None, None), (START + timedelta(days=2), None), (None, START + timedelta(days=5)), SPANS[2]],
)
async def test_funnel(world: World, span: tuple[datetime | None, datetime | None]) -> None:
    rows = await world.rows()
    leads, stages = await world.handlers.funnel(world.project, *span)
    assert [name for name, _ in stages] == STAGES
    reach = [(one.reached_count, one.current_count, one.median) for _, one in stages]
    assert (leads, reach) == naive.funnel(rows, STAGES, *span)


@pytest.mark.parametrize("stage", ["", "warm"])
@pytest.mark.parametrize("span", [(None, None), (START, START + timedelta(days=20)), SPANS[1]])
async def test_cohorts(
    world: World, span: tuple[datetime | None, datetime | None], stage: str
) -> None:
    rows = await world.rows()
    goal, found = await world.handlers.cohorts(world.project, *span, stage)
    assert goal == (stage or "hot")
    start = naive.week_of(span[0] or NOW - timedelta(weeks=11))
    expected = naive.cohorts(
        rows, start, span[1] or NOW, STAGES[STAGES.index(goal) :], world.clock.now()
    )
    assert {
        one.week: (one.lead_count, one.reached_count, one.active_counts) for one in found
    } == expected
    assert [one.week for one in found] == sorted(expected)


@pytest.mark.parametrize("limit", [1, 50])
async def test_companies(world: World, limit: int) -> None:
    listed, unknown = naive.companies(await world.rows())
    found = await world.handlers.companies(world.project, limit)
    assert (found.company_count, found.unknown_count) == (len(listed), unknown)
    assert [
        (one.company, one.lead_count, one.score_sum, one.max_score) for one in found.companies
    ] == listed[:limit]


async def test_rule_impact(world: World) -> None:
    rows = await world.rows()
    found = await world.handlers.rule_impact(world.project, None, None)
    assert (found.rule_set_version, found.faded, found.adjusted) == (1, 0, 0)
    assert [one.rule_id for one in found.rules] == [rule.rule_id for rule in cases.RULES.rules]
    for one, rule in zip(found.rules, cases.RULES.rules, strict=True):
        own = [event for event in rows.events if event.type == rule.event_type]
        assert (one.event_count, one.lead_count) == (len(own), len({event.lead for event in own}))
    if all(lead.version for lead in rows.leads.values()):
        total = sum(one.points for one in found.rules)
        assert total == sum(lead.score for lead in rows.leads.values())


async def test_rule_impact_of_a_time(world: World) -> None:
    rows = await world.rows()
    start, end = START + timedelta(days=2), START + timedelta(days=30)
    found = await world.handlers.rule_impact(world.project, start, end)
    counts = Counter(event.type for event in rows.events if start <= event.at < end)
    for one, rule in zip(found.rules, cases.RULES.rules, strict=True):
        assert one.event_count == counts[rule.event_type]
