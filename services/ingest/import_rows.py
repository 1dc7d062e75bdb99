"""Imports as they are stored: rows to records and back, the lock of an import, and forgetting its file."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from services.ingest.domain.importing.reading import Format, ReadOptions
from services.ingest.import_ports import Import, KeptRow, State
from services.ingest.tables import import_chunks, imports
from services.shared.db import Database

UNFINISHED = (State.PENDING.value, State.RUNNING.value)
REJECTED = "rejected"
DUPLICATE = "duplicate"

CHUNKS_DELETED_AT_ONCE = 64
"""64 MB: well below any statement's timeout."""

_LOCK_SPACE = "import"


def lock_of(text: str) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """The two numbers of an advisory lock."""
    return sa.func.hashtext(_LOCK_SPACE), sa.func.hashtext(text)


def options_json(options: ReadOptions) -> dict[str, Any]:
    """What the sender says about a file, as it is stored."""
    return {**asdict(options), "format": options.format.value}


def import_of(row: sa.Row[Any]) -> Import:
    """The import in a row of `imports`."""
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


def kept_row(import_id: str, kept: KeptRow) -> dict[str, Any]:
    """A row of `import_rows`."""
    return {
        "import_id": import_id,
        "line": kept.line,
        "status": DUPLICATE if kept.is_duplicate else REJECTED,
        "event_id": kept.event_id,
        "column_name": kept.column,
        "reason": kept.reason,
    }


async def forget(database: Database, import_id: str) -> None:
    """Delete an import with all that belongs to it."""
    await drop_chunks(database, import_id)
    async with database.begin() as connection:
        await connection.execute(sa.delete(imports).where(imports.c.import_id == import_id))


async def drop_chunks(database: Database, import_id: str) -> None:
    """Delete its file. In portions, the last ones first: what is left is gone through again, should this break off."""
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
        async with database.begin() as connection:
            if (await connection.execute(change)).rowcount < CHUNKS_DELETED_AT_ONCE:
                return
