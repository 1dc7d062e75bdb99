"""The words of scoring: entries, rules, groups, stages, bounds. Points are whole milli-points and times are whole
microseconds everywhere inside, so that sums are exact and nothing depends on a clock's or a float's fine print."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import Decay, PerContribution, SteppedDecay
from services.scoring.domain.values import value

MILLI = 1_000
"""Milli-points in a point."""

ANY_TYPE = "*"
"""A rule for this event type applies to every event."""

NO_GROUP = ""
"""Group of rules that name none."""

ATTRIBUTE_TYPES = frozenset({"identify", "lead_updated"})
"""Events of these types carry lead attributes in their properties."""

SUSPECT = "suspect"
"""Property of events that no person did where it is true: a bot's visit, a link scanner's click."""

EMAIL = "email"
"""Attribute that references are besides what events say: the e-mail address that a lead is known by."""

FACT_PREFIX = "$"
"""Begins the types of entries that are no events of the lead; no sender's type can."""

ADJUSTMENT = "$adjustment"
"""Points given or taken by hand: `points` (milli-points) and `group` in its properties."""

RETRACTION = "$retraction"
"""The events whose ids are `event_ids` in its properties count for nothing."""

LINK = "$link"
"""References, and with them leads, became one lead's; in no lead's history."""

UNLINK = "$unlink"
"""A lead that was merged into another stands for itself again; in no lead's history."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400

Position = tuple[datetime, str]
"""Where an entry stands in the order of the fold: by event time, then event id (by code point). A total order, so that
the result does not depend on arrival."""

Attributes = Mapping[str, Any]


def microseconds(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    since = instant - _EPOCH
    return (since.days * _DAY_S + since.seconds) * 1_000_000 + since.microseconds


def instant(microseconds: int) -> datetime:
    """The instant that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


@value(frozen=True, slots=True)
class Entry:
    """An event in the ledger, as far as scoring looks at it."""

    event_id: str
    type: str
    """Normalised: lower snake case."""
    occurred_at: datetime
    properties: Attributes = field(default_factory=dict, hash=False)
    source: str = ""
    sequence: int | None = field(default=None, compare=False)
    """Place in the ledger; None: none yet, it is being recorded."""
    recorded_at: datetime | None = field(default=None, compare=False)
    """None: now."""
    subject: str = field(default="", compare=False)
    """The reference it came under; empty: none that says anything."""
    at: int = field(init=False, repr=False, compare=False)
    """When it happened, in microseconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", microseconds(self.occurred_at))

    @property
    def is_fact(self) -> bool:
        """Whether it is not an event of the lead but something said about it."""
        return self.type.startswith(FACT_PREFIX)

    @property
    def is_suspect(self) -> bool:
        """Whether it says of itself that no person did it."""
        return self.properties.get(SUSPECT) is True and not self.is_fact

    @property
    def position(self) -> Position:
        """Where it stands in the order of the fold."""
        return (self.occurred_at, self.event_id)


Condition = Callable[[Entry, Attributes], bool]
"""Whether a rule applies to an entry, given what the lead's attributes were. Must be pure; see cel.py."""

Key = Callable[[Entry, Attributes], str]
"""What a limit counts by."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule counts at most so many times."""

    count: int
    window: int | None = None
    """Microseconds that an application counts against the limit; None: for ever."""
    key: Key | None = None
    """Counted for each value of this; None: for the rule."""
    key_source: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an event of a type earns."""

    rule_id: str
    event_type: str
    points: int
    """Milli-points; negative takes away."""
    enabled: bool = True
    group: str = NO_GROUP
    when: Condition | None = None
    when_source: str = ""
    limits: tuple[Limit, ...] = ()
    """It counts where every one of them lets it."""
    standing: bool = False
    """Its points stand as long as its condition over the lead's attributes does."""
    named_limits: tuple[tuple[str, Limit], ...] = field(init=False, repr=False, compare=False)
    """Its limits, each with the name that its uses are kept under."""

    def __post_init__(self) -> None:
        names = [self.rule_id, *(f"{self.rule_id}#{n}" for n in range(2, len(self.limits) + 1))]
        object.__setattr__(self, "named_limits", tuple(zip(names, self.limits, strict=False)))


