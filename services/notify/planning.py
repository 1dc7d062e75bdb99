"""What is to be done about what streams tell of, score changes above all: one process at a time reads a stream in order
and has each plan write what it makes of it, in the transaction that moves the position on. So everything is planned
once and in order, whatever is killed. While nobody wants anything of a stream it is not read (`dormancy.py`). What was
planned is carried out by whichever process is there (`endpoint_worker.py`)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import psycopg
import sqlalchemy as sa
from nats.aio.msg import Msg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import dormancy
from services.notify.stream import BROKER_ERRORS, WholeStream
from services.notify.tables import positions
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consuming import Delivery, StreamReader
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.exclusive import LOCK_RETRY_S, exclusive

log = logs.get("planning")

LOCK = "notify_planning_"
"""And the source's name: each stream has its planner."""

BATCH = 500
"""Messages planned in one transaction."""

PLAN_INTERVAL_S = 0.1
"""Between two transactions, unless more than one batch waits: each costs a sync and a millisecond or two of processor
time, and what is planned is for mails and webhooks, not for eyes."""

VERIFY_INTERVAL_S = 5.0
"""How soon a stream that was replaced is noticed when nothing is published to the new one."""

SLEEP_AFTER_S = 5.0
"""How soon is noticed that nobody wants anything any more."""

LOOK_S = 1.0
"""How soon is noticed, asleep, that somebody does, in whatever process; and how far the position is behind the stream's
end meanwhile."""

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


Item = TypeVar("Item")
Planned = TypeVar("Planned", contravariant=True)


@dataclass(frozen=True, slots=True)
class Source(Generic[Item]):
    """A stream that is planned from."""

    name: str
    """The row of `positions`."""
    stream: WholeStream
    read: Callable[[Msg, Delivery], Item | None]
    """What a message says; None when nothing in it can be read."""
    told_within: timedelta | None = None
    """What the stream has had for longer counts as gone before it was read; None where streams remove it themselves."""


class Plan(Protocol[Planned]):
    """Makes something of what a stream tells of."""

    async def wanted(self, connection: AsyncConnection) -> bool:
        """Whether it would make something of anything. Who changes that to True calls `dormancy.wake`."""
        ...

    async def plan(self, connection: AsyncConnection, items: Sequence[Planned]) -> None:
        """Write what is to be done about the items, which are of all projects and in stream order. Nothing but
        writing: the transaction may fail, and then the same items come again."""
        ...

    def planned(self) -> None:
        """What was written last is committed."""
        ...


class PositionTaken(Exception):
    """Another process plans, or the stream is another one: begin with the position as it is now."""


