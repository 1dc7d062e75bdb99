"""The SQL of facts: whose a reference is, now and at any record time, how references go from one lead to another, and
which events were retracted. Part of the store's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.scoring import rows
from services.scoring.domain.model import FACT_PREFIX
from services.scoring.fact_ports import EventsLike
from services.scoring.identity_queries import IdentityQueries
from services.scoring.ports import LeadKey, RecordedChange, SubjectKey

WINDOW_ENTRIES = 50_000
"""Ledger entries that one statement looks through for events of a kind: well within the statements' time limit."""

# A lead that never was merged need not have its own id among its references.
_HOMES = """
    SELECT i.project_id, i.subject, coalesce(s.lead_id, l.lead_id)
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, subject)
    LEFT JOIN subjects s USING (project_id, subject)
    LEFT JOIN leads l ON s.lead_id IS NULL AND i.subject LIKE 'lead:%%'
        AND l.project_id = i.project_id AND l.lead_id = substr(i.subject, 6)
    WHERE coalesce(s.lead_id, l.lead_id) IS NOT NULL
"""
_MOVED = """
    SELECT EXISTS (
        SELECT FROM unnest(%s::text[], %s::text[], %s::text[]) AS i(project_id, subject, lead_id)
        JOIN subjects s USING (project_id, subject) WHERE s.lead_id <> i.lead_id
    )
"""
_REFERENCES = """
    SELECT i.project_id, i.lead_id, s.subject
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, lead_id)
    CROSS JOIN LATERAL (
        SELECT subject FROM subjects
        WHERE project_id = i.project_id AND lead_id = i.lead_id
        -- Names first: where there are too many, those that are left out say nothing about who somebody is.
        ORDER BY starts_with(subject, 'anonymous:'), subject LIMIT %s
    ) s
"""
_EVENT_COUNTS = """
    SELECT s.project_id, s.lead_id, s.event_count
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, lead_id)
    JOIN snapshots s USING (project_id, lead_id)
"""
_MOVE = """
    UPDATE subjects s SET lead_id = i.lead_id
    FROM unnest(%s::text[], %s::text[]) AS i(subject, lead_id)
    WHERE s.project_id = %s AND s.subject = i.subject
"""
_COUNT_MOVE = """
    INSERT INTO projects (project_id, activation, moves) VALUES (%s, 0, 1)
    ON CONFLICT (project_id) DO UPDATE SET moves = projects.moves + 1
"""
_NOTE_MOVES = """
    INSERT INTO subject_moves (project_id, subject, moved_at, from_lead_id, to_lead_id)
    SELECT %s, subject, %s, from_lead_id, to_lead_id
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS i(subject, from_lead_id, to_lead_id)
"""
# While it is merged nothing else leaves a lead: the last move is the merge.
_MERGED_REFERENCES = """
    SELECT subject FROM subject_moves m
    WHERE project_id = %(project)s AND from_lead_id = %(lead)s AND moved_at = (
        SELECT max(moved_at) FROM subject_moves
        WHERE project_id = %(project)s AND from_lead_id = %(lead)s
    )
    -- Without those that a later unmerge gave back to a lead they had been before this one: they have gone their own
    -- way since.
    AND NOT EXISTS (
        SELECT FROM subject_moves later JOIN subject_moves earlier USING (project_id, subject)
        WHERE later.project_id = m.project_id AND later.subject = m.subject
          AND later.moved_at > m.moved_at AND earlier.moved_at < m.moved_at
          AND earlier.from_lead_id = later.to_lead_id
    )
    ORDER BY subject
"""
# A reference was, at a record time by which it had been heard of, of the lead that it left first after it, or of the
# one that it is of now. The id of a lead is known since the first reference that made the lead.
_LEAD_AT = """
    WITH known AS (
        SELECT lead_id FROM subjects
        WHERE project_id = %(project)s AND subject = %(subject)s
          AND (%(known_at)s::timestamptz IS NULL OR attached_at <= %(known_at)s)
    )
    SELECT coalesce(
        (SELECT from_lead_id FROM subject_moves
         WHERE project_id = %(project)s AND subject = %(subject)s AND moved_at > %(known_at)s
           AND EXISTS (SELECT FROM known)
         ORDER BY moved_at LIMIT 1),
        (SELECT lead_id FROM known),
        (SELECT lead_id FROM leads l WHERE project_id = %(project)s
         AND %(subject)s::text LIKE 'lead:%%' AND lead_id = substr(%(subject)s::text, 6)
         AND (%(known_at)s::timestamptz IS NULL OR EXISTS (
            SELECT FROM subjects s
            WHERE s.project_id = l.project_id AND s.lead_id = l.lead_id
              AND s.attached_at <= %(known_at)s AND NOT EXISTS (
                SELECT FROM subject_moves m
                WHERE m.project_id = s.project_id AND m.subject = s.subject)
         ) OR EXISTS (
            SELECT FROM subject_moves m JOIN subjects s USING (project_id, subject)
            WHERE m.project_id = l.project_id AND m.from_lead_id = l.lead_id
              AND s.attached_at <= %(known_at)s AND NOT EXISTS (
                SELECT FROM subject_moves e WHERE e.project_id = m.project_id
                AND e.subject = m.subject AND e.moved_at < m.moved_at)
         )))
    )
"""
_SUBJECTS_OF_EVENTS = """
    SELECT event_id, subject FROM ledger
    WHERE project_id = %s AND event_id = ANY(%s) AND NOT starts_with(type, %s)
"""
_LIKE = """
    SELECT l.event_id, l.subject FROM ledger l
    WHERE l.project_id = %(project)s AND NOT starts_with(l.type, %(facts)s)
      AND (%(types)s::text[] IS NULL OR l.type = ANY(%(types)s))
      AND (%(source)s = '' OR l.source = %(source)s)
      AND (%(start)s::timestamptz IS NULL OR l.occurred_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR l.occurred_at < %(end)s)
      AND NOT EXISTS (SELECT FROM retractions r
                      WHERE r.project_id = l.project_id AND r.event_id = l.event_id)
"""
_LIKE_OF_LEAD = (
    _LIKE
    + """
      AND l.subject IN (SELECT subject FROM subjects
                        WHERE project_id = %(project)s AND lead_id = %(lead)s)
    LIMIT %(limit)s
"""
)
_LIKE_BETWEEN = _LIKE + " AND l.position > %(after)s AND l.position <= %(until)s LIMIT %(limit)s"
_RETRACTED = "SELECT event_id FROM retractions WHERE project_id = %s AND event_id = ANY(%s)"
_NOTE_RETRACTED = """
    INSERT INTO retractions (project_id, event_id) SELECT %s, unnest(%s::text[])
"""
_CHANGE_OF = f"""
    SELECT {rows.CHANGE_COLUMNS} FROM score_changes
    WHERE project_id = %(project)s AND event_id = %(event)s AND lead_id IN (
        SELECT s.lead_id FROM ledger l JOIN subjects s USING (project_id, subject)
        WHERE l.project_id = %(project)s AND l.event_id = %(event)s
        UNION
        SELECT unnest(ARRAY[m.from_lead_id, m.to_lead_id])
        FROM ledger l JOIN subject_moves m USING (project_id, subject)
        WHERE l.project_id = %(project)s AND l.event_id = %(event)s
    )
"""


