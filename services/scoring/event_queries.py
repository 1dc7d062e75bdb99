"""The events of a project as its ledger has them, read in portions through a cursor on the server: part of the store's
transaction. No writes here."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import psycopg

from services.scoring.domain.model import FACT_PREFIX
from services.scoring.event_ports import EventFilter, ExportedEvent
from services.scoring.facts import LINK_ID_PREFIX
from services.scoring.ports import LeadKey

PORTION_EVENTS = 500
"""Events fetched at a time: at 32 KiB of properties each, 16 MiB at most."""

# All entries, along ledger_by_position; of one lead, along ledger_by_subject.
_EVENTS = f"""
    WHERE e.project_id = %(project)s AND e.type NOT LIKE '{FACT_PREFIX}%%'
      AND NOT EXISTS (SELECT FROM retractions r WHERE r.project_id = e.project_id AND r.event_id = e.event_id)
      AND (%(type)s = '' OR e.type = %(type)s)
      AND (%(start)s::timestamptz IS NULL OR e.occurred_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR e.occurred_at < %(end)s)
"""
_OF_LEAD = """
      AND e.subject IN (
          SELECT subject FROM subjects WHERE project_id = %(project)s AND lead_id = %(lead)s
      )
"""
# Of an event that linked: what it linked, and all references of whom it is about, the same person's.
_COLUMNS = """
    SELECT e.event_id, e.type, e.subject, e.occurred_at, e.source, e.properties::text, e.recorded_at,
           link.properties, link.subjects
"""
_WITH_LINKS = f"""
    LEFT JOIN LATERAL (
        SELECT f.properties::text AS properties, ARRAY(
            SELECT s.subject FROM subjects own JOIN subjects s USING (project_id, lead_id)
            WHERE own.project_id = e.project_id AND own.subject = e.subject
        ) AS subjects
        FROM ledger f
        WHERE f.project_id = e.project_id AND f.event_id = '{LINK_ID_PREFIX}' || e.event_id
    ) AS link ON e.type = 'identify'
"""


class EventQueries:
    """See event_ports.EventReads."""

    _cursor: psycopg.AsyncCursor[tuple[Any, ...]]

    async def count_events(self, project_id: str, which: EventFilter, lead: LeadKey | None) -> int:
        query = f"SELECT count(*) FROM ledger e {_EVENTS} {_OF_LEAD if lead else ''}"
        async with self._cursor.connection.cursor() as cursor:
            await cursor.execute(query.encode(), _values(project_id, which, lead))
            found = await cursor.fetchone()
        return int(found[0]) if found else 0

    async def exported_events(
        self, project_id: str, which: EventFilter, lead: LeadKey | None
    ) -> AsyncGenerator[Sequence[ExportedEvent], None]:
        where = f"{_EVENTS} {_OF_LEAD if lead else ''}"
        query = f"{_COLUMNS} FROM ledger e {_WITH_LINKS} {where} ORDER BY e.position"
        async with self._cursor.connection.cursor(name="exported_events") as cursor:
            await cursor.execute(query.encode(), _values(project_id, which, lead))
            while found := await cursor.fetchmany(PORTION_EVENTS):
                yield [ExportedEvent(*columns) for columns in found]


def _values(project_id: str, which: EventFilter, lead: LeadKey | None) -> dict[str, Any]:
    return {
        "project": project_id,
        "type": which.type,
        "start": which.start,
        "end": which.end,
        "lead": lead[1] if lead else "",
    }