class Planner(Generic[Item]):
    """Reads a source and has it planned. Run it in every process; one of them is at work, the others stand by."""

    def __init__(
        self, database: Database, source: Source[Item], plans: Sequence[Plan[Item]], clock: Clock
    ) -> None:
        self._database = database
        self._source = source
        self._plans = plans
        self._clock = clock
        self._log = log.bind(source=source.name)
        self._own = positions.c.reader == source.name
        self._stream_id = 0
        self._sequence = 0

    async def run(self) -> None:
        """Wait to be the one that plans, then plan. Never returns."""
        while True:
            try:
                async with exclusive(self._database, LOCK + self._source.name, _stand_by):
                    await self._follow()
            except PositionTaken:
                self._log.info("planning begins anew")
            except AWAY as error:
                self._log.warning("planning waits", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def prepare(self) -> None:
        """Have a position, before anybody comes to want anything: the stream's end where there was none, or where it is
        asleep; asleep from the first, as a rule, so that who comes begins at his own moment. Raises what AWAY says."""
        end = await self._source.stream.state()
        async with self._database.begin() as connection:
            first = insert(positions).values(
                reader=self._source.name,
                stream_id=end.stream_id,
                sequence=end.last_sequence,
                missed=0,
                asleep=await self._is_unwanted(connection),
            )
            await connection.execute(first.on_conflict_do_nothing())
            await dormancy.sleeps_on(connection, self._source.name, end)

    async def _follow(self) -> None:
        while True:
            await self.prepare()
            if await self._begin():
                await self._sleep()
            elif not await self._falls_asleep():
                await self._read()

    async def _sleep(self) -> None:
        """Pass over what the stream has until somebody wants it."""
        self._log.info("nobody wants to be told of anything")
        while True:
            end = await self._source.stream.state()
            async with self._database.begin() as connection:
                if not await dormancy.sleeps_on(connection, self._source.name, end):
                    return
            await asyncio.sleep(LOOK_S)

    async def _falls_asleep(self) -> bool:
        """Fall asleep if nobody wants anything; whether it does."""
        async with self._database.begin() as connection:
            if not await self._is_unwanted(connection):
                return False
            await self._change(connection, asleep=True)
        return True

    async def _is_unwanted(self, connection: AsyncConnection) -> bool:
        """Whether nobody wants anything, nor will until the transaction ends."""
        if not await dormancy.nobody_wakes(connection, self._source.name):
            return False
        for plan in self._plans:
            if await plan.wanted(connection):
                return False
        return True

    async def _read(self) -> None:
        """Plan what comes until nobody wants it any more."""
        loop = asyncio.get_running_loop()
        wanted_at_s = loop.time()
        reader = self._source.stream.live_reader(self._sequence)
        try:
            await reader.start()
            openings = reader.openings
            self._log.info("planning", after=self._sequence)
            while True:
                messages = await _within(VERIFY_INTERVAL_S, reader)
                if not messages or reader.openings != openings:
                    # What was read after a reopening may be of another stream of the same name.
                    openings = reader.openings
                    if (await self._source.stream.state()).stream_id != self._stream_id:
                        raise PositionTaken
                if messages:
                    await self._plan(messages)
                if loop.time() - wanted_at_s > SLEEP_AFTER_S:
                    if await self._falls_asleep():
                        return
                    wanted_at_s = loop.time()
                if len(messages) < BATCH:
                    await asyncio.sleep(PLAN_INTERVAL_S)
        finally:
            await reader.close()

    async def _begin(self) -> bool:
        """Find the position; whether it is asleep."""
        async with self._database.begin() as connection:
            row = (await connection.execute(sa.select(positions).where(self._own))).one()
        self._stream_id, self._sequence = row.stream_id, row.sequence
        if row.asleep:
            return True
        # Asked now, when the position is known: no position of the same stream is ahead of it.
        state = await self._source.stream.state()
        if row.stream_id == state.stream_id and row.sequence <= state.last_sequence:
            return False
        # How much the stream before still held is not known: one stands for at least one.
        self._log.error(
            "stream replaced: what was not planned of the one before is lost", was=row.sequence
        )
        async with self._database.begin() as connection:
            await self._change(
                connection,
                stream_id=state.stream_id,
                sequence=0,
                missed=positions.c.missed + 1,
                missed_at=self._clock.now(),
            )
        self._stream_id, self._sequence = state.stream_id, 0
        return False

    async def _plan(self, messages: Sequence[tuple[Msg, Delivery]]) -> None:
        in_time = self._in_time(messages)
        found = (self._source.read(message, place) for message, place in in_time)
        items = [item for item in found if item is not None]
        missed = await self._missed([place.stream_sequence for _, place in messages])
        missed += len(messages) - len(in_time)
        reached = messages[-1][1].stream_sequence
        async with self._database.begin() as connection:
            await self._move(connection, reached, missed)
            for plan in self._plans:
                await plan.plan(connection, items)
        self._sequence = reached
        for plan in self._plans:
            plan.planned()

    async def _move(self, connection: AsyncConnection, reached: int, missed: int) -> None:
        values: dict[str, Any] = {"sequence": reached}
        if missed:
            values |= {"missed": positions.c.missed + missed, "missed_at": self._clock.now()}
        await self._change(connection, **values)

    async def _change(self, connection: AsyncConnection, **values: Any) -> None:
        """Raises PositionTaken where the row is not what it was."""
        moved = await connection.execute(
            sa.update(positions)
            .where(
                self._own,
                positions.c.stream_id == self._stream_id,
                positions.c.sequence == self._sequence,
            )
            .values(**values)
            .returning(positions.c.reader)
        )
        if moved.one_or_none() is None:
            raise PositionTaken

    def _in_time(self, messages: Sequence[tuple[Msg, Delivery]]) -> Sequence[tuple[Msg, Delivery]]:
        if self._source.told_within is None:
            return messages
        since = self._clock.now() - self._source.told_within
        in_time = [(message, place) for message, place in messages if place.stored_at >= since]
        if len(in_time) < len(messages):
            self._log.error("too old to be planned", count=len(messages) - len(in_time))
        return in_time

    async def _missed(self, sequences: Sequence[int]) -> int:
        """How many messages the stream's limits removed before they were read. Single ones in its middle are removed
        on purpose only (a person is erased)."""
        before = (self._sequence, *sequences)
        gaps = [(b + 1, s) for b, s in zip(before, sequences, strict=False) if s > b + 1]
        if not gaps:
            return 0
        first_kept = (await self._source.stream.state()).first_sequence
        missed = sum(end - start for start, end in gaps if start < first_kept)
        if missed:
            self._log.error("gone before they were planned", count=missed, first=gaps[0][0])
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
