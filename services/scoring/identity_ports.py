"""What is known of references: since when a lead has them, how they came to it, and which of them were said to be one
lead's and are not. Part of ports.Transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from services.scoring.ports import LeadKey


@dataclass(frozen=True, slots=True)
class IdentityConflict:
    """An `identify` event whose references belong to different people: nothing of them was linked."""

    project_id: str
    event_id: str
    subjects: tuple[str, ...]
    lead_ids: tuple[str, ...]
    """Whom they belonged to, in their order; empty for those that were nobody's."""
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Attached:
    """A reference of a lead."""

    subject: str
    attached_at: datetime
    """Record time: since when it is known."""
    original_lead_id: str
    """The lead it first stood for; empty when that is this one."""
    moved_at: datetime | None
    """When it last came to this lead from another."""
    event_count: int
    """Events in the ledger under it; facts are none."""


class IdentityTransaction(Protocol):
    """See ports.Transaction."""

    async def note_conflicts(self, conflicts: Sequence[IdentityConflict]) -> None:
        """Keep contradictions, beside the events that brought them."""
        ...

    async def identity_conflicts(
        self, project_id: str, lead_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[IdentityConflict, bool]]:
        """Contradictions, the newest first, behind a record time and an event id; with a lead's id only those that name
        one of its references. Each with whether all its references are one lead's by now."""
        ...

    async def attached(self, key: LeadKey) -> list[Attached]:
        """A lead's references, the oldest first."""
        ...
