"""Automations: rules that act on leads. What sets one off, how often it may act, and what one time of acting is called.
What they do is in `actions.py`."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from typing import ClassVar

from services.notify.domain.actions import Action
from services.notify.domain.filtering import Change

REPLAYS = ("RULES", "REPLAY")
"""Causes of changes that automations leave alone unless they are asked not to: nothing has happened to the lead."""

_RISKS = ("", "LOW", "MEDIUM", "HIGH")


class Frequency(Enum):
    """How often an automation may act on one lead."""

    DAILY = "daily"
    EVERY_TIME = "every_time"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class StageEntered:
    """The lead came into one of these stages; any where there are none."""

    kind: ClassVar[str] = "stage_entered"
    stages: tuple[str, ...] = ()

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        return change.stage != change.previous_stage and (
            not self.stages or change.stage in self.stages
        )


@dataclass(frozen=True, slots=True)
class StageLeft:
    """The lead left one of these stages; any where there are none."""

    kind: ClassVar[str] = "stage_left"
    stages: tuple[str, ...] = ()

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        # A lead that is new was in no stage that it could leave.
        return change.stage != change.previous_stage and (
            change.previous_stage in self.stages if self.stages else bool(change.previous_stage)
        )


@dataclass(frozen=True, slots=True)
class ScoreCrossed:
    """The score came to a threshold, or fell below it."""

    kind: ClassVar[str] = "score_crossed"
    threshold: float
    downwards: bool = False

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        before, after = change.previous_score >= self.threshold, change.score >= self.threshold
        return before and not after if self.downwards else after and not before


@dataclass(frozen=True, slots=True)
class VelocityReached:
    """The velocity came to a value."""

    kind: ClassVar[str] = "velocity_reached"
    velocity: float

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        return change.previous_velocity < self.velocity <= change.velocity


@dataclass(frozen=True, slots=True)
class RiskReached:
    """The risk came to a level."""

    kind: ClassVar[str] = "risk_reached"
    risk: str
    """`LOW`, `MEDIUM` or `HIGH`."""

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        wanted = _RISKS.index(self.risk)
        return _RISKS.index(change.previous_risk) < wanted <= _RISKS.index(change.risk)


@dataclass(frozen=True, slots=True)
class NextActionBecame:
    """Another next action was found, one of these; any where there are none. What the next action is, scoring knows."""

    kind: ClassVar[str] = "next_action_became"
    next_actions: tuple[str, ...] = ()

    def met(self, change: Change) -> bool:
        """Whether a change may set it off."""
        return change.cause not in REPLAYS

    def became(self, before: str, after: str) -> bool:
        """Whether it did."""
        return before != after and (not self.next_actions or after in self.next_actions)


@dataclass(frozen=True, slots=True)
class Inactive:
    """The lead's newest event is so many days ago."""

    kind: ClassVar[str] = "inactive"
    days: int

    @property
    def pause(self) -> timedelta:
        """How long without events."""
        return timedelta(days=self.days)

    def met(self, change: Change) -> bool:
        """No change says that nothing happens: the clock does."""
        return False


@dataclass(frozen=True, slots=True)
class AnyChange:
    """Whatever happens."""

    kind: ClassVar[str] = "any_change"

    def met(self, change: Change) -> bool:
        """Whether a change sets it off."""
        return True


@dataclass(frozen=True, slots=True)
class Daily:
    """The time of day came."""

    kind: ClassVar[str] = "daily"
    time_of_day: time
    """UTC."""
    lead_count: int = 10
    qualified_stages: tuple[str, ...] = ("qualified",)

    def met(self, change: Change) -> bool:
        """Set off by no change."""
        return False

    def latest(self, now: datetime) -> datetime:
        """When it came last."""
        today = datetime.combine(now.astimezone(UTC).date(), self.time_of_day, UTC)
        return today if today <= now else today - timedelta(days=1)


Trigger = (
    StageEntered
    | StageLeft
    | ScoreCrossed
    | VelocityReached
    | RiskReached
    | NextActionBecame
    | Inactive
    | AnyChange
    | Daily
)


@dataclass(frozen=True, slots=True)
class Definition:
    """What an automation is, apart from its id and dates."""

    display_name: str
    trigger: Trigger
    actions: tuple[Action, ...]
    description: str = ""
    condition: str = ""
    """CEL; empty: always."""
    frequency: Frequency = Frequency.DAILY
    disabled: bool = False
    include_bulk_changes: bool = False

    def triggered(self, change: Change) -> bool:
        """Whether a score change sets it off, as far as the change says."""
        if change.merged_into or (change.cause in REPLAYS and not self.include_bulk_changes):
            return False
        return self.trigger.met(change)


@dataclass(frozen=True, slots=True)
class Automation:
    """A rule that acts."""

    automation_id: str
    project_id: str
    definition: Definition
    revision: int
    active_since: datetime
    """What happened before sets nothing off."""
    create_time: datetime
    update_time: datetime


def bucket(frequency: Frequency, moment: str, trigger_time: datetime) -> str:
    """Within which an automation acts once on a lead. `moment` names the one time that it was set off."""
    if frequency is Frequency.EVERY_TIME:
        return moment
    if frequency is Frequency.ONCE:
        return "ever"
    return trigger_time.astimezone(UTC).date().isoformat()


def moment_of_version(version: int) -> str:
    """The moment at which a lead came to a version."""
    return f"v{version}"


def moment_of_changes(change_time: datetime) -> str:
    """The moment of all changes of a lead that were made together."""
    return f"at:{change_time.astimezone(UTC).isoformat(timespec='microseconds')}"


def moment_of_pause(last_event_time: datetime) -> str:
    """The moment at which a pause began."""
    return f"since:{last_event_time.astimezone(UTC).isoformat(timespec='microseconds')}"


def execution_id(automation_id: str, lead_id: str, bucket: str) -> str:
    """What acting on that lead in that bucket is called: always the same, so there is one."""
    named = "\n".join((automation_id, lead_id, bucket))
    return f"exe_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


class ExecutionState(Enum):
    """What became of an execution, or of one of its actions."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActionState:
    """What became of one action of an execution."""

    kind: str
    state: ExecutionState
    detail: str = ""
    error: str = ""
    attempt_time: datetime | None = None
    retry_time: datetime | None = None
    """Not before then: the other side asked to be left alone."""
    action: str = ""
    """Tells the action from the others of its automation (`executing.named`)."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One time that an automation acted."""

    execution_id: str
    number: int
    automation_id: str
    lead_id: str
    bucket: str
    trigger: str
    version: int
    """Of the lead; 0 where no change set it off."""
    state: ExecutionState
    trigger_time: datetime
    create_time: datetime
    end_time: datetime | None
    retry_time: datetime | None
    attempt_count: int
    actions: tuple[ActionState, ...]
