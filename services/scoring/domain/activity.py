"""What a lead's present activity says: velocity, from how many events happened lately, and risk, from how long none did
or from events that speak for themselves.

Times are microseconds since 1970; velocities are thousandths, as points are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SATURATION_EVENTS = 45
"""floor(10 n / (n + 5)) is 9 from so many events on: more are not kept."""

COUNTED_EVENTS_MAX = 1_000
"""More events in a window don't count: they are kept with the lead."""

NO_RISK = ""
LOW, MEDIUM, HIGH = "low", "medium", "high"


@dataclass(frozen=True, slots=True)
class Velocity:
    """How present activity is measured."""

    window: int
    """How far back events count."""
    per_event: int | None = None
    """Thousandths for each event; None: saturating, floor(10 n / (n + 5))."""
    when: Callable[..., bool] | None = None
    """A model.Condition: only events for which it holds; None: all."""
    when_source: str = ""

    @property
    def kept_max(self) -> int:
        """How many of the newest events are enough to know."""
        return SATURATION_EVENTS if self.per_event is None else COUNTED_EVENTS_MAX

    def of(self, times: Sequence[int], at: int) -> int:
        """The velocity at an instant, of the times of events up to then. An event counts up to, and without, the
        instant it leaves the window."""
        count = min(sum(1 for time in times if time + self.window > at), self.kept_max)
        if self.per_event is None:
            return 10 * count // (count + 5) * 1_000
        return count * self.per_event


@dataclass(frozen=True, slots=True)
class Risk:
    """When a lead is at risk of being lost."""

    medium_after: int | None = None
    """Idle for longer."""
    high_after: int | None = None
    high_event_types: frozenset[str] = frozenset()
    high_for: int | None = None
    """For how long such an event makes the risk high; None: for ever."""

    def of(self, last_event: int | None, forced: int | None, at: int) -> str:
        """The risk at an instant; NO_RISK without events. `forced` is when the newest event of the high types
        happened."""
        if last_event is None:
            return NO_RISK
        if forced is not None and (self.high_for is None or at < forced + self.high_for):
            return HIGH
        idle = at - last_event
        if self.high_after is not None and idle > self.high_after:
            return HIGH
        if self.medium_after is not None and idle > self.medium_after:
            return MEDIUM
        return LOW

    def changes(self, last_event: int | None, forced: int | None) -> list[int]:
        """The instants at which time alone may change it."""
        if last_event is None:
            return []
        waits = [wait for wait in (self.medium_after, self.high_after) if wait is not None]
        # Idle for *longer*: from the next microsecond on.
        found = [last_event + wait + 1 for wait in waits]
        if forced is not None and self.high_for is not None:
            found.append(forced + self.high_for)
        return found
