"""Which changes and leads a watcher wants to see. How they reach it is in `waiting.py` and `watch.py`."""

import math
from dataclasses import dataclass
from typing import Protocol

MILLI_POINTS = 1_000
"""Points are compared in thousandths, in which every score is a whole number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch looks at in a score change."""

    lead_id: str
    version: int
    cause: str = ""
    """`EVENT`, `RULES` ..., as score_change.proto names them."""
    event_type: str = ""
    previous_score: float = 0.0
    score: float = 0.0
    delta_points: float = 0.0
    """A multiple of 0.001, as all points are."""
    previous_stage: str = ""
    stage: str = ""
    previous_velocity: float = 0.0
    velocity: float = 0.0
    previous_risk: str = ""
    risk: str = ""
    """`LOW`, `MEDIUM`, `HIGH`; empty where none is seen."""
    late: bool = False
    merged_into: str = ""
    rule_set_version: int = 0


class Condition(Protocol):
    """A condition in the caller's words."""

    def holds(self, change: Change) -> bool:
        """Whether it is true of the change."""
        ...


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The conditions of a watch; all of them must hold. An empty set does not restrict."""

    lead_ids: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    delta_min_milli_points: int = 0
    """Up or down; 0 lets changes by nothing pass, too."""
    stage_changes_only: bool = False
    causes: frozenset[str] = frozenset()
    event_types: frozenset[str] = frozenset()
    condition: Condition | None = None
    """Looked at last: it costs the most."""

    def matches(self, change: Change) -> bool:
        """Whether the watcher wants the change."""
        if self.lead_ids and change.lead_id not in self.lead_ids:
            return False
        if self.stage_changes_only and change.stage == change.previous_stage:
            return False
        if (
            self.stages
            and change.stage not in self.stages
            and change.previous_stage not in self.stages
        ):
            return False
        if self.causes and change.cause not in self.causes:
            return False
        if self.event_types and change.event_type not in self.event_types:
            return False
        least = self.delta_min_milli_points
        if least and abs(round(change.delta_points * MILLI_POINTS)) < least:
            return False
        return self.condition is None or self.condition.holds(change)

    def includes(self, lead_id: str, stage: str) -> bool:
        """Whether a lead that is in `stage` now belongs into the watcher's snapshot."""
        wanted = not self.lead_ids or lead_id in self.lead_ids
        return wanted and (not self.stages or stage in self.stages)


def whole_milli_points(points: float) -> int:
    """The least whole number of milli-points that is at least `points` (finite, not negative).

    A double next to a multiple of 0.001 counts as that multiple: 0.07 is 70, although 0.07 * 1000 is a little more.
    """
    scaled = points * MILLI_POINTS
    nearest = round(scaled)
    return nearest if math.isclose(scaled, nearest, rel_tol=1e-12) else math.ceil(scaled)
