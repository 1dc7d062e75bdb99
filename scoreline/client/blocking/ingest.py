"""Sending events, blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scoreline.client import door_requests, errors
from scoreline.client.calls import Calls
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
from scoreline.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub


class Ingest:
    """Events in. An accepted event is durable; sending it again has no effect."""

    def __init__(self, calls: Calls, stub: IngestServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def send(self, event: Event) -> EventReceipt:
        """Send one event."""
        request = IngestEventRequest(event=event)
        return self._calls.repeated(self._stub.IngestEvent, request).receipt

    def probe(self) -> None:
        """Send nothing, and raise what sending an event would: no connection, a bad key, a missing scope."""
        try:
            self._calls.once(self._stub.BatchIngestEvents, BatchIngestEventsRequest())
        except errors.InvalidRequest:
            # An empty batch is refused, after everything else has been looked at.
            return

    def send_cloud_events(
        self, events: Sequence[CloudEvent], *, type_prefix: str = ""
    ) -> BatchIngestCloudEventsResponse:
        """Send up to 1,000 CloudEvents, whose `source` and `id` together are their identity; a result for each.
        `type_prefix` is taken away from their types."""
        request = BatchIngestCloudEventsRequest(events=events, type_prefix=type_prefix)
        return self._calls.repeated(self._stub.BatchIngestCloudEvents, request)

    def receive_cloud_events(
        self, body: bytes, content_type: str = CLOUD_EVENT, *, type_prefix: str = ""
    ) -> ReceiveCloudEventsResponse:
        """Hand on CloudEvents as they came over HTTP: one (`application/cloudevents+json`) or a batch
        (`application/cloudevents-batch+json`), or their protobuf forms."""
        request = door_requests.receive_cloud_events(body, content_type, type_prefix)
        return self._calls.repeated(self._stub.ReceiveCloudEvents, request)

    def track(self, events: Sequence[Mapping[str, Any]]) -> TrackResponse:
        """Send up to 50 events, each a JSON object, as a page does; a result for each."""
        request = door_requests.track(events)
        return self._calls.repeated(self._stub.Track, request)

    def send_batch(self, events: Sequence[Event]) -> list[EventOutcome]:
        """Send up to 1,000 events in one call; an outcome for each, in order.

        Only events refused for now are sent again, after the wait the service asks for. Those still refused when the
        retry policy ends have the error in their outcome. Raises only what refuses the call as a whole for good.
        """
        batch = Batch(events)

        def attempt() -> None:
            request = batch.request()
            if request is not None:
                batch.absorb(self._calls.once(self._stub.BatchIngestEvents, request))

        try:
            self._calls.attempts()(attempt)
        except errors.ScorelineError as error:
            batch.give_up(error)
        return batch.outcomes

    def send_many(
        self, events: Iterable[Event], *, batch_events: int = BATCH_EVENTS
    ) -> Iterator[EventOutcome]:
        """Send any number of events in calls of up to `batch_events`; outcomes in order, as they become known.

        Lazy: nothing is sent until the outcomes are read.
        """
        for batch in batches(events, events_max=batch_events):
            yield from self.send_batch(batch)
