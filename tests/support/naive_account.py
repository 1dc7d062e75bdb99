"""What the naive model (naive_scoring.py) keeps account of: every movement of the score, and whatever else decides
about the next. Nothing is ever summed up before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.scoring.domain.model import Entry, RuleSet

DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds."""


@dataclass
class Contribution:
    """What a rule or a person gave once, and what of it is left."""

    group: str
    at: int
    original: int
    left: int


@dataclass
class Verdict:
    """What one rule, or an adjustment, made of one entry."""

    event_id: str
    rule_id: str
    group: str
    rule_points: int
    points: int
    why: str
    at: int
    gives: bool = False
    """A rule gave points; nobody took them back, nor gave them by hand."""


@dataclass
class Applied:
    """An event that counts."""

    entry: Entry
    at: int
    """When it took effect, which may be later than it happened."""
    in_velocity: bool


@dataclass
class Account:
    """A lead's history as it was evaluated. Times are microseconds, points milli-points."""

    rules: RuleSet
    """Those of the newest activation."""
    giving: list[RuleSet] = field(default_factory=list)
    """Those whose rules may give points."""
    movements: list[tuple[int, str, int]] = field(default_factory=list)
    """Every movement of the score, in order: time, group (`*`: the total), points."""
    fadings: list[tuple[int, str, int]] = field(default_factory=list)
    """Those of them that time made."""
    verdicts: list[Verdict] = field(default_factory=list)
    fates: dict[str, str] = field(default_factory=dict)
    """Entry's id -> applied, retracted, suspect, discarded."""
    versions: dict[str, int] = field(default_factory=dict)
    """Entry's id -> version whose rules it met."""
    applied: list[Applied] = field(default_factory=list)
    event_count: int = 0
    contributions: list[Contribution] = field(default_factory=list)
    uses: list[tuple[str, int, str, int]] = field(default_factory=list)
    """Rule id, number of its limit, key, time."""
    given: dict[str, int] = field(default_factory=dict)
    """Standing rules whose condition holds -> points that counted."""
    attributes: dict[str, Any] = field(default_factory=dict)
    clock: int | None = None
    """When the newest entry took effect."""
    at: int = 0
    """When the account was closed."""

    @property
    def total(self) -> int:
        return sum(points for _, _, points in self.movements)

    def total_at(self, instant: int) -> int:
        """What it was then, behind the newest entry."""
        return sum(points for at, _, points in self.movements if at <= instant)

    def group(self, name: str) -> int:
        return sum(points for _, group, points in self.movements if group == name)

    def move(self, at: int, group: str, points: int) -> None:
        if points:
            self.movements.append((at, group, points))

    def allowed(self, name: str, points: int) -> int:
        """Points that pass neither the group's bounds nor the total's: no score ever does, whatever moves it."""
        for group in self.rules.groups:
            if group.name == name:
                score = self.group(name)
                points = clipped(score + points, group.bounds) - score
        total = self.total
        return clipped(total + points, self.rules.bounds) - total


def clipped(score: int, bounds: Any) -> int:
    """The nearest score that the bounds let be."""
    if bounds.min_score is not None:
        score = max(score, bounds.min_score)
    return score if bounds.max_score is None else min(score, bounds.max_score)


def us(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
