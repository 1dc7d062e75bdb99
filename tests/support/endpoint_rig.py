"""Webhook endpoints of a notify process, called as an administrator does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc

from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from scoreline.notify.v1 import webhook_endpoints_service_pb2_grpc as pb_grpc
from services.notify.domain.endpoints import Definition, Endpoint, Secret
from tests.support.eventually import eventually_async

SETTINGS: dict[str, object] = {
    "allow_private_targets": '["127.0.0.0/8"]',
    "allow_http_targets": "true",
    "delivery_timeout_s": 0.8,
    "retry_schedule_s": "[" + ",".join(["0.05"] * 29) + "]",
}
"""A receiver on this machine, and no day-long waiting."""

_MADE = datetime(2026, 2, 1, 12, tzinfo=UTC)

ENDPOINT = Endpoint(
    "whe_1",
    "p",
    "",
    "",
    Definition(("score.changed",)),
    False,
    "",
    None,
    1,
    _MADE,
    _MADE,
    {"x-own": "1"},
    (Secret("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"),),
)
"""One without a URL."""


class Endpoints:
    """WebhookEndpointsService under one key."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._stub = pb_grpc.WebhookEndpointsServiceStub(channel)
        self._metadata = (("x-api-key", api_key),)

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=20)

    async def known(self) -> bool:
        """Whether the process knows the key by now, and is there at all."""
        try:
            await self.call("ListWebhookEndpoints", pb.ListWebhookEndpointsRequest())
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE):
                return False
            raise
        return True

    async def create(
        self, url: str, event_types: Sequence[str] = ("score.changed",), **fields: Any
    ) -> tuple[pb.WebhookEndpoint, str]:
        endpoint = pb.WebhookEndpoint(url=url, event_types=event_types, **fields)
        made = await self.call(
            "CreateWebhookEndpoint", pb.CreateWebhookEndpointRequest(webhook_endpoint=endpoint)
        )
        return made.webhook_endpoint, made.secret

    async def get(self, endpoint_id: str) -> pb.WebhookEndpoint:
        request = pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id)
        found: pb.WebhookEndpoint = (
            await self.call("GetWebhookEndpoint", request)
        ).webhook_endpoint
        return found

    async def update(self, endpoint_id: str, paths: Sequence[str], **fields: Any) -> Any:
        request = pb.UpdateWebhookEndpointRequest(
            webhook_endpoint=pb.WebhookEndpoint(endpoint_id=endpoint_id, **fields)
        )
        request.update_mask.paths.extend(paths)
        return (await self.call("UpdateWebhookEndpoint", request)).webhook_endpoint

    async def deliveries(self, endpoint_id: str, **fields: Any) -> list[pb.WebhookDelivery]:
        request = pb.ListDeliveriesRequest(endpoint_id=endpoint_id, page_size=200, **fields)
        return list((await self.call("ListDeliveries", request)).deliveries)

    async def settled(self, endpoint_id: str, timeout_s: float = 20) -> list[pb.WebhookDelivery]:
        """The deliveries, when none is pending."""
        found: list[pb.WebhookDelivery] = []

        async def none_pending() -> bool:
            found[:] = await self.deliveries(endpoint_id)
            return bool(found) and all(
                one.state != pb.WebhookDelivery.STATE_PENDING for one in found
            )

        await eventually_async(none_pending, timeout_s=timeout_s)
        return found


@asynccontextmanager
async def endpoints(target: str, api_key: str) -> AsyncIterator[Endpoints]:
    options = [
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.initial_reconnect_backoff_ms", 50),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield Endpoints(channel, api_key)
