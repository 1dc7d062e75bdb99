"""The ledger as it is read to explain, verify and replay: part of the store's transaction. What may be long is read in
portions through a cursor on the server, so that no history is too long for memory. No writes here."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import queries, rows
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.model import RETRACTION, Activated, Entry
from services.scoring.domain.verification import Block, KeptEntry, Written
from services.scoring.ports import LeadFilter, LeadKey

PORTION_ENTRIES = 500
"""Entries fetched at a time: at 32 KB of properties each, 16 MB at most, and as much again that is fetched ahead."""

_HEAD = "SELECT last_position, hash, recorded_at FROM ledger_heads WHERE project_id = %s"

_ACTIVATION_AT = """
    SELECT coalesce(max(number), 0) FROM activations WHERE project_id = %s AND recorded_at <= %s
"""

_ACTIVATIONS = """
    SELECT number, rule_set, effective_from, recorded_at FROM activations
    WHERE project_id = %s AND number <= %s ORDER BY number DESC
"""

# A reference was, at a record time, of the lead that it left first after it, or of the one that it is of now.
# The server knows that leads come in the order of their places, and looks up each one's entries alone (OFFSET 0):
# so it sorts lead by lead as it goes along, and not all of them before the first.
_HISTORIES = """
    SELECT i.place, l.event_id, l.type, l.occurred_at, l.properties::text, l.source, l.position,
           l.recorded_at, l.subject
    FROM unnest(%(projects)s::text[], %(leads)s::text[]) WITH ORDINALITY
         AS i(project_id, lead_id, place)
    CROSS JOIN LATERAL (
        SELECT l.* FROM (
            SELECT subject FROM subjects
            WHERE project_id = i.project_id AND lead_id = i.lead_id
            AND (%(known_at)s::timestamptz IS NULL OR NOT EXISTS (
                SELECT FROM subject_moves m WHERE m.project_id = i.project_id
                AND m.subject = subjects.subject AND m.moved_at > %(known_at)s))
            UNION ALL
            SELECT m.subject FROM subject_moves m
            WHERE m.project_id = i.project_id AND m.from_lead_id = i.lead_id
            AND m.moved_at > %(known_at)s AND NOT EXISTS (
                SELECT FROM subject_moves e WHERE e.project_id = m.project_id
                AND e.subject = m.subject AND e.moved_at > %(known_at)s AND e.moved_at < m.moved_at)
        ) s JOIN ledger l ON l.project_id = i.project_id AND l.subject = s.subject
        WHERE (%(as_of)s::timestamptz IS NULL OR l.occurred_at <= %(as_of)s
               OR l.type = %(retraction)s)
          AND (%(known_at)s::timestamptz IS NULL OR l.recorded_at <= %(known_at)s)
        OFFSET 0
    ) l
    ORDER BY i.place, l.type <> %(retraction)s,
             CASE WHEN %(in_ledger_order)s THEN l.position END, l.occurred_at, l.event_id
"""

_KEPT = """
    SELECT l.position, l.event_id, l.subject, l.type, l.occurred_at, l.recorded_at, l.source,
           l.properties::text, l.payload_hash, l.entry_hash, coalesce(n.lead_id, '')
    FROM ledger l
    LEFT JOIN subjects s ON s.project_id = l.project_id AND s.subject = l.subject
    LEFT JOIN snapshots n ON n.project_id = s.project_id AND n.lead_id = s.lead_id
"""
_KEPT_BETWEEN = (
    _KEPT + "WHERE l.project_id = %s AND l.position > %s AND l.position <= %s ORDER BY l.position"
)
_KEPT_OF = (
    _KEPT
    + """
    WHERE l.project_id = %(project)s AND l.subject IN (
        SELECT subject FROM subjects WHERE project_id = %(project)s AND lead_id = %(lead)s
    )
    ORDER BY l.position
"""
)

_BLOCK_BEFORE = """
    SELECT last_position, hash, recorded_at FROM ledger_blocks
    WHERE project_id = %s AND last_position < %s ORDER BY last_position DESC LIMIT 1
"""
_BLOCKS_AFTER = """
    SELECT last_position, hash, recorded_at FROM ledger_blocks
    WHERE project_id = %s AND last_position > %s ORDER BY last_position LIMIT %s
"""
_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM ledger WHERE project_id = %s"

_SNAPSHOTS_AFTER = f"""
    SELECT project_id, lead_id, {rows.SNAPSHOT_COLUMNS} FROM snapshots
    WHERE project_id = %s AND lead_id > %s ORDER BY lead_id LIMIT %s
"""
_SNAPSHOTS_OF = f"""
    SELECT project_id, lead_id, {rows.SNAPSHOT_COLUMNS}
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, lead_id)
    JOIN snapshots USING (project_id, lead_id) ORDER BY project_id, lead_id
"""
_WRITTEN = """
    SELECT s.project_id, s.lead_id, s.updated_at, c.version, c.score, c.stage, c.changed_at
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, lead_id)
    JOIN snapshots s USING (project_id, lead_id)
    LEFT JOIN LATERAL (
        SELECT version, score, stage, changed_at FROM score_changes
        WHERE project_id = s.project_id AND lead_id = s.lead_id ORDER BY version DESC LIMIT 1
    ) c ON true
