"""The QUARANTINE stream: what other services tell ingest that they can't process, on its way into the tables; and the
way back into EVENTS."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from sqlalchemy.exc import DBAPIError

from services.ingest import quarantine_convert as convert
from services.ingest.ports import EventStore, Quarantined, Reason
from services.ingest.quarantine_convert import NotOurs
from services.ingest.quarantine_ports import CannotRequeue, ItemStore, KeptItem, Seen
from services.ingest.store import STREAM as EVENTS_STREAM
from services.ingest.store import SUBJECT_PREFIX as EVENTS_PREFIX
from services.shared import logs
from services.shared.bus import Bus, subject_token
from services.shared.clock import Clock
from services.shared.consuming import PullConsumer, delivery
from services.shared.errors import DependencyUnavailable
from services.shared.publishing import OutgoingMessage

log = logs.get("quarantine")

STREAM = "QUARANTINE"
CONSUMER = "quarantine"
"""Durable, shared by all ingest processes."""

BYTES_MAX = 2 * 1024**3
"""What waits while the database is away; then the senders keep it in their outboxes."""

MESSAGE_BYTES_MAX = 512 * 1024
"""A message of EVENTS, which has 256 KiB at most, and what is said about it."""

DUPLICATE_WINDOW_S = 120.0

BATCH = 50
"""Messages kept in one transaction."""

ACK_WAIT_S = 30.0

UNACKNOWLEDGED_MAX = 1_000

RETRY_S = 2.0
"""How soon messages are tried again that the database did not take."""

REMEMBERED = timedelta(days=1)
"""How long an item that was redriven is remembered: it comes back within seconds, if at all."""

FORGET_EVERY_S = 600.0
FORGET_BATCH = 5_000

QUARANTINE_STREAM = StreamConfig(
    name=STREAM,
    description="What can't be processed, until ingest has it in its tables",
    subjects=["quarantine.>"],
    storage=StorageType.FILE,
    # However long ingest is away: a message goes when it is acknowledged, not when it is old.
    retention=RetentionPolicy.WORK_QUEUE,
    discard=DiscardPolicy.NEW,
    max_bytes=BYTES_MAX,
    max_msg_size=MESSAGE_BYTES_MAX,
    duplicate_window=DUPLICATE_WINDOW_S,
    allow_atomic=True,
)


class QuarantineWorker:
    """Takes what is in the stream into the tables, and acknowledges after the commit. Without a database it waits:
    ingest accepts events all the same, so this is no failure of the service."""

    def __init__(self, bus: Bus, store: ItemStore, clock: Clock) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._consumer: PullConsumer | None = None
        self._stopping = False

    def stop(self) -> None:
        """Return from `run` when the batch in hand is done."""
        self._stopping = True
        if self._consumer is not None:
            self._consumer.interrupt()

    async def run(self) -> None:
        """Until stopped."""
        config = ConsumerConfig(
            durable_name=CONSUMER,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=UNACKNOWLEDGED_MAX,
        )
        await self._bus.jetstream.add_consumer(STREAM, config)
        consumer = PullConsumer(self._bus, STREAM, CONSUMER, 2 * BATCH)
        self._consumer = consumer
        await consumer.start()
        undone: list[Msg] = []
        try:
            while not self._stopping:
                undone = await consumer.take(BATCH)
                if undone:
                    await self._keep(undone)
                undone = []
        finally:
            left = [*undone, *await consumer.close()]
            await self._answer(left, b"-NAK")

    async def forget(self) -> None:
        """Forget, now and then, what was redriven and did not come back; until cancelled."""
        while True:
            try:
                before = self._clock.now() - REMEMBERED
                while await self._store.forget_redriven(before, FORGET_BATCH) == FORGET_BATCH:
                    pass
            except (DependencyUnavailable, DBAPIError) as error:
                log.warning("redriven items are remembered longer", error=type(error).__name__)
            await asyncio.sleep(FORGET_EVERY_S)

    async def _keep(self, messages: Sequence[Msg]) -> None:
        items = [_read(message) for message in messages]
        try:
            dropped = await self._store.keep_messages(items)
        except (DependencyUnavailable, DBAPIError) as error:
            log.warning("quarantine waits for the database", error=type(error).__name__)
            delay = json.dumps({"delay": int(RETRY_S * 1_000_000_000)})
            await self._answer(messages, b"-NAK " + delay.encode())
            return
        # Ids of events are their senders', who may have made them of anything: no log has them.
        told = Counter((item.project_id, item.reason.value, item.public) for item in dropped)
        for (project_id, reason, public), number in told.items():
            log.error(
                "quarantine is full: messages were not kept",
                project_id=project_id,
                reason=reason,
                public=public,
                messages=number,
            )
        await self._answer(messages, b"+ACK")

    async def _answer(self, messages: Sequence[Msg], answer: bytes) -> None:
        if not self._bus.connected:
            return  # the broker delivers them again by itself
        for message in messages:
            await self._bus.client.publish(message.reply, answer)


class EventRequeue:
    """A quarantine_ports.Requeue: back into EVENTS, where scoring reads it again. Without a message id, or the broker
    might drop it as a copy of what it had before."""

    def __init__(self, events: EventStore) -> None:
        self._events = events

    async def requeue(self, item: KeptItem) -> None:
        found = item.item
        if found.stream != EVENTS_STREAM:
            raise CannotRequeue(
                f"it was no event, but a message of the stream {found.stream!r}: discard it"
            )
        token = subject_token(convert.subject_of(found.payload) or item.item_id)
        subject = f"{EVENTS_PREFIX}{found.project_id}.{token}"
        await self._events.append(OutgoingMessage(subject, found.payload))


def _read(message: Msg) -> tuple[Quarantined, Seen]:
    stored_at = delivery(message).stored_at
    try:
        return convert.message(message.data, stored_at)
    except NotOurs:
        item = Quarantined(
            project_id=message.subject.split(".")[1],
            reason=Reason.UNDECODABLE,
            detail="not a QuarantinedMessage",
            event_id="",
            source_id="",
            headers={},
            payload=message.data,
            stream=STREAM,
        )
        return item, Seen(stored_at, stored_at)
