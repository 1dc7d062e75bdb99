"""What the log says of a constraint that a real server says was violated: which, and nothing of the row."""

from __future__ import annotations

import os
import subprocess
import sys

from stack import Stack
from tests.support.scoring_fixtures import scoring_schema

__all__ = ["scoring_schema"]

VIOLATING = """
import asyncio, os
from datetime import UTC, datetime
import psycopg, sqlalchemy as sa
from pydantic import SecretStr
from services.shared import logs
from services.shared.config import DatabaseConfig
from services.shared.db import Database

logs.configure("test", "info")
log = logs.get("part")
TWICE = (
    "INSERT INTO subjects VALUES ('p-log', 'email:ada@example.com', 'ada', 'epoch'),"
    " ('p-log', 'email:ada@example.com', 'x', 'epoch')"
)
NULL = "INSERT INTO subjects VALUES ('p-log', 'email:ada@example.com', NULL, 'epoch')"
VALUE = "SELECT CAST('ada@example.com' AS integer)"
COPY = "COPY subjects FROM STDIN"

async def main():
    database = await Database.connect(
        DatabaseConfig(database_url=SecretStr(os.environ["URL"])), "scoring", 10
    )
    for statement in (TWICE, NULL, VALUE):
        try:
            async with database.begin() as connection:
                await connection.execute(sa.text(statement))
        except Exception as error:
            log.error("failed", exc_info=error)
    try:
        async with database.begin() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            async with raw.cursor() as cursor, cursor.copy(COPY) as copy:
                for _ in range(2):
                    await copy.write_row(("p-log", "email:ada@example.com", "ada", datetime.now(UTC)))
    except psycopg.Error as error:
        assert "ada@example.com" in str(error)
        log.error("failed", exc_info=error)
    await database.close()

asyncio.run(main())
"""


def test_a_violated_constraint_is_named_without_the_row(scoring_schema: Stack) -> None:
    run = subprocess.run(
        [sys.executable, "-c", VIOLATING],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
        env={**os.environ, "URL": scoring_schema.postgres_url("scoreline_scoring")},
    )
    lines = run.stderr.splitlines()
    assert len(lines) == 4
    for line, said in zip(
        lines, ("subjects_pkey", "lead_id", "22P02", "subjects_pkey"), strict=True
    ):
        assert said in line
    assert "ada@" not in run.stderr
    assert "SQLSTATE 23505" in run.stderr
