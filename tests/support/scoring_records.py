"""Hypothesis strategies for what a project's ledger comes to hold of a lead: events, points given by hand and
retractions in the order in which they are recorded, and the activations between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from services.scoring.domain.binding import bound
from services.scoring.domain.course import advance, needs_history
from services.scoring.domain.lead import Change, RulesInForce, new_snapshot
from services.scoring.domain.model import (
    ADJUSTMENT,
    NO_RULES,
    RETRACTION,
    Activated,
    Entry,
    RuleSet,
    microseconds,
)
from tests.support import scoring_models as models
from tests.support.clocks import START

RECORDED = START + timedelta(days=30)
"""When recording begins; what is recorded happened before."""

_adjustments = st.builds(
    Entry,
    # Facts' ids sort among those of events, before and behind.
    event_id=st.sampled_from(["a:1", "scoreline:2", "😀3"]),
    type=st.just(ADJUSTMENT),
    occurred_at=models.moments.map(lambda after: START + after),
    properties=st.fixed_dictionaries(
        {
            "points": st.integers(-30, 30).map(lambda n: n * 1_000 + 1),
            "group": st.sampled_from([*models.GROUPS, "gone"]),
        }
    ),
)


@dataclass(frozen=True)
class Record:
    """What is known in the end. Each entry and each activation was recorded at a time of its own."""

    entries: tuple[Entry, ...]
    """In the order of the ledger."""
    activations: tuple[Activated, ...]
    """By number."""

    def known(self, count: int) -> Record:
        """What was known when so many entries and activations had been recorded."""
        until = recorded_at(count)
        return Record(
            tuple(one for one in self.entries if one.recorded_at and one.recorded_at < until),
            tuple(one for one in self.activations if one.recorded_at < microseconds(until)),
        )

    @property
    def size(self) -> int:
        """How many entries and activations there are."""
        return len(self.entries) + len(self.activations)

    @property
    def rules(self) -> RulesInForce:
        """What is in force in the end."""
        return in_force(self.activations)


def recorded_at(number: int) -> datetime:
    """When the entry or activation of that number, from 0, is recorded."""
    return RECORDED + timedelta(minutes=number)


def in_force(activations: Sequence[Activated]) -> RulesInForce:
    """As the handlers put it together from all activations known, given by number."""
    if not activations:
        return RulesInForce(0, NO_RULES)
    return RulesInForce(activations[-1].number, bound(activations[::-1]))


def fresh(entry: Entry) -> Entry:
    """The entry as it arrives, before the ledger has given it a place."""
    return replace(entry, sequence=None, recorded_at=None)


@st.composite
def records(
    draw: st.DrawFn,
    rule_sets: st.SearchStrategy[RuleSet] = models.rule_sets,
    facts: bool = True,
    activations_max: int = 3,
) -> Record:
    """A history, under one activation or several."""
    parts: list[Entry] = draw(models.entries)
    if facts:
        parts += draw(st.lists(_adjustments, unique_by=lambda one: one.event_id, max_size=2))
        parts = draw(st.permutations(parts))
        parts = _with_retractions(draw, parts)
    activated = [draw(rule_sets)]
    for _ in range(draw(st.integers(0, activations_max - 1))):
        activated.append(draw(rule_sets | models.edited(activated[-1])))
    places = sorted(
        draw(st.integers(0, len(parts))) if number else 0 for number in range(len(activated))
    )
    entries: list[Entry] = []
    activations: list[Activated] = []
    for index in range(len(parts) + 1):
        while len(activations) < len(places) and places[len(activations)] == index:
            number = len(activations) + 1
            at = recorded_at(len(entries) + len(activations))
            since = draw(st.just(0) | models.moments.map(lambda m: microseconds(START + m)))
            rules = replace(activated[number - 1], version=number)
            activations.append(Activated(number, rules, since, microseconds(at)))
        if index < len(parts):
            at = recorded_at(len(entries) + len(activations))
            entries.append(replace(parts[index], sequence=len(entries) + 1, recorded_at=at))
    return Record(tuple(entries), tuple(activations))


def _with_retractions(draw: st.DrawFn, parts: list[Entry]) -> list[Entry]:
    """Events retracted after they were recorded; facts' times have no say in it."""
    found = list(parts)
    for number in range(draw(st.integers(0, 2))):
        place = draw(st.integers(1, len(found)))
        earlier = [one.event_id for one in found[:place] if not one.is_fact]
        if earlier:
            ids = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique=True))
            at = START + draw(models.moments)
            properties = {"event_ids": ids}
            found.insert(place, Entry(f"scoreline:r{number}", RETRACTION, at, properties))
    return found


class Lead:
    """A lead's ledger and snapshot, moved on as the handlers do it."""

    def __init__(self, rules: RulesInForce) -> None:
        self.snapshot = new_snapshot(rules)
        self.ledger: list[Entry] = []
        self.changes: list[Change] = []

    def take(self, rules: RulesInForce, arrivals: Sequence[Entry], now: int) -> list[Change]:
        """Record what is new of the arrivals, which happens later than anything before. What they changed."""
        known = {one.event_id for one in self.ledger}
        ordered = list(
            {one.event_id: one for one in arrivals if one.event_id not in known}.values()
        )
        asked = needs_history(self.snapshot, rules, ordered)
        history = tuple(self.ledger) if asked else ()
        arriving = [fresh(one) for one in ordered]
        self.snapshot, changes = advance(self.snapshot, rules, history, arriving, now)
        for one in ordered:
            self.ledger.append(replace(one, sequence=len(self.ledger) + 1))
        self.changes += changes
        return changes
