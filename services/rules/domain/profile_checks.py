"""What may be said of grades, velocity, risk and next actions. Like checks.py: every fault is noted under its path."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.rules.domain import checks
from services.rules.domain.checks import DAY_US, HOUR_US, MILLI, Expressions, Problems
from services.rules.domain.model import (
    ANY_EVENT_TYPE,
    Grade,
    Grading,
    NextAction,
    Risk,
    Velocity,
)

GRADES_MAX = 8
GRADE_NAME_MAX = 8

VELOCITY_WINDOW_US_MAX = 30 * DAY_US
"""The times of all events in it are kept with the lead."""

PER_EVENT_MIN, PER_EVENT_MAX = 0.001, 1_000

HIGH_EVENT_TYPES_MAX = 32
NEXT_ACTIONS_MAX = 32


@dataclass(frozen=True, slots=True)
class GradeInput:
    """A grade as a caller wrote it, in points."""

    name: str
    min_score: float


@dataclass(frozen=True, slots=True)
class GradingInput:
    """Grading as a caller wrote it."""

    fit_group: str
    fit_grades: Sequence[GradeInput]
    engagement_group: str
    engagement_grades: Sequence[GradeInput]


@dataclass(frozen=True, slots=True)
class VelocityInput:
    """Velocity as a caller wrote it; one of the two measures is not None."""

    window_ns: int
    per_event: float | None
    saturating: bool | None
    when: str


@dataclass(frozen=True, slots=True)
class RiskInput:
    """Risk as a caller wrote it."""

    medium_after_ns: int | None
    high_after_ns: int | None
    high_event_types: Sequence[str]
    high_for_ns: int | None


@dataclass(frozen=True, slots=True)
class NextActionInput:
    """A next action as a caller wrote it."""

    when: str
    action: str


def grading(written: GradingInput, field: str, problems: Problems) -> Grading:
    """Two grades. Whether their groups are there is another question."""
    return Grading(
        checks.identifier(written.fit_group, f"{field}.fit_group", problems),
        _grades(written.fit_grades, f"{field}.fit_grades", problems),
        checks.identifier(written.engagement_group, f"{field}.engagement_group", problems),
        _grades(written.engagement_grades, f"{field}.engagement_grades", problems),
    )


def velocity(
    written: VelocityInput, expressions: Expressions, field: str, problems: Problems
) -> Velocity:
    """How present activity is measured."""
    window = checks.duration(
        written.window_ns, HOUR_US, f"{field}.window", problems, VELOCITY_WINDOW_US_MAX
    )
    when = checks.expression(written.when, expressions.condition, f"{field}.when", problems)
    if written.per_event is not None:
        per_event = _per_event(written.per_event, f"{field}.per_event", problems)
        return Velocity(window, per_event, when)
    if written.saturating is None:
        problems.note(field, "must have one of per_event and saturating")
    elif not written.saturating:
        problems.note(f"{field}.saturating", "must be true, or else per_event be set")
    return Velocity(window, None, when)


def risk(written: RiskInput, field: str, problems: Problems) -> Risk:
    """When a lead may be lost."""

    def length(written_ns: int | None, name: str) -> int | None:
        if written_ns is None:
            return None
        return checks.duration(written_ns, 0, f"{field}.{name}", problems)

    medium_after = length(written.medium_after_ns, "medium_after")
    high_after = length(written.high_after_ns, "high_after")
    if medium_after is not None and high_after is not None and high_after < medium_after:
        problems.note(f"{field}.high_after", "must not be less than medium_after")
    return Risk(
        medium_after,
        high_after,
        _event_types(written.high_event_types, f"{field}.high_event_types", problems),
        length(written.high_for_ns, "high_for"),
    )


def next_actions(
    written: Sequence[NextActionInput], expressions: Expressions, field: str, problems: Problems
) -> tuple[NextAction, ...]:
    """What to do, in order. An action may be there several times, under different conditions."""
    if len(written) > NEXT_ACTIONS_MAX:
        problems.note(field, f"must be at most {NEXT_ACTIONS_MAX}, are {len(written)}")
        return ()
    return tuple(
        NextAction(
            checks.identifier(one.action, f"{field}[{index}].action", problems),
            checks.expression(one.when, expressions.situation, f"{field}[{index}].when", problems),
        )
        for index, one in enumerate(written)
    )


def _grades(written: Sequence[GradeInput], field: str, problems: Problems) -> tuple[Grade, ...]:
    if not 1 <= len(written) <= GRADES_MAX:
        problems.note(field, f"must be 1 to {GRADES_MAX}, are {len(written)}")
        return ()
    checked: list[Grade] = []
    for index, one in enumerate(written):
        path = f"{field}[{index}]"
        there = [before.name for before in checked]
        checks.unique_name(one.name, GRADE_NAME_MAX, there, f"{path}.name", problems)
        least = checks.milli(one.min_score, checks.SCORE_MAX, f"{path}.min_score", problems)
        if checked and least >= checked[-1].min_score_milli:
            problems.note(f"{path}.min_score", "must be less than that of the grade before")
        checked.append(Grade(one.name, least))
    return tuple(checked)


def _per_event(written: float, field: str, problems: Problems) -> int:
    if not (math.isfinite(written) and PER_EVENT_MIN <= written <= PER_EVENT_MAX):
        problems.note(field, f"must be between {PER_EVENT_MIN} and {PER_EVENT_MAX:,}")
        return MILLI
    return checks.milli(written, PER_EVENT_MAX, field, problems)


def _event_types(written: Sequence[str], field: str, problems: Problems) -> tuple[str, ...]:
    if len(written) > HIGH_EVENT_TYPES_MAX:
        problems.note(field, f"must be at most {HIGH_EVENT_TYPES_MAX}, are {len(written)}")
        return ()
    checked: list[str] = []
    for index, one in enumerate(written):
        path = f"{field}[{index}]"
        if one == ANY_EVENT_TYPE:
            problems.note(path, "must be an event type, not every type")
            continue
        kind = checks.event_type(one, path, problems)
        if kind and kind in checked:
            problems.note(path, "is there already")
        checked.append(kind)
    return tuple(checked)
