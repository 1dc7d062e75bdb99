"""What the handlers answer, against the model written down a second time (tests/support/naive_scoring.py), while
events, facts, merges, rules and time come in for two leads: as it is, and asked again later as of then, as known
then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.model import Entry, RuleSet, microseconds
from services.scoring.errors import LeadsMerged
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Adjustment, Said
from services.scoring.handlers import EventHandlers
from services.scoring.ports import Activation, IncomingEvent
from services.scoring.score_handlers import ScoreHandlers
from tests.support import naive_intelligence as naive
from tests.support import scoring_models as models
from tests.support.clocks import START, MovableClock
from tests.support.naive_scoring import evaluate_then
from tests.support.scoring_store import InMemoryStore
from tests.support.scoring_subjects import histories

LEADS = ("a", "b")
SAID = Said("a test", "key_1")
NOW = START + timedelta(days=15)
"""When the course begins; everything of it happened before."""

some_lead = st.sampled_from(LEADS)


@dataclass(frozen=True)
class Rules:
    rule_set: RuleSet
    since: timedelta | None
    """None: all history."""


@dataclass(frozen=True)
class Events:
    lead: str
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Points:
    lead: str
    points: int
    group: str
    after: timedelta


@dataclass(frozen=True)
class Retract:
    which: int


@dataclass(frozen=True)
class Merge:
    into: str


@dataclass(frozen=True)
class Unmerge:
    pass


events = st.builds(Events, some_lead, models.entries.map(lambda some: some[:4]))
courses = st.lists(
    st.one_of(
        events,
        events,
        st.builds(Rules, models.rule_sets, st.none() | models.moments),
        st.builds(
            Points,
            some_lead,
            st.integers(1, 30_000) | st.integers(-30_000, -1),
            st.sampled_from(models.GROUPS),
            models.moments,
        ),
        st.builds(Retract, st.integers(0, 50)),
        st.builds(Merge, some_lead),
        st.builds(Unmerge),
        st.timedeltas(timedelta(0), timedelta(days=4)),
    ),
    min_size=1,
    max_size=10,
)


class Scene:
    """A project with two leads."""

    def __init__(self) -> None:
        self.store, self.clock = InMemoryStore(), MovableClock(NOW)
        self.events = EventHandlers(self.store, self.clock)
        self.facts = FactHandlers(self.store, self.clock, lambda: None)
        self.scores = ScoreHandlers(self.store, self.clock)
        self.sent: dict[str, list[str]] = {lead: [] for lead in LEADS}
        """Ids of the events of each lead, as they were sent."""
        self.merged: dict[str, str] = {}
        self.activations = 0

    async def do(self, number: int, step: Any) -> None:
        match step:
            case Rules(rule_set, since):
                self.activations += 1
                made = Activation(
                    "p1", self.activations, self.clock.at, "key_1",
                    replace(rule_set, version=self.activations),
                )  # fmt: skip
                if since is not None:
                    made = replace(made, effective_from=START + since)
                await self.events.record_activation(made)
                while await self.events.rescore_next():
                    pass
            case Events(lead, entries):
                await self.send(
                    lead, [replace(e, event_id=f"{number}{e.event_id}") for e in entries]
                )
            case Points(lead, points, group, after):
                asked = Adjustment(points, group, SAID, START + after, "")
                await self.facts.adjust("p1", lead, asked)
            case Retract(which):
                ids = sorted(one for some in self.sent.values() for one in some)
                await self.facts.retract("p1", [ids[which % len(ids)]], SAID)
            case Merge(into):
                (other,) = set(LEADS) - {into}
                try:
                    await self.facts.merge("p1", into, other, SAID)
                    self.merged = {other: into}
                    note("merged")
                except LeadsMerged:
                    assert self.merged
            case Unmerge():
                for lead in self.merged:
                    await self.facts.unmerge("p1", lead, SAID)
                    note("unmerged")
                self.merged = {}
            case timedelta():
                self.clock.at += step

    async def send(self, lead: str, entries: Sequence[Entry]) -> None:
        self.sent[lead] += [one.event_id for one in entries]
        arriving = [
            IncomingEvent("p1", f"lead:{lead}", one, "{}", one.event_id.encode(), b"")
            for one in entries
        ]
        await self.events.apply_events(arriving)

    async def ask(
        self, lead: str, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> tuple[Any, Any]:
        score = await self.scores.score("p1", lead, as_of, known_at)
        return score, await self.scores.intelligence("p1", lead, as_of, known_at)

    async def compare(self, lead: str) -> tuple[Any, Any]:
        """What is answered now, which is the reference's."""
        owner = self.merged.get(lead, lead)
        async with self.store.begin() as tx:
            history = (await histories(tx, [("p1", owner)]))[("p1", owner)]
            activations = await tx.activations("p1", self.activations)
        own = [one for one in LEADS if self.merged.get(one, one) == owner]
        expected_ids = sorted(one for part in own for one in self.sent[part])
        assert sorted(one.event_id for one in history if not one.is_fact) == expected_ids
        now = microseconds(self.clock.at)
        expected = evaluate_then(activations, history, now, 2**62)
        score, found = await self.ask(lead)
        assert (score.lead_id, found.lead_id) == (owner, owner)
        assert score.state.event_count == expected.event_count
        measures = found.intelligence.measures
        assert score.state.score == measures.score
        assert naive.Look(
            measures.score, measures.stage, measures.velocity, measures.risk
        ) == naive.look(expected, now)
        assert found.intelligence.next_action == naive.next_action(expected, now)
        return score, found


@settings(deadline=None, max_examples=30)
@given(models.rule_sets, courses)
async def test_what_is_answered_is_the_references_and_stays_so(
    first: RuleSet, course: list[Any]
) -> None:
    scene = Scene()
    await scene.do(0, Rules(first, None))
    for lead in LEADS:
        await scene.send(lead, [Entry(f"first-{lead}", "view", START)])
    answers = []
    for number, step in enumerate(course, start=1):
        await scene.do(number, step)
        answers += [(lead, await scene.compare(lead)) for lead in LEADS]
    for lead, (score, intelligence) in answers:
        again = await scene.ask(lead, score.as_of, score.known_at)
        assert again == (score, intelligence)
