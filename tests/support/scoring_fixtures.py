"""Fixtures for tests that run over a scoring store, in memory and in Postgres."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.scoring_subjects import MemorySubject, PostgresSubject, Subject
from tests.support.service_database import Migrated


@pytest.fixture(scope="session")
def scoring_schema(migrated: Migrated) -> Stack:
    """The servers with scoring's tables."""
    return migrated("scoring")


@pytest.fixture
async def scoring_database(scoring_schema: Stack) -> AsyncIterator[Database]:
    """Connections as scoring has them."""
    async with service_database.opened(scoring_schema, "scoring") as database:
        yield database


@pytest.fixture(params=["memory", "postgres"])
async def scoring(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each store in turn."""
    if request.param == "memory":
        yield MemorySubject()
        return
    schema = request.getfixturevalue("scoring_schema")
    async with service_database.opened(schema, "scoring") as database:
        yield PostgresSubject(database)


@pytest.fixture
def project() -> str:
    """A project that no other test has."""
    return f"p-{secrets.token_hex(8)}"
