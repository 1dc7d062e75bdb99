"""Webhook endpoints and what is delivered to them, blocking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from scoreline.client import endpoint_requests as requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.notify.v1.webhook_endpoints_service_pb2 import (
    CreateWebhookEndpointResponse,
    DeleteWebhookEndpointRequest,
    GetWebhookEndpointRequest,
    ListWebhookEndpointsRequest,
    RotateEndpointSecretResponse,
    SendTestDeliveryRequest,
    SendTestDeliveryResponse,
    WebhookDelivery,
    WebhookEndpoint,
)
from scoreline.notify.v1.webhook_endpoints_service_pb2_grpc import WebhookEndpointsServiceStub


class Endpoints:
    """Where changes are pushed to, and what became of each delivery."""

    def __init__(self, calls: Calls, stub: WebhookEndpointsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def create(
        self,
        url: str,
        event_types: Sequence[str],
        *,
        description: str = "",
        filter: str = "",
        headers: Mapping[str, str] | None = None,
        qualified_stages: Sequence[str] = (),
        concurrency: int = 0,
        signature_version: str = "",
        disabled: bool = False,
    ) -> CreateWebhookEndpointResponse:
        """Make an endpoint; the answer has its secret, which is not shown again."""
        request = requests.create(
            url,
            event_types,
            description=description,
            filter=filter,
            headers=headers,
            qualified_stages=qualified_stages,
            concurrency=concurrency,
            signature_version=signature_version,
            disabled=disabled,
        )
        return self._calls.once(self._stub.CreateWebhookEndpoint, request)

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """One endpoint."""
        request = GetWebhookEndpointRequest(endpoint_id=endpoint_id)
        answer = self._calls.repeated(self._stub.GetWebhookEndpoint, request)
        return answer.webhook_endpoint

    def list(self) -> Iterator[WebhookEndpoint]:
        """The project's endpoints, newest first."""
        request = ListWebhookEndpointsRequest(page_size=requests.ENDPOINTS_PAGE_SIZE)
        return items(self._calls, self._stub.ListWebhookEndpoints, request, "webhook_endpoints")

    def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        filter: str | None = None,
        headers: Mapping[str, str] | None = None,
        qualified_stages: Sequence[str] | None = None,
        concurrency: int | None = None,
        disabled: bool | None = None,
        etag: str = "",
    ) -> WebhookEndpoint:
        """Change what is given; with an etag only when nobody else has changed it since. A header whose value is
        `***` keeps the one it has."""
        request = requests.update(
            endpoint_id,
            url=url,
            event_types=event_types,
            description=description,
            filter=filter,
            headers=headers,
            qualified_stages=qualified_stages,
            concurrency=concurrency,
            disabled=disabled,
            etag=etag,
        )
        answer = self._calls.once(self._stub.UpdateWebhookEndpoint, request)
        return answer.webhook_endpoint

    def delete(self, endpoint_id: str) -> None:
        """Remove an endpoint with its deliveries."""
        request = DeleteWebhookEndpointRequest(endpoint_id=endpoint_id)
        self._calls.once(self._stub.DeleteWebhookEndpoint, request)

    def rotate_secret(
        self, endpoint_id: str, overlap: timedelta | None = None
    ) -> RotateEndpointSecretResponse:
        """Give it another secret; deliveries are signed with both until the overlap (24 hours) is over."""
        request = requests.rotate(endpoint_id, overlap)
        return self._calls.once(self._stub.RotateEndpointSecret, request)

    def deliveries(
        self,
        endpoint_id: str,
        *,
        state: str = "",
        lead_id: str = "",
        page_size: int = requests.DELIVERIES_PAGE_SIZE,
    ) -> Iterator[WebhookDelivery]:
        """Deliveries with their attempts, newest first; `state` is pending, succeeded or failed."""
        request = requests.deliveries(endpoint_id, state, lead_id, page_size)
        return items(self._calls, self._stub.ListDeliveries, request, "deliveries")

    def redeliver(
        self, endpoint_id: str, delivery_id: str = "", *, since: datetime | None = None
    ) -> int:
        """Send one delivery again, or those made since a time that failed for good; how many."""
        request = requests.redeliver(endpoint_id, delivery_id, since)
        answer = self._calls.once(self._stub.RedeliverWebhooks, request)
        return answer.redelivered_count

    def test(self, endpoint_id: str, event_type: str = "") -> SendTestDeliveryResponse:
        """Send an example now, and say what came of it."""
        request = SendTestDeliveryRequest(endpoint_id=endpoint_id, event_type=event_type)
        return self._calls.once(self._stub.SendTestDelivery, request, requests.TEST_TIMEOUT_S)
