"""Work that only one process may do at a time, under a Postgres session advisory lock. When its holder dies the
connection goes, the lock with it, and the next process takes over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.db import Database

LOCK_RETRY_S = 0.5
"""How soon a process that stands by notices that the holder is gone."""


@asynccontextmanager
async def exclusive(
    database: Database, name: str, stand_by: Callable[[], Awaitable[bool]]
) -> AsyncIterator[AsyncConnection | None]:
    """Wait until this process alone holds the lock `name`, then give the connection that holds it (autocommit).

    `stand_by` is awaited between tries and should take about LOCK_RETRY_S; when it answers False the wait is given up
    and the context is None.
    """
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        key = sa.func.hashtext(name)
        while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
            if not await stand_by():
                yield None
                return
        try:
            yield connection
        finally:
            # The lock belongs to the session: it must not go back into the pool with the connection.
            await connection.invalidate()
