"""The schema as migrated, and what the running service's role may do in it."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.ingest.tables import metadata
from services.shared.db import sqlalchemy_url
from stack import Stack
from tests.support import service_database
from tests.support.service_database import Migrated


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("ingest")


def test_migrations_make_the_tables(schema: Stack) -> None:
    engine = sa.create_engine(
        sqlalchemy_url(schema.postgres_url("scoreline_ingest_owner")), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(schema: Stack) -> None:
    service_database.migrate(schema, "ingest")


@pytest.mark.parametrize("statement", ["DROP TABLE quarantine", "CREATE TABLE mine (a int)"])
def test_the_running_service_makes_and_drops_nothing(schema: Stack, statement: str) -> None:
    with (
        psycopg.connect(schema.postgres_url("scoreline_ingest")) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)  # type: ignore[arg-type]
