"""FastStream on JetStream with SQLAlchemy, as their documentation has it: one handler that inserts the event unless it
is there, moves the score, commits, publishes the score, and acknowledges by returning. It runs in a process of its
own; so does what sends. JetStream syncs every write, as it does for the suite."""

import sys
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import uvloop
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.children import say, task
from bench.peers.scores import POINTS, bounded

STREAM, SCORES = "PEER_EVENTS", "PEER_SCORES"
HANDLERS = 20
"""Events in hand at once: more gained nothing on two cores."""


class Base(DeclarativeBase):
    """Tables of this peer."""


class LeadRow(Base):
    """A lead's score."""

    __tablename__ = "faststream_leads"
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[int]


class EventRow(Base):
    """An event, once."""

    __tablename__ = "faststream_events"
    event_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(index=True)
    type: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    page: Mapped[str]
    score: Mapped[int | None]
    """After it."""


class Event(BaseModel):
    """As it is sent."""

    event_id: str
    type: str
    lead_id: str
    occur_ms: int
    page: str


class Score(BaseModel):
    """As it is published."""

    event_id: str
    lead_id: str
    score: int


async def score(session: AsyncSession, event: Event) -> int | None:
    """The lead's score after an event; None when it came before."""
    row = {
        "event_id": event.event_id,
        "lead_id": event.lead_id,
        "type": event.type,
        "occurred_at": datetime.fromtimestamp(event.occur_ms / 1000, UTC),
        "page": event.page,
    }
    added = await session.scalar(
        insert(EventRow).values(row).on_conflict_do_nothing().returning(EventRow.event_id)
    )
    if added is None:
        return None
    await session.execute(
        insert(LeadRow).values(lead_id=event.lead_id, score=0).on_conflict_do_nothing()
    )
    lead = await session.get_one(LeadRow, event.lead_id, with_for_update=True)
    lead.score = bounded(lead.score + POINTS[event.type])
    await session.execute(
        sa.update(EventRow).where(EventRow.event_id == event.event_id).values(score=lead.score)
    )
    return lead.score


async def main(nats_url: str, database_url: str) -> None:
    """Until it is ended."""
    engine = create_async_engine(database_url, pool_size=HANDLERS)
    sessions = async_sessionmaker(engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    broker = NatsBroker(nats_url, logger=None)

    @broker.subscriber(
        "peer.events",
        stream=JStream(STREAM),
        durable="scores",
        pull_sub=PullSub(batch_size=HANDLERS),
        max_workers=HANDLERS,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def take(event: Event) -> None:
        async with sessions.begin() as session:
            found = await score(session, event)
        if found is not None:
            message = Score(event_id=event.event_id, lead_id=event.lead_id, score=found)
            await broker.publish(message, "peer.scores", stream=SCORES)

    application = FastStream(broker, logger=None)

    @application.after_startup
    async def started() -> None:
        say(ready=True)

    await application.run()


if __name__ == "__main__":
    found: dict[str, Any] = task()
    sys.exit(uvloop.run(main(**found)))
