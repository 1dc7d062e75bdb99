"""The Postgres store: what a transaction that scores does. The hot path speaks psycopg (arrays in, COPY out), since a
statement for each event would cost more than everything else together. Reads for callers are in `queries.py`."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import queries, rows
from services.scoring import statements as sql
from services.scoring.domain.binding import bound, looks_back
from services.scoring.domain.lead import RulesInForce, Snapshot
from services.scoring.domain.model import NO_RULES, Activated
from services.scoring.errors import (
    CannotStore,
    LeadTaken,
    StoreBroken,
    UnknownActivation,
)
from services.scoring.event_queries import EventQueries
from services.scoring.export_queries import ExportQueries
from services.scoring.known_leads import KnownLeads
from services.scoring.lead_locks import SNAPSHOT_WIDTH, LeadLocks
from services.scoring.ports import (
    ChangeFilter,
    EventKey,
    LeadFilter,
    LeadKey,
    LeadUpdate,
    LeadView,
    Profile,
    Quarantined,
    RecordedChange,
    RecordedEvent,
)
from services.scoring.stored_rules import RulesCache
from services.shared.bulk import array
from services.shared.bus import subject_token
from services.shared.db import Database
from services.shared.outbox import outbox_row, versioned
from services.shared.publishing import OutgoingMessage

# Not the values' fault: a table or a privilege is missing, the server is read-only, a statement is wrong.
_BROKEN = (psycopg.ProgrammingError, psycopg.InternalError, psycopg.NotSupportedError)

EncodeChange = Callable[[RecordedChange], bytes]

EncodeQuarantined = Callable[[Quarantined, datetime], OutgoingMessage]
"""The message that tells ingest."""


def scores_subject(project_id: str, lead_id: str) -> str:
    """Where a lead's changes are published."""
    return f"scores.{project_id}.{subject_token(lead_id)}"


class PostgresStore:
    """Leads and ledger in the schema `scoring`."""

    def __init__(
        self,
        database: Database,
        encode_change: EncodeChange,
        encode_quarantined: EncodeQuarantined,
    ) -> None:
        self._database = database
        self._encode_change = encode_change
        self._encode_quarantined = encode_quarantined
        # What is in force is read in every transaction.
        self._rules = RulesCache()
        self._known = KnownLeads()

    def begin(self) -> AbstractAsyncContextManager["PostgresTransaction"]:
        """A transaction; see ports.Store."""
        return self._transaction()

    def reading(self) -> AbstractAsyncContextManager["PostgresTransaction"]:
        """A transaction that changes nothing; see ports.Store."""
        return self._transaction(sql.AS_OF_THE_FIRST_READ)

    @asynccontextmanager
    async def _transaction(self, mode: str = "") -> AsyncIterator["PostgresTransaction"]:
        async with self._database.begin() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, psycopg.AsyncConnection)  # noqa: S101 - for the type checker
            async with raw.cursor() as cursor:
                try:
                    if mode:
                        await cursor.execute(mode)
                    transaction = PostgresTransaction(
                        connection,
                        cursor,
                        self._rules,
                        self._known,
                        self._encode_change,
                        self._encode_quarantined,
                    )
                    yield transaction
                    await transaction.finish()
                except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
                    raise CannotStore(type(error).__name__) from error
                except _BROKEN as error:
                    raise StoreBroken(type(error).__name__) from error


