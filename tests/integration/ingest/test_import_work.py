"""Imports on a real Postgres, without a broker: whose rows are counted when two believe an import theirs, files that
come slowly or are too many, files of nothing, and what watchers cost."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from services.ingest import import_store
from services.ingest.domain.events import IncomingEvent, Origin
from services.ingest.domain.importing.reading import ReadOptions
from services.ingest.errors import ImportsTooLarge
from services.ingest.handlers import Receipt, Result
from services.ingest.import_handlers import ImportHandlers, Shown, Upload
from services.ingest.import_ports import CHUNK_BYTES, ENDED, Import, State
from services.ingest.import_store import PostgresImports
from services.ingest.import_work import PostgresImportWork
from services.ingest.import_worker import ImportWorker
from services.shared.db import Database
from services.shared.errors import ResourceNotFound
from stack import Stack
from tests.support import service_database
from tests.support.eventually import TIMEOUT_S, eventually_async
from tests.support.service_database import Migrated

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HEADER = b"type,lead_id\n"
UPLOAD = Upload("", ReadOptions(), "")


class SettableClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Events:
    """Takes events, some batches at once and the others when a test says so."""

    def __init__(self, batches: int) -> None:
        self.taken = 0
        self.room = asyncio.Semaphore(batches)

    async def accept_batch(self, origin: Origin, events: Sequence[IncomingEvent]) -> list[Result]:
        self.taken += 1
        await self.room.acquire()
        return [Receipt(event.event_id, 0, duplicate=False) for event in events]

    def open(self) -> None:
        for _ in range(100):
            self.room.release()


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("ingest")


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with service_database.opened(schema, "ingest") as database:
        yield database


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def handlers(database: Database, clock: SettableClock) -> ImportHandlers:
    return ImportHandlers(PostgresImports(database), clock, lambda: None)


@pytest.fixture
def project() -> str:
    return f"prj_{uuid.uuid4().hex}"


@asynccontextmanager
async def working(
    database: Database, events: Events, clock: SettableClock
) -> AsyncIterator[ImportWorker]:
    worker = ImportWorker(PostgresImportWork(database), events, clock)
    loop = asyncio.create_task(worker.work())
    try:
        yield worker
    finally:
        events.open()
        await worker.drain()
        await loop


async def until(check: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    async def checked() -> bool:
        return check()

    await eventually_async(checked, timeout_s=timeout_s)


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def test_a_row_is_settled_once_by_two_who_think_the_import_theirs(
    database: Database, handlers: ImportHandlers, clock: SettableClock, project: str
) -> None:
    made = await handlers.receive(project, UPLOAD, pieces(HEADER + b"t,l\n" * 5_000))

    async def has_accepted(rows: int) -> bool:
        return (await handlers.get(project, made.import_id)).found.accepted == rows

    first, second = Events(0), Events(3)
    async with working(database, first, clock) as loser:
        await until(lambda: first.taken == 4)
        # Its connection is lost, and the lock with it; it does not hear of it.
        lost = sa.text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        async with database.begin() as connection:
            assert await connection.scalar(lost) == 1
        async with working(database, second, clock):
            await eventually_async(lambda: has_accepted(1_500))
            first.open()
            await loser.drain()
            assert await has_accepted(1_500)
            second.open()
            async with aclosing(handlers.watch(project, made.import_id)) as changes:
                last = [shown.found async for shown in changes][-1]
    assert (last.state, last.accepted, last.settled) == (State.SUCCEEDED, 5_000, 5_000)


async def test_a_file_that_comes_slowly_is_not_taken_for_broken_off(
    database: Database, handlers: ImportHandlers, clock: SettableClock, project: str
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield HEADER
        for _ in range(20):
            clock.at += timedelta(seconds=59)
            await PostgresImportWork(database).sweep(clock.at)
            yield b"t,l\n"

    made = await handlers.receive(project, UPLOAD, slowly())
    assert made.size_bytes == len(HEADER) + 80
    await handlers.cancel(project, made.import_id)


async def test_a_project_has_room_for_so_many_bytes(
    handlers: ImportHandlers, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_store, "WAITING_BYTES_MAX", 3 * CHUNK_BYTES)
    chunk = b"x" * CHUNK_BYTES
    made = await handlers.receive(project, UPLOAD, pieces(chunk, chunk))
    with pytest.raises(ImportsTooLarge):
        await handlers.receive(project, UPLOAD, pieces(chunk, chunk))
    # What was refused is gone, and so is what has ended.
    other = await handlers.receive(project, UPLOAD, pieces(chunk))
    for one in (made, other):
        await handlers.cancel(project, one.import_id)
    last = await handlers.receive(project, UPLOAD, pieces(chunk, chunk, chunk))
    await handlers.cancel(project, last.import_id)


async def test_a_file_of_nothing_can_be_cancelled(
    database: Database, handlers: ImportHandlers, clock: SettableClock, project: str
) -> None:
    blank = b"\n" * 20_000_000
    packed = gzip.compress(HEADER + blank * 3, 1)
    made = await handlers.receive(project, UPLOAD, pieces(packed))
    events = Events(0)
    async with working(database, events, clock) as worker:
        await until(lambda: bool(worker._runs))
        await handlers.cancel(project, made.import_id)
        # Long before all of it is unpacked.
        await until(lambda: not worker._runs, timeout_s=5.0)
    shown = await handlers.get(project, made.import_id)
    assert (shown.found.state, shown.found.settled) == (State.CANCELLED, 0)


@pytest.mark.parametrize(
    "import_id", ["", "\0", "imp_\0", "imp_" + "A" * 24, "imp_" + "a" * 25, "imp_" + "a" * 24]
)
async def test_what_is_no_id_is_not_found(
    handlers: ImportHandlers, project: str, import_id: str
) -> None:
    for asking in (
        handlers.get(project, import_id),
        handlers.cancel(project, import_id),
        anext(handlers.watch(project, import_id)),
        anext(handlers.report(project, import_id)),
    ):
        with pytest.raises(ResourceNotFound):
            await asking


async def test_watchers_share_what_is_read(
    database: Database, clock: SettableClock, project: str
) -> None:
    class Counted(PostgresImports):
        found = 0

        async def find(self, project_id: str, import_id: str) -> Import | None:
            self.found += 1
            return await super().find(project_id, import_id)

    store = Counted(database)
    handlers = ImportHandlers(store, clock, lambda: None)
    made = await handlers.receive(project, UPLOAD, pieces(HEADER))

    async def watch() -> list[Shown]:
        return [shown async for shown in handlers.watch(project, made.import_id)]

    watching = [asyncio.create_task(watch()) for _ in range(50)]
    await until(lambda: store.found >= 2)
    # Whoever goes takes nothing from the others.
    watching.pop().cancel()
    await handlers.cancel(project, made.import_id)
    seen = await asyncio.gather(*watching)
    assert all(one[-1].found.state in ENDED for one in seen)
    assert store.found < 20
    await until(lambda: not handlers._looks)
