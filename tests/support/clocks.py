"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class SteppingClock:
    """Moves on by a second whenever it is read, so that nothing happens at the same time as anything else."""

    def __init__(self, start: datetime = START) -> None:
        self._next = start

    def now(self) -> datetime:
        now = self._next
        self._next = now + timedelta(seconds=1)
        return now


class MovableClock:
    """Stands still until a test moves it."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start

    def now(self) -> datetime:
        return self.at