class PostgresTransaction(LeadLocks, ExportQueries, EventQueries):
    """See ports.Transaction."""

    def __init__(
        self,
        connection: AsyncConnection,
        cursor: psycopg.AsyncCursor[tuple[Any, ...]],
        rules_cache: RulesCache,
        known: KnownLeads,
        encode_change: EncodeChange,
        encode_quarantined: EncodeQuarantined,
    ) -> None:
        super().__init__(connection, cursor, known)
        self._rules_cache = rules_cache
        self._encode_change = encode_change
        self._encode_quarantined = encode_quarantined

    async def rules_in_force(self, project_ids: Iterable[str]) -> dict[str, RulesInForce]:
        wanted = sorted(set(project_ids))
        _, known = await self._fetch_together(
            (sql.HOLD_RULES, [wanted]), (sql.ACTIVATIONS, [wanted])
        )
        numbers = {}
        for project_id, activation, moves in known:
            numbers[project_id] = activation
            self._note_moves_so_far(project_id, moves)
        missing = [project_id for project_id in wanted if project_id not in numbers]
        if missing:
            await self._cursor.execute(sql.ADD_PROJECTS, (missing,))
            found = await self._fetch(sql.ACTIVATIONS, missing)
            numbers.update((project_id, activation) for project_id, activation, _ in found)
        return {
            project_id: await self._rules(project_id, numbers[project_id]) for project_id in wanted
        }

    async def rules_under(self, project_id: str, activation: int | None) -> RulesInForce:
        if activation is None:
            found = await self._fetch(sql.ACTIVATION_NOW, project_id)
            activation = found[0][0] if found else 0
        return await self._rules(project_id, activation)

    async def due(self, now: datetime, limit: int) -> list[LeadKey]:
        return [(project, lead_id) for project, lead_id in await self._fetch(sql.DUE, now, limit)]

    async def payload_hashes(self, events: Iterable[EventKey]) -> dict[EventKey, bytes]:
        projects, event_ids = rows.arrays(sorted(set(events)), 2)
        found = await self._fetch(sql.PAYLOAD_HASHES, projects, event_ids)
        return {(project_id, event_id): payload for project_id, event_id, payload in found}

    async def save(self, updates: Sequence[LeadUpdate], now: datetime) -> None:
        if not updates:
            return
        changed = []
        for update in sorted_by_key(updates):
            columns = rows.snapshot_columns(update.snapshot)
            changed.append((*update.key, *columns))
            if self._written_by is not None:
                length = len(columns[rows.STATE])
                self._known.remember_snapshot(update.key, self._written_by, update.snapshot, length)
        recorded = [
            (update.key, rows.recorded(update.key[1], change, now))
            for update in updates
            for change in update.changes
        ]
        messages = [
            versioned(scores_subject(*key), change.change.version, self._encode_change(change))
            for key, change in recorded
        ]
        await self._fetch_together(
            (sql.UPDATE_SNAPSHOTS, (now, *rows.arrays(changed, SNAPSHOT_WIDTH))),
            *_to_be_sent("outbox", messages),
        )
        await self._copy(
            f"score_changes (project_id, {rows.CHANGE_COLUMNS})",
            [rows.change_columns(key[0], change) for key, change in recorded],
        )

    async def quarantine(self, items: Sequence[Quarantined], now: datetime) -> None:
        messages = [self._encode_quarantined(item, now) for item in items]
        for statement, values in _to_be_sent("quarantine_outbox", messages):
            await self._cursor.execute(statement, values)

    async def create_lead(
        self, profile: Profile, subjects: Sequence[str], snapshot: Snapshot
    ) -> None:
        key = (profile.project_id, profile.lead_id)
        wanted = [(profile.project_id, subject, profile.lead_id) for subject in sorted(subjects)]
        added = await self._add_subjects(wanted, profile.created_at)
        if len(added) < len(wanted):
            raise LeadTaken
        made = await self._fetch(
            sql.ADD_LEAD,
            *key,
            profile.email,
            profile.display_name,
            profile.company,
            Jsonb(profile.attributes),
            profile.revision,
            profile.created_at,
            profile.updated_at,
        )
        if not made:
            raise LeadTaken
        await self._add_snapshots([(*key, *rows.snapshot_columns(snapshot))], profile.created_at)

    async def lock_profile(self, key: LeadKey) -> Profile | None:
        found = await self._fetch(sql.LOCK_PROFILE, *key)
        return rows.profile(found[0]) if found else None

    async def update_profile(self, profile: Profile) -> None:
        await self._cursor.execute(
            sql.UPDATE_PROFILE,
            (
                profile.display_name,
                profile.company,
                Jsonb(profile.attributes),
                profile.revision,
                profile.updated_at,
                profile.project_id,
                profile.lead_id,
            ),
        )

    async def rescore_target(self, after: str) -> tuple[str, int, str] | None:
        found = await self._fetch(sql.RESCORE_TARGET, after)
        return tuple(found[0]) if found else None

    async def rescored(self, project_id: str, target: int, cursor: str | None) -> None:
        done = target if cursor is None else 0
        await self._cursor.execute(sql.RESCORED, (project_id, done, target, cursor or ""))

    async def find_lead(self, project_id: str, subject: str) -> LeadView | None:
        return await queries.find_lead(self._cursor, project_id, subject)

    async def list_leads(self, project_id: str, which: LeadFilter, limit: int) -> list[LeadView]:
        return await queries.list_leads(self._connection, project_id, which, limit)

    async def stage_counts(self, project_id: str) -> dict[str, int]:
        return dict(await self._fetch(queries.STAGE_COUNTS, project_id))

    async def recorded_events(
        self, project_id: str, event_ids: Sequence[str]
    ) -> dict[str, RecordedEvent]:
        return await queries.recorded_events(self._cursor, project_id, event_ids)

    async def score_changes(
        self, key: LeadKey, after_version: int, limit: int
    ) -> list[RecordedChange]:
        found = await self._fetch(queries.SCORE_CHANGES, *key, after_version, limit)
        return [rows.recorded_change(columns) for columns in found]

    async def project_score_changes(
        self, project_id: str, which: ChangeFilter, limit: int
    ) -> list[RecordedChange]:
        return await queries.project_score_changes(self._connection, project_id, which, limit)

    async def _rules(self, project_id: str, number: int) -> RulesInForce:
        cached = self._rules_cache.get(project_id)
        if cached is not None and cached.activation == number:
            return cached
        if number == 0:
            return RulesInForce(0, NO_RULES)
        rules = RulesInForce(number, bound(await self._activated(project_id, number)))
        self._rules_cache.put(project_id, rules)
        return rules

    async def _activated(self, project_id: str, number: int) -> list[Activated]:
        """The activation, and those before it where they matter."""
        found = await self._fetch(sql.RULE_SETS, project_id, number, 1)
        if not found or found[0][0] != number:
            raise UnknownActivation(number)
        newest = rows.activated(found[0])
        if not looks_back(newest):
            return [newest]
        earlier = await self._fetch(sql.RULE_SETS, project_id, number - 1, number)
        return [newest, *map(rows.activated, earlier)]


def _to_be_sent(
    outbox: str, messages: Sequence[OutgoingMessage]
) -> list[tuple[str, Sequence[Any]]]:
    """The statement that writes a row of an outbox, with its values; none without messages."""
    if not messages:
        return []
    row = outbox_row(messages)
    arrays = (array(row[name]) for name in ("subjects", "message_ids", "lengths"))
    return [(sql.ADD_MESSAGES[outbox], (*arrays, row["payloads"]))]


def sorted_by_key(updates: Sequence[LeadUpdate]) -> list[LeadUpdate]:
    """In the order in which leads are locked."""
    return sorted(updates, key=lambda update: update.key)
