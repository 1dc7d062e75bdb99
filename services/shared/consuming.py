"""Reading from JetStream: a pull loop of our own on one inbox (`PullConsumer`), and on top of it a reader that follows
a stream from a position without a gap (`StreamReader`).

nats-py's `fetch()` can stall for seconds on an orphaned pull request and starts a task a message; here pull requests
are topped up while messages are handled, heartbeats tell a dead request from a quiet stream, and a reconnect asks
anew at once. Protocol: NATS ADR-37.
"""

import asyncio
import json
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy

from services.shared import logs
from services.shared.bus import Bus

log = logs.get("consuming")

PULL_EXPIRES_S = 30.0
"""A pull request lives so long on the server; then it is renewed."""

PULL_BYTES_MAX = 32 * 1024 * 1024
"""A pull request ends when it has brought so much: large messages come in smaller windows."""

PULL_HEARTBEAT_S = 2.0
"""The server says so often that an unanswered pull request is alive."""

HEARTBEATS_MISSED_MAX = 2.5
"""So many heartbeat intervals of silence and the pull request counts as lost."""

READER_INACTIVE_S = 60.0
"""The server forgets the consumer of a reader that vanished after so long."""

_NANOSECONDS = 1_000_000_000


class ConsumerGone(Exception):
    """The consumer or its stream does not exist (any more): make it anew."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a message stands, from its JetStream reply subject."""

    stream_sequence: int
    consumer_sequence: int
    delivery_count: int
    """1 the first time."""
    stored_at: datetime
    pending: int
    """Messages of the consumer behind this one."""


def delivery(message: Msg) -> Delivery:
    """Read a message's position. The reply subject has 9 tokens, or 11 and more with a JetStream domain."""
    tokens = message.reply.split(".")
    first = 4 if len(tokens) == 9 else 6
    delivered, stream, consumer, stored_ns, pending = (int(t) for t in tokens[first : first + 5])
    stored_at = datetime.fromtimestamp(stored_ns / _NANOSECONDS, UTC)
    return Delivery(stream, consumer, delivered, stored_at, pending)


