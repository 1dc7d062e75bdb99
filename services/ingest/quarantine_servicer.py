"""The RPC edge of quarantine: convert, call a handler, convert."""

from typing import Any

import grpc

from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1 import quarantine_service_pb2_grpc
from services.ingest import quarantine_convert as convert
from services.ingest.domain.events import Origin
from services.ingest.quarantine_handlers import QuarantineHandlers
from services.shared import context as call_context
from services.shared import paging

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class QuarantineServicer(quarantine_service_pb2_grpc.QuarantineServiceServicer):
    """scoreline.ingest.v1.QuarantineService."""

    def __init__(self, handlers: QuarantineHandlers) -> None:
        self._handlers = handlers

    async def ListQuarantined(
        self, request: pb.ListQuarantinedRequest, context: Context
    ) -> pb.ListQuarantinedResponse:
        size = paging.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        which = convert.item_filter(request.filter)
        after = convert.list_position(request)
        found = await self._handlers.list_items(_project(), which, after, size + 1)
        return convert.page(found, size, request)

    async def GetQuarantined(
        self, request: pb.GetQuarantinedRequest, context: Context
    ) -> pb.GetQuarantinedResponse:
        found = await self._handlers.item(_project(), convert.item_id(request.item_id))
        return pb.GetQuarantinedResponse(item=convert.item(found))

    async def RedriveQuarantined(
        self, request: pb.RedriveQuarantinedRequest, context: Context
    ) -> pb.RedriveQuarantinedResponse:
        asked = call_context.request()
        origin = Origin(_project(), asked.request_id, asked.traceparent)
        found = await self._handlers.redrive(origin, convert.selection(request))
        return convert.redriven(found, request)

    async def DiscardQuarantined(
        self, request: pb.DiscardQuarantinedRequest, context: Context
    ) -> pb.DiscardQuarantinedResponse:
        discarded, more = await self._handlers.discard(_project(), convert.one_or_all(request))
        return pb.DiscardQuarantinedResponse(discarded_count=discarded, more=more)

    async def CountQuarantined(
        self, request: pb.CountQuarantinedRequest, context: Context
    ) -> pb.CountQuarantinedResponse:
        return convert.counts(await self._handlers.counts(_project()))


def _project() -> str:
    return call_context.caller().project_id
