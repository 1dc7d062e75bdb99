"""What may be said of groups, and of how scores fade. Like checks.py: every fault is noted under its path."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.rules.domain import checks
from services.rules.domain.checks import DAY_US, HOUR_US, LONGEST_US, BoundsInput, Problems
from services.rules.domain.model import (
    Bounds,
    Decay,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
)

GROUPS_MAX = 32

MILLION = 1_000_000
"""A factor is a whole number of millionths."""

EVERY_US_MIN = HOUR_US
"""Least time between two steps of a decay: each step is a change of every lead that fades."""

EVERY_NS_MIN = EVERY_US_MIN * 1_000


@dataclass(frozen=True, slots=True)
class IdleFactorInput:
    """As a caller wrote it."""

    after_idle_ns: int
    every_ns: int
    factor: float


@dataclass(frozen=True, slots=True)
class IdleAmountInput:
    """As a caller wrote it, in points."""

    after_idle_ns: int
    every_ns: int
    points: float
    floor: float


@dataclass(frozen=True, slots=True)
class ContributionInput:
    """As a caller wrote it."""

    every_ns: int
    percent: int
    gone_after_ns: int


@dataclass(frozen=True, slots=True)
class HalfLifeInput:
    """As a caller wrote it."""

    days: int


@dataclass(frozen=True, slots=True)
class UnknownDecayInput:
    """A decay without its kind."""


DecayInput = (
    IdleFactorInput | IdleAmountInput | ContributionInput | HalfLifeInput | UnknownDecayInput
)


@dataclass(frozen=True, slots=True)
class GroupInput:
    """A group as a caller wrote it."""

    name: str
    bounds: BoundsInput | None
    decay: DecayInput | None


def groups(written: Sequence[GroupInput], field: str, problems: Problems) -> tuple[Group, ...]:
    """Groups, each name once."""
    if len(written) > GROUPS_MAX:
        problems.note(field, f"must be at most {GROUPS_MAX}, are {len(written)}")
        return ()
    checked: list[Group] = []
    for index, one in enumerate(written):
        path = f"{field}[{index}]"
        checks.identifier(one.name, f"{path}.name", problems)
        if any(one.name == before.name for before in checked):
            problems.note(f"{path}.name", "is there already: names are unique")
        checked.append(
            Group(
                one.name,
                _bounds(one.bounds, f"{path}.bounds", problems),
                decay(one.decay, f"{path}.decay", problems),
            )
        )
    return tuple(checked)


def decay(written: DecayInput | None, field: str, problems: Problems) -> Decay | None:
    """How a score fades; None for not at all."""
    match written:
        case None:
            return None
        case IdleFactorInput():
            field += ".idle_factor"
            return IdleFactor(
                checks.duration(written.after_idle_ns, 0, f"{field}.after_idle", problems),
                checks.duration(written.every_ns, EVERY_US_MIN, f"{field}.every", problems),
                _factor(written.factor, f"{field}.factor", problems),
            )
        case IdleAmountInput():
            return _idle_amount(written, f"{field}.idle_amount", problems)
        case ContributionInput():
            return _per_contribution(written, f"{field}.contribution", problems)
        case HalfLifeInput():
            most = LONGEST_US // DAY_US
            if not 1 <= written.days <= most:
                problems.note(f"{field}.half_life.days", f"must be between 1 and {most:,}")
            return HalfLife(written.days)
        case UnknownDecayInput():
            problems.note(
                field, "must be one of idle_factor, idle_amount, contribution and half_life"
            )
            return None


def _bounds(written: BoundsInput | None, field: str, problems: Problems) -> Bounds | None:
    """Bounds of a group, which begins at 0."""
    if written is None:
        return None
    checked = checks.bounds(written, field, problems)
    if checked.min_score_milli is not None and checked.min_score_milli > 0:
        problems.note(f"{field}.min_score", "must not be above 0, where the group begins")
    if checked.max_score_milli is not None and checked.max_score_milli < 0:
        problems.note(f"{field}.max_score", "must not be below 0, where the group begins")
    return checked


def _factor(written: float, field: str, problems: Problems) -> int:
    if not (math.isfinite(written) and 0 <= written < 1):
        problems.note(field, "must be from 0 to less than 1")
        return 0
    millionths = round(written * MILLION)
    # As for points: a decimal with six places is the double that the division gives.
    if millionths / MILLION != written:
        problems.note(field, "must be a multiple of 0.000001")
    return millionths


def _idle_amount(written: IdleAmountInput, field: str, problems: Problems) -> IdleAmount:
    after_idle = checks.duration(written.after_idle_ns, 0, f"{field}.after_idle", problems)
    every = checks.duration(written.every_ns, EVERY_US_MIN, f"{field}.every", problems)
    if written.points <= 0:
        problems.note(f"{field}.points", "must be greater than 0: how much a step takes")
        points = 0
    else:
        points = checks.milli(written.points, checks.SCORE_MAX, f"{field}.points", problems)
    floor = checks.milli(written.floor, checks.SCORE_MAX, f"{field}.floor", problems)
    return IdleAmount(after_idle, every, points, floor)


def _per_contribution(
    written: ContributionInput, field: str, problems: Problems
) -> PerContribution:
    every = checks.duration(written.every_ns, EVERY_US_MIN, f"{field}.every", problems)
    if not 1 <= written.percent <= 100:
        problems.note(f"{field}.percent", "must be between 1 and 100")
    gone_after = checks.duration(
        written.gone_after_ns, EVERY_US_MIN, f"{field}.gone_after", problems
    )
    # Too short by itself was said already.
    if written.gone_after_ns >= EVERY_NS_MIN and gone_after < every:
        problems.note(f"{field}.gone_after", "must not be less than `every`")
    return PerContribution(every, written.percent, gone_after)
