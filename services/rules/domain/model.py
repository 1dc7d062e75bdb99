"""Rule sets, rules, groups and activations. Points are whole milli-points here and durations whole microseconds, exact;
what they do to a score is scoring's business."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


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
    limit: Limit | None = None
    """None: every time."""


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
class RuleSet:
    """A numbered version of a project's rules."""

    version: int
    state: State
    revision: int
    """Edits of this version: 1, 2, 3 ..."""
    description: str
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...]
    bounds: Bounds | None
    create_time: datetime
    update_time: datetime
    groups: tuple[Group, ...] = ()
    decay: Decay | None = None
    """Of the total, besides what its groups do; None: not at all."""

    @property
    def etag(self) -> str:
        """Changes with every edit of the version; no two versions share one."""
        return f"{self.version}.{self.revision}"


@dataclass(frozen=True, slots=True)
class Activation:
    """The fact that a version became the one that scores."""

    project_id: str
    number: int
    version: int
    activate_time: datetime
    actor: str


SYSTEM_ACTOR = "system"
"""Who activates the preset of a new project."""
