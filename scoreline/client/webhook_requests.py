"""The requests of webhook sources: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.api.httpbody_pb2 import HttpBody

from scoreline.client.requests import mask
from scoreline.ingest.v1.webhook_source_pb2 import WebhookMapping, WebhookSource
from scoreline.ingest.v1.webhooks_service_pb2 import (
    ReceiveWebhookRequest,
    RotateWebhookSecretRequest,
    TestWebhookSourceRequest,
    UpdateWebhookSourceRequest,
)


def update(source: WebhookSource, fields: Sequence[str]) -> UpdateWebhookSourceRequest:
    """Change these fields of a source; none: those that are set."""
    return UpdateWebhookSourceRequest(webhook_source=source, update_mask=mask(fields))


def rotate(source_id: str, secret: str, overlap: timedelta | None) -> RotateWebhookSecretRequest:
    """Another secret."""
    request = RotateWebhookSecretRequest(source_id=source_id, secret=secret)
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    return request


def trial(
    source_id: str,
    mapping: WebhookMapping | None,
    preset: str,
    body: str,
    content_type: str,
    headers: Mapping[str, str] | None,
) -> TestWebhookSourceRequest:
    """A delivery to try."""
    return TestWebhookSourceRequest(
        source_id=source_id,
        mapping=mapping,
        preset=preset,
        body=body,
        content_type=content_type,
        headers=headers,
    )


def receive(source_id: str, body: bytes, content_type: str) -> ReceiveWebhookRequest:
    """A delivery."""
    return ReceiveWebhookRequest(
        source_id=source_id, body=HttpBody(content_type=content_type, data=body)
    )


def header_metadata(headers: Mapping[str, str] | None) -> tuple[tuple[str, str | bytes], ...]:
    """Headers as metadata of a call, which has names in lower case only."""
    return tuple((name.lower(), value) for name, value in (headers or {}).items())