"""


class LedgerReads:
    """See ports.Transaction."""

    def __init__(
        self, connection: AsyncConnection, cursor: psycopg.AsyncCursor[tuple[Any, ...]]
    ) -> None:
        self._connection = connection
        self._cursor = cursor
        self._streams = 0

    async def head(self, project_id: str) -> Block | None:
        found = await self._fetch(_HEAD, project_id)
        return Block(*found[0]) if found else None

    async def activation_at(self, project_id: str, known_at: datetime) -> int:
        number: int = (await self._fetch(_ACTIVATION_AT, project_id, known_at))[0][0]
        return number

    async def histories_of(
        self,
        leads: Iterable[LeadKey],
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        in_event_time: bool = True,
    ) -> AsyncGenerator[tuple[LeadKey, Sequence[Entry]], None]:
        wanted = sorted(set(leads))
        values = {
            "projects": [project_id for project_id, _ in wanted],
            "leads": [lead_id for _, lead_id in wanted],
            "as_of": as_of,
            "known_at": known_at,
            "in_ledger_order": not in_event_time,
            "retraction": RETRACTION,
        }
        async with aclosing(self._portions(_HISTORIES, values)) as portions:
            async for portion in portions:
                for place, lines in groupby(portion, key=itemgetter(0)):
                    yield wanted[place - 1], [rows.entry(columns[1:]) for columns in lines]

    async def kept_entries(
        self, project_id: str, after: int, until: int
    ) -> AsyncGenerator[KeptEntry, None]:
        values = (project_id, after, until)
        async with aclosing(self._portions(_KEPT_BETWEEN, values)) as portions:
            async for portion in portions:
                for columns in portion:
                    yield KeptEntry(*columns)

    async def kept_entries_of(self, key: LeadKey) -> AsyncGenerator[KeptEntry, None]:
        values = {"project": key[0], "lead": key[1]}
        async with aclosing(self._portions(_KEPT_OF, values)) as portions:
            async for portion in portions:
                for columns in portion:
                    yield KeptEntry(*columns)

    async def block_before(self, project_id: str, position: int) -> Block | None:
        found = await self._fetch(_BLOCK_BEFORE, project_id, position)
        return Block(*found[0]) if found else None

    async def blocks_after(self, project_id: str, position: int, limit: int) -> list[Block]:
        found = await self._fetch(_BLOCKS_AFTER, project_id, position, limit)
        return [Block(*columns) for columns in found]

    async def last_position(self, project_id: str) -> int:
        position: int = (await self._fetch(_LAST_POSITION, project_id))[0][0]
        return position

    async def snapshots_after(
        self, project_id: str, after: str, limit: int
    ) -> dict[LeadKey, Snapshot]:
        found = await self._fetch(_SNAPSHOTS_AFTER, project_id, after, limit)
        return {(columns[0], columns[1]): rows.snapshot(columns[2:]) for columns in found}

    async def snapshots_of(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Snapshot]:
        columns = rows.arrays(sorted(set(leads)), 2)
        found = await self._fetch(_SNAPSHOTS_OF, *columns)
        return {(line[0], line[1]): rows.snapshot(line[2:]) for line in found}

    async def written(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Written]:
        wanted = sorted(set(leads))
        columns = [[key[0] for key in wanted], [key[1] for key in wanted]]
        return {
            (project_id, lead_id): Written(at, version or 0, score or 0, stage or "", version_at)
            for project_id, lead_id, at, version, score, stage, version_at in await self._fetch(
                _WRITTEN, *columns
            )
        }

    async def count_leads(self, project_id: str, which: LeadFilter) -> int:
        return await queries.count_leads(self._connection, project_id, which)

    async def lead_ids(
        self, project_id: str, which: LeadFilter, after: str, limit: int
    ) -> list[str]:
        return await queries.lead_ids(self._connection, project_id, which, after, limit)

    async def activations(self, project_id: str, until: int) -> list[Activated]:
        return [rows.activated(one) for one in await self._fetch(_ACTIVATIONS, project_id, until)]

    async def _fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        await self._cursor.execute(query, values)
        return await self._cursor.fetchall()

    async def _fetch_together(
        self, *asked: tuple[str, Sequence[Any]]
    ) -> list[list[tuple[Any, ...]]]:
        """The rows of several statements, which cross to the database together; each sees what was committed when it
        began."""
        cursors = [self._cursor.connection.cursor() for _ in asked]
        async with self._cursor.connection.pipeline():
            for cursor, (query, values) in zip(cursors, asked, strict=True):
                await cursor.execute(query, values)
        return [
            await cursor.fetchall() if cursor.description is not None else [] for cursor in cursors
        ]

    async def _portions(
        self, query: str, values: Any
    ) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        """Rows as they are fetched: the server makes the next ones ready while somebody works on these."""
        self._streams += 1
        name = f"entries_{self._streams}"
        async with self._cursor.connection.cursor(name=name, binary=True) as cursor:
            await cursor.execute(query, values)
            ahead = asyncio.create_task(cursor.fetchmany(PORTION_ENTRIES))
            try:
                while portion := await ahead:
                    if len(portion) == PORTION_ENTRIES:
                        ahead = asyncio.create_task(cursor.fetchmany(PORTION_ENTRIES))
                        await asyncio.sleep(0)  # so that it is on its way
                    yield portion
                    if len(portion) < PORTION_ENTRIES:
                        break
            finally:
                # Who wants no more of it goes on with the transaction, as soon as the connection is free.
                await asyncio.gather(ahead, return_exceptions=True)
