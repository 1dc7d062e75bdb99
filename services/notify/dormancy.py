"""While nobody wants to be told of score changes their planner (planning.py) does not read them: it is asleep, and the
row of `positions` says so. Who comes to want something wakes it, in the transaction that says what is wanted.

Falling asleep and waking exclude each other by an advisory lock: who wakes shares it, who falls asleep has it alone and
looks for what is wanted only then. So either it sees what is wanted, or is seen to be asleep. It is not the row that is
locked: the planner holds that for as long as it plans, and owners of leads are assigned many a second.
"""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.ports import StreamState
from services.notify.tables import positions

SCORES = "scores"
"""The row of the planner of score changes."""

LOCK = "notify_dormancy_"
"""And the row's name."""


async def wake(connection: AsyncConnection, end: StreamState | None = None) -> None:
    """Have score changes planned when this transaction is committed. Call it before rows are locked.

    `end` is where the stream ended before the transaction began: nothing from before is told. Without it, what the
    planner has not seen go by yet is told too: as a rule what happened within planning.LOOK_S.
    """
    key = sa.func.hashtext(LOCK + SCORES)
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(key)))
    values: dict[str, int | bool] = {"asleep": False}
    if end is not None:
        values |= {"stream_id": end.stream_id, "sequence": end.last_sequence}
    await connection.execute(sa.update(positions).where(_sleeper(SCORES)).values(**values))


async def nobody_wakes(connection: AsyncConnection, reader: str) -> bool:
    """Whether nobody is waking this reader, nor will until the transaction ends."""
    key = sa.func.hashtext(LOCK + reader)
    return bool(await connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key))))


async def sleeps_on(connection: AsyncConnection, reader: str, end: StreamState) -> bool:
    """Whether the reader is asleep still; then what the stream has is nothing to anybody, and its position is moved to
    the end."""
    row = (
        await connection.execute(sa.select(positions).where(positions.c.reader == reader))
    ).one_or_none()
    if row is None or not row.asleep:
        return False
    if (row.stream_id, row.sequence) == (end.stream_id, end.last_sequence):
        return True
    moved = await connection.execute(
        sa.update(positions)
        .where(_sleeper(reader))
        .values(stream_id=end.stream_id, sequence=end.last_sequence)
        .returning(positions.c.reader)
    )
    return moved.one_or_none() is not None


def _sleeper(reader: str) -> sa.ColumnElement[bool]:
    return sa.and_(positions.c.reader == reader, positions.c.asleep)
