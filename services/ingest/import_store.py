"""Imports and their files in Postgres. The only place that knows their SQL.

Whoever works on an import holds a session advisory lock, which goes with his connection; and whatever he writes is
written only if as many rows were settled as he believes, so that two who both think it theirs count no row twice.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.importing.reading import Format, ReadOptions
from services.ingest.errors import TooManyImports, UploadGivenUp
from services.ingest.import_ports import ENDED, KEPT_ROWS_MAX, Import, KeptRow, Progress, State
from services.ingest.tables import import_chunks, import_rows, imports
from services.shared.db import Database, constraint
from services.shared.errors import DependencyUnavailable

WAITING_MAX = 20
"""Files of a project that are received or wait: each may be 2 GiB on disk."""

UPLOAD_STALE_AFTER = timedelta(minutes=5)
"""A file of which nothing came for so long has lost its caller, who is cut off after a minute."""

KEPT_FOR = timedelta(days=30)
"""After its end."""

SWEPT_AT_ONCE = 20
CHUNKS_DELETED_AT_ONCE = 64
"""64 MB: well below any statement's timeout."""

CANDIDATES_MAX = 50
"""Looked at for one that nobody works on: more than there are processes."""

_UNFINISHED = (State.PENDING.value, State.RUNNING.value)
_LOCK_SPACE = "import"
_REQUEST_KEY = "imports_request_key"


