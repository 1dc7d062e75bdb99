"""What an error in the log says, and what it must not say."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import structlog

from services.shared import logs

FAILING = """
from services.shared import logs

logs.configure("test", "info")
api_key = "sl_hunter2"

def fail(credential):
    raise ValueError("nothing secret")

try:
    fail(api_key)
except ValueError as error:
    logs.get("part").error("failed", exc_info=error)
"""


def test_a_traceback_says_where_and_no_local_values() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, check=True, timeout=30
    )
    line = json.loads(run.stderr)
    [raised] = line["exception"]
    assert (raised["exc_type"], raised["exc_value"]) == ("ValueError", "nothing secret")
    assert [frame["name"] for frame in raised["frames"]] == ["<module>", "fail"]
    assert "hunter2" not in run.stderr


class Diagnosis:
    def __init__(self, message_primary: str) -> None:
        self.message_primary = message_primary


class ServerError(psycopg.Error):
    """As psycopg raises it for what the server reports."""

    def __init__(self, sqlstate: str, primary: str, rest: str) -> None:
        super().__init__(primary + rest)
        self.sqlstate = sqlstate
        self._said = Diagnosis(primary)

    @property
    def diag(self) -> Any:
        return self._said


ROW = "\nDETAIL:  Failing row contains (p1, ada@example.com).\nCONTEXT:  COPY ledger, line 1: ada@"


def logged(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    """The line that tells of an error, through structlog and through the standard library."""
    logs.configure("test", "info")
    logging.getLogger("any").error("failed", exc_info=error)
    return capsys.readouterr().err


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The error as it is when it was raised."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.usefixtures("_as_configured_before")
def test_what_a_database_quotes_of_rows_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    refused = ServerError("23514", 'new row violates check constraint "c"', ROW)
    value = ServerError("22P02", 'invalid input syntax for type json: "ada@example.com"', "")
    wrapped = sa.exc.IntegrityError("INSERT INTO leads VALUES ($1)", {}, refused)
    outer = raised(ValueError("nothing secret"), raised(wrapped, raised(value)))
    line = logged(ExceptionGroup("several", [outer, refused]), capsys)
    assert "ada@" not in line
    first, *_ = json.loads(line)["exception"]
    inner = [[one["exc_value"] for one in stacks] for stacks in first["exceptions"]]
    assert inner == [
        [
            "nothing secret",
            '(ServerError) new row violates check constraint "c" (SQLSTATE 23514)',
            "a value that the database refuses (SQLSTATE 22P02)",
        ],
        ['new row violates check constraint "c" (SQLSTATE 23514)'],
    ]


@pytest.mark.usefixtures("_as_configured_before")
def test_what_a_driver_says_of_a_server_that_is_away_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = logged(psycopg.OperationalError("connection refused"), capsys)
    assert json.loads(line)["exception"][0]["exc_value"] == "connection refused"


@pytest.fixture
def _as_configured_before() -> Iterator[None]:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)
