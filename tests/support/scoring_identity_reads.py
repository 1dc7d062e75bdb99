"""What the store in memory knows of references: the part of ports.Transaction that identity_ports.py names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from services.scoring.identity_ports import Attached, IdentityConflict
from services.scoring.ports import LeadKey

if TYPE_CHECKING:
    from tests.support.scoring_store import Contents


class IdentityReads:
    _in: Contents

    async def note_conflicts(self, conflicts: Sequence[IdentityConflict]) -> None:
        for one in conflicts:
            key = (one.project_id, one.event_id)
            assert key in self._in.ledger
            assert key not in self._in.conflicts
            self._in.conflicts[key] = one

    async def identity_conflicts(
        self, project_id: str, lead_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[IdentityConflict, bool]]:
        found = []
        for one in self._in.conflicts.values():
            homes = [self._in.subjects.get((project_id, subject)) for subject in one.subjects]
            place = (one.recorded_at, one.event_id)
            named = not lead_id or lead_id in homes
            if one.project_id == project_id and named and (after is None or place < after):
                found.append((one, None not in homes and len(set(homes)) == 1))
        found.sort(key=lambda pair: (pair[0].recorded_at, pair[0].event_id), reverse=True)
        return found[:limit]

    async def attached(self, key: LeadKey) -> list[Attached]:
        found = []
        for (project_id, subject), lead_id in self._in.subjects.items():
            if (project_id, lead_id) != key:
                continue
            moves = sorted(
                (at, leaves, comes)
                for (*moved, at), (leaves, comes) in self._in.moves.items()
                if moved == [project_id, subject]
            )
            events = (
                event
                for event, _ in self._in.ledger.values()
                if (event.project_id, event.subject) == (project_id, subject)
            )
            found.append(
                Attached(
                    subject,
                    self._in.attached[(project_id, subject)],
                    moves[0][1] if moves and moves[0][1] != lead_id else "",
                    max((at for at, _, comes in moves if comes == lead_id), default=None),
                    sum(not event.entry.is_fact for event in events),
                )
            )
        return sorted(found, key=lambda one: (one.attached_at, one.subject))
