"""Which changes and leads a watcher wants to see. How they reach it is in `handlers.py`."""

import math
from dataclasses import dataclass

MILLI_POINTS = 1_000
"""Points are compared in thousandths, in which every score is a whole number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a filter looks at in a score change."""

    lead_id: str
    version: int
    delta_points: float
    """A multiple of 0.001."""
    previous_stage: str
    stage: str


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The conditions of a watch; all of them must hold. An empty set does not restrict."""

    lead_ids: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    delta_min_milli_points: int = 0
    """Up or down; 0 lets changes by nothing pass, too."""
    stage_changes_only: bool = False

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
        least = self.delta_min_milli_points
        return not least or abs(round(change.delta_points * MILLI_POINTS)) >= least

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
