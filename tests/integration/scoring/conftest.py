"""Scoring's parts on real Postgres and NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.shared.db import Database
from stack import Stack
from tests.support import scoring_rig
from tests.support.scoring_fixtures import project, scoring_database, scoring_schema
from tests.support.scoring_rig import Rig

__all__ = ["project", "rig", "scoring_database", "scoring_schema"]


@pytest.fixture
async def rig(scoring_schema: Stack, scoring_database: Database) -> AsyncIterator[Rig]:
    """Scoring's loops in this process, over empty streams."""
    async with scoring_rig.opened(scoring_schema, scoring_database) as opened:
        yield opened
