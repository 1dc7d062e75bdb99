"""The schema as migrated, and what the running service's role may do in it."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.notify.tables import metadata
from services.shared.db import sqlalchemy_url
from stack import Stack
from tests.support import service_database


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


def test_migrations_make_the_tables(schema: Stack) -> None:
    engine = sa.create_engine(
        sqlalchemy_url(schema.postgres_url("scoreline_notify_owner")), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(schema: Stack) -> None:
    service_database.migrate(schema, "notify")


@pytest.mark.parametrize("statement", ["DROP TABLE deliveries", "CREATE TABLE mine (a int)"])
def test_the_running_service_makes_and_drops_nothing(schema: Stack, statement: str) -> None:
    with (
        psycopg.connect(schema.postgres_url("scoreline_notify")) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)  # type: ignore[arg-type]


MANY = """
    INSERT INTO automations (automation_id, project_id, sealed_definition, trigger_kind, disabled,
                             active_since, revision, created_at, updated_at)
    VALUES ('a', 'p', '', 'daily', true, now(), 1, now(), now());
    INSERT INTO automation_executions (execution_id, automation_id, lead_id, bucket, trigger, version, triggered_at,
                                       state, outcomes, attempt_count, attempts_before, pending_since, in_flight,
                                       claim, created_at)
    SELECT 'e' || n, 'a', 'l' || n, 'ever', 'daily', 0, now(),
           CASE WHEN n % 1000 = 1 THEN 'failed' ELSE 'succeeded' END, '[]', 1, 0, now(), false,
           1, now()
    FROM generate_series(1, 20000) n;
    INSERT INTO lead_owners SELECT 'p', 'l' || n, 'o' || n % 1000, now() - n * interval '1 s', ''
    FROM generate_series(1, 20000) n;
    INSERT INTO tasks (task_id, project_id, lead_id, title, note, assignee, state, created_at, automation_id,
                       execution_id, revision)
    SELECT 't' || n, 'p', 'l' || n % 2000, '', '', 'o' || n % 1000, 'open', now() - n * interval '1 s', '', '', 1
    FROM generate_series(1, 20000) n;
    ANALYZE automation_executions, lead_owners, tasks;
"""


def test_lists_of_few_among_many_have_their_index(schema: Stack) -> None:
    """In the order in which they are listed, so that a page is all that is read."""
    lists = {
        "automation_executions_failed": "automation_executions WHERE automation_id = 'a' AND state = 'failed' "
        "ORDER BY number DESC",
        "lead_owners_of_owner": "lead_owners WHERE project_id = 'p' AND owner = 'o7' "
        "ORDER BY assigned_at DESC, lead_id DESC",
        "tasks_of_lead": "tasks WHERE project_id = 'p' AND lead_id = 'l7' ORDER BY created_at DESC, task_id DESC",
        "tasks_of_assignee": "tasks WHERE project_id = 'p' AND assignee = 'o7' AND state = 'open' "
        "ORDER BY created_at DESC, task_id DESC",
    }
    with psycopg.connect(schema.postgres_url("scoreline_notify_owner")) as database:
        database.execute(MANY)
        for index, listed in lists.items():
            rows = database.execute(f"EXPLAIN SELECT * FROM {listed} LIMIT 50").fetchall()  # type: ignore[arg-type]
            plan = "\n".join(row[0] for row in rows)
            assert f"using {index} " in plan, plan
            assert "Sort" not in plan
        database.rollback()
