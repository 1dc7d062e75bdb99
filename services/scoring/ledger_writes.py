"""The ledger as it grows, and with it the projects' record time, on which everything is dated that is ever asked for as
known at a time: entries, activations, references. Part of the store's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import rows, stored_rules
from services.scoring import statements as sql
from services.scoring.domain import chain
from services.scoring.errors import ConcurrentAppend
from services.scoring.fact_queries import FactQueries
from services.scoring.ports import Activation, IncomingEvent
from services.shared.bulk import copy_text

COPIED_ROWS = 250
"""Rows put into text at a time: at 32 KB of properties each, 8 MB and a few copies of it."""


class LedgerWrites(FactQueries):
    """See ports.Transaction."""

    def __init__(
        self, connection: AsyncConnection, cursor: psycopg.AsyncCursor[tuple[Any, ...]]
    ) -> None:
        super().__init__(connection, cursor)
        # References that are new, by project, with the time they were made at.
        self._undated: dict[str, tuple[list[str], datetime]] = {}

    async def append(self, events: Sequence[IncomingEvent], now: datetime) -> dict[str, datetime]:
        if not events:
            return {}
        recorded: dict[str, datetime] = {}
        project_ids = sorted({event.project_id for event in events})
        # With those that `finish` locks: always in one order.
        heads = await self._lock_heads(sorted({*project_ids, *self._undated}))
        ledger: list[tuple[Any, ...]] = []
        for project_id in project_ids:
            own = [event for event in events if event.project_id == project_id]
            position, previous, last_recorded_at = heads[project_id]
            recorded_at = recorded[project_id] = chain.next_record_time(now, last_recorded_at)
            entries = [
                rows.ledger_columns(event, position + number, recorded_at)
                for number, event in enumerate(own, start=1)
            ]
            ledger += entries
            block = chain.block_hash(previous, (entry[-1] for entry in entries))
            end = (project_id, position + len(own), block, recorded_at)
            await self._fetch_together(
                (sql.ADD_BLOCK, end), (sql.MOVE_HEAD, (*end[1:], project_id))
            )
            await self._date_subjects(project_id, recorded_at)
        try:
            await self._copy(f"ledger ({rows.LEDGER_COLUMNS})", ledger)
        except psycopg.errors.UniqueViolation as error:
            raise ConcurrentAppend from error
        return recorded

    async def record_activation(self, activation: Activation, now: datetime) -> bool:
        project_id = activation.project_id
        await self._cursor.execute(sql.AWAIT_RULES, (project_id,))
        position, head, last_recorded_at = (await self._lock_heads([project_id]))[project_id]
        recorded_at = chain.next_record_time(now, last_recorded_at)
        added = await self._fetch(
            sql.ADD_ACTIVATION,
            project_id,
            activation.number,
            activation.activated_at,
            activation.actor,
            Jsonb(stored_rules.to_json(activation.rule_set)),
            activation.effective_from,
            recorded_at,
        )
        if added:
            await self._cursor.execute(sql.ACTIVATE, (project_id, activation.number))
            await self._cursor.execute(sql.MOVE_HEAD, (position, head, recorded_at, project_id))
        return bool(added)

    async def finish(self) -> None:
        """What comes last: references that came with no ledger entry get a record time too."""
        for project_id, (_, now) in sorted(self._undated.items()):
            await self._move_record_time(project_id, now)

    async def _add_subjects(
        self, wanted: Sequence[tuple[str, str, str]], now: datetime
    ) -> list[tuple[str, str, str]]:
        added: list[Any] = await self._fetch(sql.ADD_SUBJECTS, *rows.arrays(wanted, 3))
        for project_id, subject, _ in added:
            self._undated.setdefault(project_id, ([], now))[0].append(subject)
        return added

    async def _date_subjects(self, project_id: str, recorded_at: datetime) -> None:
        subjects, _ = self._undated.pop(project_id, ([], None))
        if subjects:
            await self._cursor.execute(sql.DATE_SUBJECTS, (recorded_at, project_id, subjects))

    async def _move_record_time(self, project_id: str, now: datetime) -> None:
        position, head, last_recorded_at = (await self._lock_heads([project_id]))[project_id]
        recorded_at = chain.next_record_time(now, last_recorded_at)
        await self._cursor.execute(sql.MOVE_HEAD, (position, head, recorded_at, project_id))
        await self._date_subjects(project_id, recorded_at)

    async def _copy(self, target: str, lines: Sequence[tuple[Any, ...]]) -> None:
        async with self._cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for start in range(0, len(lines), COPIED_ROWS):
                await copy.write(copy_text(lines[start : start + COPIED_ROWS]))

    async def _lock_heads(
        self, project_ids: Sequence[str]
    ) -> dict[str, tuple[int, bytes, datetime]]:
        found = await self._fetch(sql.LOCK_HEADS, project_ids)
        if len(found) < len(project_ids):
            await self._cursor.execute(sql.ADD_HEADS, (project_ids, chain.GENESIS, chain.NEVER))
            found = await self._fetch(sql.LOCK_HEADS, project_ids)
        return {project: (position, head, at) for project, position, head, at in found}
