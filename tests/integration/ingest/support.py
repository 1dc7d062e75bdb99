"""Calling ingest and reading what it stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from nats.aio.msg import Msg

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from scoreline.ingest.v1 import ingest_service_pb2_grpc
from services.shared.bus import Bus
from services.shared.consuming import StreamReader
from stack import Stack
from tests.support.grpc_calls import CALL_TIMEOUT_S

STREAM = "EVENTS"
OPERATOR_PROJECT = "default"
"""Whose a stack's own key is."""
READ_BATCH = 500


def event(event_id: str, **fields: Any) -> event_pb2.Event:
    """A valid event of one lead, but for what is given otherwise."""
    if not {"lead_id", "email", "anonymous_id", "external_id"} & set(fields):
        fields["lead_id"] = "L-1"
    return event_pb2.Event(**{"event_id": event_id, "type": "page_view", **fields})


class Client:
    """The three RPCs, with a key."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self.stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        self.metadata = (("x-api-key", api_key),)

    async def send(
        self, sent: event_pb2.Event, *metadata: tuple[str, str], timeout_s: float = CALL_TIMEOUT_S
    ) -> pb.EventReceipt:
        """IngestEvent."""
        answer: pb.IngestEventResponse = await self.stub.IngestEvent(
            pb.IngestEventRequest(event=sent),
            metadata=(*self.metadata, *metadata),
            timeout=timeout_s,
        )
        return answer.receipt

    async def send_batch(self, sent: Iterable[event_pb2.Event]) -> pb.BatchIngestEventsResponse:
        """BatchIngestEvents."""
        answer: pb.BatchIngestEventsResponse = await self.stub.BatchIngestEvents(
            pb.BatchIngestEventsRequest(events=sent),
            metadata=self.metadata,
            timeout=CALL_TIMEOUT_S,
        )
        return answer

    def open_stream(self) -> Any:
        """StreamEvents, to be written to and read from."""
        return self.stub.StreamEvents(metadata=self.metadata)


@asynccontextmanager
async def connected(stack: Stack, process: str = "ingest") -> AsyncIterator[Client]:
    """A client of the stack's ingest, or of one process of it."""
    async with grpc.aio.insecure_channel(stack.service_target(process)) as channel:
        yield Client(channel, stack.api_key)


class StoredEvents:
    """A project's part of the EVENTS stream as it is on the broker."""

    def __init__(self, bus: Bus, project_id: str) -> None:
        self._bus = bus
        self._subjects = f"events.{project_id}.>"

    @classmethod
    @asynccontextmanager
    async def of(
        cls, stack: Stack, project_id: str = OPERATOR_PROJECT
    ) -> AsyncIterator[StoredEvents]:
        """With a connection of its own."""
        bus = await Bus.connect(stack.nats_url, "test", CALL_TIMEOUT_S)
        try:
            yield cls(bus, project_id)
        finally:
            await bus.close()

    async def messages(self, event_ids: Iterable[str]) -> list[Msg]:
        """The messages of these events, in stream order."""
        wanted = set(event_ids)
        return [one for one in await self._all() if accepted(one).event.event_id in wanted]

    async def count(self, event_ids: Iterable[str]) -> int:
        """How many messages there are of these events."""
        return len(await self.messages(event_ids))

    async def _all(self) -> list[Msg]:
        reader = StreamReader(self._bus, STREAM, self._subjects, after_sequence=0)
        found: list[Msg] = []
        waiting = await reader.start()
        while len(found) < waiting:
            found += [message for message, _ in await reader.take(READ_BATCH)]
        await reader.close()
        return found


def accepted(message: Msg) -> event_pb2.AcceptedEvent:
    """What a message carries."""
    return event_pb2.AcceptedEvent.FromString(message.data)
