"""What an error in the log says, and what it must not say."""

from __future__ import annotations

import json
import subprocess
import sys

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
