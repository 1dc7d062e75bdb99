"""What a scenario says, as values: rules come in, then events and facts in the order they arrive, then what each lead
must be. How files are read is in reading.py, how a scenario is played in playing.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LOOKED_AT = {
    "score",
    "stage",
    "grade",
    "fit_grade",
    "engagement_grade",
    "velocity",
    "trend",
    "recent_points",
    "earlier_points",
    "risk",
    "inactivity_index",
    "engagement_score",
    "next_action",
    "next_transition",
    "events",
    "groups",
    "effects",
    "clipped",
    "limited",
    "faded",
    "next_stage",
}
"""What a `look` may expect of a lead."""

SIMULATED = {"score", "stage", "grade", "velocity", "risk", "next_action"}
"""What a `simulate` may expect of one."""


@dataclass(frozen=True)
class RulesData:
    """A rule set, and from when on it scores."""

    text: str
    """YAML, as rule sets are exported and imported."""
    preset: str = ""
    """The preset that it is; empty: none."""
    effective: datetime | None = None
    """None: as the rule set's binding says."""


@dataclass(frozen=True)
class EventData:
    """An event as it is sent."""

    event_id: str
    type: str
    who: str
    """A lead id, or a reference with its kind: `email:`, `anonymous:`, `external:`."""
    at: datetime
    properties: Mapping[str, Any]
    also: tuple[str, ...] = ()
    """Other references that are the same lead's; only `identify` events have any."""

    @property
    def references(self) -> Mapping[str, str]:
        """The fields of `Event` that say who, and their values."""
        return dict(map(_reference, (self.who, *self.also)))


def _reference(who: str) -> tuple[str, str]:
    for kind, name in (
        ("email:", "email"),
        ("anonymous:", "anonymous_id"),
        ("external:", "external_id"),
    ):
        if who.startswith(kind):
            return name, who.removeprefix(kind)
    return "lead_id", who


@dataclass(frozen=True)
class TimelineStep:
    """An event with what it earned, and score and stage after it."""

    event_id: str
    earned: float
    score: float
    stage: str


@dataclass(frozen=True)
class LeadState:
    """A lead as it is seen from outside."""

    score: float
    stage: str
    version: int
    event_count: int
    timeline: tuple[TimelineStep, ...]


@dataclass(frozen=True)
class Activate:
    """Other rules come into force."""

    rules: RulesData


@dataclass(frozen=True)
class Send:
    """Events arrive, in this order."""

    events: tuple[EventData, ...]


@dataclass(frozen=True)
class Adjust:
    """Points are given or taken by hand."""

    adjustment_id: str
    who: str
    points: float
    group: str
    at: datetime


@dataclass(frozen=True)
class Retract:
    """Events shall not count."""

    event_ids: tuple[str, ...]


@dataclass(frozen=True)
class Merge:
    """Two leads are one."""

    into: str
    who: str


@dataclass(frozen=True)
class Unmerge:
    """They are not."""

    who: str


@dataclass(frozen=True)
class Mark:
    """What is known now gets a name."""

    name: str


@dataclass(frozen=True)
class Expect:
    """What leads must be now, by reference; None where there must be no such lead."""

    leads: Mapping[str, LeadState | None]


@dataclass(frozen=True)
class Look:
    """What leads must come to at an instant, as known now or at a mark, by reference: some of LOOKED_AT."""

    at: datetime
    known: str
    leads: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Simulate:
    """What leads would come to at an instant under a draft, by reference: some of SIMULATED."""

    draft: RulesData
    at: datetime
    leads: Mapping[str, Mapping[str, Any]]


Step = Activate | Send | Adjust | Retract | Merge | Unmerge | Mark | Expect | Look | Simulate


@dataclass(frozen=True)
class Scenario:
    """A file."""

    name: str
    about: str
    steps: tuple[Step, ...]
    order_matters: bool = False
    """Events must arrive as written: late ones are not replayed."""