@dataclass(frozen=True, slots=True)
class Stage:
    """A name for scores from a threshold up."""

    name: str
    min_score: int
    """Milli-points."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that a score never passes, in milli-points; None where there is none."""

    min_score: int | None = None
    max_score: int | None = None

    def clip(self, score: int) -> int:
        """The nearest score within the limits."""
        if self.min_score is not None and score < self.min_score:
            return self.min_score
        if self.max_score is not None and score > self.max_score:
            return self.max_score
        return score


@dataclass(frozen=True, slots=True)
class Group:
    """Rules whose points are bounded, and fade, together."""

    name: str
    bounds: Bounds = Bounds()
    decay: Decay | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """A name for a group's scores from a threshold up."""

    name: str
    min_score: int
    """Milli-points."""


@dataclass(frozen=True, slots=True)
class Grading:
    """Two grades that together make one: of who the lead is, and of what it does. Both by descending threshold; the
    last also holds every lower score."""

    fit_group: str
    fit_grades: tuple[Grade, ...]
    engagement_group: str
    engagement_grades: tuple[Grade, ...]


Situation = Mapping[str, Any]
"""What the condition of a next action is about, by name."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """What to do about a lead in a certain situation."""

    action: str
    when: Callable[[Situation], bool] | None = None
    """None: in every situation."""
    when_source: str = ""


class LateEvents(Enum):
    """What an event does that happened before one that has been applied already."""

    REPLAY = "replay"
    """The history is replayed in event time."""
    APPLY_ON_ARRIVAL = "apply_on_arrival"
    """It applies as if it happened at the newest time applied."""
    DISCARD_AND_AUDIT = "discard_and_audit"
    """Nothing."""


class Binding(Enum):
    """Which version's rules give an entry its points."""

    CURRENT = "current"
    AT_EVENT_TIME = "at_event_time"
    AT_PROCESSING = "at_processing"


