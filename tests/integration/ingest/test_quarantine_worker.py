"""The consumer of QUARANTINE on a real broker: nothing is lost while the database is away, or with a killed process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.ingest import quarantine_worker
from services.ingest.ports import Quarantined
from services.ingest.quarantine_ports import ItemFilter, Seen
from services.ingest.quarantine_store import PostgresQuarantine
from services.ingest.quarantine_worker import QUARANTINE_STREAM, STREAM, QuarantineWorker
from services.shared.bus import Bus
from services.shared.clock import SystemClock
from services.shared.errors import DependencyUnavailable
from services.shared.publishing import OutgoingMessage, publish_one
from services.shared.tasks import cancel
from stack import Stack
from tests.support import service_database
from tests.support.eventually import eventually_async
from tests.support.service_database import Migrated

TIMEOUT_S = 10.0


class Store(PostgresQuarantine):
    """Keeps nothing the first `failures` times."""

    failures = 0
    kept: list[str]
    stop_after_commit = False

    async def keep_messages(self, items: Sequence[tuple[Quarantined, Seen]]) -> list[Quarantined]:
        if self.failures:
            self.failures -= 1
            raise DependencyUnavailable("away")
        dropped = await super().keep_messages(items)
        self.kept += [item.event_id for item, _ in items]
        if self.stop_after_commit:
            # As a process that is killed between commit and acknowledgement.
            raise asyncio.CancelledError
        return dropped


@pytest.fixture
async def bus(servers: Stack) -> AsyncIterator[Bus]:
    bus = await Bus.connect(servers.nats_url, "test-quarantine-worker", TIMEOUT_S)
    await bus.ensure_stream(QUARANTINE_STREAM, TIMEOUT_S)
    yield bus
    await bus.jetstream.delete_stream(STREAM)
    await bus.close()


@pytest.fixture
async def store(migrated: Migrated) -> AsyncIterator[Store]:
    async with service_database.opened(migrated("ingest"), "ingest") as database:
        store = Store(database)
        store.kept = []
        yield store


async def tell(bus: Bus, event_id: str) -> None:
    said = QuarantinedMessage(
        project_id="prj_w",
        reason=pb.QUARANTINE_REASON_POISON,
        event_id=event_id,
        stream="EVENTS",
        payload=event_id.encode(),
    )
    message = OutgoingMessage("quarantine.prj_w.poison", said.SerializeToString(), event_id)
    await publish_one(bus, message)


async def left(bus: Bus) -> int:
    return (await bus.jetstream.stream_info(STREAM)).state.messages


async def test_messages_wait_for_the_database_and_the_worker_goes_on(
    bus: Bus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_worker, "RETRY_S", 0.05)
    store.failures = 3
    worker = QuarantineWorker(bus, store, SystemClock())
    running = asyncio.create_task(worker.run())
    for number in range(5):
        await tell(bus, f"wait-{number}")
    await eventually_async(lambda: _empty(bus))
    assert sorted(store.kept) == [f"wait-{number}" for number in range(5)]
    worker.stop()
    async with asyncio.timeout(TIMEOUT_S):
        await running


async def test_what_was_kept_but_not_acknowledged_is_kept_once(
    bus: Bus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuarantineWorker, "_answer", _silent)
    store.stop_after_commit = True
    await tell(bus, "killed")
    with suppress(asyncio.CancelledError):
        await QuarantineWorker(bus, store, SystemClock()).run()
    assert store.kept == ["killed"]
    assert await left(bus) == 1
    monkeypatch.undo()

    store.stop_after_commit = False
    # Forgotten with its consumer, the delivery comes again at once.
    await bus.jetstream.delete_consumer(STREAM, quarantine_worker.CONSUMER)
    again = asyncio.create_task(QuarantineWorker(bus, store, SystemClock()).run())
    await eventually_async(lambda: _empty(bus))
    await cancel([again])
    assert store.kept == ["killed", "killed"]
    (item,) = [
        one
        for one in await store.newest("prj_w", ItemFilter(), None, 100)
        if one.item.event_id == "killed"
    ]
    assert item.seen.count == 2


async def test_an_event_that_scoring_gave_up_again_and_again_is_one_item(
    bus: Bus, store: Store
) -> None:
    said = hashlib.sha256(b"what the sender said").digest()
    for number, public in enumerate((False, False, False, True)):
        event = AcceptedEvent(
            project_id="prj_again", payload_hash=said, request_id=f"request-{number}", public=public
        )
        message = QuarantinedMessage(
            project_id="prj_again",
            reason=pb.QUARANTINE_REASON_CONFLICT,
            event_id="twice",
            stream="EVENTS",
            payload=event.SerializeToString(),
        ).SerializeToString()
        subject = "quarantine.prj_again.conflict"
        await publish_one(bus, OutgoingMessage(subject, message, f"again-{number}"))
    running = asyncio.create_task(QuarantineWorker(bus, store, SystemClock()).run())
    await eventually_async(lambda: _empty(bus))
    await cancel([running])
    items = await store.newest("prj_again", ItemFilter(event_id="twice"), None, 100)
    # What came with a key that everyone can read is kept apart.
    assert sorted(one.seen.count for one in items) == [1, 3]


async def test_what_finds_no_room_is_logged_without_the_senders_ids(
    bus: Bus, store: Store, servers: Stack
) -> None:
    async with service_database.opened(servers, "ingest") as database:
        full = Store(database, items_max=0)
        full.kept = []
        for number in range(3):
            await tell(bus, f"ada@example.com-{number}")
        with capture_logs() as lines:
            running = asyncio.create_task(QuarantineWorker(bus, full, SystemClock()).run())
            await eventually_async(lambda: _empty(bus))
            await cancel([running])
    told = [line for line in lines if "full" in line["event"]]
    assert sum(line["messages"] for line in told) == 3
    assert {(line["project_id"], line["reason"]) for line in told} == {("prj_w", "poison")}
    assert "ada@example.com" not in repr(lines)


async def _empty(bus: Bus) -> bool:
    return await left(bus) == 0


async def _silent(self: QuarantineWorker, messages: object, answer: bytes) -> None:
    """A process that is gone says nothing."""
