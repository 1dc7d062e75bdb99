"""Webhook sources, in an event loop."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc

from scoreline.client import errors
from scoreline.client import webhook_requests as requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.client.requests import PAGE_SIZE
from scoreline.ingest.v1.webhook_source_pb2 import WebhookMapping, WebhookPreset, WebhookSource
from scoreline.ingest.v1.webhooks_service_pb2 import (
    CreateWebhookSourceRequest,
    CreateWebhookSourceResponse,
    DeleteWebhookSourceRequest,
    GetWebhookSourceRequest,
    ListWebhookPresetsRequest,
    ListWebhookSourcesRequest,
    ReceiveWebhookResponse,
    RotateWebhookSecretResponse,
    TestWebhookSourceResponse,
)

if TYPE_CHECKING:
    from scoreline.ingest.v1.webhooks_service_pb2_grpc import WebhooksServiceAsyncStub


class Webhooks:
    """Outside systems that send webhooks. Needs a key with the scope `admin`."""

    def __init__(self, calls: AsyncCalls, stub: WebhooksServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    async def create(
        self, source: WebhookSource, *, secret: str = ""
    ) -> CreateWebhookSourceResponse:
        """Make a source, e.g. `WebhookSource(preset="stripe")`. Where no `secret` is given one is drawn, shown only in
        the answer."""
        request = CreateWebhookSourceRequest(webhook_source=source, secret=secret)
        return await self._calls.once(self._stub.CreateWebhookSource, request)

    async def get(self, source_id: str) -> WebhookSource:
        """One source, with counters of its deliveries."""
        request = GetWebhookSourceRequest(source_id=source_id)
        return (await self._calls.repeated(self._stub.GetWebhookSource, request)).webhook_source

    def list(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[WebhookSource]:
        """The project's sources, newest first; pages are fetched as they are read."""
        request = ListWebhookSourcesRequest(page_size=page_size)
        return items(self._calls, self._stub.ListWebhookSources, request, "webhook_sources")

    async def update(self, source: WebhookSource, *fields: str) -> WebhookSource:
        """Change these fields of the source that `source_id` says; none: those that are set. Raises Aborted when an
        `etag` that is set is not current."""
        request = requests.update(source, fields)
        return (await self._calls.once(self._stub.UpdateWebhookSource, request)).webhook_source

    async def delete(self, source_id: str) -> None:
        """Remove a source: its URL answers 404 from then on."""
        request = DeleteWebhookSourceRequest(source_id=source_id)
        await self._calls.once(self._stub.DeleteWebhookSource, request)

    async def rotate(
        self, source_id: str, *, secret: str = "", overlap: timedelta | None = None
    ) -> RotateWebhookSecretResponse:
        """Give a source another secret; those before stay valid for `overlap`, a day where it is not given."""
        request = requests.rotate(source_id, secret, overlap)
        return await self._calls.once(self._stub.RotateWebhookSecret, request)

    async def test(
        self,
        source_id: str = "",
        *,
        mapping: WebhookMapping | None = None,
        preset: str = "",
        body: str = "",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> TestWebhookSourceResponse:
        """What a delivery would become; nothing is kept. Without a body: the preset's sample."""
        request = requests.trial(source_id, mapping, preset, body, content_type, headers)
        return await self._calls.repeated(self._stub.TestWebhookSource, request)

    async def presets(self) -> builtins.list[WebhookPreset]:
        """The ready mappings. A key with the scope `read` is enough."""
        answer = await self._calls.repeated(
            self._stub.ListWebhookPresets, ListWebhookPresetsRequest()
        )
        return builtins.list(answer.presets)

    async def deliver(
        self,
        source_id: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> ReceiveWebhookResponse:
        """A delivery as its sender makes it, signed by `headers`; the client's key is not sent."""
        request = requests.receive(source_id, body, content_type)
        metadata = requests.header_metadata(headers)
        try:
            return await self._stub.ReceiveWebhook(
                request, metadata=metadata, timeout=self._calls.settings.timeout_s
            )
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error
