"""The import that is interrupted: what is sent, and a client that repeats what was not acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import grpc
import grpc.aio

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from services.shared.times import to_timestamp
from tests.support.eventually import eventually_async

EVENTS = 5_000
LEADS = 300
DUPLICATES = 500
CONFLICTS = 25
BATCH = 50
SENDERS = 6
"""Calls at once."""

CALL_TIMEOUT_S = 30.0
OUTAGE_S = 40.0
"""Longer than anything takes to come back."""

TYPES = ("page_view", "email_open", "download", "signup", "refund", "purchase", "nobody_scores_it")

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SentEvent:
    """An event as the sender knows it."""

    event_id: str
    type: str
    subject: str
    """As the ledger writes it."""
    occurred_at: datetime

    def message(self) -> event_pb2.Event:
        """As it goes over the wire."""
        event = event_pb2.Event(
            event_id=self.event_id,
            type=self.type,
            occur_time=to_timestamp(self.occurred_at),
            source="import",
        )
        event.properties.update({"number": len(self.event_id), "text": f"é {self.type}"})
        kind, _, reference = self.subject.partition(":")
        setattr(event, {"lead": "lead_id", "email": "email"}[kind], reference)
        return event


@dataclass(frozen=True)
class Shipment:
    """Everything that is sent, and in which order."""

    events: Sequence[SentEvent]
    """One for each id, as it is meant."""
    conflicting: Sequence[SentEvent]
    """Other content under ids of `events`."""
    order: Sequence[SentEvent]
    """`events` in the order they are sent, some of them twice."""


def shipment(seed: int) -> Shipment:
    """A history that arrives out of order, with duplicates and ties in time."""
    rng = random.Random(seed)
    events = []
    for number in range(EVENTS):
        lead = rng.randrange(LEADS)
        subject = f"lead:lead-{lead}" if lead % 3 else f"email:lead-{lead}@example.com"
        at = _START + timedelta(minutes=rng.randrange(60 * 24 * 30))
        events.append(SentEvent(f"event-{number}", rng.choice(TYPES), subject, at))
    order = [*events, *rng.sample(events, DUPLICATES)]
    rng.shuffle(order)
    conflicting = [
        SentEvent(event.event_id, "demo_request", event.subject, event.occurred_at)
        for event in rng.sample(events, CONFLICTS)
    ]
    return Shipment(events, conflicting, order)


def may_be_repeated(error: grpc.aio.AioRpcError) -> bool:
    """UNAVAILABLE; and a stream that is reset, which is all a gateway can do when a service dies in the middle of its
    answer."""
    if error.code() == grpc.StatusCode.INTERNAL:
        return "RST_STREAM" in (error.details() or "")
    return error.code() == grpc.StatusCode.UNAVAILABLE


class Sender:
    """Sends batches until each event of them is acknowledged. Repeats what was cut off or is UNAVAILABLE, and
    nothing else."""

    def __init__(self, channel: grpc.aio.Channel, metadata: list[tuple[str, str]]) -> None:
        self._stub: Any = ingest_service_pb2_grpc.IngestServiceStub(channel)
        self._metadata = metadata
        self._moved = asyncio.Condition()
        self.accepted = 0
        """Acknowledgements so far."""
        self.repeated = 0
        """Attempts that failed and were made again."""
        self._started = 0
        self._allowed: float = inf

    async def allow(self, count: float) -> None:
        """Send so many events in all and then hold, so that there is something left to interrupt."""
        async with self._moved:
            self._allowed = count
            self._moved.notify_all()

    async def send(self, events: Iterable[SentEvent]) -> None:
        """Send all events, several batches at once."""
        rest = list(events)
        batches = iter([rest[start : start + BATCH] for start in range(0, len(rest), BATCH)])

        async def work() -> None:
            for batch in batches:
                async with self._moved:
                    await self._moved.wait_for(lambda: self._started < self._allowed)
                    self._started += len(batch)
                await self._send_batch(batch)

        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(work())

    async def has_accepted(self, count: int) -> None:
        """Wait until so many events have been acknowledged."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.accepted >= count)

    async def _send_batch(self, batch: list[SentEvent]) -> None:
        pending = batch

        async def attempt() -> bool:
            nonlocal pending
            request = ingest_service_pb2.BatchIngestEventsRequest(
                events=[event.message() for event in pending]
            )
            try:
                answer = await self._stub.BatchIngestEvents(
                    request, metadata=self._metadata, timeout=CALL_TIMEOUT_S
                )
            except grpc.aio.AioRpcError as error:
                if not may_be_repeated(error):
                    raise
                self.repeated += 1
                return False
            unavailable = []
            for event, result in zip(pending, answer.results, strict=True):
                if result.WhichOneof("outcome") == "error":
                    code = result.error.code
                    if code != grpc.StatusCode.UNAVAILABLE.value[0]:
                        raise RuntimeError(f"{event.event_id} refused: {result.error}")
                    unavailable.append(event)
            await self._count(len(pending) - len(unavailable))
            self.repeated += bool(unavailable)
            pending = unavailable
            return not pending

        await eventually_async(attempt, timeout_s=OUTAGE_S)

    async def _count(self, accepted: int) -> None:
        async with self._moved:
            self.accepted += accepted
            self._moved.notify_all()
