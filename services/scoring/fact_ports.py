"""What facts need of a transaction: which references are whose, now and at any record time, how they go from one lead
to another, and which events were retracted. Part of ports.Transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from services.scoring.domain.lead import RulesInForce
    from services.scoring.ports import LeadKey, RecordedChange, SubjectKey


@dataclass(frozen=True, slots=True)
class EventsLike:
    """Which events. All that is set must fit."""

    types: Sequence[str] = ()
    """Empty: all."""
    source: str = ""
    """Empty: any."""
    start: datetime | None = None
    """Happened at or after this."""
    end: datetime | None = None
    """Happened before this."""
    lead_id: str = ""
    """Empty: of all."""


class FactTransaction(Protocol):
    """See ports.Transaction."""

    async def homes_of(self, subjects: Iterable[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        """The lead of each subject that has one. None is made."""
        ...

    async def moved(self, homes: Mapping[SubjectKey, LeadKey]) -> bool:
        """Whether any of these subjects is another lead's by now. Of leads that are locked it stays as it says."""
        ...

    async def references_of(self, leads: Iterable[LeadKey], limit: int) -> dict[LeadKey, list[str]]:
        """The subjects of each lead in order, no more than `limit` of each."""
        ...

    async def attach(
        self,
        references: Mapping[SubjectKey, str],
        rules: Mapping[str, RulesInForce],
        now: datetime,
    ) -> None:
        """Make subjects references of the leads with these ids, which are made where there are none; what is some
        lead's already stays so. Comes before any lead is locked."""
        ...

    async def event_counts(self, leads: Iterable[LeadKey]) -> dict[LeadKey, int]:
        """How many events each of these leads has in the ledger, as far as it was scored."""
        ...

    async def move(self, project_id: str, homes: Mapping[str, str]) -> None:
        """Make subjects of leads that are locked other leads': by subject, the lead's id."""
        ...

    async def note_moves(
        self, project_id: str, moves: Mapping[str, tuple[str, str]], moved_at: datetime
    ) -> None:
        """Keep which subject went from which lead to which, at the record time of the fact that says so."""
        ...

    async def merged_references(self, key: LeadKey) -> list[str]:
        """The subjects that a lead lost when it was last merged into another, in order."""
        ...

    async def lead_at(self, project_id: str, subject: str, known_at: datetime | None) -> str | None:
        """Id of the lead that a subject was one of at a record time (None: now), as far as anybody had heard of it
        then."""
        ...

    async def subjects_of_events(self, project_id: str, event_ids: Sequence[str]) -> dict[str, str]:
        """The subject that each event is kept under, of those that are in the ledger; facts are no events."""
        ...

    async def events_like(self, project_id: str, which: EventsLike, limit: int) -> dict[str, str]:
        """Ids of events like this that were not retracted, each with its subject, no more than `limit`."""
        ...

    async def retracted(self, project_id: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that were retracted."""
        ...

    async def note_retracted(self, project_id: str, event_ids: Sequence[str]) -> None:
        """Keep that events were retracted, beside the facts that say so."""
        ...

    async def change_of(self, project_id: str, event_id: str) -> RecordedChange | None:
        """The version that a ledger entry made, of whatever lead it was one of then."""
        ...
