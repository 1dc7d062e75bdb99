"""Webhook endpoints through both clients: the same requests, and pages to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import scoreline
from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def both(edge: FakeEdge, method: str, *values: Any, **named: Any) -> list[Any]:
    """What each client answers; lists are read to their end."""

    with scoreline.Client(edge.target, API_KEY) as client:
        first = getattr(client.endpoints, method)(*values, **named)
        first = list(first) if hasattr(first, "__next__") else first

    async def run() -> Any:
        async with scoreline.AsyncClient(edge.target, API_KEY) as other:
            found = getattr(other.endpoints, method)(*values, **named)
            if hasattr(found, "__anext__"):
                return [one async for one in found]
            return await found

    return [first, asyncio.run(run())]


def asked(edge: FakeEdge, rpc: str) -> Any:
    """What both asked first, which is the same."""
    requests = edge.requests[rpc]
    half = len(requests) // 2
    assert requests[:half] == requests[half:]
    return requests[0]


def test_making_one(edge: FakeEdge) -> None:
    edge.on("CreateWebhookEndpoint", lambda r, c: pb.CreateWebhookEndpointResponse(secret="s"))
    for made in both(
        edge, "create", "https://a.example", ["score.changed"], headers={"a": "b"}, concurrency=3
    ):
        assert made.secret == "s"
    wanted = asked(edge, "CreateWebhookEndpoint").webhook_endpoint
    assert wanted == pb.WebhookEndpoint(
        url="https://a.example", event_types=["score.changed"], headers={"a": "b"}, concurrency=3
    )


def test_only_what_is_given_is_changed(edge: FakeEdge) -> None:
    edge.on("UpdateWebhookEndpoint", lambda r, c: pb.UpdateWebhookEndpointResponse())
    both(edge, "update", "whe_1", disabled=False, filter="", headers={})
    request = asked(edge, "UpdateWebhookEndpoint")
    assert request.update_mask.paths == ["filter", "headers", "disabled"]
    with pytest.raises(ValueError, match="say what"):
        both(edge, "update", "whe_1")


def test_lists_are_read_to_their_end(edge: FakeEdge) -> None:
    def page(request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        number = int(request.page_token or 0)
        return pb.ListDeliveriesResponse(
            deliveries=[pb.WebhookDelivery(delivery_id=f"msg_{number}")],
            next_page_token=str(number + 1) if number < 2 else "",
        )

    edge.on("ListDeliveries", page)
    for found in both(edge, "deliveries", "whe_1", state="failed", lead_id="a"):
        assert [one.delivery_id for one in found] == ["msg_0", "msg_1", "msg_2"]
    request = asked(edge, "ListDeliveries")
    assert (request.endpoint_id, request.state, request.lead_id) == ("whe_1", 3, "a")
    edge.on("ListWebhookEndpoints", lambda r, c: pb.ListWebhookEndpointsResponse())
    assert both(edge, "list") == [[], []]


def test_the_rest(edge: FakeEdge) -> None:
    edge.on("GetWebhookEndpoint", lambda r, c: pb.GetWebhookEndpointResponse())
    edge.on("DeleteWebhookEndpoint", lambda r, c: pb.DeleteWebhookEndpointResponse())
    edge.on("RotateEndpointSecret", lambda r, c: pb.RotateEndpointSecretResponse(secret="s"))
    edge.on("RedeliverWebhooks", lambda r, c: pb.RedeliverWebhooksResponse(redelivered_count=2))
    edge.on("SendTestDelivery", lambda r, c: pb.SendTestDeliveryResponse(succeeded=True))
    assert both(edge, "get", "whe_1") == [pb.WebhookEndpoint()] * 2
    assert both(edge, "delete", "whe_1") == [None, None]
    assert [one.secret for one in both(edge, "rotate_secret", "whe_1", timedelta(hours=2))] == [
        "s",
        "s",
    ]
    assert asked(edge, "RotateEndpointSecret").overlap.seconds == 7_200
    assert both(edge, "redeliver", "whe_1", since=AT) == [2, 2]
    assert asked(edge, "RedeliverWebhooks").since_time.ToDatetime(UTC) == AT
    for wrong in ({}, {"since": AT, "delivery_id": "msg_1"}):
        with pytest.raises(ValueError, match="one of them"):
            both(edge, "redeliver", "whe_1", **wrong)
    assert all(one.succeeded for one in both(edge, "test", "whe_1", "lead.merged"))
    assert asked(edge, "SendTestDelivery").event_type == "lead.merged"
