"""The schema as migrated, and what the running service's role may do in it."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from services.accounts.tables import metadata, projects
from services.shared.db import sqlalchemy_url
from stack import Stack
from tests.support import service_database
from tests.support.service_database import Migrated


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("accounts")


def test_migrations_make_the_tables(schema: Stack) -> None:
    engine = sa.create_engine(
        sqlalchemy_url(schema.postgres_url("scoreline_accounts_owner")), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(schema: Stack) -> None:
    service_database.migrate(schema, "accounts")


async def test_an_error_of_the_database_repeats_no_parameters(schema: Stack) -> None:
    async with service_database.opened(schema, "accounts") as database:
        statement = sa.insert(projects).values(project_id="hunter2")

        async def insert() -> None:
            async with database.begin() as connection:
                await connection.execute(statement)

        with pytest.raises(DBAPIError) as caught:
            await insert()
    assert "hunter2" not in str(caught.value).partition("DETAIL")[0]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM api_keys",
        "DELETE FROM projects",
        "UPDATE projects SET display_name = 'x'",
        "UPDATE api_keys SET scopes = '{admin}'",
        "UPDATE api_keys SET key_hash = ''",
        "UPDATE api_keys SET project_id = 'x'",
        "UPDATE outbox SET subjects = NULL",
        "UPDATE alembic_version SET version_num = 'x'",
        "TRUNCATE api_keys",
        "CREATE TABLE mine (id int)",
        "DROP TABLE outbox",
    ],
)
def test_the_running_service_may_not(schema: Stack, statement: str) -> None:
    with (
        psycopg.connect(schema.postgres_url("scoreline_accounts")) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "role",
    ["scoreline_rules", "scoreline_rules_owner", "scoreline_scoring", "scoreline_scoring_owner"],
)
@pytest.mark.parametrize("table", ["projects", "api_keys", "outbox", "alembic_version"])
def test_no_other_service_reads_the_tables(schema: Stack, role: str, table: str) -> None:
    with (
        psycopg.connect(schema.postgres_url(role)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(f"SELECT * FROM accounts.{table}")  # type: ignore[arg-type]
