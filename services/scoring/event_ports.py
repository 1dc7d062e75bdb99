"""What the export of events needs from the store, and what it gives."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.scoring.ports import LeadKey, Transaction


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; without retracted ones, in ledger order."""

    type: str
    """Normalised; empty: all."""
    start: datetime | None
    """Event time, included."""
    end: datetime | None
    """Event time, not included."""


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """An event as the ledger has it."""

    event_id: str
    type: str
    subject: str
    occurred_at: datetime
    source: str
    properties: str
    """JSON."""
    recorded_at: datetime
    link: str | None
    """JSON: what became one through it, when it is an `identify` event that linked references."""
    references: Sequence[str] | None
    """Those of whom it is about, as they are now; when it linked some."""


class EventReads(Protocol):
    """Reads over all events of a project."""

    async def count_events(self, project_id: str, which: EventFilter, lead: LeadKey | None) -> int:
        """How many events `exported_events` gives."""
        ...

    def exported_events(
        self, project_id: str, which: EventFilter, lead: LeadKey | None
    ) -> AsyncGenerator[Sequence[ExportedEvent], None]:
        """The events in ledger order, in small portions; of one lead where one is given."""
        ...


class EventTransaction(Transaction, EventReads, Protocol):
    """A transaction that can do both."""
