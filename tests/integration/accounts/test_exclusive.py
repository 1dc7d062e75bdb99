"""The lock of work that one process does at a time, while tasks are cancelled at the worst moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.shared.db import Database
from services.shared.exclusive import exclusive
from stack import Stack
from tests.support import service_database
from tests.support.service_database import Migrated


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("accounts")


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with service_database.opened(schema, "accounts") as opened:
        yield opened


async def give_up() -> bool:
    return False


@pytest.mark.parametrize("turns", range(0, 12, 3))
async def test_a_holder_that_is_cancelled_twice_keeps_nothing(
    schema: Stack, database: Database, turns: int
) -> None:
    """The second time while it gives up its connection, whatever it is awaiting then."""
    holding = asyncio.Event()

    async def hold() -> None:
        async with exclusive(database, "test_twice", give_up) as connection:
            assert connection is not None
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await holding.wait()
    task.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await _assert_free(schema, "test_twice")


@pytest.mark.parametrize("turns", range(0, 60, 10))
async def test_one_that_is_cancelled_while_it_takes_the_lock_keeps_nothing(
    schema: Stack, database: Database, turns: int
) -> None:
    async def hold() -> None:
        async with exclusive(database, "test_taking", give_up):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await _assert_free(schema, "test_taking")


async def _assert_free(schema: Stack, name: str) -> None:
    async with (
        service_database.opened(schema, "accounts") as another_process,
        exclusive(another_process, name, give_up) as taken_over,
    ):
        assert taken_over is not None
