"""What to simulate. Nothing but the plan decides what comes out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

SAMPLE_END: Final = date(2026, 11, 1)
"""Last day of the shipped sample, and the default: fixed, since a clock would change the bytes every day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many leads do what over which days."""

    leads: int = 1500
    days: int = 60
    seed: int = 7
    events: int | None = None
    """Arrivals, duplicates included; None: what the journeys come to (about 16 a lead)."""
    end: date = SAMPLE_END
    """The last day."""
    malformed: int = 0
    """Broken rows strewn in between."""

    def __post_init__(self) -> None:
        for name, least in (("leads", 1), ("days", 1), ("malformed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}")
        if self.events is not None and self.events < 1:
            raise ValueError("events must be at least 1")

    @property
    def run(self) -> str:
        """Begins every event id: another plan gives other ids, so that two runs never collide in the ledger."""
        # Malformed rows are strewn in afterwards and change no event.
        parts = f"{self.leads}/{self.days}/{self.seed}/{self.events}/{self.end.isoformat()}"
        return hashlib.sha256(parts.encode()).hexdigest()[:8]

    @property
    def start_time(self) -> datetime:
        """Midnight (UTC) of the first day."""
        return self.end_time - timedelta(days=self.days)

    @property
    def end_time(self) -> datetime:
        """Midnight (UTC) after the last day."""
        return datetime.combine(self.end, time(), UTC) + timedelta(days=1)


SAMPLE: Final = Plan(events=24_000, malformed=24)
"""What samples/journeys.ndjson.gz was made from: `scoreline simulate --events 24000 --malformed 24`."""
