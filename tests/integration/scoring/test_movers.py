"""Movers over random histories on real Postgres: the queries give what plain Python gives over the same rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest

from services.scoring.analytics_handlers import AnalyticsHandlers, Movers
from services.scoring.domain.activity import HIGH, MEDIUM, Risk
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.lead import Cause, Change
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Said
from services.scoring.handlers import EventHandlers
from services.scoring.ports import LeadUpdate
from services.shared.db import Database
from stack import Stack
from tests.support import naive_movers as naive
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_subjects import PostgresSubject

ROUNDS = 14
LEADS = [f"l{number:02}" for number in range(16)]
RULES = replace(
    cases.RULES,
    decay=IdleAmount(DAY, DAY, 5_000, 0),
    risk=Risk(medium_after=DAY // 2, high_after=3 * DAY),
)
OTHERS = replace(RULES, rules=(cases.rule("signup", 45), cases.rule("page_view", 3)))
ALL = 100
DAY_LATER = timedelta(days=1)


class World:
    """A project in which leads come and go: on time and late, by events, time, other rules and merges."""

    def __init__(self, database: Database, project: str, seed: int) -> None:
        self.database = database
        self.project = project
        self.clock = MovableClock(START)
        self.store = PostgresSubject(database).store
        self.events = EventHandlers(self.store, self.clock)
        self.handlers = AnalyticsHandlers(self.store, self.clock)
        self._rng = random.Random(seed)

    async def fill(self) -> None:
        await self.activate(1, RULES)
        for number in range(ROUNDS):
            await self.pass_time(self._rng.uniform(0.2, 3))
            for half in range(2):
                await self.events.apply_events(
                    [self.event(f"e{number}-{half}-{n}") for n in range(self._rng.randint(1, 9))]
                )
            if number in (5, 9):
                await self.activate(number, OTHERS if number == 5 else RULES)
            if number == 7:
                facts = FactHandlers(self.store, self.clock, lambda: None)
                said = Said("the same person", "key_1")
                await facts.merge(self.project, "l00", "l01", said)
                await facts.merge(self.project, "l02", "l03", said)
                await self.pass_time(1)
                await facts.unmerge(self.project, "l03", said)
        await self.pass_time(1)

    def event(self, event_id: str) -> cases.IncomingEvent:
        ago = self._rng.choice([0, 0, 0, self._rng.uniform(0, 9 * 1_440)])
        minutes = (self.clock.at - START) / timedelta(minutes=1) - ago
        kind = self._rng.choice(cases.TYPES)
        # All of them are there by the time they are merged.
        lead = (
            LEADS[int(event_id.rpartition("-")[2])] if event_id < "e2" else self._rng.choice(LEADS)
        )
        return cases.incoming(event_id, kind, minutes, f"lead:{lead}", self.project)

    async def pass_time(self, days: float) -> None:
        self.clock.at += timedelta(days=days)
        while await self.events.fade_next():
            pass

    async def activate(self, number: int, rules: cases.RuleSet) -> None:
        await self.events.record_activation(cases.activation(number, rules, self.project))
        while await self.events.rescore_next():
            pass

    async def signup(self, *leads: str) -> None:
        minutes = (self.clock.at - START) / timedelta(minutes=1)
        await self.events.apply_events(
            [
                cases.incoming(f"{lead}-{minutes}", "signup", minutes, f"lead:{lead}", self.project)
                for lead in leads
            ]
        )

    async def movers(
        self,
        start: datetime | None,
        end: datetime | None,
        stages: Sequence[str] = (),
        qualified: Sequence[str] = ("warm", "hot"),
        risks: Sequence[str] = (HIGH, MEDIUM),
        limit: int = ALL,
    ) -> Movers:
        return await self.handlers.movers(self.project, start, end, stages, qualified, risks, limit)


@pytest.fixture(params=range(2))
async def world(
    request: pytest.FixtureRequest, scoring_schema: Stack, scoring_database: Database, project: str
) -> World:
    # A neighbour with the same leads and event ids, who must never be counted.
    for name, seed in ((f"{project}-other", 99), (project, request.param)):
        made = World(scoring_database, name, seed)
        await made.fill()
    return made


def spans(world: World) -> list[tuple[datetime, datetime]]:
    rng = random.Random(1)
    now = world.clock.now()
    # The last few minutes of the project, all of it, and stretches in between.
    fixed = [(now - timedelta(minutes=9), now), (START - timedelta(days=1), now)]
    between = [
        (now - timedelta(days=rng.uniform(0, 29)), timedelta(days=rng.uniform(0, 12)))
        for _ in range(8)
    ]
    return [
        (start, end)
        for start, end in (*fixed, *((at, at + length) for at, length in between))
        if end - start <= timedelta(days=31)
    ]


def told(found: Movers) -> dict[str, naive.Move]:
    return {
        one.lead_id: (
            one.score_before, one.score_after, one.delta, one.stage_before, one.stage_after
        )
        for one in (*found.moves.up, *found.moves.down)
    }  # fmt: skip


async def test_who_moved_and_by_how_much(world: World) -> None:
    leads = await naive.leads_of(world.database, world.project)
    causes = {one.cause for lead in leads.values() for one in lead.changes}
    assert causes >= {"event", "rules", "decay", "merge", "unmerge"}
    ever = 0
    for (start, end), stages in product(spans(world), [(), ("warm", "hot")]):
        expected = naive.moves(leads, start, end, stages)
        moved = {lead: move for lead, move in expected.items() if move[2]}
        found = await world.movers(start, end, stages)
        assert told(found) == moved
        up = sorted((-move[2], lead) for lead, move in moved.items() if move[2] > 0)
        down = sorted((move[2], lead) for lead, move in moved.items() if move[2] < 0)
        assert [one.lead_id for one in found.moves.up] == [lead for _, lead in up]
        assert [one.lead_id for one in found.moves.down] == [lead for _, lead in down]
        few = (await world.movers(start, end, stages, limit=2)).moves
        assert (few.up, few.down) == (found.moves.up[:2], found.moves.down[:2])
        assert (few.up_count, few.down_count) == (len(up), len(down))
        ever += len(moved)
    assert ever > len(LEADS)


async def test_moves_are_those_of_the_trend(world: World) -> None:
    """Where no other rules came between, the moves of all leads sum to what the trend says."""
    now = world.clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=1)
    leads = await naive.leads_of(world.database, world.project)
    changes = [one for lead in leads.values() for one in lead.changes]
    assert max(one.at for one in changes if one.cause == "rules") < start
    found = await world.movers(start, midnight)
    before, after = [
        (await world.handlers.score_trend(world.project, at - timedelta(days=1), at, ""))[-1]
        for at in (start, midnight)
    ]
    assert sum(move[2] for move in told(found).values()) == after.score_sum - before.score_sum


async def test_who_is_newly_qualified(world: World) -> None:
    leads = await naive.leads_of(world.database, world.project)
    ever = 0
    for (start, end), qualified in product(spans(world), [("hot",), ("warm", "hot"), ("none",)]):
        expected = naive.newly_qualified(leads, start, end, qualified)
        found = await world.movers(start, end, qualified=qualified)
        in_order = sorted(expected, key=lambda one: (-expected[one].timestamp(), one))
        assert [one.lead_id for one in found.newly_qualified] == in_order
        assert {one.lead_id: one.entered_at for one in found.newly_qualified} == expected
        for one in found.newly_qualified:
            lead = leads[one.lead_id]
            assert (one.score, one.stage) == (lead.score, lead.stage)
        few = await world.movers(start, end, qualified=qualified, limit=1)
        assert few.newly_qualified == found.newly_qualified[:1]
        assert few.newly_qualified_count == len(expected)
        ever += len(expected)
    assert ever > len(LEADS) / 2


async def test_who_is_at_risk(world: World) -> None:
    leads = await naive.leads_of(world.database, world.project)
    assert {lead.risk for lead in leads.values()} >= {HIGH, MEDIUM}
    for qualified, risks in product([("cold",), ("warm", "hot")], [(HIGH,), (HIGH, MEDIUM)]):
        expected = naive.at_risk(leads, qualified, risks)
        found = await world.movers(None, None, qualified=qualified, risks=risks)
        assert [one.lead_id for one in found.at_risk] == expected
        for one in found.at_risk:
            lead = leads[one.lead_id]
            assert (one.score, one.stage, one.risk) == (lead.score, lead.stage, lead.risk)
        few = await world.movers(None, None, qualified=qualified, risks=risks, limit=1)
        assert (few.at_risk, few.at_risk_count) == (found.at_risk[:1], len(expected))


@pytest.fixture
async def plain(scoring_schema: Stack, scoring_database: Database, project: str) -> World:
    """A project whose leads `l00` and `l01` have 20 points each since START."""
    made = World(scoring_database, project, 0)
    await made.activate(1, cases.RULES)
    await made.signup("l00", "l01")
    return made


async def test_other_rules_move_nobody(plain: World) -> None:
    await plain.pass_time(1)
    await plain.activate(2, replace(cases.RULES, rules=(cases.rule("signup", 70),)))
    await plain.pass_time(1)
    await plain.signup("l01")
    found = await plain.movers(START + timedelta(hours=1), plain.clock.now() + DAY_LATER)
    # The rules took l00 from 20 to 70, which is no move, and l01 likewise, whom then a sign-up moved.
    assert told(found) == {"l01": (20_000, 140_000, 70_000, "cold", "hot")}
    assert (found.moves.up_count, found.moves.down_count) == (1, 0)
    # In a stage they are all the same.
    assert [one.lead_id for one in found.newly_qualified] == ["l00", "l01"]


async def test_a_replay_moves_nobody(plain: World) -> None:
    await plain.pass_time(1)
    key = (plain.project, "l00")
    async with plain.store.begin() as tx:
        snapshot = (await tx.lock([key]))[key]
        mended = replace(snapshot, score=90_000, stage="hot", version=2)
        change = Change(2, Cause.REPLAY, None, 20_000, 90_000, "cold", "hot", 1, late=False)
        await tx.save([LeadUpdate(key, mended, [change])], plain.clock.now())
    found = await plain.movers(START + timedelta(hours=1), plain.clock.now() + DAY_LATER)
    assert told(found) == {}
    assert (found.moves.up_count, found.moves.down_count) == (0, 0)