class PostgresImports:
    """An import_ports.ImportStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, project_id: str, import_id: str, file_name: str, options: ReadOptions, now: datetime
    ) -> None:
        waiting = (
            sa.select(sa.func.count())
            .select_from(imports)
            .where(
                imports.c.project_id == project_id,
                imports.c.state.in_((State.RECEIVING.value, State.PENDING.value)),
            )
        )
        row = {
            "import_id": import_id,
            "project_id": project_id,
            "state": State.RECEIVING.value,
            "file_name": file_name,
            "format": options.format.value,
            "options": {**asdict(options), "format": options.format.value},
            **dict.fromkeys(("size_bytes", "read_bytes", "accepted", "duplicate", "rejected"), 0),
            **dict.fromkeys(("sha256", "delimiter", "encoding", "failure"), ""),
            "created_at": now,
            "updated_at": now,
        }
        async with self._database.begin() as connection:
            # One after the other, so that two together don't both take the last place.
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*_key(project_id))))
            if (await connection.scalar(waiting) or 0) >= WAITING_MAX:
                raise TooManyImports(WAITING_MAX)
            await connection.execute(sa.insert(imports).values(row))

    async def add_chunk(self, import_id: str, number: int, content: bytes, now: datetime) -> None:
        chunk = {"import_id": import_id, "number": number, "content": content}
        async with self._database.begin() as connection:
            await _touch(connection, import_id, {"updated_at": now})
            await connection.execute(sa.insert(import_chunks).values(chunk))

    async def complete(
        self, import_id: str, request_id: str, size_bytes: int, sha256: str, now: datetime
    ) -> Import | None:
        received = {
            "state": State.PENDING.value,
            "request_id": request_id or None,
            "size_bytes": size_bytes,
            "sha256": sha256,
            "created_at": now,
            "updated_at": now,
        }
        try:
            async with self._database.begin() as connection:
                return await _touch(connection, import_id, received)
        except IntegrityError as error:
            if constraint(error) == _REQUEST_KEY:
                return None
            raise

    async def discard(self, import_id: str) -> None:
        await self._drop_chunks(import_id)
        async with self._database.begin() as connection:
            await connection.execute(sa.delete(imports).where(imports.c.import_id == import_id))

    async def of_request(self, project_id: str, request_id: str) -> Import | None:
        query = sa.select(imports).where(
            imports.c.project_id == project_id, imports.c.request_id == request_id
        )
        return await self._one(query)

    async def find(self, project_id: str, import_id: str) -> Import | None:
        query = sa.select(imports).where(
            imports.c.import_id == import_id,
            imports.c.project_id == project_id,
            imports.c.state != State.RECEIVING.value,
        )
        return await self._one(query)

    async def newest(
        self, project_id: str, before: tuple[datetime, str] | None, limit: int
    ) -> list[Import]:
        query = (
            sa.select(imports)
            .where(imports.c.project_id == project_id, imports.c.state != State.RECEIVING.value)
            .order_by(imports.c.created_at.desc(), imports.c.import_id.desc())
            .limit(limit)
        )
        if before is not None:
            place = sa.tuple_(imports.c.created_at, imports.c.import_id)
            query = query.where(place < sa.tuple_(*map(sa.literal, before)))
        async with self._database.begin() as connection:
            return [_import(row) for row in await connection.execute(query)]

    async def kept_rows(
        self, import_id: str, after_line: int, limit: int, rejected_only: bool = False
    ) -> list[KeptRow]:
        query = (
            sa.select(import_rows)
            .where(import_rows.c.import_id == import_id, import_rows.c.line > after_line)
            .order_by(import_rows.c.line)
            .limit(limit)
        )
        if rejected_only:
            query = query.where(import_rows.c.status == _REJECTED)
        async with self._database.begin() as connection:
            return [
                KeptRow(
                    row.line, row.status != _REJECTED, row.event_id, row.column_name, row.reason
                )
                for row in await connection.execute(query)
            ]

    async def cancel(self, project_id: str, import_id: str, now: datetime) -> bool:
        change = (
            sa.update(imports)
            .where(
                imports.c.import_id == import_id,
                imports.c.project_id == project_id,
                imports.c.state.in_(_UNFINISHED),
            )
            .values(state=State.CANCELLED.value, updated_at=now, ended_at=now)
        )
        async with self._database.begin() as connection:
            cancelled = (await connection.execute(change)).rowcount == 1
        if cancelled:
            await self._drop_chunks(import_id)
        return cancelled

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
            .where(imports.c.state.in_(_UNFINISHED))
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

    async def chunk(self, import_id: str, number: int) -> bytes | None:
        query = sa.select(import_chunks.c.content).where(
            import_chunks.c.import_id == import_id, import_chunks.c.number == number
        )
        async with self._database.begin() as connection:
            content: bytes | None = await connection.scalar(query)
        return content

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
                rows = [_row(import_id, one) for one in kept[:room]]
                await connection.execute(insert(import_rows), rows)
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
            await self._drop_chunks(import_id)
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
            await self._drop_chunks(import_id)
        for import_id in forgotten:
            await self.discard(import_id)
        return len(forgotten)

    async def _drop_chunks(self, import_id: str) -> None:
        """In portions, the last ones first: what is left is gone through again, should this break off."""
        some = (
            sa.select(import_chunks.c.number)
            .where(import_chunks.c.import_id == import_id)
            .order_by(import_chunks.c.number.desc())
            .limit(CHUNKS_DELETED_AT_ONCE)
            .scalar_subquery()
        )
        change = sa.delete(import_chunks).where(
            import_chunks.c.import_id == import_id, import_chunks.c.number.in_(some)
        )
        while True:
            async with self._database.begin() as connection:
                if (await connection.execute(change)).rowcount < CHUNKS_DELETED_AT_ONCE:
                    return

    async def _one(self, query: sa.Select[Any]) -> Import | None:
        async with self._database.begin() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _import(row)


_REJECTED = "rejected"
_DUPLICATE = "duplicate"


def _key(text: str) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    return sa.func.hashtext(_LOCK_SPACE), sa.func.hashtext(text)


def _still(import_id: str, settled: int) -> list[sa.ColumnElement[bool]]:
    return [
        imports.c.import_id == import_id,
        imports.c.state == State.RUNNING.value,
        imports.c.accepted + imports.c.duplicate + imports.c.rejected == settled,
    ]


async def _claim(connection: AsyncConnection, import_id: str) -> Import | None:
    """The import, running, when nobody else has it and it still is to be worked on."""
    if not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(*_key(import_id)))):
        return None
    change = (
        sa.update(imports)
        .where(imports.c.import_id == import_id, imports.c.state.in_(_UNFINISHED))
        .values(state=State.RUNNING.value)
        .returning(imports)
    )
    row = (await connection.execute(change)).one_or_none()
    if row is None:
        await connection.execute(sa.select(sa.func.pg_advisory_unlock(*_key(import_id))))
        return None
    return _import(row)


async def _touch(connection: AsyncConnection, import_id: str, values: Mapping[str, Any]) -> Import:
    """Change an import that is still being received."""
    change = (
        sa.update(imports)
        .where(imports.c.import_id == import_id, imports.c.state == State.RECEIVING.value)
        .values(**values)
        .returning(imports)
    )
    row = (await connection.execute(change)).one_or_none()
    if row is None:
        raise UploadGivenUp
    return _import(row)


def _import(row: sa.Row[Any]) -> Import:
    options = dict(row.options)
    return Import(
        row.import_id,
        row.project_id,
        State(row.state),
        row.file_name,
        Format(row.format),
        ReadOptions(**{**options, "format": Format(options["format"])}),
        row.size_bytes,
        row.sha256,
        row.delimiter,
        row.encoding,
        row.read_bytes,
        row.accepted,
        row.duplicate,
        row.rejected,
        row.failure,
        row.created_at,
        row.ended_at,
    )


def _row(import_id: str, kept: KeptRow) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "line": kept.line,
        "status": _DUPLICATE if kept.is_duplicate else _REJECTED,
        "event_id": kept.event_id,
        "column_name": kept.column,
        "reason": kept.reason,
    }
