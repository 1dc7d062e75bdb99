"""How a score fades with time. Every kind fades in steps at exact instants, so that "the score at any time" is a finite
sum and the next change has a date.

Times are microseconds since 1970, amounts milli-points. A factor is a whole number of millionths; a product is rounded
half to even, once a step.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

MILLION = 1_000_000
DAY = 86_400 * MILLION
"""Microseconds in a day."""


def scaled(amount: int, millionths: int) -> int:
    """amount x millionths / 10^6, rounded half to even."""
    quotient, rest = divmod(amount * millionths, MILLION)
    half = 2 * rest - MILLION
    return quotient + (1 if half > 0 or (half == 0 and quotient % 2) else 0)


@dataclass(frozen=True, slots=True)
class IdleFactor:
    """x factor for every `every` of idleness beyond `after_idle` after the newest event."""

    after_idle: int
    every: int
    factor: int
    """Millionths, less than a million."""

    def faded(self, score: int) -> int:
        """The score after one more step."""
        return scaled(score, self.factor)

    def next_step(self, since: int, newest_event: int) -> int:
        """The first step after `since`."""
        return _next_idle_step(self.after_idle, self.every, since, newest_event)


@dataclass(frozen=True, slots=True)
class IdleAmount:
    """- points for every `every` of idleness beyond `after_idle`, never below the floor."""

    after_idle: int
    every: int
    points: int
    """Milli-points, positive."""
    floor: int

    def faded(self, score: int) -> int:
        """The score after one more step."""
        return max(self.floor, score - self.points) if score > self.floor else score

    def next_step(self, since: int, newest_event: int) -> int:
        """The first step after `since`."""
        return _next_idle_step(self.after_idle, self.every, since, newest_event)


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Halves every so many days, in daily steps at midnight UTC."""

    days: int

    @property
    def factor(self) -> int:
        """Millionths that are left after a day."""
        return _half_life_factor(self.days)

    def faded(self, score: int) -> int:
        """The score after one more step."""
        return scaled(score, self.factor)

    def next_step(self, since: int, newest_event: int) -> int:
        """The first midnight after `since`."""
        return (since // DAY + 1) * DAY


@dataclass(frozen=True, slots=True)
class PerContribution:
    """Every contribution loses a share of its original amount each `every`, and is gone at `gone_after`."""

    every: int
    percent: int
    gone_after: int

    def left(self, original: int, age: int) -> int:
        """What is left of a contribution."""
        if age >= self.gone_after:
            return 0
        lost_percent = min(100, self.percent * (age // self.every))
        return scaled(original, (100 - lost_percent) * (MILLION // 100))

    def next_step(self, since: int, at: int) -> int | None:
        """When a contribution made at `at` fades next after `since`; None when it is gone."""
        age = max(since - at, 0)
        if age >= self.gone_after:
            return None
        return at + min((age // self.every + 1) * self.every, self.gone_after)


SteppedDecay = IdleFactor | IdleAmount | HalfLife
"""Fades a group's score as a whole."""

Decay = SteppedDecay | PerContribution


@lru_cache
def _half_life_factor(days: int) -> int:
    with localcontext(prec=30):
        return round(Decimal(2) ** (Decimal(-1) / days) * MILLION)


def _next_idle_step(after_idle: int, every: int, since: int, newest_event: int) -> int:
    begins = newest_event + after_idle
    steps_done = max(since - begins, 0) // every
    return begins + (steps_done + 1) * every
