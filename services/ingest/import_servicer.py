"""The gRPC edge of imports: check, call a handler, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from scoreline.ingest.v1 import imports_service_pb2 as pb
from scoreline.ingest.v1 import imports_service_pb2_grpc
from services.ingest import import_convert as convert
from services.ingest.import_handlers import ImportHandlers
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import InvalidFields, Violation

Context = grpc.aio.ServicerContext[Any, Any]

PAGE_DEFAULT = 50
PAGE_MAX = 200

PIECE_BYTES_MAX = 2 * 1024 * 1024
"""The contract says 1 MB; the edge's own pieces may be a little larger."""


class ImportsServicer(imports_service_pb2_grpc.ImportsServiceServicer):
    """See protos/scoreline/ingest/v1/imports_service.proto."""

    def __init__(self, handlers: ImportHandlers) -> None:
        self._handlers = handlers

    async def ImportEvents(
        self, request_iterator: AsyncIterator[pb.ImportEventsRequest], context: Context
    ) -> pb.ImportEventsResponse:
        first = await anext(request_iterator, None)
        if first is None:
            raise InvalidFields([Violation("content", "must be a file of at least one byte")])
        pieces = _pieces(first, request_iterator)
        made = await self._handlers.receive(_project(), convert.upload(first), pieces)
        return pb.ImportEventsResponse(**{"import": convert.an_import(made)})

    async def GetImport(
        self, request: pb.GetImportRequest, context: Context
    ) -> pb.GetImportResponse:
        found = await self._handlers.get(_project(), request.import_id)
        return pb.GetImportResponse(**{"import": convert.shown(found)})

    async def ListImports(
        self, request: pb.ListImportsRequest, context: Context
    ) -> pb.ListImportsResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        before = _position(request)
        found = await self._handlers.newest(_project(), before, size + 1)
        answer = pb.ListImportsResponse(imports=map(convert.an_import, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            position = [last.created_at.isoformat(), last.import_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def WatchImport(
        self, request: pb.WatchImportRequest, context: Context
    ) -> AsyncIterator[pb.WatchImportResponse]:
        async with aclosing(self._handlers.watch(_project(), request.import_id)) as changes:
            async for shown in changes:
                yield pb.WatchImportResponse(**{"import": convert.shown(shown)})

    async def CancelImport(
        self, request: pb.CancelImportRequest, context: Context
    ) -> pb.CancelImportResponse:
        found = await self._handlers.cancel(_project(), request.import_id)
        return pb.CancelImportResponse(**{"import": convert.shown(found)})

    async def GetImportReport(
        self, request: pb.GetImportReportRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        content_type = "text/csv; charset=utf-8"
        async with aclosing(self._handlers.report(_project(), request.import_id)) as pieces:
            async for piece in pieces:
                if content_type:
                    # Not before there is something: until then a failure still has a status of its own.
                    name = f'attachment; filename="{request.import_id}.csv"'
                    await context.send_initial_metadata((("content-disposition", name),))
                yield HttpBody(content_type=content_type, data=piece)
                content_type = ""


async def _pieces(
    first: pb.ImportEventsRequest, others: AsyncIterator[pb.ImportEventsRequest]
) -> AsyncIterator[bytes]:
    yield _piece(first)
    async for request in others:
        yield _piece(request)


def _piece(request: pb.ImportEventsRequest) -> bytes:
    data: bytes = request.content.data
    if len(data) > PIECE_BYTES_MAX:
        raise InvalidFields([Violation("content", "must come in pieces of at most 1 MB")])
    return data


def _position(request: pb.ListImportsRequest) -> tuple[datetime, str] | None:
    position = paging.decode(request.page_token, request, 2)
    if position is None:
        return None
    try:
        created = datetime.fromisoformat(str(position[0]))
        if created.tzinfo is None:
            raise ValueError
        return created, str(position[1])
    except ValueError:
        raise InvalidFields(
            [Violation("page_token", "is not a token this method has given out")]
        ) from None


def _project() -> str:
    return call_context.caller().project_id
