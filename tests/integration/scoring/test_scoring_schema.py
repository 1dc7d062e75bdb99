"""The tables as the migrations make them, and what the roles may do with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.types.json import Jsonb

from services.scoring.tables import metadata
from services.shared.db import Database, sqlalchemy_url
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support import service_database
from tests.support.clocks import START
from tests.support.scoring_subjects import PostgresSubject, apply, assert_chain

APPEND_ONLY = (
    "ledger",
    "ledger_blocks",
    "activations",
    "score_changes",
    "subject_moves",
    "retractions",
)

MAY_NOT_BE_DONE = [
    *(f"UPDATE {table} SET project_id = project_id" for table in APPEND_ONLY),
    *(f"DELETE FROM {table}" for table in APPEND_ONLY),
    *(f"TRUNCATE {table}" for table in APPEND_ONLY),
]


@pytest.fixture
def runtime(scoring_schema: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(scoring_schema.postgres_url("scoreline_scoring"), autocommit=True) as one:
        yield one


@pytest.fixture
def owner(scoring_schema: Stack) -> Iterator[psycopg.Connection[Any]]:
    url = scoring_schema.postgres_url("scoreline_scoring_owner")
    with psycopg.connect(url, autocommit=True) as one:
        yield one


def test_migrations_make_the_tables_of_the_code(scoring_schema: Stack) -> None:
    url = sqlalchemy_url(scoring_schema.postgres_url("scoreline_scoring_owner"))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


CATALOGUE = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.attidentity, l.collname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND a.attnum > 0
          AND c.relname <> 'alembic_version'
    ORDER BY 1, 2
"""
INDEXES = """
    SELECT tablename, replace(indexdef, %s || '.', '') FROM pg_indexes
    WHERE schemaname = %s AND tablename <> 'alembic_version' ORDER BY 1, 2
"""


def test_columns_collations_and_indexes_are_those_of_the_code(scoring_schema: Stack) -> None:
    """Made from the code in a schema beside it, and compared in the server's own words."""
    url = sqlalchemy_url(scoring_schema.superuser_url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA IF EXISTS from_code CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA from_code"))
        connection.execute(sa.text("SET LOCAL search_path = from_code"))
        metadata.create_all(connection)
    engine.dispose()
    with psycopg.connect(scoring_schema.superuser_url) as looking:
        made, migrated = (
            (
                looking.execute(CATALOGUE, [schema]).fetchall(),
                looking.execute(INDEXES, [schema, schema]).fetchall(),
            )
            for schema in ("from_code", "scoring")
        )
        looking.execute("DROP SCHEMA from_code CASCADE")
    assert migrated == made
    assert len(made[1]) >= len(metadata.tables)


def test_migrating_again_changes_nothing(scoring_schema: Stack) -> None:
    service_database.migrate(scoring_schema, "scoring")


@pytest.mark.parametrize("statement", MAY_NOT_BE_DONE)
def test_what_happened_can_not_be_undone(
    runtime: psycopg.Connection[Any], owner: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        runtime.execute(statement)
    # The owner has the privilege; the trigger refuses.
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is append-only"):
        owner.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON ledger",
        "DROP TABLE ledger",
        "CREATE TABLE scoring.mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "DELETE FROM snapshots",
        "DELETE FROM leads",
        "UPDATE outbox SET subjects = NULL",
        "UPDATE alembic_version SET version_num = 'x'",
        "SELECT * FROM accounts.projects",
        "SELECT * FROM rules.outbox",
        "CREATE TABLE public.mine (a int)",
        "CREATE SCHEMA mine",
        "SET ROLE scoreline_scoring_owner",
        "SET ROLE scoreline_accounts",
    ],
)
def test_the_runtime_role_may_do_its_work_and_nothing_else(
    runtime: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(statement)


def test_the_runtime_role_sees_its_own_schema_only(runtime: psycopg.Connection[Any]) -> None:
    schemas = runtime.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"
        " AND has_schema_privilege(oid, 'USAGE')"
    ).fetchall()
    assert schemas == [("scoring",)]


def test_the_owner_may_not_touch_other_schemas(owner: psycopg.Connection[Any]) -> None:
    for schema in ("accounts", "rules", "public"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(f"CREATE TABLE {schema}.mine (a int)")


async def test_a_change_behind_scorings_back_breaks_the_chain(
    scoring_schema: Stack, scoring_database: Database, project: str
) -> None:
    subject = PostgresSubject(scoring_database)
    for number in range(3):
        events = [cases.incoming(f"e{number}{n}", project_id=project, n=n) for n in range(3)]
        await apply(subject, events, replay=True)
    await assert_chain(subject, project, [3, 6, 9])
    with psycopg.connect(scoring_schema.superuser_url) as intruder:
        intruder.execute("SET session_replication_role = replica")
        intruder.execute(
            "UPDATE scoring.ledger SET properties = '{\"n\":7}' WHERE project_id = %s"
            " AND event_id = 'e11'",
            [project],
        )
    with pytest.raises(AssertionError):
        await assert_chain(subject, project, [3, 6, 9])


def test_activations_are_kept_as_they_came(
    runtime: psycopg.Connection[Any], owner: psycopg.Connection[Any], project: str
) -> None:
    insert = (
        "INSERT INTO activations VALUES (%s, 1, %s, 'key', %s, %s, 'epoch') ON CONFLICT DO NOTHING"
    )
    runtime.execute(insert, [project, START, Jsonb({"version": 1}), START])
    runtime.execute(insert, [project, START, Jsonb({"version": 2}), START])
    query = "SELECT rule_set FROM activations WHERE project_id = %s"
    assert owner.execute(query, [project]).fetchall() == [({"version": 1},)]