class PullConsumer:
    """Messages of one (durable or ephemeral) consumer, buffered up to `window`.

    `unacknowledged` says that the consumer has AckPolicy.NONE: the server never sends again what was lost on the way,
    so the consumer counts as gone as soon as something may have been lost.
    """

    def __init__(
        self, bus: Bus, stream: str, consumer: str, window: int, unacknowledged: bool = False
    ) -> None:
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox: str = bus.client.new_inbox()
        self._window = window
        self._buffer: deque[Msg] = deque()
        self._outstanding = 0
        self._pull_number = 0
        self._last_heard = 0.0
        self.answered_at = 0.0
        """When the server last sent anything, on the event loop's clock."""
        self._unacknowledged = unacknowledged
        self._newest: Msg | None = None
        self._gone: str | None = None
        self._interrupted = False
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Subscribe and ask for the first messages."""
        self._subscription = await self._bus.client.subscribe(
            f"{self._inbox}.*", cb=self._receive, pending_bytes_limit=0
        )
        self._bus.on_reconnect(self._ask_anew)
        await self._top_up()

    async def take(self, limit: int) -> list[Msg]:
        """Up to `limit` messages, at least one; waits for it. None after `interrupt`. Raises ConsumerGone."""
        while not self._buffer and not self._interrupted:
            if self._gone:
                raise ConsumerGone(self._gone)
            await self._top_up()
            self._arrived.clear()
            try:
                async with asyncio.timeout(PULL_HEARTBEAT_S):
                    await self._arrived.wait()
            except TimeoutError:
                self._check_heartbeat()
        if self._interrupted:
            return []
        count = min(limit, len(self._buffer))
        taken = [self._buffer.popleft() for _ in range(count)]
        await self._top_up()
        return taken

    def interrupt(self) -> None:
        """Let `take` return at once, with nothing."""
        self._interrupted = True
        self._arrived.set()

    async def close(self) -> list[Msg]:
        """Stop listening; gives the messages that arrived and were not taken. Whatever is not acknowledged is
        delivered again to somebody else, at once where it is handed back after this."""
        self._bus.forget_reconnect(self._ask_anew)
        if self._subscription is not None:
            with suppress(nats.errors.Error):
                await self._subscription.unsubscribe()
        left = list(self._buffer)
        self._buffer.clear()
        return left

    async def _receive(self, message: Msg) -> None:
        self._last_heard = self.answered_at = asyncio.get_running_loop().time()
        status = message.headers.get("Status") if message.headers and not message.data else None
        if status is None:
            self._outstanding = max(0, self._outstanding - 1)
            self._buffer.append(message)
            self._newest = message
        elif status != "100":
            self._end_pull(status, message)
        elif self._unacknowledged:
            self._compare_with_server(message)
        self._arrived.set()

    def _end_pull(self, status: str, message: Msg) -> None:
        headers = message.headers or {}
        description = headers.get("Description", "")
        left = headers.get("Nats-Pending-Messages")
        self._outstanding = max(0, self._outstanding - int(left)) if left else 0
        if status == "503" or (status == "409" and "Deleted" in description) or status == "404":
            self._gone = f"{status} {description}".strip()

    def _compare_with_server(self, heartbeat: Msg) -> None:
        # Nothing may follow the message that was lost for hours, so its absence shows here first.
        sent = int((heartbeat.headers or {}).get("Nats-Last-Consumer", "0"))
        received = delivery(self._newest).consumer_sequence if self._newest else 0
        if sent > received:
            self._gone = f"received {received} messages of {sent}"

    def _ask_anew(self) -> None:
        self._outstanding = 0
        if self._unacknowledged:
            self._gone = "what was under way at the reconnect is lost"
        self._arrived.set()

    def _check_heartbeat(self) -> None:
        silent_s = asyncio.get_running_loop().time() - self._last_heard
        if self._outstanding and silent_s > PULL_HEARTBEAT_S * HEARTBEATS_MISSED_MAX:
            log.info("pull request lost", silent_s=round(silent_s, 1))
            self._outstanding = 0

    async def _top_up(self) -> None:
        if self._gone or not self._bus.connected:
            return
        if self._outstanding + len(self._buffer) > self._window // 2:
            return
        count = self._window - self._outstanding - len(self._buffer)
        self._pull_number += 1
        self._outstanding += count
        self._last_heard = asyncio.get_running_loop().time()
        request = {
            "batch": count,
            "max_bytes": PULL_BYTES_MAX,
            "expires": int(PULL_EXPIRES_S * _NANOSECONDS),
            "idle_heartbeat": int(PULL_HEARTBEAT_S * _NANOSECONDS),
        }
        await self._bus.client.publish(
            self._subject, json.dumps(request).encode(), reply=f"{self._inbox}.{self._pull_number}"
        )


class StreamReader:
    """Follows a stream from a sequence number on: every message, in stream order, whatever happens to connections.

    `position` is the sequence of the last message given out. Messages that the stream's limits removed before they were
    read are not noticed here: who must know compares its position with the stream's first sequence.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        subject_filter: str,
        after_sequence: int,
        window: int = 500,
        last_per_subject: bool = False,
    ) -> None:
        self.position = after_sequence
        self.openings = 0
        """How often a consumer was made. Where it grew, the stream may have become another one of the same name."""
        self._heard_at = 0.0
        self._bus = bus
        self._stream = stream
        self._filter = subject_filter
        self._window = window
        self._last_per_subject = last_per_subject
        self._consumer: PullConsumer | None = None
        self._consumer_name = ""
        self._next_consumer_sequence = 1

    @property
    def heard_at(self) -> float:
        """When the server last showed that it serves this reader, on the event loop's clock."""
        return max(self._heard_at, self._consumer.answered_at if self._consumer else 0.0)

    async def start(self) -> int:
        """Open the reader; returns how many messages wait to be read."""
        first_time_only_latest = self._last_per_subject and self.position == 0
        # A name of its own choice, so that `close` finds the consumer even when this call was cancelled half way.
        self._consumer_name = f"reader-{uuid.uuid4().hex}"
        config = ConsumerConfig(
            name=self._consumer_name,
            ack_policy=AckPolicy.NONE,
            deliver_policy=(
                DeliverPolicy.LAST_PER_SUBJECT
                if first_time_only_latest
                else DeliverPolicy.BY_START_SEQUENCE
            ),
            opt_start_seq=None if first_time_only_latest else self.position + 1,
            filter_subject=self._filter,
            inactive_threshold=READER_INACTIVE_S,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            info = await self._make(config)
        except (nats.js.errors.NotFoundError, nats.js.errors.ServiceUnavailableError) as error:
            raise ConsumerGone(self._stream) from error
        self._next_consumer_sequence = 1
        self._consumer = PullConsumer(
            self._bus, self._stream, info.name, self._window, unacknowledged=True
        )
        self.openings += 1
        self._heard_at = asyncio.get_running_loop().time()
        await self._consumer.start()
        return info.num_pending or 0

    async def take(self, limit: int) -> list[tuple[Msg, Delivery]]:
        """Up to `limit` messages in stream order, at least one; waits for it."""
        while True:
            if self._consumer is None:
                await self._reopen()
                continue
            try:
                messages = await self._consumer.take(limit)
            except ConsumerGone as gone:
                log.info("reader lost its consumer", stream=self._stream, reason=str(gone))
                await self._drop()
                continue
            found = [(message, delivery(message)) for message in messages]
            in_order = self._in_order(found)
            if len(in_order) < len(found):
                # A message was lost on the way (the client's buffers at a reconnect): read again from the gap.
                await self._drop()
            if in_order:
                self.position = in_order[-1][1].stream_sequence
                return in_order

    async def close(self) -> None:
        """Stop reading and remove the server-side consumer."""
        name = self._consumer_name
        await self._drop()
        if name and self._bus.connected:
            with suppress(nats.errors.Error, nats.js.errors.APIError, TimeoutError):
                await self._bus.jetstream.delete_consumer(self._stream, name)

    def _in_order(self, found: list[tuple[Msg, Delivery]]) -> list[tuple[Msg, Delivery]]:
        for index, (_, place) in enumerate(found):
            if place.consumer_sequence != self._next_consumer_sequence:
                return found[:index]
            self._next_consumer_sequence += 1
        return found

    async def _make(self, config: ConsumerConfig) -> ConsumerInfo:
        making = asyncio.ensure_future(self._bus.jetstream.add_consumer(self._stream, config))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            # The server makes it all the same, and may do so after it was told to remove it: await the answer.
            await asyncio.wait({making})
            if not making.cancelled():
                making.exception()
            raise

    async def _reopen(self) -> None:
        delay_s = 0.05
        while True:
            try:
                await self.start()
                return
            except (
                ConsumerGone,
                nats.errors.Error,
                nats.js.errors.APIError,
                TimeoutError,
            ) as error:
                log.info("reader waits", stream=self._stream, error=type(error).__name__)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 2.0)

    async def _drop(self) -> None:
        self._heard_at = self.heard_at
        consumer, self._consumer, self._consumer_name = self._consumer, None, ""
        if consumer is not None:
            await consumer.close()
