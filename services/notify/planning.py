"""What is to be done about score changes: one process at a time reads SCORES in order and has each plan write what it
makes of them, in the transaction that moves the position on. So every change is planned once and in order, whatever is
killed. What was planned is carried out by whichever process is there (`endpoint_worker.py`)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import psycopg
import sqlalchemy as sa
from nats.aio.msg import Msg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.ports import PublishedChange, StreamState
from services.notify.stream import BROKER_ERRORS, JetStreamScores, published_change
from services.notify.tables import positions
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consuming import Delivery, StreamReader
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.exclusive import LOCK_RETRY_S, exclusive

log = logs.get("planning")

READER = "scores"
"""The row of `positions`."""

LOCK = "notify_planning"

BATCH = 500
"""Changes planned in one transaction."""

VERIFY_INTERVAL_S = 5.0
"""How soon a stream that was replaced is noticed when nothing is published to the new one."""

RETRY_S = 1.0
"""Between two tries while the database or the broker is away."""

AWAY = (
    DependencyUnavailable,
    OperationalError,
    InterfaceError,
    PoolTimeout,
    psycopg.OperationalError,
    *BROKER_ERRORS,
)
"""What it raises when the database or the broker is away. Watches go on without the database, so this makes nobody
NOT_SERVING; a defect does."""


class Plan(Protocol):
    """Makes something of score changes."""

    async def plan(self, connection: AsyncConnection, changes: Sequence[PublishedChange]) -> None:
        """Write what is to be done about the changes, which are of all projects and in stream order. Nothing but
        writing: the transaction may fail, and then the same changes come again."""
        ...

    def planned(self) -> None:
        """What was written last is committed."""
        ...


class PositionTaken(Exception):
    """Another process plans, or the stream is another one: begin with the position as it is now."""


class Planner:
    """Reads and has planned. Run it in every process; one of them is at work, the others stand by."""

    def __init__(
        self, database: Database, scores: JetStreamScores, plans: Sequence[Plan], clock: Clock
    ) -> None:
        self._database = database
        self._scores = scores
        self._plans = plans
        self._clock = clock
        self._stream_id = 0
        self._sequence = 0

    async def run(self) -> None:
        """Wait to be the one that plans, then plan. Never returns."""
        while True:
            try:
                async with exclusive(self._database, LOCK, _stand_by):
                    await self._follow()
            except PositionTaken:
                log.info("planning begins anew")
            except AWAY as error:
                log.warning("planning waits", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        await self._begin(await self._scores.state())
        reader = self._scores.live_reader(self._sequence)
        try:
            await reader.start()
            openings = reader.openings
            log.info("planning", after=self._sequence)
            while True:
                messages = await _within(VERIFY_INTERVAL_S, reader)
                if not messages or reader.openings != openings:
                    # What was read after a reopening may be of another stream of the same name.
                    openings = reader.openings
                    if (await self._scores.state()).stream_id != self._stream_id:
                        raise PositionTaken
                if messages:
                    await self._plan(messages)
        finally:
            await reader.close()

    async def _begin(self, state: StreamState) -> None:
        """Find the position. Without one nobody has subscribed to anything yet: begin at the stream's end."""
        first = insert(positions).values(
            reader=READER, stream_id=state.stream_id, sequence=state.last_sequence, missed=0
        )
        own = positions.c.reader == READER
        async with self._database.begin() as connection:
            await connection.execute(first.on_conflict_do_nothing())
            row = (await connection.execute(sa.select(positions).where(own))).one()
            self._stream_id, self._sequence = row.stream_id, row.sequence
            if row.stream_id == state.stream_id and row.sequence <= state.last_sequence:
                return
            # How much the stream before still held is not known: one stands for at least one.
            log.error(
                "stream replaced: what was not planned of the one before is lost", was=row.sequence
            )
            self._stream_id, self._sequence = state.stream_id, 0
            await connection.execute(
                sa.update(positions)
                .where(own)
                .values(
                    stream_id=state.stream_id,
                    sequence=0,
                    missed=positions.c.missed + 1,
                    missed_at=self._clock.now(),
                )
            )

    async def _plan(self, messages: Sequence[tuple[Msg, Delivery]]) -> None:
        found = (published_change(message, place) for message, place in messages)
        changes = [change for change in found if change is not None]
        missed = await self._missed([place.stream_sequence for _, place in messages])
        reached = messages[-1][1].stream_sequence
        async with self._database.begin() as connection:
            await self._move(connection, reached, missed)
            for plan in self._plans:
                await plan.plan(connection, changes)
        self._sequence = reached
        for plan in self._plans:
            plan.planned()

    async def _move(self, connection: AsyncConnection, reached: int, missed: int) -> None:
        values: dict[str, int | datetime | sa.ColumnElement[int]] = {"sequence": reached}
        if missed:
            values |= {"missed": positions.c.missed + missed, "missed_at": self._clock.now()}
        moved = await connection.execute(
            sa.update(positions)
            .where(
                positions.c.reader == READER,
                positions.c.stream_id == self._stream_id,
                positions.c.sequence == self._sequence,
            )
            .values(**values)
            .returning(positions.c.reader)
        )
        if moved.one_or_none() is None:
            raise PositionTaken

    async def _missed(self, sequences: Sequence[int]) -> int:
        """How many changes the stream's limits removed before they were read. Single ones in its middle are removed
        on purpose only (a person is erased)."""
        before = (self._sequence, *sequences)
        gaps = [(b + 1, s) for b, s in zip(before, sequences, strict=False) if s > b + 1]
        if not gaps:
            return 0
        first_kept = (await self._scores.state()).first_sequence
        missed = sum(end - start for start, end in gaps if start < first_kept)
        if missed:
            log.error(
                "score changes were gone before they were planned", count=missed, first=gaps[0][0]
            )
        return missed


async def _within(timeout_s: float, reader: StreamReader) -> list[tuple[Msg, Delivery]]:
    try:
        async with asyncio.timeout(timeout_s):
            return await reader.take(BATCH)
    except TimeoutError:
        return []


async def _stand_by() -> bool:
    await asyncio.sleep(LOCK_RETRY_S)
    return True
