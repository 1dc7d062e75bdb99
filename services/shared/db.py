"""Postgres: connections for one service's role, driver errors that mean "not there right now", and migrations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
import tenacity
from alembic import command, context
from alembic.config import Config
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.shared import logs
from services.shared.config import DatabaseConfig, MigrationConfig, load
from services.shared.errors import DependencyUnavailable
from services.shared.retrying import until_available

log = logs.get("db")

POOL_WAIT_S = 5.0
"""A call waits so long for a free connection, then answers UNAVAILABLE."""

CONNECT_TIMEOUT_S = 5

LOCK_TIMEOUT_S = 10.0
"""Nobody waits longer for a row: a transaction that holds one so long is stuck."""

MIGRATION_WAIT_S = 60.0
"""How long `migrate` waits for the database to come up."""

MIGRATION_TRIES_MAX = 5
MIGRATION_RETRY_S = 1.0

UNIQUE_VIOLATION = psycopg.errors.UniqueViolation.sqlstate


class Database:
    """A pool of connections under one service's runtime role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    async def connect(
        cls, config: DatabaseConfig, application: str, startup_timeout_s: float
    ) -> "Database":
        """Open the pool, waiting for the database and for the service's migrations."""
        engine = create_async_engine(
            sqlalchemy_url(config.database_url.get_secret_value()),
            pool_size=config.database_pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
            # An error's text goes to the log; the values of its statement must not.
            hide_parameters=True,
            connect_args={
                "application_name": f"scoreline-{application}",
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": (
                    f"-c statement_timeout={int(config.statement_timeout_s * 1000)}"
                    f" -c lock_timeout={int(LOCK_TIMEOUT_S * 1000)}"
                ),
            },
        )
        database = cls(engine)

        async def migrated() -> None:
            async with engine.connect() as connection:
                await connection.execute(sa.text("SELECT version_num FROM alembic_version"))

        await until_available("database", migrated, DBAPIError, startup_timeout_s)
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


def sqlalchemy_url(url: str) -> str:
    """A `postgresql://` URL with the driver this project uses."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def constraint(error: DBAPIError) -> str | None:
    """The constraint that a statement violated, for the store to name the domain error."""
    cause = error.orig
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None


def migrate(service: str) -> None:
    """Bring the service's schema up to date under the role that owns it; waits for the database."""
    config = load(MigrationConfig, f"SCORELINE_{service.upper()}_")
    logs.configure(f"{service}-migrate", "info")
    url = config.migration_database_url.get_secret_value()

    async def reachable() -> None:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_TIMEOUT_S):
            pass

    asyncio.run(until_available("database", reachable, psycopg.OperationalError, MIGRATION_WAIT_S))
    alembic = Config()
    folder = Path(__file__).parent.parent / service / "migrations"
    alembic.set_main_option("script_location", str(folder))
    alembic.attributes["url"] = url
    # A migration is one transaction: when the connection is lost on the way it is done again.
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OperationalError),
        wait=tenacity.wait_fixed(MIGRATION_RETRY_S),
        stop=tenacity.stop_after_attempt(MIGRATION_TRIES_MAX),
        before_sleep=lambda state: log.warning("migrating again", attempt=state.attempt_number),
        reraise=True,
    )
    again(command.upgrade, alembic, "head")
    log.info("migrated", schema=service)


def run_migrations(metadata: sa.MetaData) -> None:
    """What every service's `migrations/env.py` calls. One migration at a time: the schema's version table is locked by
    an advisory lock, so that several processes may start at once."""
    url = context.config.attributes["url"]
    engine = sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(current_schema()))"))
            context.run_migrations()
    engine.dispose()
