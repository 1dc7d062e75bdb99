"""What callers ask of references: everything a lead is known by, and what contradicts itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.identity import subject_of
from services.scoring.errors import LeadNotFound
from services.scoring.identity_ports import Attached, IdentityConflict
from services.scoring.ports import LeadView, Store, Transaction


@dataclass(frozen=True, slots=True)
class Identities:
    """Everything a lead is known by."""

    lead: LeadView
    references: Sequence[Attached]


class IdentityHandlers:
    """References are as domain.identity.subject_of takes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def identities(self, project_id: str, reference: str) -> Identities:
        """Raises LeadNotFound."""
        async with self._store.reading() as tx:
            lead = await _find(tx, project_id, reference)
            return Identities(lead, await tx.attached((project_id, lead.profile.lead_id)))

    async def conflicts(
        self, project_id: str, reference: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[IdentityConflict, bool]]:
        """Contradictions and whether they are resolved, the newest first; with a reference those of its lead only.
        Raises LeadNotFound."""
        async with self._store.reading() as tx:
            lead_id = ""
            if reference:
                lead_id = (await _find(tx, project_id, reference)).profile.lead_id
            return await tx.identity_conflicts(project_id, lead_id, after, limit)


async def _find(tx: Transaction, project_id: str, reference: str) -> LeadView:
    found = await tx.find_lead(project_id, subject_of(reference))
    if found is None:
        raise LeadNotFound(reference)
    return found
