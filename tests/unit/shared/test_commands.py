"""What a process of the suite does with its command line, and what it loads for that."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, SERVICES

NOT_TO_SERVE = {"alembic", "mako", "rich", "pygments", "click", "pyarrow", "liquid", "dns"}
"""Loaded by what is used rarely, or never by a service."""

NOT_TO_MIGRATE = {"grpc", "nats", "uvloop", "rich", "pygments", "click"}

BAD_SETTINGS = 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m` without settings."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")}
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *arguments],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def loaded(ended: subprocess.CompletedProcess[str]) -> set[str]:
    """Packages of which it loaded a module; the packages themselves are listed, too, when they were not found."""
    return set(re.findall(r"^import time:.*\| +(\w+)\.", ended.stderr, re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_loads_what_serving_takes(service: str) -> None:
    ended = run(f"services.{service}")
    assert ended.returncode == BAD_SETTINGS
    assert f"SCORELINE_{service.upper()}_DATABASE_URL: Field required" in ended.stderr
    assert loaded(ended) >= {"grpc", "sqlalchemy"}
    assert loaded(ended) & NOT_TO_SERVE == set()


@pytest.mark.parametrize(
    "command", [("services.rules", "migrate"), ("services", "migrate", "rules")]
)
def test_a_migration_loads_no_service(command: tuple[str, ...]) -> None:
    ended = run(*command)
    assert ended.returncode == BAD_SETTINGS
    assert "SCORELINE_RULES_MIGRATION_DATABASE_URL: Field required" in ended.stderr
    assert "alembic" in loaded(ended)
    assert loaded(ended) & NOT_TO_MIGRATE == set()


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (("services.rules", "migrat"), "usage: python -m services.rules [migrate]"),
        (("services", "migrate"), "usage: python -m services migrate NAME..."),
        (("services", "serve", "rules"), "usage: python -m services migrate NAME..."),
    ],
)
def test_anything_else_is_told_how(command: tuple[str, ...], usage: str) -> None:
    ended = run(*command)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == usage
