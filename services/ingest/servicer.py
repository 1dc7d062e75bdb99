"""The RPC edge of ingest: protobuf in, a handler, protobuf out."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import grpc

from scoreline.ingest.v1 import ingest_service_pb2 as pb
from scoreline.ingest.v1 import ingest_service_pb2_grpc
from services.ingest import cloud_events, convert, tracking
from services.ingest.domain.events import IncomingEvent, Origin
from services.ingest.handlers import IngestHandlers, Result
from services.shared import context as call_context

Context = grpc.aio.ServicerContext[Any, Any]


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """scoreline.ingest.v1.IngestService."""

    def __init__(self, handlers: IngestHandlers) -> None:
        self._handlers = handlers

    async def IngestEvent(
        self, request: pb.IngestEventRequest, context: Context
    ) -> pb.IngestEventResponse:
        receipt = await self._handlers.accept_one(_origin(), convert.incoming(request.event))
        return pb.IngestEventResponse(receipt=convert.receipt(receipt))

    async def BatchIngestEvents(
        self, request: pb.BatchIngestEventsRequest, context: Context
    ) -> pb.BatchIngestEventsResponse:
        events = [convert.incoming(event) for event in request.events]
        results = await self._handlers.accept_batch(_origin(), events)
        return convert.batch_response(results, pb.BatchIngestEventsResponse())

    async def ReceiveCloudEvents(
        self, request: pb.ReceiveCloudEventsRequest, context: Context
    ) -> pb.ReceiveCloudEventsResponse:
        metadata = context.invocation_metadata() or ()
        received = cloud_events.received(request.body, metadata, request.type_prefix)
        results: list[Result]
        if isinstance(received, list):
            results = await self._handlers.accept_batch(_origin(), received)
        else:
            results = [await self._handlers.accept_one(_origin(), received)]
        return convert.batch_response(results, pb.ReceiveCloudEventsResponse())

    async def BatchIngestCloudEvents(
        self, request: pb.BatchIngestCloudEventsRequest, context: Context
    ) -> pb.BatchIngestCloudEventsResponse:
        events = cloud_events.from_messages(request.events, request.type_prefix)
        results = await self._handlers.accept_batch(_origin(), events)
        return convert.batch_response(results, pb.BatchIngestCloudEventsResponse())

    async def Track(self, request: pb.TrackRequest, context: Context) -> pb.TrackResponse:
        page = tracking.parsed(request.body)
        origin = replace(
            _origin(),
            user_agent=tracking.user_agent_of(context.invocation_metadata() or ()),
            sent_us=page.sent_us,
        )
        results = await self._handlers.accept_batch(origin, page.events)
        return convert.batch_response(results, pb.TrackResponse())

    async def StreamEvents(
        self, request_iterator: AsyncIterator[pb.StreamEventsRequest], context: Context
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        results = self._handlers.accept_stream(_origin(), _incoming(request_iterator))
        sequence = 0
        async with aclosing(results):
            async for result in results:
                sequence += 1
                yield convert.stream_response(sequence, result)


async def _incoming(
    requests: AsyncIterator[pb.StreamEventsRequest],
) -> AsyncIterator[IncomingEvent]:
    async for request in requests:
        yield convert.incoming(request.event)


def _origin() -> Origin:
    request = call_context.request()
    return Origin(call_context.caller().project_id, request.request_id, request.traceparent)
