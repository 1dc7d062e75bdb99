"""A service waits for the migrations that its code was written for, not for any."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from services.shared.config import DatabaseConfig
from services.shared.db import Database, SchemaBehind, newest_revision
from stack import Stack
from tests.support.eventually import eventually_async
from tests.support.service_database import Migrated

SET = "UPDATE alembic_version SET version_num = %s"


@pytest.fixture
def behind(migrated: Migrated) -> Iterator[Stack]:
    """A schema as it was one migration ago, says its version."""
    servers = migrated("accounts")
    newest = newest_revision("accounts")
    with psycopg.connect(
        servers.postgres_url("scoreline_accounts_owner"), autocommit=True
    ) as owner:
        owner.execute(SET, [f"{int(newest) - 1:04}"])
        yield servers
        owner.execute(SET, [newest])


def config(servers: Stack) -> DatabaseConfig:
    return DatabaseConfig(database_url=SecretStr(servers.postgres_url("scoreline_accounts")))


async def test_an_older_schema_is_not_taken(behind: Stack) -> None:
    with pytest.raises(SchemaBehind):
        await Database.connect(config(behind), "accounts", startup_timeout_s=0.2)


async def test_it_goes_on_when_the_migration_is_made(
    behind: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    connecting = asyncio.create_task(Database.connect(config(behind), "accounts", 30))

    async def waits() -> bool:
        return "SchemaBehind" in capsys.readouterr().out

    await eventually_async(waits)
    assert not connecting.done()
    with psycopg.connect(behind.postgres_url("scoreline_accounts_owner"), autocommit=True) as owner:
        owner.execute(SET, [newest_revision("accounts")])
    await (await connecting).close()


async def test_a_newer_schema_is_taken(behind: Stack) -> None:
    """One that the next version's migrations have made while this one still runs."""
    with psycopg.connect(behind.postgres_url("scoreline_accounts_owner"), autocommit=True) as owner:
        owner.execute(SET, ["9999"])
    await (await Database.connect(config(behind), "accounts", startup_timeout_s=5)).close()
