"""Transactional outbox: messages are written with the change that causes them, and published after it, in order, once.

A row holds all messages of a transaction: writing, reading and deleting it costs once what each message would. It is
inserted under the lock of what changed, so messages of one lead (key, project) are in order; it is deleted only after
the broker's acknowledgement, so nothing depends on gapless sequences. One relay works at a time, under a session
advisory lock; a second process takes over when the first is gone, and until then tells it by a plain NATS message that
there are rows to publish.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import nats.errors
import nats.js.errors
import sqlalchemy as sa
from nats.aio.msg import Msg
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared import logs
from services.shared.bus import Bus
from services.shared.db import Database
from services.shared.exclusive import LOCK_RETRY_S, exclusive
from services.shared.publishing import (
    DUPLICATE_IN_BATCH,
    OutgoingMessage,
    PublishRejected,
    are_few,
    publish_batch,
    publish_one,
)

log = logs.get("outbox")

RELAY_BATCH = 500
"""Messages published together: one fsync for all."""

IDLE_POLL_S = 1.0
"""A nudge that was lost (a process killed right after commit) delays a message by no more than this."""

ROWS_LOOKED_AT = 100
"""Rows that are looked at to find about so many messages."""

LIMBO_LOOKUPS_MAX = 50
"""Messages whose publication is in doubt are looked up this many at a time."""


def outbox_table(metadata: sa.MetaData, name: str = "outbox") -> sa.Table:
    """An outbox of a service, in the service's own schema."""
    return sa.Table(
        name,
        metadata,
        # Read and emptied in this order.
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        # One element a message.
        sa.Column("subjects", ARRAY(sa.Text), nullable=False),
        sa.Column("message_ids", ARRAY(sa.Text), nullable=False),
        sa.Column("lengths", ARRAY(sa.Integer), nullable=False),
        # One after the other, each as long as its element of `lengths` says.
        sa.Column("payloads", sa.LargeBinary, nullable=False),
    )


def outbox_row(messages: Sequence[OutgoingMessage]) -> dict[str, Any]:
    """The columns that hold the messages of a transaction."""
    return {
        "subjects": [one.subject for one in messages],
        "message_ids": [one.message_id for one in messages],
        "lengths": [len(one.payload) for one in messages],
        "payloads": b"".join(one.payload for one in messages),
    }


def versioned(subject: str, version: int, payload: bytes) -> OutgoingMessage:
    """A message of a subject whose messages have versions: dense, e.g. a lead's, they tell what was published before a
    crash."""
    return OutgoingMessage(subject, payload, f"{subject}:{version}")


