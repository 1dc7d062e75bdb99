"""Scoring's loops in this process on real servers, with what other services would have put into their streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import nats.js.errors
import sqlalchemy as sa
from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo, StorageType, StreamConfig
from sqlalchemy.dialects.postgresql import insert
from structlog.testing import capture_logs

from scoreline.events.v1 import event_pb2
from scoreline.rules.v1 import rule_set_pb2
from scoreline.scoring.v1 import score_change_pb2
from services.scoring import tables
from services.scoring.handlers import EventHandlers
from services.scoring.main import SCORES_STREAM, scores_stream
from services.scoring.worker import (
    EVENTS_CONSUMER,
    EVENTS_STREAM,
    RULES_STREAM,
    EventWorker,
    ExclusiveWorker,
    RulesWorker,
)
from services.shared.bus import Bus, subject_token
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.outbox import OutboxRelay
from services.shared.times import to_timestamp
from stack import Stack
from tests.support.clocks import START
from tests.support.scoring_subjects import PostgresSubject

KEPT_S = 3_600.0
BATCH = 100
ACK_WAIT_S = 2.0


@dataclass
class Rig:
    """One process's worth of scoring; `another` gives a second one on the same servers."""

    servers: Stack
    database: Database
    bus: Bus
    handlers: EventHandlers = field(init=False)
    subject: PostgresSubject = field(init=False)

    def __post_init__(self) -> None:
        self.subject = PostgresSubject(self.database)
        self.handlers = EventHandlers(self.subject.store, SystemClock())

    def relay(self) -> OutboxRelay:
        return OutboxRelay(
            self.database, self.bus, tables.outbox, SCORES_STREAM, "scoring_outbox", atomic=True
        )

    def worker(self, handlers: Any = None, batch: int = BATCH) -> EventWorker:
        return EventWorker(self.bus, handlers or self.handlers, self.relay(), batch, ACK_WAIT_S)

    def rescoring(self) -> ExclusiveWorker:
        return ExclusiveWorker("rescore", self.database, self.handlers.rescore_next, self.relay())

    def fading(self, handlers: EventHandlers | None = None) -> ExclusiveWorker:
        step = (handlers or self.handlers).fade_next
        return ExclusiveWorker("fade", self.database, step, self.relay())

    def rules(self, rescoring: ExclusiveWorker) -> RulesWorker:
        return RulesWorker(self.bus, self.handlers, rescoring)

    async def send(self, *events: event_pb2.AcceptedEvent) -> None:
        """Into the EVENTS stream, as ingest does."""
        for event in events:
            await self.send_raw(event.project_id, event.SerializeToString(), event.subject)

    async def send_raw(self, project_id: str, payload: bytes, reference: str = "x") -> None:
        subject = f"events.{project_id}.{subject_token(reference)}"
        await self.bus.jetstream.publish(subject, payload)

    async def activate(self, number: int, project_id: str, **points: float) -> None:
        """Into the RULES stream, as the rules service does: points by event type, stages from 0 and 50."""
        message = rule_set_pb2.Activation(
            number=number, project_id=project_id, version=number, activate_time=to_timestamp(START)
        )
        message.rule_set.version = number
        for event_type, value in points.items():
            message.rule_set.rules.add(
                rule_id=event_type, event_type=event_type, points=value, enabled=True
            )
        message.rule_set.stages.add(name="low")
        message.rule_set.stages.add(name="high", min_score=50)
        await self.bus.jetstream.publish(
            f"rules.{project_id}.{number}", message.SerializeToString()
        )

    async def consumer(self) -> ConsumerInfo:
        """How far the shared consumer of EVENTS is."""
        return await self.bus.jetstream.consumer_info(EVENTS_STREAM, EVENTS_CONSUMER)

    async def all_settled(self) -> bool:
        """Whether every message of EVENTS was acknowledged or terminated."""
        try:
            settled = (await self.consumer()).ack_floor
        except nats.js.errors.NotFoundError:
            return False  # no worker has run yet
        stream = await self.bus.jetstream.stream_info(EVENTS_STREAM)
        # Not the counts of what is pending: between the two of them a message can be in neither.
        return settled is not None and settled.stream_seq == stream.state.last_seq

    async def published(self, project_id: str) -> list[tuple[Msg, score_change_pb2.ScoreChange]]:
        """The project's messages in SCORES, in stream order."""
        state = (await self.bus.jetstream.stream_info(SCORES_STREAM)).state
        found = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = await self.bus.jetstream.get_msg(SCORES_STREAM, sequence)
            if str(message.subject).startswith(f"scores.{project_id}."):
                change = score_change_pb2.ScoreChange.FromString(message.data or b"")
                found.append((message, change))
        return found  # type: ignore[return-value]


@asynccontextmanager
async def opened(servers: Stack, database: Database) -> AsyncIterator[Rig]:
    """A rig with empty streams."""
    bus = await Bus.connect(servers.nats_url, "scoring-test", 10)
    # Captured, because the tests provoke failures by the dozen, and printing their tracebacks takes seconds.
    with capture_logs():
        for name in (EVENTS_STREAM, RULES_STREAM, SCORES_STREAM):
            with suppress(nats.js.errors.NotFoundError):
                await bus.jetstream.delete_stream(name)
        await make_streams(bus)
        await _settle(database)
        try:
            yield Rig(servers, database, bus)
        finally:
            await bus.close()


async def _settle(database: Database) -> None:
    """Nothing of earlier tests is left to publish, to score anew or to fade: some of them have 100,000 leads."""
    async with database.begin() as connection:
        await connection.execute(sa.delete(tables.outbox))
        due = tables.snapshots.c.next_transition_at
        await connection.execute(
            sa.update(tables.snapshots).where(due.is_not(None)).values(next_transition_at=None)
        )
        done = sa.select(
            tables.projects.c.project_id,
            tables.projects.c.activation,
            tables.projects.c.activation,
            sa.literal(""),
        )
        names = ["project_id", "activation", "target", "cursor"]
        settled = insert(tables.rescores).from_select(names, done)
        await connection.execute(
            settled.on_conflict_do_update(
                index_elements=["project_id"], set_={"activation": settled.excluded.activation}
            )
        )


async def make_streams(bus: Bus, duplicate_window_s: float | None = None) -> None:
    """The three streams scoring lives between."""
    scores = scores_stream(KEPT_S)
    if duplicate_window_s is not None:
        scores.duplicate_window = duplicate_window_s
    events = StreamConfig(name=EVENTS_STREAM, subjects=["events.>"], storage=StorageType.FILE)
    rules = StreamConfig(name=RULES_STREAM, subjects=["rules.>"], storage=StorageType.FILE)
    for config in (events, rules, scores):
        await bus.ensure_stream(config, 10)


def versions_by_lead(
    published: Sequence[tuple[Msg, score_change_pb2.ScoreChange]],
) -> dict[str, list[int]]:
    """The versions of each lead in stream order."""
    found: dict[str, list[int]] = {}
    for _, change in published:
        found.setdefault(change.lead_id, []).append(change.version)
    return found
