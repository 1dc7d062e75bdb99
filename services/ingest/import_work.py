"""Working on imports, in Postgres.

Whoever works on an import holds a session advisory lock, which goes with his connection; and whatever he writes is
written only if as many rows were settled as he believes, so that two who both think it theirs count no row twice.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import import_rows as rows
from services.ingest.import_ports import (
    CHUNK_BYTES,
    ENDED,
    KEPT_ROWS_MAX,
    Import,
    KeptRow,
    Progress,
    State,
)
from services.ingest.tables import import_chunks, import_rows, imports
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable

PIECE_BYTES = 128 * 1024
"""Of a file, read at once: whatever is made of it on its way to rows is as small."""

UPLOAD_STALE_AFTER = timedelta(minutes=5)
"""A file of which nothing came for so long has lost its caller, who is cut off after a minute."""

KEPT_FOR = timedelta(days=30)
"""After its end."""

SWEPT_AT_ONCE = 20

CANDIDATES_MAX = 50
"""Looked at for one that nobody works on: more than there are processes."""


class PostgresImportWork:
    """An import_ports.ImportWork."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[Import | None]:
        others = imports.alias()
        busy = (
            sa.select(sa.func.count())
            .where(
                others.c.state == State.RUNNING.value,
                others.c.project_id == imports.c.project_id,
                others.c.import_id != imports.c.import_id,
            )
            .scalar_subquery()
        )
        # First those of projects that have none running: one project's many files don't hold up everybody else's.
        candidates = (
            sa.select(imports.c.import_id)
            .where(imports.c.state.in_(rows.UNFINISHED))
            .order_by(busy, imports.c.created_at)
            .limit(CANDIDATES_MAX)
        )
        async with self._session() as connection:
            claimed = None
            for import_id in (await connection.scalars(candidates)).all():
                claimed = await _claim(connection, import_id)
                if claimed is not None:
                    break
            try:
                yield claimed
            finally:
                if claimed is not None:
                    # The lock belongs to the session: it must not go back into the pool with the connection.
                    await connection.invalidate()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError) as error:
            raise DependencyUnavailable("the database can't be reached") from error

    async def piece(self, import_id: str, at: int) -> bytes:
        number, within = divmod(at, CHUNK_BYTES)
        # Chunks are stored uncompressed: Postgres reads no more of one than what is asked for.
        content = sa.func.substr(import_chunks.c.content, within + 1, PIECE_BYTES)
        query = sa.select(content).where(
            import_chunks.c.import_id == import_id, import_chunks.c.number == number
        )
        async with self._database.begin() as connection:
            found: bytes | None = await connection.scalar(query)
        return found or b""

    async def is_running(self, import_id: str) -> bool:
        query = sa.select(imports.c.state).where(imports.c.import_id == import_id)
        async with self._database.begin() as connection:
            return await connection.scalar(query) == State.RUNNING.value

    async def settle(
        self,
        import_id: str,
        settled: int,
        progress: Progress,
        kept: Sequence[KeptRow],
        now: datetime,
    ) -> bool:
        values: dict[str, Any] = {
            "accepted": imports.c.accepted + progress.accepted,
            "duplicate": imports.c.duplicate + progress.duplicate,
            "rejected": imports.c.rejected + progress.rejected,
            "read_bytes": progress.read_bytes,
            "updated_at": now,
        }
        if progress.nature is not None:
            values["format"] = progress.nature.format.value
            values["encoding"] = progress.nature.encoding
            values["delimiter"] = progress.nature.delimiter
        change = sa.update(imports).where(*_still(import_id, settled)).values(values)
        not_accepted = imports.c.duplicate + imports.c.rejected
        async with self._database.begin() as connection:
            now_kept = await connection.scalar(change.returning(not_accepted))
            if now_kept is None:
                return False
            room = KEPT_ROWS_MAX - (now_kept - len(kept))
            if kept and room > 0:
                values_kept = [rows.kept_row(import_id, one) for one in kept[:room]]
                await connection.execute(sa.insert(import_rows), values_kept)
        return True

    async def end(
        self, import_id: str, settled: int, state: State, failure: str, now: datetime
    ) -> bool:
        values: dict[str, Any] = {
            "state": state.value,
            "failure": failure,
            "updated_at": now,
            "ended_at": now,
        }
        if state is State.SUCCEEDED:
            values["read_bytes"] = imports.c.size_bytes
        change = sa.update(imports).where(*_still(import_id, settled)).values(values)
        async with self._database.begin() as connection:
            ended = (await connection.execute(change)).rowcount == 1
        if ended:
            await rows.drop_chunks(self._database, import_id)
        return ended

    async def sweep(self, now: datetime) -> int:
        lost = sa.and_(
            imports.c.state == State.RECEIVING.value,
            imports.c.updated_at < now - UPLOAD_STALE_AFTER,
        )
        old = imports.c.ended_at < now - KEPT_FOR
        gone = sa.select(imports.c.import_id).where(lost | old).limit(SWEPT_AT_ONCE)
        # A process may have died between an import's end and dropping its file.
        with_file = sa.exists().where(import_chunks.c.import_id == imports.c.import_id)
        left = (
            sa.select(imports.c.import_id)
            .where(imports.c.state.in_([state.value for state in ENDED]), with_file)
            .limit(SWEPT_AT_ONCE)
        )
        async with self._database.begin() as connection:
            forgotten = (await connection.scalars(gone)).all()
            leftovers = (await connection.scalars(left)).all()
        for import_id in leftovers:
            await rows.drop_chunks(self._database, import_id)
        for import_id in forgotten:
            await rows.forget(self._database, import_id)
        return len(forgotten)


def _still(import_id: str, settled: int) -> list[sa.ColumnElement[bool]]:
    return [
        imports.c.import_id == import_id,
        imports.c.state == State.RUNNING.value,
        imports.c.accepted + imports.c.duplicate + imports.c.rejected == settled,
    ]


async def _claim(connection: AsyncConnection, import_id: str) -> Import | None:
    """The import, running, when nobody else has it and it still is to be worked on."""
    if not await connection.scalar(
        sa.select(sa.func.pg_try_advisory_lock(*rows.lock_of(import_id)))
    ):
        return None
    change = (
        sa.update(imports)
        .where(imports.c.import_id == import_id, imports.c.state.in_(rows.UNFINISHED))
        .values(state=State.RUNNING.value)
        .returning(imports)
    )
    row = (await connection.execute(change)).one_or_none()
    if row is None:
        await connection.execute(sa.select(sa.func.pg_advisory_unlock(*rows.lock_of(import_id))))
        return None
    return rows.import_of(row)
