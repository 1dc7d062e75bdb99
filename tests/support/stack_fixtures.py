"""Session fixtures that start the real servers, once a test process: fresh, temporary, on free ports, so
that test processes side by side never meet.

    suite      everything: Postgres, NATS, Envoy and the five services
    servers    Postgres and NATS only, for tests that run a service's parts in their own process
    migrated   the same with the tables of a service
    fragile    everything, for tests that kill parts of it and start them again
    data_dir   a directory for a suite that a test starts itself and that must survive it

A start takes seconds of both processors, so a room whose tests need another stack has one for all of them, in its
conftest.py, and marks them with an `xdist_group`: they run in one test process, and the stack starts once.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from stack import Stack, StackConfig
from tests.support import service_database
from tests.support.eventually import eventually
from tests.support.service_database import Migrated

ACK_WAIT_S = 2
"""After a kill of scoring, what it had in hand is delivered again so soon (10 s by default)."""


@pytest.fixture(scope="session")
def suite() -> Iterator[Stack]:
    """The whole suite. Tests share it: keep apart by project or by lead."""
    with Stack(StackConfig()) as stack:
        yield stack


@pytest.fixture(scope="session")
def servers() -> Iterator[Stack]:
    """Postgres (roles and empty schemas) and NATS. Tests share them: keep apart by project."""
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        yield stack


@pytest.fixture(scope="session")
def migrated(servers: Stack) -> Migrated:
    """Gives the shared servers with a service's tables, which it has the service make the first time."""

    @cache
    def with_tables(service: str) -> Stack:
        service_database.migrate(servers, service)
        return servers

    return with_tables


@pytest.fixture(scope="session")
def _fragile() -> Iterator[Stack]:
    with Stack(StackConfig(env={"SCORELINE_SCORING_ACK_WAIT_S": str(ACK_WAIT_S)})) as stack:
        yield stack


@pytest.fixture
def fragile(_fragile: Stack) -> Stack:
    """The whole suite, for killing parts of it. Tests in the group `fragile` share it, each with its own project."""
    revive(_fragile)
    healthz = f"{_fragile.http_url}/healthz"
    eventually(lambda: httpx.get(healthz, trust_env=False).status_code == httpx.codes.OK)
    return _fragile


def revive(stack: Stack) -> None:
    """Start again whatever the test before left dead."""
    while (lost := stack.ended()) is not None:
        stack.restart(lost.component)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory for a test's own suite, absent at first.

    Not below tmp_path: run by root, Postgres is another user, and pytest shuts its directories to others
    again whenever another pytest starts on the machine.
    """
    parent = Path(tempfile.mkdtemp(prefix="scoreline-test-"))
    yield parent / "data"
    shutil.rmtree(parent)
