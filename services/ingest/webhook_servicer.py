"""The gRPC edge of webhooks: check, call a handler, convert."""

from datetime import datetime
from typing import Any

import grpc

from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from scoreline.ingest.v1 import webhooks_service_pb2_grpc
from services.ingest import webhook_convert as convert
from services.ingest.webhook_handlers import Incoming, WebhookHandlers
from services.ingest.webhook_ports import SourcePosition
from services.ingest.webhook_sources import WebhookSources
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import InvalidFields, Violation

Context = grpc.aio.ServicerContext[Any, Any]

PAGE_DEFAULT = 50
PAGE_MAX = 200

PATH = "/v1/webhooks/"


class WebhooksServicer(webhooks_service_pb2_grpc.WebhooksServiceServicer):
    """See protos/scoreline/ingest/v1/webhooks_service.proto."""

    def __init__(self, handlers: WebhookHandlers, sources: WebhookSources) -> None:
        self._handlers = handlers
        self._sources = sources

    async def ReceiveWebhook(
        self, request: pb.ReceiveWebhookRequest, context: Context
    ) -> pb.ReceiveWebhookResponse:
        call = call_context.request()
        incoming = Incoming(
            convert.headers_of(context.invocation_metadata()),
            request.body.content_type,
            request.body.data,
            call.request_id,
            call.traceparent,
        )
        received = await self._handlers.receive(request.source_id, incoming)
        return pb.ReceiveWebhookResponse(
            event_count=received.event_count,
            duplicate=received.duplicate,
            quarantined=received.quarantined,
            challenge=received.challenge,
        )

    async def CreateWebhookSource(
        self, request: pb.CreateWebhookSourceRequest, context: Context
    ) -> pb.CreateWebhookSourceResponse:
        source, drawn = await self._sources.create(_project(), convert.new_source(request))
        return pb.CreateWebhookSourceResponse(
            webhook_source=convert.source_message(source),
            secret=drawn,
            path=f"{PATH}{source.source_id}",
        )

    async def GetWebhookSource(
        self, request: pb.GetWebhookSourceRequest, context: Context
    ) -> pb.GetWebhookSourceResponse:
        source = await self._sources.get(_project(), _needed(request.source_id))
        return pb.GetWebhookSourceResponse(webhook_source=convert.source_message(source))

    async def ListWebhookSources(
        self, request: pb.ListWebhookSourcesRequest, context: Context
    ) -> pb.ListWebhookSourcesResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        # One more than asked for tells whether there is a next page.
        found = await self._sources.newest(_project(), _position(request), size + 1)
        answer = pb.ListWebhookSourcesResponse(
            webhook_sources=map(convert.source_message, found[:size])
        )
        if len(found) > size:
            last = found[size - 1]
            position = [last.create_time.isoformat(), last.source_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def UpdateWebhookSource(
        self, request: pb.UpdateWebhookSourceRequest, context: Context
    ) -> pb.UpdateWebhookSourceResponse:
        source_id, change = convert.source_changes(request)
        source = await self._sources.update(_project(), source_id, change)
        return pb.UpdateWebhookSourceResponse(webhook_source=convert.source_message(source))

    async def DeleteWebhookSource(
        self, request: pb.DeleteWebhookSourceRequest, context: Context
    ) -> pb.DeleteWebhookSourceResponse:
        await self._sources.delete(_project(), _needed(request.source_id))
        return pb.DeleteWebhookSourceResponse()

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Context
    ) -> pb.RotateWebhookSecretResponse:
        source, drawn = await self._sources.rotate(
            _project(), _needed(request.source_id), request.secret, convert.overlap(request)
        )
        return pb.RotateWebhookSecretResponse(
            webhook_source=convert.source_message(source), secret=drawn
        )

    async def TestWebhookSource(
        self, request: pb.TestWebhookSourceRequest, context: Context
    ) -> pb.TestWebhookSourceResponse:
        tried = await self._sources.test(_project(), convert.trial(request))
        return pb.TestWebhookSourceResponse(
            events=tried.events, failure=tried.failure, failure_field=tried.failure_field
        )

    async def ListWebhookPresets(
        self, request: pb.ListWebhookPresetsRequest, context: Context
    ) -> pb.ListWebhookPresetsResponse:
        return pb.ListWebhookPresetsResponse(
            presets=map(convert.preset_message, self._sources.presets)
        )


def _project() -> str:
    return call_context.caller().project_id


def _needed(source_id: str) -> str:
    if not source_id:
        raise InvalidFields([Violation("source_id", "is required")])
    return source_id


def _position(request: pb.ListWebhookSourcesRequest) -> SourcePosition | None:
    position = paging.decode(request.page_token, request, 2)
    if position is None:
        return None
    written, source_id = position
    try:
        create_time = datetime.fromisoformat(written)
        if create_time.tzinfo is None or not isinstance(source_id, str) or "\x00" in source_id:
            raise TypeError
    except (TypeError, ValueError) as error:
        wrong = Violation("page_token", "is not a token this method has given out")
        raise InvalidFields([wrong]) from error
    return SourcePosition(create_time, source_id)
