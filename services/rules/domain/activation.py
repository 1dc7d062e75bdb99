"""What must be so before a version is put in force, and from when on its rules score."""

from dataclasses import dataclass
from datetime import datetime

from services.rules.domain.model import ALL_HISTORY, Activation, Binding, Content


@dataclass(frozen=True, slots=True)
class GroupMissing:
    """A group is named that the rule set does not have."""

    field: str
    """Path in the rule set."""
    user: str
    """What names it, in words."""
    group: str


def missing_groups(content: Content) -> list[GroupMissing]:
    """Everything that names a group which the rule set does not have."""
    named = [
        (f"rules[{place}].group", f"rule `{rule.rule_id}`", rule.group)
        for place, rule in enumerate(content.rules)
        if rule.group
    ]
    if (grading := content.grading) is not None:
        named.append(("grading.fit_group", "the grading of fit", grading.fit_group))
        named.append(
            ("grading.engagement_group", "the grading of engagement", grading.engagement_group)
        )
    if content.engagement_group:
        named.append(("engagement_group", "the engagement score", content.engagement_group))
    there = {group.name for group in content.groups}
    return [GroupMissing(*one) for one in named if one[2] not in there]


@dataclass(frozen=True, slots=True)
class Effective:
    """From when on a caller wants the rules to score: at most one of the two; none: as the binding says."""

    time: datetime | None = None
    now: bool = False


ALL = Effective(ALL_HISTORY)
NOW = Effective(now=True)
AS_BOUND = Effective()


def in_force_already(present: Activation, wanted: Effective) -> bool:
    """Whether the version of the present activation scores as wanted without another one. Who names no time is content
    with any; who wants it from now on, with one that was so when it was activated."""
    if wanted.now:
        return present.effective_time == present.activate_time
    return wanted.time is None or wanted.time == present.effective_time


def effective_time(wanted: Effective, binding: Binding, now: datetime) -> datetime:
    """From which event time on the rules of an activation made now score."""
    if wanted.time is not None:
        return wanted.time
    if wanted.now or binding is not Binding.CURRENT:
        return now
    return ALL_HISTORY
