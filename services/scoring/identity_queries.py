"""The SQL of what is known of references. Part of the store's transaction."""

from collections.abc import Sequence
from datetime import datetime

from services.scoring.domain.model import FACT_PREFIX
from services.scoring.identity_ports import Attached, IdentityConflict
from services.scoring.ledger_queries import LedgerReads
from services.scoring.ports import LeadKey

_NOTE_CONFLICT = """
    INSERT INTO identity_conflicts (project_id, event_id, subjects, lead_ids, recorded_at)
    VALUES (%s, %s, %s, %s, %s)
"""
_CONFLICTS = """
    SELECT c.project_id, c.event_id, c.subjects, c.lead_ids, c.recorded_at,
           (SELECT count(s.lead_id) = count(*) AND count(DISTINCT s.lead_id) = 1
            FROM unnest(c.subjects) AS i(subject)
            LEFT JOIN subjects s ON s.project_id = c.project_id AND s.subject = i.subject)
    FROM identity_conflicts c
    WHERE c.project_id = %(project)s
      AND (%(lead)s = '' OR c.subjects && ARRAY(
          SELECT subject FROM subjects WHERE project_id = %(project)s AND lead_id = %(lead)s))
      AND (%(after_time)s::timestamptz IS NULL
           OR (c.recorded_at, c.event_id) < (%(after_time)s, %(after_event)s))
    ORDER BY c.recorded_at DESC, c.event_id DESC LIMIT %(limit)s
"""
_ATTACHED = """
    SELECT s.subject, s.attached_at, coalesce(f.from_lead_id, ''), m.moved_at,
           (SELECT count(*) FROM ledger l
            WHERE l.project_id = s.project_id AND l.subject = s.subject
              AND NOT starts_with(l.type, %(facts)s))
    FROM subjects s
    LEFT JOIN LATERAL (
        SELECT from_lead_id FROM subject_moves
        WHERE project_id = s.project_id AND subject = s.subject ORDER BY moved_at LIMIT 1
    ) f ON f.from_lead_id <> s.lead_id
    LEFT JOIN LATERAL (
        SELECT max(moved_at) AS moved_at FROM subject_moves
        WHERE project_id = s.project_id AND subject = s.subject AND to_lead_id = s.lead_id
    ) m ON true
    WHERE s.project_id = %(project)s AND s.lead_id = %(lead)s
    ORDER BY s.attached_at, s.subject
"""


class IdentityQueries(LedgerReads):
    """See ports.Transaction."""

    async def note_conflicts(self, conflicts: Sequence[IdentityConflict]) -> None:
        lines = [
            (one.project_id, one.event_id, list(one.subjects), list(one.lead_ids), one.recorded_at)
            for one in conflicts
        ]
        if lines:
            await self._cursor.executemany(_NOTE_CONFLICT, lines)

    async def identity_conflicts(
        self, project_id: str, lead_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[IdentityConflict, bool]]:
        after_time, after_event = after or (None, "")
        values = {
            "project": project_id,
            "lead": lead_id,
            "after_time": after_time,
            "after_event": after_event,
            "limit": limit,
        }
        await self._cursor.execute(_CONFLICTS, values)
        return [
            (IdentityConflict(project, event_id, tuple(subjects), tuple(leads), at), resolved)
            for project, event_id, subjects, leads, at, resolved in await self._cursor.fetchall()
        ]

    async def attached(self, key: LeadKey) -> list[Attached]:
        values = {"project": key[0], "lead": key[1], "facts": FACT_PREFIX}
        await self._cursor.execute(_ATTACHED, values)
        return [Attached(*columns) for columns in await self._cursor.fetchall()]
