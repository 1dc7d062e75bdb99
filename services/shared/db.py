"""Postgres: connections for one service's role, and driver errors that mean "not there right now". Migrations are in
`migrating.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.shared import logs
from services.shared.config import DatabaseConfig
from services.shared.errors import DependencyUnavailable
from services.shared.retrying import until_available

log = logs.get("db")

POOL_WAIT_S = 5.0
"""A call waits so long for a free connection, then answers UNAVAILABLE."""

CONNECT_TIMEOUT_S = 5

LOCK_TIMEOUT_S = 10.0
"""Nobody waits longer for a row: a transaction that holds one so long is stuck."""

UNIQUE_VIOLATION = psycopg.errors.UniqueViolation.sqlstate


class SchemaBehind(Exception):
    """The migration of this revision has not been made yet."""


class Database:
    """A pool of connections under one service's runtime role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    async def connect(
        cls, config: DatabaseConfig, service: str, startup_timeout_s: float
    ) -> "Database":
        """Open the pool, waiting for the database and for the newest of the service's migrations."""
        engine = create_async_engine(
            sqlalchemy_url(config.database_url.get_secret_value()),
            pool_size=config.database_pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
            # An error's text goes to the log; the values of its statement must not.
            hide_parameters=True,
            connect_args={
                "application_name": f"scoreline-{service}",
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": (
                    f"-c statement_timeout={int(config.statement_timeout_s * 1000)}"
                    f" -c lock_timeout={int(LOCK_TIMEOUT_S * 1000)}"
                ),
            },
        )
        database = cls(engine)

        needed = newest_revision(service)

        async def migrated() -> None:
            async with engine.connect() as connection:
                row = await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
                if row.scalar_one() < needed:
                    raise SchemaBehind(needed)

        waited_for = (DBAPIError, SchemaBehind)
        try:
            await until_available("database", migrated, waited_for, startup_timeout_s)
        except BaseException:  # a cancelled start, too
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back on any error.

        Raises DependencyUnavailable when the database can't be reached; other driver errors pass, for the store to
        translate.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError) as error:
            log.warning("database unavailable", error=type(error).__name__, exc_info=error)
            raise DependencyUnavailable("the database can't be reached") from error

    async def reachable(self) -> bool:
        """Whether the database answers."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(sa.text("SELECT 1"))
        except (DBAPIError, PoolTimeout, psycopg.Error):
            return False
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def newest_revision(service: str) -> str:
    """The revision that a service's code is written for. Revisions are numbers, and each file is named after its own,
    so that nothing has to be loaded to know."""
    versions = Path(__file__).parent.parent / service / "migrations" / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("*.py"))


def sqlalchemy_url(url: str) -> str:
    """A `postgresql://` URL with the driver this project uses."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def constraint(error: DBAPIError) -> str | None:
    """The constraint that a statement violated, for the store to name the domain error."""
    cause = error.orig
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
