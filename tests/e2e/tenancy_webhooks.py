"""What test_tenancy.py checks of webhooks: a source, its deliveries and what they become are one project's alone."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2, webhook_source_pb2
from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from tests.support.grpc_calls import Refusal

SERVICE = "ingest.v1.WebhooksService"


def webhooks(tenants: Any) -> None:
    mine, theirs, *_ = tenants
    how = webhook_source_pb2.WebhookVerification(kind="KIND_NONE")
    mapping = webhook_source_pb2.WebhookMapping(
        events=[
            webhook_source_pb2.EventMapping(type="'x'", lead_id="'bob'", event_id="body.event_id")
        ]
    )
    source = webhook_source_pb2.WebhookSource(
        display_name="mine", verification=how, mapping=mapping
    )
    made = mine.ask(
        f"{SERVICE}/CreateWebhookSource", pb.CreateWebhookSourceRequest(webhook_source=source)
    )
    source_id = made.webhook_source.source_id
    renamed = webhook_source_pb2.WebhookSource(source_id=source_id, display_name="stolen")
    for method, request in (
        ("GetWebhookSource", pb.GetWebhookSourceRequest(source_id=source_id)),
        ("UpdateWebhookSource", pb.UpdateWebhookSourceRequest(webhook_source=renamed)),
        ("DeleteWebhookSource", pb.DeleteWebhookSourceRequest(source_id=source_id)),
        ("RotateWebhookSecret", pb.RotateWebhookSecretRequest(source_id=source_id)),
        ("TestWebhookSource", pb.TestWebhookSourceRequest(source_id=source_id, body="{}")),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            theirs.ask(f"{SERVICE}/{method}", request)
        assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND", method
    for tenant, names in ((mine, ["mine"]), (theirs, [])):
        found = tenant.ask(f"{SERVICE}/ListWebhookSources", pb.ListWebhookSourcesRequest())
        assert [one.display_name for one in found.webhook_sources] == names
    presets = [
        tenant.ask(f"{SERVICE}/ListWebhookPresets", pb.ListWebhookPresetsRequest())
        for tenant in (mine, theirs)
    ]
    assert presets[0] == presets[1]

    # Whoever's key comes along, a delivery is its source's project's.
    body = HttpBody(data=json.dumps({"event_id": "hook"}).encode())
    answer = theirs.ask(
        f"{SERVICE}/ReceiveWebhook", pb.ReceiveWebhookRequest(source_id=source_id, body=body)
    )
    assert answer.event_count == 1
    sent = event_pb2.Event(event_id="hook", type="x", lead_id="bob", source="webhook")
    request = ingest_service_pb2.BatchIngestEventsRequest(events=[sent])
    for tenant, duplicate in ((theirs, False), (mine, True)):
        (result,) = tenant("ingest", "BatchIngestEvents", request).results
        assert result.receipt.duplicate is duplicate
