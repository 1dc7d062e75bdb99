"""Rule sets, rules, groups and activations. Points are whole milli-points here and durations whole microseconds, exact;
what they do to a score is scoring's business. Golden tests are in golden.py."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from services.rules.domain.golden import GoldenTest


class State(Enum):
    """Where in its life a rule set is."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often a rule counts for a lead."""

    count: int
    window_us: int | None = None
    """None: for ever."""
    key: str = ""
    """Source of the CEL expression whose values are counted apart; empty: the rule as a whole."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an event of a type is worth."""

    rule_id: str
    event_type: str
    """In normal form, or ANY_EVENT_TYPE."""
    points_milli: int
    enabled: bool
    description: str
    etag: str = ""
    """Etag of the rule set's edit that changed the rule last; kept when a draft is copied. Never used twice."""
    group: str = ""
    """Name of a group; empty: none. That the rule set has it is checked when it is activated."""
    when: str = ""
    """Source of the CEL expression that must hold; empty: no condition."""
    limits: tuple[Limit, ...] = ()
    """It counts where every one of them lets it; none: every time."""
    standing: bool = False
    """Whether its points stand only as long as the condition, which is over the lead alone."""


ANY_EVENT_TYPE = "*"


@dataclass(frozen=True, slots=True)
class Stage:
    """A name for scores from a threshold up."""

    name: str
    min_score_milli: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a score; None is no limit."""

    min_score_milli: int | None
    max_score_milli: int | None


@dataclass(frozen=True, slots=True)
class IdleFactor:
    """Multiplied for every `every_us` of idleness beyond `after_idle_us`."""

    after_idle_us: int
    every_us: int
    factor_millionths: int
    """What is left after a step."""


@dataclass(frozen=True, slots=True)
class IdleAmount:
    """Reduced for every `every_us` of idleness beyond `after_idle_us`, not below the floor."""

    after_idle_us: int
    every_us: int
    points_milli: int
    floor_milli: int


@dataclass(frozen=True, slots=True)
class PerContribution:
    """Every contribution loses a share of its original amount each `every_us`."""

    every_us: int
    percent: int
    gone_after_us: int


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Halves every so many days."""

    days: int


Decay = IdleFactor | IdleAmount | PerContribution | HalfLife
"""How a score fades with time."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules whose points are bounded, and fade, together."""

    name: str
    bounds: Bounds | None = None
    decay: Decay | None = None
    """None: not at all."""


@dataclass(frozen=True, slots=True)
class Grade:
    """A name for a group's scores from a threshold up."""

    name: str
    min_score_milli: int


@dataclass(frozen=True, slots=True)
class Grading:
    """Two grades that together make one; each list by descending threshold."""

    fit_group: str
    fit_grades: tuple[Grade, ...]
    engagement_group: str
    engagement_grades: tuple[Grade, ...]


@dataclass(frozen=True, slots=True)
class Velocity:
    """How a lead's present activity is measured."""

    window_us: int
    per_event_milli: int | None
    """What each event adds, in thousandths; None: saturating, floor(10 n / (n + 5))."""
    when: str = ""
    """Source of the CEL expression that must hold for an event to count; empty: all count."""


@dataclass(frozen=True, slots=True)
class Risk:
    """When a lead is at risk of being lost; None is never, and for `high_for_us` for ever."""

    medium_after_us: int | None = None
    high_after_us: int | None = None
    high_event_types: tuple[str, ...] = ()
    """In normal form."""
    high_for_us: int | None = None


@dataclass(frozen=True, slots=True)
class NextAction:
    """What to do where a condition holds."""

    action: str
    when: str = ""
    """Source of the CEL expression; empty: always."""


class LateEvents(Enum):
    """What late events do."""

    REPLAY = "replay"
    APPLY_ON_ARRIVAL = "apply_on_arrival"
    DISCARD_AND_AUDIT = "discard_and_audit"


class Binding(Enum):
    """Which version's rules give an event its points."""

    CURRENT = "current"
    AT_EVENT_TIME = "at_event_time"
    AT_PROCESSING = "at_processing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a rule set says, whichever version of it."""

    description: str = ""
    rules: tuple[Rule, ...] = ()
    stages: tuple[Stage, ...] = ()
    bounds: Bounds | None = None
    groups: tuple[Group, ...] = ()
    decay: Decay | None = None
    """Of the total, besides what its groups do; None: not at all."""
    grading: Grading | None = None
    velocity: Velocity | None = None
    risk: Risk | None = None
    next_actions: tuple[NextAction, ...] = ()
    """The first whose condition holds is the one."""
    late_events: LateEvents = LateEvents.REPLAY
    binding: Binding = Binding.CURRENT
    tests: tuple[GoldenTest, ...] = ()
    engagement_group: str = ""
    """Name of the group whose score is the engagement score; empty: none."""

    def said(self) -> dict[str, Any]:
        """The fields above by name, and no others: what one rule set takes over from another."""
        return {field.name: getattr(self, field.name) for field in fields(Content)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Content):
    """A numbered version of a project's rules."""

    version: int
    state: State
    revision: int
    """Edits of this version: 1, 2, 3 ..."""
    create_time: datetime
    update_time: datetime

    @property
    def etag(self) -> str:
        """Changes with every edit of the version; no two versions share one."""
        return f"{self.version}.{self.revision}"


ALL_HISTORY = datetime(1970, 1, 1, tzinfo=UTC)
"""The effective time of an activation whose rules score every event there is; no event is older."""


@dataclass(frozen=True, slots=True)
class Activation:
    """The fact that a version became the one that scores."""

    project_id: str
    number: int
    version: int
    activate_time: datetime
    actor: str
    effective_time: datetime = ALL_HISTORY
    """Events from this time on are scored by its rules."""


SYSTEM_ACTOR = "system"
"""Who activates the preset of a new project."""
