"""Imports in Postgres, as they are received and looked at; working on them is in `import_work.py`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import import_rows as rows
from services.ingest.domain.importing.reading import ReadOptions
from services.ingest.errors import ImportsTooLarge, TooManyImports, UploadGivenUp
from services.ingest.import_ports import Import, KeptRow, State
from services.ingest.tables import import_chunks, import_rows, imports
from services.shared.db import Database, constraint

WAITING_MAX = 20
"""Files of a project that are received or wait: each may be 2 GiB on disk."""

WAITING_BYTES_MAX = 4 * 1024**3
"""Of files of a project that have not ended: two of the largest. One that is being received counts megabyte by
megabyte, so that several at once may go beyond it by one each."""

_NOT_ENDED = (State.RECEIVING.value, *rows.UNFINISHED)

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
            "options": rows.options_json(options),
            **dict.fromkeys(("size_bytes", "read_bytes", "accepted", "duplicate", "rejected"), 0),
            **dict.fromkeys(("sha256", "delimiter", "encoding", "failure"), ""),
            "created_at": now,
            "updated_at": now,
        }
        async with self._database.begin() as connection:
            # One after the other, so that two together don't both take the last place.
            await connection.execute(
                sa.select(sa.func.pg_advisory_xact_lock(*rows.lock_of(project_id)))
            )
            if (await connection.scalar(waiting) or 0) >= WAITING_MAX:
                raise TooManyImports(WAITING_MAX)
            await _require_room(connection, project_id)
            await connection.execute(sa.insert(imports).values(row))

    async def add_chunk(self, import_id: str, number: int, content: bytes, now: datetime) -> None:
        chunk = {"import_id": import_id, "number": number, "content": content}
        async with self._database.begin() as connection:
            size = imports.c.size_bytes + len(content)
            found = await _change(connection, import_id, {"updated_at": now, "size_bytes": size})
            await _require_room(connection, found.project_id)
            await connection.execute(sa.insert(import_chunks).values(chunk))

    async def touch(self, import_id: str, now: datetime) -> None:
        async with self._database.begin() as connection:
            await _change(connection, import_id, {"updated_at": now})

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
                return await _change(connection, import_id, received)
        except IntegrityError as error:
            if constraint(error) == _REQUEST_KEY:
                return None
            raise

    async def discard(self, import_id: str) -> None:
        await rows.forget(self._database, import_id)

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
            return [rows.import_of(row) for row in await connection.execute(query)]

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
            query = query.where(import_rows.c.status == rows.REJECTED)
        async with self._database.begin() as connection:
            return [
                KeptRow(
                    row.line, row.status != rows.REJECTED, row.event_id, row.column_name, row.reason
                )
                for row in await connection.execute(query)
            ]

    async def cancel(self, project_id: str, import_id: str, now: datetime) -> bool:
        change = (
            sa.update(imports)
            .where(
                imports.c.import_id == import_id,
                imports.c.project_id == project_id,
                imports.c.state.in_(rows.UNFINISHED),
            )
            .values(state=State.CANCELLED.value, updated_at=now, ended_at=now)
        )
        async with self._database.begin() as connection:
            cancelled = (await connection.execute(change)).rowcount == 1
        if cancelled:
            await rows.drop_chunks(self._database, import_id)
        return cancelled

    async def _one(self, query: sa.Select[Any]) -> Import | None:
        async with self._database.begin() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else rows.import_of(row)


async def _require_room(connection: AsyncConnection, project_id: str) -> None:
    """Raises ImportsTooLarge."""
    taken = sa.select(sa.func.sum(imports.c.size_bytes)).where(
        imports.c.project_id == project_id, imports.c.state.in_(_NOT_ENDED)
    )
    if (await connection.scalar(taken) or 0) > WAITING_BYTES_MAX:
        raise ImportsTooLarge(WAITING_BYTES_MAX)


async def _change(connection: AsyncConnection, import_id: str, values: Mapping[str, Any]) -> Import:
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
    return rows.import_of(row)
