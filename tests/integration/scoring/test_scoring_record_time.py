"""Migration 0003 over a database that was filled before it: activations get the record time they must have had."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import psycopg

from stack import Stack
from tests.support.clocks import START

MIGRATION = "services.scoring.migrations.versions.0003_record_time"

BEFORE = """
CREATE TABLE activations (project_id text, number int, activated_at timestamptz);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append-only'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON activations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TABLE ledger (project_id text, position bigint);
CREATE TABLE ledger_heads (
    project_id text PRIMARY KEY, last_position bigint, hash bytea, recorded_at timestamptz
);
"""


def test_activations_from_before_are_on_the_ledgers_clock(scoring_schema: Stack) -> None:
    hours = [START + timedelta(hours=number) for number in range(4)]
    with psycopg.connect(scoring_schema.superuser_url) as connection:
        connection.execute("CREATE SCHEMA before_0003")
        connection.execute("SET LOCAL search_path = before_0003")
        connection.execute(BEFORE)
        for project, number, at in (
            ("quiet", 1, hours[1]),
            ("busy", 1, hours[1]),
            # Made with a clock that was behind: still the later one.
            ("busy", 2, hours[0]),
        ):
            connection.execute("INSERT INTO activations VALUES (%s, %s, %s)", [project, number, at])
        connection.execute("INSERT INTO ledger_heads VALUES ('busy', 7, '\\x07', %s)", [hours[3]])
        for statement in import_module(MIGRATION).STATEMENTS:
            connection.execute(statement)
        assert _all(connection, "activations") == [
            ("busy", 1, hours[1], hours[1]),
            ("busy", 2, hours[0], hours[1]),
            ("quiet", 1, hours[1], hours[1]),
        ]
        assert _all(connection, "ledger_heads") == [
            ("busy", 7, b"\x07", hours[3]),
            ("quiet", 0, bytes(32), hours[1]),
        ]
        connection.rollback()


def _all(connection: psycopg.Connection[Any], table: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
