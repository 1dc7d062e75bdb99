"""The requests of webhook endpoints: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from scoreline.client.requests import PAGE_SIZE, stamp
from scoreline.notify.v1.webhook_endpoints_service_pb2 import (
    CreateWebhookEndpointRequest,
    ListDeliveriesRequest,
    RedeliverWebhooksRequest,
    RotateEndpointSecretRequest,
    UpdateWebhookEndpointRequest,
    WebhookEndpoint,
)

ENDPOINTS_PAGE_SIZE = 100
DELIVERIES_PAGE_SIZE = min(PAGE_SIZE, 200)

TEST_TIMEOUT_S = 70.0
"""An attempt may take up to a minute, as the service is set."""


def create(
    url: str,
    event_types: Sequence[str],
    *,
    description: str,
    filter: str,
    headers: Mapping[str, str] | None,
    qualified_stages: Sequence[str],
    concurrency: int,
    signature_version: str,
    disabled: bool,
) -> CreateWebhookEndpointRequest:
    """A new endpoint."""
    return CreateWebhookEndpointRequest(
        webhook_endpoint=WebhookEndpoint(
            url=url,
            event_types=event_types,
            description=description,
            filter=filter,
            headers=dict(headers or {}),
            qualified_stages=qualified_stages,
            concurrency=concurrency,
            signature_version=signature_version,
            disabled=disabled,
        )
    )


def update(
    endpoint_id: str,
    *,
    url: str | None,
    event_types: Sequence[str] | None,
    description: str | None,
    filter: str | None,
    headers: Mapping[str, str] | None,
    qualified_stages: Sequence[str] | None,
    concurrency: int | None,
    disabled: bool | None,
    etag: str,
) -> UpdateWebhookEndpointRequest:
    """What is given is changed. Raises ValueError when nothing is."""
    given = {
        "url": url,
        "event_types": event_types,
        "description": description,
        "filter": filter,
        "headers": headers,
        "qualified_stages": qualified_stages,
        "concurrency": concurrency,
        "disabled": disabled,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if not changed:
        raise ValueError("say what to change")
    request = UpdateWebhookEndpointRequest(
        webhook_endpoint=WebhookEndpoint(endpoint_id=endpoint_id, etag=etag, **changed)  # type: ignore[arg-type]
    )
    request.update_mask.paths.extend(changed)
    return request


def rotate(endpoint_id: str, overlap: timedelta | None) -> RotateEndpointSecretRequest:
    """Another secret."""
    request = RotateEndpointSecretRequest(endpoint_id=endpoint_id)
    if overlap is not None:
        duration = Duration()
        duration.FromTimedelta(overlap)
        request.overlap.CopyFrom(duration)
    return request


def deliveries(endpoint_id: str, state: str, lead_id: str, page_size: int) -> ListDeliveriesRequest:
    """A page of deliveries; `state` is pending, succeeded or failed. Raises ValueError for others."""
    name = f"STATE_{state.upper()}" if state else None
    return ListDeliveriesRequest(
        endpoint_id=endpoint_id, state=name, lead_id=lead_id, page_size=page_size
    )


def redeliver(
    endpoint_id: str, delivery_id: str, since: datetime | None
) -> RedeliverWebhooksRequest:
    """One delivery, or those since a time that failed. Raises ValueError unless it is one of them."""
    if bool(delivery_id) == (since is not None):
        raise ValueError("give a delivery's id or `since`: one of them")
    request = RedeliverWebhooksRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
    written = stamp(since)
    if written is not None:
        request.since_time.CopyFrom(written)
    return request
