"""CloudEvents, pages' events and the terms of keys through both clients: the same requests, the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from scoreline import AsyncClient, Client
from scoreline.events.v1.cloud_event_pb2 import CloudEvent
from scoreline.ingest.v1.ingest_service_pb2 import (
    BatchIngestCloudEventsResponse,
    ReceiveCloudEventsResponse,
    TrackResponse,
)
from tests.support.fake_edge import API_KEY, FakeEdge

Use = Callable[[Any], Any]


async def blocking(edge: FakeEdge, use: Use) -> Any:
    with Client(edge.target, API_KEY) as client:
        return use(client)


async def aio(edge: FakeEdge, use: Use) -> Any:
    async with AsyncClient(edge.target, API_KEY) as client:
        return await use(client)


both = pytest.mark.parametrize("ask", [blocking, aio])
Ask = Callable[[FakeEdge, Use], Coroutine[Any, Any, Any]]


@pytest.fixture
def edge() -> Any:
    with FakeEdge() as opened:
        yield opened


@both
async def test_cloud_events(edge: FakeEdge, ask: Ask) -> None:
    edge.on("BatchIngestCloudEvents", lambda *_: BatchIngestCloudEventsResponse(accepted_count=1))
    edge.on("ReceiveCloudEvents", lambda *_: ReceiveCloudEventsResponse(accepted_count=2))
    event = CloudEvent(id="1", source="/s", spec_version="1.0", type="a.b")
    answer = await ask(
        edge, lambda client: client.ingest.send_cloud_events([event], type_prefix="a.")
    )
    assert answer.accepted_count == 1
    (sent,) = edge.requests["BatchIngestCloudEvents"]
    assert (list(sent.events), sent.type_prefix) == ([event], "a.")
    answer = await ask(edge, lambda client: client.ingest.receive_cloud_events(b"{}"))
    assert answer.accepted_count == 2
    (received,) = edge.requests["ReceiveCloudEvents"]
    assert (received.body.content_type, received.body.data) == (
        "application/cloudevents+json",
        b"{}",
    )


@both
async def test_pages_events(edge: FakeEdge, ask: Ask) -> None:
    edge.on("Track", lambda *_: TrackResponse(accepted_count=1))
    events = [{"event_id": "1", "type": "page_view", "anonymous_id": "v"}]
    answer = await ask(edge, lambda client: client.ingest.track(events))
    assert answer.accepted_count == 1
    assert json.loads(edge.requests["Track"][0].body.data) == {"events": events}


@both
async def test_terms_of_keys(edge: FakeEdge, ask: Ask) -> None:
    origins = ["https://a.example"]
    await ask(
        edge,
        lambda client: client.keys.create(
            "web", ["track"], allowed_origins=origins, requests_per_minute=9
        ),
    )
    key = edge.requests["CreateApiKey"][0].api_key
    assert (list(key.allowed_origins), key.requests_per_minute, list(key.scopes)) == (
        origins,
        9,
        [4],
    )
    await ask(edge, lambda client: client.keys.update("k", requests_per_minute=0))
    await ask(edge, lambda client: client.keys.update("k", display_name="", allowed_origins=[]))
    first, second = edge.requests["UpdateApiKey"]
    assert list(first.update_mask.paths) == ["requests_per_minute"]
    assert not first.api_key.HasField("requests_per_minute")
    assert list(second.update_mask.paths) == ["display_name", "allowed_origins"]
