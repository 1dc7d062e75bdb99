"""A service's schema on the shared Postgres: migrated by the service's own `migrate` (once a session by the fixture
`migrated`), opened as its own role by each test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import SecretStr

from services.shared.config import DatabaseConfig
from services.shared.db import Database
from stack import Stack

Migrated = Callable[[str], Stack]
"""What the fixture `migrated` is: from the name of a service to servers with its tables."""

MIGRATE_TIMEOUT_S = 50
CONNECT_TIMEOUT_S = 10


def migrate(servers: Stack, service: str) -> None:
    """Run `python -m services.<service> migrate` against the servers."""
    url = servers.postgres_url(f"scoreline_{service}_owner")
    subprocess.run(
        [sys.executable, "-m", f"services.{service}", "migrate"],
        env={**os.environ, f"SCORELINE_{service.upper()}_MIGRATION_DATABASE_URL": url},
        check=True,
        capture_output=True,
        timeout=MIGRATE_TIMEOUT_S,
    )


@asynccontextmanager
async def opened(servers: Stack, service: str, pool_size: int = 8) -> AsyncIterator[Database]:
    """Connections of the service's runtime role, closed at the end."""
    config = DatabaseConfig(
        database_url=SecretStr(servers.postgres_url(f"scoreline_{service}")),
        database_pool_size=pool_size,
    )
    database = await Database.connect(config, service, CONNECT_TIMEOUT_S)
    try:
        yield database
    finally:
        await database.close()