class OutboxRelay:
    """Publishes an outbox. `atomic` says whether the target stream takes atomic batches; `lock_name` is one word (it is
    part of a subject) that no other advisory lock of the database uses, e.g. `rules_outbox`. Messages with versions are
    published once; others, which have no order, at least once, and twice only after a crash that lasted longer than the
    stream's duplicate window."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        table: sa.Table,
        stream: str,
        lock_name: str,
        atomic: bool,
        versions: bool = True,
    ) -> None:
        self._database = database
        self._bus = bus
        self._table = table
        self._stream = stream
        self._atomic = atomic
        self._versions = versions
        # Made once: to make a statement takes longer than to execute it.
        self._next_rows = _next_rows(table)
        self._done = sa.delete(table).where(
            table.c.id == sa.any_(sa.bindparam("done", type_=ARRAY(sa.BigInteger)))
        )
        # Processes that write rows without being the relay tell it so here; no stream takes the subject.
        self._nudge_subject = f"nudge.{lock_name}"
        self._nudged = asyncio.Event()
        self._stopping = False

    def nudge(self) -> None:
        """There may be rows to publish: don't wait for the poll."""
        self._nudged.set()

    def stop(self) -> None:
        """Return from `run` when what is in the outbox now is published."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Wait to be the one relay, then publish until stopped."""
        lock = exclusive(self._database, self._nudge_subject, self._stand_by)
        async with lock as connection:
            if connection is None:
                return
            nudges = await self._bus.client.subscribe(self._nudge_subject, cb=self._on_nudge)
            try:
                await self._publish_until_stopped(connection)
            finally:
                with suppress(nats.errors.Error):
                    await nudges.unsubscribe()

    async def _publish_until_stopped(self, connection: AsyncConnection) -> None:
        # A relay before this one may have published any row that is there now; rows with smaller ids may still come,
        # when transactions commit that took theirs earlier.
        newest = await connection.scalar(sa.select(sa.func.max(self._table.c.id)))
        while True:
            published = await self._publish_next(connection, newest or 0)
            if published == 0:
                if self._stopping:
                    return
                await self._nudge_within(IDLE_POLL_S)

    async def _stand_by(self) -> bool:
        if await self._nudge_within(LOCK_RETRY_S) and self._bus.connected:
            # Another process is the relay: tell it what this one has committed.
            await self._bus.client.publish(self._nudge_subject)
        return not self._stopping

    async def _on_nudge(self, _: Msg) -> None:
        self._nudged.set()

    async def _nudge_within(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._nudged.wait()
        except TimeoutError:
            return False
        self._nudged.clear()
        return True

    async def _publish_next(self, connection: AsyncConnection, in_doubt_to: int) -> int:
        rows = (await connection.execute(self._next_rows)).all()
        if not rows:
            return 0
        messages = [message for row in rows for message in outbox_messages(row)]
        if self._versions and rows[0].id <= in_doubt_to:
            messages = await self._unpublished(messages)
        # A failure here leaves the rows and ends this run: the next one starts in doubt and looks up what was stored.
        for start in range(0, len(messages), RELAY_BATCH):
            await self._publish(messages[start : start + RELAY_BATCH])
        await connection.execute(self._done, {"done": [row.id for row in rows]})
        return len(rows)

    async def _publish(self, messages: Sequence[OutgoingMessage]) -> None:
        if are_few(messages):
            await asyncio.gather(*(publish_one(self._bus, message) for message in messages))
            return
        if self._atomic:
            try:
                await publish_batch(self._bus, messages)
                return
            except PublishRejected as error:
                if error.code != DUPLICATE_IN_BATCH:
                    raise
        for message in messages:
            await publish_one(self._bus, message)

    async def _unpublished(self, messages: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
        """Those whose version the stream does not have yet: a relay before this one may have died between the broker's
        acknowledgement and the delete, longer ago than the stream's duplicate window."""
        subjects = sorted({message.subject for message in messages})
        newest: dict[str, int] = {}
        for start in range(0, len(subjects), LIMBO_LOOKUPS_MAX):
            part = subjects[start : start + LIMBO_LOOKUPS_MAX]
            found = await asyncio.gather(*(self._newest_version(subject) for subject in part))
            newest.update(zip(part, found, strict=True))
        return [
            one for one in messages if _version(one.message_id, one.subject) > newest[one.subject]
        ]

    async def _newest_version(self, subject: str) -> int:
        try:
            last = await self._bus.jetstream.get_last_msg(self._stream, subject, direct=True)
        except nats.js.errors.NotFoundError:
            return 0
        return _version((last.headers or {}).get("Nats-Msg-Id"), subject)


def _next_rows(table: sa.Table) -> sa.Select[Any]:
    """The next few rows: about as many messages as are published together."""
    count = sa.func.cardinality(table.c.subjects)
    ahead = (sa.func.sum(count).over(order_by=table.c.id) - count).label("ahead")
    oldest = sa.select(table, ahead).order_by(table.c.id).limit(ROWS_LOOKED_AT).subquery()
    columns = [oldest.c[column.name] for column in table.columns]
    return sa.select(*columns).where(oldest.c.ahead < RELAY_BATCH).order_by(oldest.c.id)


def outbox_messages(row: sa.Row[Any]) -> Iterator[OutgoingMessage]:
    """The messages that a row holds."""
    begin = 0
    payloads = memoryview(row.payloads)
    for subject, message_id, length in zip(row.subjects, row.message_ids, row.lengths, strict=True):
        yield OutgoingMessage(subject, bytes(payloads[begin : begin + length]), message_id)
        begin += length


def _version(message_id: str | None, subject: str) -> int:
    """The version in a message's id; 0 where it is no message of the subject with a version."""
    prefix, _, version = (message_id or "").rpartition(":")
    return int(version) if prefix == subject and version.isdigit() else 0
