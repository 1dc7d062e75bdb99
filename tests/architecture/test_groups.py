"""Tests of one group (`xdist_group`) run in one process, so that what they share is started once, and those that fail
are found again. Tried with the commands of the Makefile, since a release of pytest that xdist does not know breaks
either without a word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.config import REPO_ROOT

TESTS = """
import pathlib, pytest

HERE = pathlib.Path(__file__).parent

@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize("number", range(8))
def test_of_a_group(number, worker_id):
    with (HERE / "ran").open("a") as ran:
        ran.write(f"{worker_id} {number}\\n")
    assert number != 3

def test_alone():
    pass
"""

Run = Callable[[str], list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the tests above as a target of the Makefile does; gives who ran which test of the group."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}

    def target(name: str) -> list[str]:
        (tmp_path / "ran").write_text("")
        options = options_of(name)
        command = [sys.executable, "-m", "pytest", *options]
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        return (tmp_path / "ran").read_text().splitlines()

    return target


def options_of(target: str) -> list[str]:
    makefile = (REPO_ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(
        rf"^{target}:.*\n(?:\t.*\n)*?\t\$\(BIN\)/pytest (.*)$", makefile, re.MULTILINE
    )
    assert found is not None, target
    return found[1].replace("$(WORKERS)", "2").split()


def test_a_group_runs_in_one_process_and_its_failures_are_found_again(run: Run) -> None:
    ran = [line.split() for line in run("test")]
    assert sorted(number for _, number in ran) == [str(number) for number in range(8)]
    assert len({worker for worker, _ in ran}) == 1
    assert [line.split()[1] for line in run("test-failed")] == ["3"]
