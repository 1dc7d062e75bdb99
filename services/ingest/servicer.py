"""The RPC edge of ingest: protobuf in, a handler, protobuf out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody

from scoreline.common.v1 import scope_pb2
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from scoreline.ingest.v1 import ingest_service_pb2_grpc
from services.ingest import cloud_events, convert, tracking
from services.ingest.domain.events import IncomingEvent, Origin
from services.ingest.handlers import IngestHandlers, Result, require_batch
from services.shared import context as call_context

Context = grpc.aio.ServicerContext[Any, Any]
ReadT = TypeVar("ReadT")

READ_AT_ONCE_BYTES_MAX = 64 * 1024
"""A larger body is read in a thread: that takes long enough for other calls to notice."""


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
        require_batch(len(request.events))
        events = [convert.incoming(event) for event in request.events]
        results = await self._handlers.accept_batch(_origin(), events)
        return convert.batch_response(results, pb.BatchIngestEventsResponse())

    async def ReceiveCloudEvents(
        self, request: pb.ReceiveCloudEventsRequest, context: Context
    ) -> pb.ReceiveCloudEventsResponse:
        metadata = context.invocation_metadata() or ()
        received = await _read(
            request.body, lambda body: cloud_events.received(body, metadata, request.type_prefix)
        )
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
        page = await _read(request.body, tracking.parsed)
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


async def _read(body: HttpBody, read: Callable[[HttpBody], ReadT]) -> ReadT:
    if len(body.data) <= READ_AT_ONCE_BYTES_MAX:
        return read(body)
    return await asyncio.to_thread(read, body)


def _origin() -> Origin:
    request, caller = call_context.request(), call_context.caller()
    return Origin(
        caller.project_id,
        request.request_id,
        request.traceparent,
        public=caller.scopes == {scope_pb2.SCOPE_TRACK},
    )
