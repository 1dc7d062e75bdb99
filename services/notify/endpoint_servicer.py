"""The gRPC edge of webhook endpoints: check, call a handler, convert."""

from datetime import datetime
from typing import Any

import grpc

from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from scoreline.notify.v1 import webhook_endpoints_service_pb2_grpc
from services.notify import endpoint_convert as convert
from services.notify.endpoint_handlers import EndpointHandlers
from services.notify.endpoint_ports import EndpointPosition
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import InvalidFields, Violation

Context = grpc.aio.ServicerContext[Any, Any]

PAGE_DEFAULT = 50
PAGE_MAX = 100
DELIVERIES_PAGE_MAX = 200

NUMBER_MAX = 2**63 - 1
"""Of deliveries."""


class WebhookEndpointsServicer(webhook_endpoints_service_pb2_grpc.WebhookEndpointsServiceServicer):
    """See protos/scoreline/notify/v1/webhook_endpoints_service.proto."""

    def __init__(self, handlers: EndpointHandlers) -> None:
        self._handlers = handlers

    async def CreateWebhookEndpoint(
        self, request: pb.CreateWebhookEndpointRequest, context: Context
    ) -> pb.CreateWebhookEndpointResponse:
        endpoint, secret = await self._handlers.create(_project(), convert.new_endpoint(request))
        return pb.CreateWebhookEndpointResponse(
            webhook_endpoint=convert.endpoint_message(endpoint), secret=secret
        )

    async def GetWebhookEndpoint(
        self, request: pb.GetWebhookEndpointRequest, context: Context
    ) -> pb.GetWebhookEndpointResponse:
        endpoint = await self._handlers.get(_project(), _needed(request.endpoint_id))
        missed = await self._handlers.missed_time()
        return pb.GetWebhookEndpointResponse(
            webhook_endpoint=convert.endpoint_message(endpoint, missed)
        )

    async def ListWebhookEndpoints(
        self, request: pb.ListWebhookEndpointsRequest, context: Context
    ) -> pb.ListWebhookEndpointsResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        # One more than asked for tells whether there is a next page.
        found = await self._handlers.newest(_project(), _position(request), size + 1)
        missed = await self._handlers.missed_time()
        answer = pb.ListWebhookEndpointsResponse(
            webhook_endpoints=[convert.endpoint_message(one, missed) for one in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            position = [last.create_time.isoformat(), last.endpoint_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def UpdateWebhookEndpoint(
        self, request: pb.UpdateWebhookEndpointRequest, context: Context
    ) -> pb.UpdateWebhookEndpointResponse:
        endpoint_id, change = convert.endpoint_changes(request)
        endpoint = await self._handlers.update(_project(), endpoint_id, change)
        return pb.UpdateWebhookEndpointResponse(webhook_endpoint=convert.endpoint_message(endpoint))

    async def DeleteWebhookEndpoint(
        self, request: pb.DeleteWebhookEndpointRequest, context: Context
    ) -> pb.DeleteWebhookEndpointResponse:
        await self._handlers.delete(_project(), _needed(request.endpoint_id))
        return pb.DeleteWebhookEndpointResponse()

    async def RotateEndpointSecret(
        self, request: pb.RotateEndpointSecretRequest, context: Context
    ) -> pb.RotateEndpointSecretResponse:
        endpoint, secret = await self._handlers.rotate(
            _project(), _needed(request.endpoint_id), convert.overlap(request)
        )
        return pb.RotateEndpointSecretResponse(
            webhook_endpoint=convert.endpoint_message(endpoint), secret=secret
        )

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, context: Context
    ) -> pb.ListDeliveriesResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, DELIVERIES_PAGE_MAX)
        state, lead_id = convert.which_deliveries(request)
        found = await self._handlers.deliveries(
            _project(),
            _needed(request.endpoint_id),
            state,
            lead_id,
            _before(request),
            size + 1,
        )
        answer = pb.ListDeliveriesResponse(deliveries=map(convert.delivery_message, found[:size]))
        if len(found) > size:
            answer.next_page_token = paging.encode([found[size - 1].number], request)
        return answer

    async def RedeliverWebhooks(
        self, request: pb.RedeliverWebhooksRequest, context: Context
    ) -> pb.RedeliverWebhooksResponse:
        delivery_id, since = convert.redelivered(request)
        count = await self._handlers.redeliver(
            _project(), _needed(request.endpoint_id), delivery_id, since
        )
        return pb.RedeliverWebhooksResponse(redelivered_count=count)

    async def SendTestDelivery(
        self, request: pb.SendTestDeliveryRequest, context: Context
    ) -> pb.SendTestDeliveryResponse:
        sent = await self._handlers.test(
            _project(), _needed(request.endpoint_id), convert.tested_type(request)
        )
        return pb.SendTestDeliveryResponse(
            delivery_id=sent.delivery_id,
            payload=sent.payload,
            attempt=convert.attempt_message(sent.attempt),
            succeeded=sent.attempt.succeeded,
        )


def _project() -> str:
    return call_context.caller().project_id


def _needed(endpoint_id: str) -> str:
    if not endpoint_id or "\x00" in endpoint_id:
        raise InvalidFields([Violation("endpoint_id", "is required")])
    return endpoint_id


def _position(request: pb.ListWebhookEndpointsRequest) -> EndpointPosition | None:
    position = paging.decode(request.page_token, request, 2)
    if position is None:
        return None
    written, endpoint_id = position
    try:
        create_time = datetime.fromisoformat(written)
        if create_time.tzinfo is None or not isinstance(endpoint_id, str) or "\x00" in endpoint_id:
            raise TypeError
    except (TypeError, ValueError) as error:
        raise _no_token() from error
    return EndpointPosition(create_time, endpoint_id)


def _before(request: pb.ListDeliveriesRequest) -> int | None:
    position = paging.decode(request.page_token, request, 1)
    if position is None:
        return None
    (number,) = position
    if not isinstance(number, int) or not 0 <= number <= NUMBER_MAX:
        raise _no_token()
    return number


def _no_token() -> InvalidFields:
    return InvalidFields([Violation("page_token", "is not a token this method has given out")])
