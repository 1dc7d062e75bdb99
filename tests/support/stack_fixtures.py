"""Session fixtures that start the real servers, once a test process: fresh, temporary, on free ports, so
that test processes side by side never meet.

    suite      everything: Postgres, NATS, Envoy and the five services
    servers    Postgres and NATS only, for tests that run a service's parts in their own process
    data_dir   a directory for a suite that a test starts itself and that must survive it

Tests that kill things start their own Stack instead: these two are shared.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack, StackConfig


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


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory for a test's own suite, absent at first.

    Not below tmp_path: run by root, Postgres is another user, and pytest shuts its directories to others
    again whenever another pytest starts on the machine.
    """
    parent = Path(tempfile.mkdtemp(prefix="scoreline-test-"))
    yield parent / "data"
    shutil.rmtree(parent)
