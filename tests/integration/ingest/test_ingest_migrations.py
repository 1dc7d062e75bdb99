"""What is in quarantine keeps its place, and takes its room, when the schema changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config

import services.ingest
from stack import Stack, StackConfig


@pytest.fixture
def servers() -> Iterator[Stack]:
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        yield stack


def test_items_take_room_by_share_and_by_project_again(servers: Stack) -> None:
    alembic = Config()
    folder = Path(services.ingest.__file__).parent / "migrations"
    alembic.set_main_option("script_location", str(folder))
    alembic.attributes["url"] = servers.postgres_url("scoreline_ingest_owner")
    command.upgrade(alembic, "0001")
    role = servers.postgres_url("scoreline_ingest")

    def rows(query: str) -> list[Any]:
        with psycopg.connect(role) as connection:
            return connection.execute(query).fetchall()

    with psycopg.connect(role) as connection:
        for number, reason, gone in (
            (1, "poison", None),
            (2, "poison", None),
            (3, "conflict", None),
            (4, "conflict", "2026-03-01T00:00:00Z"),
        ):
            payload = b"" if gone else bytes(10 * number)
            values = ("p1", f"qua_{number}", reason, payload, gone)
            connection.execute(
                "INSERT INTO quarantine (project_id, item_id, reason, detail, event_id, source_id, stream, headers,"
                " payload, first_seen_at, last_seen_at, seen_count, redriven_at)"
                " VALUES (%s, %s, %s, '', '', '', '', '{}', %s, now(), now(), 1, %s)",
                values,
            )
        connection.execute("INSERT INTO quarantine_usage VALUES ('p1', 3, 60)")

    command.upgrade(alembic, "0002")
    usage = "SELECT project_id, share, item_count, size_bytes FROM quarantine_usage ORDER BY share"
    assert rows(usage) == [("p1", "conflict", 1, 30), ("p1", "poison", 2, 30)]
    assert rows("SELECT item_id FROM quarantine WHERE share <> reason") == []
    command.downgrade(alembic, "0001")
    assert rows("SELECT * FROM quarantine_usage") == [("p1", 3, 60)]