@dataclass(frozen=True, slots=True)
class Activated:
    """A rule set and when it was put in force."""

    number: int
    rule_set: "RuleSet"
    effective_from: int
    """Microseconds: entries from then on are its own; 0: all."""
    recorded_at: int
    """Microseconds."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """An immutable version of a project's rules."""

    version: int
    rules: tuple[Rule, ...] = ()
    stages: tuple[Stage, ...] = ()
    """By ascending threshold."""
    bounds: Bounds = Bounds()
    groups: tuple[Group, ...] = ()
    decay: Decay | None = None
    """Of the total."""
    grading: Grading | None = None
    velocity: Velocity | None = None
    risk: Risk | None = None
    next_actions: tuple[NextAction, ...] = ()
    late_events: LateEvents = LateEvents.REPLAY
    binding: Binding = Binding.CURRENT
    engagement_group: str = NO_GROUP
    """The group whose score, as a share of its upper bound, is the engagement score."""
    activations: tuple[Activated, ...] = field(default=(), compare=False, repr=False)
    """Newest first, this one among them, where others' rules may give points (binding.py); empty: its own always do."""
    _by_type: Mapping[str, tuple[Rule, ...]] = field(init=False, repr=False, compare=False)
    _for_any_type: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    _groups: Mapping[str, Group] = field(init=False, repr=False, compare=False)
    _kept: Mapping[str, int | None] = field(init=False, repr=False, compare=False)
    """Longest window by name of a limit, where several versions may ask."""
    _thresholds: list[int] = field(init=False, repr=False, compare=False)
    """Of the stages."""
    fading_groups: tuple[Group, ...] = field(init=False, repr=False, compare=False)
    """Groups whose scores fade, in their order."""
    total_decay: SteppedDecay | None = field(init=False, repr=False, compare=False)
    """Decay of the total as a whole."""
    fades: bool = field(init=False, repr=False, compare=False)
    """Whether time alone ever changes a score."""
    moves: bool = field(init=False, repr=False, compare=False)
    """Whether time alone ever changes anything."""
    in_event_time: bool = field(init=False, repr=False, compare=False)
    """Whether entries apply in the order in which they happened, and not in that of the ledger."""

    def __post_init__(self) -> None:
        enabled = [rule for rule in self.rules if rule.enabled]
        types = {rule.event_type for rule in enabled} | ATTRIBUTE_TYPES
        by_type = {event_type: _that_apply(enabled, event_type) for event_type in types}
        object.__setattr__(self, "_by_type", by_type)
        object.__setattr__(self, "_for_any_type", _that_apply(enabled, ANY_TYPE))
        # A total whose contributions fade one by one is one whose groups' contributions do, unless they say otherwise.
        inherited = self.decay if isinstance(self.decay, PerContribution) else None
        groups = [
            replace(group, decay=group.decay or inherited)
            for group in (Group(NO_GROUP), *self.groups)
        ]
        object.__setattr__(self, "_groups", {group.name: group for group in groups})
        object.__setattr__(self, "_kept", _longest_windows(self.activations))
        object.__setattr__(self, "fading_groups", tuple(g for g in groups if g.decay is not None))
        object.__setattr__(self, "total_decay", None if inherited else self.decay)
        fades = bool(self.fading_groups) or self.total_decay is not None
        moves = fades or self.velocity is not None or self.risk is not None
        object.__setattr__(self, "fades", fades)
        object.__setattr__(self, "moves", moves)
        object.__setattr__(self, "in_event_time", self.late_events is LateEvents.REPLAY)
        object.__setattr__(self, "_thresholds", [stage.min_score for stage in self.stages])

    def rules_for(self, event_type: str) -> tuple[Rule, ...]:
        """The enabled rules that an event of the type may give points by, in rule order; standing ones only where it
        carries attributes."""
        return self._by_type.get(event_type, self._for_any_type)

    def bound_to(self, entry: Entry) -> "RuleSet":
        """The version whose rules give an entry its points, as the binding says."""
        if not self.activations:
            return self
        if self.binding is Binding.AT_PROCESSING:
            if entry.recorded_at is None:
                return self
            recorded_at = microseconds(entry.recorded_at)
            known = (one.rule_set for one in self.activations if one.recorded_at <= recorded_at)
            # What was recorded before any rules were known is scored by the first.
            return next(known, self.activations[-1].rule_set)
        at = entry.at
        ones = (one.rule_set for one in self.activations if one.effective_from <= at)
        return next(ones, NO_RULES)

    def kept_for(self, name: str, limit: Limit) -> int | None:
        """For how long a use of a limit is kept, given its name: as long as any version looks back that may give points
        yet; None: for ever."""
        return self._kept.get(name, limit.window)

    def group(self, name: str) -> Group:
        """The group of that name; one without limits for a name that is no longer a group's."""
        return self._groups.get(name) or Group(name)

    def stage_of(self, score: int) -> str:
        """The stage of a score: the last whose threshold it reaches; the lowest below all; empty without stages."""
        if not self.stages:
            return ""
        return self.stages[max(bisect_right(self._thresholds, score) - 1, 0)].name


def _that_apply(enabled: Sequence[Rule], event_type: str) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in enabled
        if rule.event_type in (event_type, ANY_TYPE)
        and (event_type in ATTRIBUTE_TYPES or not rule.standing)
    )


def _longest_windows(activations: Sequence[Activated]) -> Mapping[str, int | None]:
    """By name of a limit, over all versions."""
    found: dict[str, int | None] = {}
    for one in activations:
        for rule in one.rule_set.rules:
            for name, limit in rule.named_limits:
                known = found.get(name, 0)
                both = known is not None and limit.window is not None
                found[name] = max(known or 0, limit.window or 0) if both else None
    return found


NO_RULES = RuleSet(version=0)
"""In force in a project before its first activation arrives: everything is kept, nothing earns."""
