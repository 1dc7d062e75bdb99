"""Sending events, in an event loop: one, a batch, many, or gathered in the background (sender.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scoreline.client import door_requests, errors
from scoreline.client.aio.sender import IN_FLIGHT, LINGER_S, UNRESOLVED_MAX, EventSender
from scoreline.client.calls import AsyncCalls
from scoreline.client.door_requests import CLOUD_EVENT
from scoreline.client.events import batches
from scoreline.client.sending import Batch, EventOutcome
from scoreline.client.settings import BATCH_EVENTS
from scoreline.events.v1.cloud_event_pb2 import CloudEvent
from scoreline.events.v1.event_pb2 import Event
from scoreline.ingest.v1.ingest_service_pb2 import (
    BatchIngestCloudEventsRequest,
    BatchIngestCloudEventsResponse,
    BatchIngestEventsRequest,
    EventReceipt,
    IngestEventRequest,
    ReceiveCloudEventsResponse,
    TrackResponse,
)

if TYPE_CHECKING:
    from scoreline.ingest.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub


class Ingest:
    """Events in. An accepted event is durable; sending it again has no effect."""

    def __init__(self, calls: AsyncCalls, stub: IngestServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    async def send(self, event: Event) -> EventReceipt:
        """Send one event."""
        request = IngestEventRequest(event=event)
        return (await self._calls.repeated(self._stub.IngestEvent, request)).receipt

    async def probe(self) -> None:
        """Send nothing, and raise what sending an event would: no connection, a bad key, a missing scope."""
        try:
            await self._calls.once(self._stub.BatchIngestEvents, BatchIngestEventsRequest())
        except errors.InvalidRequest:
            # An empty batch is refused, after everything else has been looked at.
            return

    async def send_cloud_events(
        self, events: Sequence[CloudEvent], *, type_prefix: str = ""
    ) -> BatchIngestCloudEventsResponse:
        """Send up to 1,000 CloudEvents, whose `source` and `id` together are their identity; a result for each.
        `type_prefix` is taken away from their types."""
        request = BatchIngestCloudEventsRequest(events=events, type_prefix=type_prefix)
        return await self._calls.repeated(self._stub.BatchIngestCloudEvents, request)

    async def receive_cloud_events(
        self, body: bytes, content_type: str = CLOUD_EVENT, *, type_prefix: str = ""
    ) -> ReceiveCloudEventsResponse:
        """Hand on CloudEvents as they came over HTTP: one (`application/cloudevents+json`) or a batch
        (`application/cloudevents-batch+json`), or their protobuf forms."""
        request = door_requests.receive_cloud_events(body, content_type, type_prefix)
        return await self._calls.repeated(self._stub.ReceiveCloudEvents, request)

    async def track(self, events: Sequence[Mapping[str, Any]]) -> TrackResponse:
        """Send up to 50 events, each a JSON object, as a page does; a result for each."""
        request = door_requests.track(events)
        return await self._calls.repeated(self._stub.Track, request)

    async def send_batch(self, events: Sequence[Event]) -> list[EventOutcome]:
        """Send up to 1,000 events in one call; an outcome for each, in order.

        Only events refused for now are sent again, after the wait the service asks for. Those still refused when the
        retry policy ends have the error in their outcome. Raises only what refuses the call as a whole for good.
        """
        batch = Batch(events)

        async def attempt() -> None:
            request = batch.request()
            if request is not None:
                batch.absorb(await self._calls.once(self._stub.BatchIngestEvents, request))

        try:
            await self._calls.attempts()(attempt)
        except errors.ScorelineError as error:
            batch.give_up(error)
        return batch.outcomes

    async def send_many(
        self, events: Iterable[Event], *, batch_events: int = BATCH_EVENTS
    ) -> AsyncIterator[EventOutcome]:
        """Send any number of events in calls of up to `batch_events`; outcomes in order, as they become known.

        Lazy: nothing is sent until the outcomes are read.
        """
        for batch in batches(events, events_max=batch_events):
            for outcome in await self.send_batch(batch):
                yield outcome

    def sender(
        self,
        *,
        batch_events: int = BATCH_EVENTS,
        linger_s: float = LINGER_S,
        in_flight: int = IN_FLIGHT,
        unresolved_max: int = UNRESOLVED_MAX,
    ) -> EventSender:
        """Gathers single events into batches in the background; use it as an async context manager."""
        return EventSender(
            self.send_batch,
            batch_events=batch_events,
            linger_s=linger_s,
            in_flight=in_flight,
            unresolved_max=unresolved_max,
        )
