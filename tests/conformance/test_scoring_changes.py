"""The score changes of a whole project as any scoring store gives them: what is there in one order, whatever the pages,
and nothing that is made while they are read."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.scoring.domain.lead import Cause
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Said
from services.scoring.handlers import EventHandlers
from services.scoring.lead_handlers import SETTLED, LeadHandlers
from services.scoring.ports import ChangeFilter, RecordedChange
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_subjects import Subject

LEADS = ("B", "a", "b", "é", "z")
EVENTS = 60


class World:
    """A project whose leads change by events, some of them together, by other rules and by a merge."""

    def __init__(self, scoring: Subject, project: str) -> None:
        self.project = project
        self.store = scoring.store
        self.clock = MovableClock(START)
        self.events = EventHandlers(self.store, self.clock)
        self.leads = LeadHandlers(self.store, self.clock)
        self._sent = 0

    async def fill(self) -> None:
        rng = random.Random(3)
        await self.events.record_activation(cases.activation(1, project_id=self.project))
        while self._sent < EVENTS:
            await self.send(*rng.choices(LEADS, k=rng.randint(1, 7)))
        other = replace(cases.RULES, rules=(cases.rule("signup", 7),))
        await self.events.record_activation(cases.activation(2, other, self.project))
        while await self.events.rescore_next():
            pass
        facts = FactHandlers(self.store, self.clock, lambda: None)
        await facts.merge(self.project, "a", "z", Said("the same person", "key_1"))
        self.clock.at += timedelta(hours=1)

    async def send(self, *leads: str) -> None:
        """An event of each of the leads, in one transaction."""
        self.clock.at += timedelta(seconds=1)
        events = []
        for lead in leads:
            self._sent += 1
            place = f"e{self._sent}", "signup", self._sent % 9, f"lead:{lead}", self.project
            events.append(cases.incoming(*place))
        await self.events.apply_events(events)

    async def everything(self) -> list[RecordedChange]:
        """All changes, lead by lead, brought into order."""
        found = []
        async with self.store.begin() as tx:
            for lead in LEADS:
                found += await tx.score_changes((self.project, lead), 0, 10_000)
        return sorted(found, key=place)

    async def pages(
        self, which: ChangeFilter, size: int, *references: str, meanwhile: str = ""
    ) -> list[RecordedChange]:
        """Page by page; between the pages a lead gets an event and time goes on."""
        changes: list[RecordedChange] = []
        while True:
            which, page = await self.leads.project_score_changes(
                self.project, which, references, size
            )
            if not page:
                return changes
            changes += page
            which = replace(which, after=place(page[-1]))
            if meanwhile:
                await self.send(meanwhile)
                self.clock.at += timedelta(minutes=1)


def place(one: RecordedChange) -> tuple[datetime, str, int]:
    return one.changed_at, one.lead_id, one.change.version


@pytest.fixture
async def world(scoring: Subject, project: str) -> World:
    # A neighbour with the same leads and event ids, who must never be listed.
    for name in (f"{project}-other", project):
        made = World(scoring, name)
        await made.fill()
    return made


async def test_pages_of_any_size_join_to_everything(world: World) -> None:
    everything = await world.everything()
    assert len(everything) > EVENTS
    assert {one.change.cause for one in everything} == {Cause.EVENT, Cause.RULES, Cause.MERGE}
    for size in (1, 7, 1_000):
        assert await world.pages(ChangeFilter(), size) == everything


async def test_filters(world: World) -> None:
    everything = await world.everything()
    since, until = everything[20].changed_at, everything[-20].changed_at
    between = [one for one in everything if since <= one.changed_at < until]
    assert 0 < len(between) < len(everything)
    assert await world.pages(ChangeFilter(since, until), 3) == between
    assert await world.pages(ChangeFilter(until, since), 3) == []
    for causes in ((Cause.RULES,), (Cause.MERGE, Cause.EVENT), (Cause.DECAY,)):
        of_these = [one for one in everything if one.change.cause in causes]
        assert await world.pages(ChangeFilter(causes=causes), 5) == of_these
    of_two = [one for one in everything if one.lead_id in ("B", "é")]
    assert await world.pages(ChangeFilter(), 5, "é", "B", "é") == of_two
    # The id of a lead that was merged leads to the one it is part of.
    of_merged = [one for one in everything if one.lead_id == "a"]
    assert await world.pages(ChangeFilter(), 5, "z") == of_merged
    both = [one for one in of_two if since <= one.changed_at < until]
    assert await world.pages(ChangeFilter(since, until, (Cause.EVENT,)), 2, "é", "B") == both


async def test_what_is_made_meanwhile_is_in_none_of_the_pages(world: World) -> None:
    everything = await world.everything()
    assert await world.pages(ChangeFilter(), 9, meanwhile="B") == everything
    until = world.clock.now() + timedelta(days=1)
    now = await world.everything()
    assert len(now) > len(everything)
    assert await world.pages(ChangeFilter(until=until), 9, meanwhile="new") == now


async def test_what_was_made_just_now_comes_when_it_is_settled(world: World) -> None:
    await world.send("B")
    made_at = world.clock.at
    for later, listed in ((timedelta(0), False), (SETTLED, False), (SETTLED * 1.001, True)):
        world.clock.at = made_at + later
        found = await world.pages(ChangeFilter(since=made_at), 9)
        assert bool(found) == listed
