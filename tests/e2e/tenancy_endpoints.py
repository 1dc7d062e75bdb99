"""What test_tenancy.py checks of webhook endpoints: they and their deliveries are one project's alone."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from tests.support.eventually import eventually
from tests.support.grpc_calls import Refusal

SERVICE = "notify.v1.WebhookEndpointsService"


def endpoints(tenants: Any) -> None:
    """What the other project can't see, change, try or be told."""
    mine, theirs, *_ = tenants
    # Disabled: what happens is planned for it, and waits.
    wanted = pb.WebhookEndpoint(
        url="https://hooks.example.com/", event_types=["score.changed"], disabled=True
    )
    made = mine.ask(
        f"{SERVICE}/CreateWebhookEndpoint", pb.CreateWebhookEndpointRequest(webhook_endpoint=wanted)
    ).webhook_endpoint
    endpoint_id = made.endpoint_id
    for method, request in (
        ("GetWebhookEndpoint", pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id)),
        (
            "UpdateWebhookEndpoint",
            pb.UpdateWebhookEndpointRequest(
                webhook_endpoint=pb.WebhookEndpoint(endpoint_id=endpoint_id, description="stolen")
            ),
        ),
        ("DeleteWebhookEndpoint", pb.DeleteWebhookEndpointRequest(endpoint_id=endpoint_id)),
        ("RotateEndpointSecret", pb.RotateEndpointSecretRequest(endpoint_id=endpoint_id)),
        ("ListDeliveries", pb.ListDeliveriesRequest(endpoint_id=endpoint_id)),
        (
            "RedeliverWebhooks",
            pb.RedeliverWebhooksRequest(endpoint_id=endpoint_id, delivery_id="msg_1"),
        ),
        ("SendTestDelivery", pb.SendTestDeliveryRequest(endpoint_id=endpoint_id)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            theirs.ask(f"{SERVICE}/{method}", request)
        assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND", method
    for tenant, ids in ((mine, [endpoint_id]), (theirs, [])):
        found = tenant.ask(f"{SERVICE}/ListWebhookEndpoints", pb.ListWebhookEndpointsRequest())
        assert [one.endpoint_id for one in found.webhook_endpoints] == ids

    theirs.send("theirs-only", "demo_request", "sid")
    mine.send("mine-only", "demo_request", "sid")

    def told() -> list[str]:
        listed = mine.ask(
            f"{SERVICE}/ListDeliveries", pb.ListDeliveriesRequest(endpoint_id=endpoint_id)
        )
        return [one.payload for one in listed.deliveries]

    (payload,) = eventually(told)
    assert '"event_id":"mine-only"' in payload
