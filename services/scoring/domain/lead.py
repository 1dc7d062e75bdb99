"""A lead as it is kept: its snapshot, and the versions that its score has gone through. How it moves on is course.py's
business."""

from dataclasses import dataclass
from enum import Enum

from services.scoring.domain.activity import NO_RISK
from services.scoring.domain.measures import Measures
from services.scoring.domain.model import Entry, RuleSet
from services.scoring.domain.state import EMPTY, State
from services.scoring.domain.values import value


class Cause(Enum):
    """What made a score be computed anew."""

    EVENT = "event"
    RULES = "rules"
    DECAY = "decay"
    REPLAY = "replay"
    ADJUSTMENT = "adjustment"
    RETRACTION = "retraction"
    MERGE = "merge"
    UNMERGE = "unmerge"


OUTDATED = -1
"""Activation of a snapshot whose state has an older form: it makes the lead be folded anew, as other rules do."""

UNREADABLE = -2
"""Activation of a snapshot whose state can't be read: likewise."""


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """A rule set and the number of the activation that put it in force."""

    activation: int
    """0 before the first activation."""
    rule_set: RuleSet


@value(frozen=True, slots=True)
class Snapshot:
    """A lead as of its newest version: the fold of its ledger under one activation, and what that is worth."""

    state: State
    """As of the newest entry."""
    score: int
    """Milli-points as of the instant the newest version was made."""
    stage: str
    version: int
    """Number of score changes so far."""
    activation: int
    rule_set_version: int
    next_transition: int | None = None
    """Microseconds: when time alone will change the score by a whole point, or anything else of the measures; None:
    never."""
    velocity: int = 0
    """Thousandths, as of the newest version; as is the risk."""
    risk: str = NO_RISK
    merged_into: str = ""
    """The lead that this one was merged into; it has no entries of its own until it is unmerged."""

    @property
    def measures(self) -> Measures:
        """What the lead comes to."""
        return Measures(self.score, self.stage, self.velocity, self.risk)


@value(frozen=True, slots=True)
class Change:
    """One version of a lead's score."""

    version: int
    cause: Cause
    entry: Entry | None
    """The entry, where it is the cause."""
    previous_score: int
    score: int
    previous_stage: str
    stage: str
    rule_set_version: int
    late: bool
    previous_velocity: int = 0
    velocity: int = 0
    previous_risk: str = NO_RISK
    risk: str = NO_RISK
    merged_into: str = ""
    """The lead that this one was merged into by it."""


Moved = tuple[Snapshot, list[Change]]
"""A snapshot that has moved on, and the versions it made on the way."""


def new_snapshot(rules: RulesInForce) -> Snapshot:
    """A lead nobody has heard of: no entries, no versions."""
    return Snapshot(
        state=EMPTY,
        score=EMPTY.score,
        stage=rules.rule_set.stage_of(EMPTY.score),
        version=0,
        activation=rules.activation,
        rule_set_version=rules.rule_set.version,
    )