class FactQueries(IdentityQueries):
    """See fact_ports.FactTransaction."""

    async def homes_of(self, subjects: Iterable[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        found = await self._fetch(_HOMES, *rows.arrays(sorted(set(subjects)), 2))
        return {(project, subject): (project, lead_id) for project, subject, lead_id in found}

    async def moved(self, homes: Mapping[SubjectKey, LeadKey]) -> bool:
        known = sorted((*subject, lead_id) for subject, (_, lead_id) in homes.items())
        found: bool = (await self._fetch(_MOVED, *rows.arrays(known, 3)))[0][0]
        return found

    async def references_of(self, leads: Iterable[LeadKey], limit: int) -> dict[LeadKey, list[str]]:
        wanted = sorted(set(leads))
        references: dict[LeadKey, list[str]] = {key: [] for key in wanted}
        found = await self._fetch(_REFERENCES, *rows.arrays(wanted, 2), limit)
        for project_id, lead_id, subject in found:
            references[(project_id, lead_id)].append(subject)
        return references

    async def event_counts(self, leads: Iterable[LeadKey]) -> dict[LeadKey, int]:
        found = await self._fetch(_EVENT_COUNTS, *rows.arrays(sorted(set(leads)), 2))
        return {(project_id, lead_id): count for project_id, lead_id, count in found}

    async def move(self, project_id: str, homes: Mapping[str, str]) -> None:
        values = (*rows.arrays(sorted(homes.items()), 2), project_id)
        await self._cursor.execute(_MOVE, values)
        await self._cursor.execute(_COUNT_MOVE, (project_id,))

    async def note_moves(
        self, project_id: str, moves: Mapping[str, tuple[str, str]], moved_at: datetime
    ) -> None:
        lines = [(subject, *leads) for subject, leads in moves.items()]
        await self._cursor.execute(_NOTE_MOVES, (project_id, moved_at, *rows.arrays(lines, 3)))

    async def merged_references(self, key: LeadKey) -> list[str]:
        values = {"project": key[0], "lead": key[1]}
        await self._cursor.execute(_MERGED_REFERENCES, values)
        return [subject for (subject,) in await self._cursor.fetchall()]

    async def lead_at(self, project_id: str, subject: str, known_at: datetime | None) -> str | None:
        values = {"project": project_id, "subject": subject, "known_at": known_at}
        await self._cursor.execute(_LEAD_AT, values)
        found = await self._cursor.fetchone()
        return found[0] if found else None

    async def subjects_of_events(self, project_id: str, event_ids: Sequence[str]) -> dict[str, str]:
        values = (project_id, list(event_ids), FACT_PREFIX)
        return dict(await self._fetch(_SUBJECTS_OF_EVENTS, *values))

    async def events_like(self, project_id: str, which: EventsLike, limit: int) -> dict[str, str]:
        values = {
            "project": project_id,
            "facts": FACT_PREFIX,
            "types": list(which.types) or None,
            "source": which.source,
            "start": which.start,
            "end": which.end,
        }
        if which.lead_id:
            of_lead = values | {"lead": which.lead_id, "limit": limit}
            await self._cursor.execute(_LIKE_OF_LEAD, of_lead)
            return dict(await self._cursor.fetchall())
        found: dict[str, str] = {}
        last = await self.last_position(project_id)
        for after in range(0, last, WINDOW_ENTRIES):
            window = {"after": after, "until": after + WINDOW_ENTRIES, "limit": limit - len(found)}
            await self._cursor.execute(_LIKE_BETWEEN, values | window)
            found.update(await self._cursor.fetchall())
            if len(found) >= limit:
                break
        return found

    async def retracted(self, project_id: str, event_ids: Sequence[str]) -> set[str]:
        found = await self._fetch(_RETRACTED, project_id, list(event_ids))
        return {event_id for (event_id,) in found}

    async def note_retracted(self, project_id: str, event_ids: Sequence[str]) -> None:
        await self._cursor.execute(_NOTE_RETRACTED, (project_id, list(event_ids)))

    async def change_of(self, project_id: str, event_id: str) -> RecordedChange | None:
        await self._cursor.execute(_CHANGE_OF, {"project": project_id, "event": event_id})
        found = await self._cursor.fetchone()
        return rows.recorded_change(found) if found else None
