"""Schemas brought up to date by Alembic: each service's own, under the role that owns it. What runs then never needs
Alembic, so nobody else imports this; and this needs nothing of what runs, so that it is loaded soon."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psycopg
import sqlalchemy as sa
import tenacity
from alembic import command, context
from alembic.config import Config
from sqlalchemy.exc import OperationalError

from services.shared import logs
from services.shared.config import MigrationConfig, load
from services.shared.retrying import until_available

log = logs.get("migrating")

CONNECT_TIMEOUT_S = 5

DATABASE_WAIT_S = 60.0
"""How long to wait for the database to come up."""

TRIES_MAX = 5
RETRY_S = 1.0


def migrate(services: Sequence[str]) -> None:
    """Bring the schema of each of the services up to date, one after the other; waits for the database. Raises
    InvalidConfig, before anything is touched, where one has no MIGRATION_DATABASE_URL."""
    urls = {service: _owner_url(service) for service in services}
    logs.configure("migrate", "info")
    for service, url in urls.items():
        asyncio.run(_reachable(url))
        log.info("migrating", schema=service)
        _upgrade(service, url)
        log.info("migrated", schema=service)


def run_migrations() -> None:
    """What every service's `migrations/env.py` calls. One migration at a time: the schema's version table is locked by
    an advisory lock, so that several processes may start at once."""
    url = context.config.attributes["url"]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(current_schema()))"))
            context.run_migrations()
    engine.dispose()


def _owner_url(service: str) -> str:
    config = load(MigrationConfig, f"SCORELINE_{service.upper()}_")
    return config.migration_database_url.get_secret_value()


async def _reachable(url: str) -> None:
    async def connect() -> None:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_TIMEOUT_S):
            pass

    await until_available("database", connect, psycopg.OperationalError, DATABASE_WAIT_S)


def _upgrade(service: str, url: str) -> None:
    alembic = Config()
    folder = Path(__file__).parent.parent / service / "migrations"
    alembic.set_main_option("script_location", str(folder))
    alembic.attributes["url"] = sa.make_url(url).set(drivername="postgresql+psycopg")
    # A migration is one transaction: when the connection is lost on the way it is done again.
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OperationalError),
        wait=tenacity.wait_fixed(RETRY_S),
        stop=tenacity.stop_after_attempt(TRIES_MAX),
        before_sleep=lambda state: log.warning(
            "migrating again", schema=service, attempt=state.attempt_number
        ),
        reraise=True,
    )
    again(command.upgrade, alembic, "head")
