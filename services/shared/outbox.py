"""Transactional outbox: messages are written with the change that causes them, and published after it, in order, once.

A row is inserted under the lock of what changed, so rows of one lead (key, project) are in order; it is deleted only
after the broker's acknowledgement, so nothing depends on gapless sequences. One relay works at a time, under a session
advisory lock; a second process takes over when the first is gone, and until then tells it by a plain NATS message that
there are rows to publish.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import nats.errors
import nats.js.errors
import sqlalchemy as sa
from nats.aio.msg import Msg
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
"""Rows published together: one fsync for all."""

IDLE_POLL_S = 1.0
"""A nudge that was lost (a process killed right after commit) delays a message by no more than this."""

LIMBO_LOOKUPS_MAX = 50
"""Rows whose publication is in doubt are looked up this many at a time."""


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """The outbox of a service, in the service's own schema: each of its messages is published once."""
    return sa.Table(
        "outbox",
        metadata,
        # Read and emptied in this order.
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        # Dense per subject where subjects have versions, e.g. a lead's; tells what was published before a crash.
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def unversioned_outbox_table(metadata: sa.MetaData, name: str) -> sa.Table:
    """A further outbox, of messages that have no order: each is published at least once, and twice only after a crash
    that lasted longer than the stream's duplicate window."""
    return sa.Table(
        name,
        metadata,
        # Read and emptied in this order.
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        # Unique for ever: by it the broker knows a copy.
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


class OutboxRelay:
    """Publishes a service's outbox, with versions or without. `atomic` says whether the target stream takes atomic
    batches; `lock_name` is one word (it is part of a subject) that no other advisory lock of the database uses, e.g.
    `rules_outbox`."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        table: sa.Table,
        stream: str,
        lock_name: str,
        atomic: bool,
    ) -> None:
        self._database = database
        self._bus = bus
        self._table = table
        self._stream = stream
        self._atomic = atomic
        self._versioned = "version" in table.c
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
        table = self._table
        query = sa.select(table).order_by(table.c.id).limit(RELAY_BATCH)
        rows = (await connection.execute(query)).all()
        if not rows:
            return 0
        in_doubt = self._versioned and rows[0].id <= in_doubt_to
        fresh = await self._unpublished(rows) if in_doubt else rows
        messages = [
            OutgoingMessage(row.subject, row.payload, self._message_id(row)) for row in fresh
        ]
        # A failure here leaves the rows and ends this run: the next one starts in doubt and looks up what was stored.
        await self._publish(messages)
        done = sa.delete(table).where(table.c.id == sa.any_(sa.literal([row.id for row in rows])))
        await connection.execute(done)
        return len(rows)

    def _message_id(self, row: sa.Row[tuple[object, ...]]) -> str:
        return f"{row.subject}:{row.version}" if self._versioned else str(row.message_id)

    async def _publish(self, messages: Sequence[OutgoingMessage]) -> None:
        if are_few(messages):
            await asyncio.gather(*(publish_one(self._bus, message) for message in messages))
            return
        if self._atomic and messages:
            try:
                await publish_batch(self._bus, messages)
                return
            except PublishRejected as error:
                if error.code != DUPLICATE_IN_BATCH:
                    raise
        for message in messages:
            await publish_one(self._bus, message)

    async def _unpublished(
        self, rows: Sequence[sa.Row[tuple[object, ...]]]
    ) -> list[sa.Row[tuple[object, ...]]]:
        """The rows whose version the stream does not have yet: a relay before this one may have died between the
        broker's acknowledgement and the delete, longer ago than the stream's duplicate window."""
        subjects = sorted({row.subject for row in rows})
        newest: dict[str, int] = {}
        for start in range(0, len(subjects), LIMBO_LOOKUPS_MAX):
            part = subjects[start : start + LIMBO_LOOKUPS_MAX]
            found = await asyncio.gather(*(self._newest_version(subject) for subject in part))
            newest.update(zip(part, found, strict=True))
        return [row for row in rows if row.version > newest[row.subject]]

    async def _newest_version(self, subject: str) -> int:
        try:
            last = await self._bus.jetstream.get_last_msg(self._stream, subject, direct=True)
        except nats.js.errors.NotFoundError:
            return 0
        message_id = (last.headers or {}).get("Nats-Msg-Id", "")
        prefix, _, version = message_id.rpartition(":")
        return int(version) if prefix == subject and version.isdigit() else 0
