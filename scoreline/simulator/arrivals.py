"""How simulated events reach the suite: soon, late, twice. Their order is that of arrival, as a queue would have it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from scoreline.simulator import words
from scoreline.simulator.draws import between, chance, source
from scoreline.simulator.journeys import Happening, journeys
from scoreline.simulator.plan import Plan

DUPLICATE_PERCENT: Final = 6
"""Sent again with the same id and content, as a sender does that heard no answer."""
LATE_PERCENT: Final = 5
"""Reported hours or days after later events of the same lead, as a phone that was offline does."""

_DELAY_MS = (200, 20_000)
_LATE_S = (3_600, 4 * 86_400)
_AGAIN_S = (2, 2 * 86_400)
_SCALE_MARGIN = 1.01


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event on its way in."""

    time: datetime
    """When it arrives."""
    happening: Happening
    late: bool
    duplicate: bool

    def event(self) -> dict[str, Any]:
        """The event as a JSON object, fields named and ordered as in the protos."""
        happening = self.happening
        field, value = happening.lead.reference
        return {
            "event_id": happening.event_id,
            "type": happening.type,
            field: value,
            "occur_time": happening.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": words.SOURCES.get(happening.type, "site"),
            "properties": dict(happening.properties),
        }


def arrivals(plan: Plan) -> Iterator[Arrival]:
    """Everything that arrives, in order of arrival. Takes about a kilobyte of memory an event."""
    made = _made(plan, 1.0)
    if plan.events is not None:
        scale = 1.0
        while True:
            # Journeys are made longer or shorter rather than cut off; what is too much is taken off the end.
            scale *= plan.events / len(made) * _SCALE_MARGIN
            made = _made(plan, scale)
            if len(made) >= plan.events:
                break
        made = _shortened(made, plan.events)
    yield from made


def _shortened(made: list[Arrival], count: int) -> list[Arrival]:
    """Without the last arrivals but those that are all there is of a lead; where even they are too many, the first."""
    left = Counter(one.happening.lead for one in made)
    surplus = len(made) - count
    kept: list[Arrival] = []
    for one in reversed(made):
        lead = one.happening.lead
        if surplus and left[lead] > 1:
            left[lead] -= 1
            surplus -= 1
        else:
            kept.append(one)
    kept.reverse()
    return kept[:count]


def _made(plan: Plan, scale: float) -> list[Arrival]:
    made: list[Arrival] = []
    for index, journey in enumerate(journeys(plan, scale)):
        rng = source(plan.seed, "arrival", index)
        for happening in journey:
            made += _arrivals_of(rng, happening)
    made.sort(key=lambda one: (one.time, one.happening.event_id, one.duplicate))
    return made


def _arrivals_of(rng: random.Random, happening: Happening) -> Iterator[Arrival]:
    late = chance(rng, LATE_PERCENT)
    delay = timedelta(milliseconds=between(rng, *_DELAY_MS))
    if late:
        delay += timedelta(seconds=between(rng, *_LATE_S))
    first = happening.time + delay
    yield Arrival(first, happening, late, duplicate=False)
    if chance(rng, DUPLICATE_PERCENT):
        again = first + timedelta(seconds=between(rng, *_AGAIN_S))
        yield Arrival(again, happening, late, duplicate=True)
