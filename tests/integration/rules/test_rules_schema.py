"""The schema as migrated, and what the running service's role may do in it."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.rules.tables import metadata
from services.shared.db import sqlalchemy_url
from stack import Stack
from tests.support import service_database
from tests.support.service_database import Migrated


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("rules")


def test_migrations_make_the_tables(schema: Stack) -> None:
    engine = sa.create_engine(
        sqlalchemy_url(schema.postgres_url("scoreline_rules_owner")), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_a_project_has_one_draft_and_one_active_version(schema: Stack) -> None:
    """Whatever the code does."""
    row = "('acme', {version}, '{state}', 1, '{{}}', now(), now())"
    with psycopg.connect(schema.postgres_url("scoreline_rules")) as database:
        database.execute("INSERT INTO projects VALUES ('acme', 0, 0)")
        for version, state in enumerate(("draft", "active", "superseded", "superseded")):
            values = row.format(version=version, state=state)
            database.execute(f"INSERT INTO rule_sets VALUES {values}")  # type: ignore[arg-type]
        for state in ("draft", "active"):
            values = row.format(version=9, state=state)
            with pytest.raises(psycopg.errors.UniqueViolation), database.transaction():
                database.execute(f"INSERT INTO rule_sets VALUES {values}")  # type: ignore[arg-type]
        values = row.format(version=9, state="odd")
        with pytest.raises(psycopg.errors.CheckViolation), database.transaction():
            database.execute(f"INSERT INTO rule_sets VALUES {values}")  # type: ignore[arg-type]
        database.rollback()


def test_migrating_again_changes_nothing(schema: Stack) -> None:
    service_database.migrate(schema, "rules")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM rule_sets",
        "DELETE FROM activations",
        "DELETE FROM projects",
        "UPDATE projects SET project_id = 'x'",
        "UPDATE rule_sets SET project_id = 'x'",
        "UPDATE rule_sets SET version = 7",
        "UPDATE activations SET version = 1",
        "UPDATE outbox SET subjects = NULL",
        "UPDATE alembic_version SET version_num = 'x'",
        "TRUNCATE activations",
        "CREATE TABLE mine (id int)",
        "DROP TABLE outbox",
    ],
)
def test_the_running_service_may_not(schema: Stack, statement: str) -> None:
    with (
        psycopg.connect(schema.postgres_url("scoreline_rules")) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "role",
    [
        "scoreline_accounts",
        "scoreline_accounts_owner",
        "scoreline_scoring",
        "scoreline_scoring_owner",
    ],
)
@pytest.mark.parametrize("table", ["projects", "rule_sets", "activations", "outbox"])
def test_no_other_service_reads_the_tables(schema: Stack, role: str, table: str) -> None:
    with (
        psycopg.connect(schema.postgres_url(role)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(f"SELECT * FROM rules.{table}")  # type: ignore[arg-type]
