"""What test_tenancy.py checks of CloudEvents, events of pages and the terms of keys: two projects that use the same
ids."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.events.v1 import cloud_event_pb2
from scoreline.ingest.v1 import ingest_service_pb2
from tests.support.grpc_calls import Refusal


def new_to_both(tenants: Any, method: str, request: Any) -> None:
    """What one project has sent is no duplicate in the other."""
    mine, theirs, *_ = tenants
    for tenant, duplicate in ((mine, False), (theirs, False), (mine, True)):
        (result,) = tenant("ingest", method, request).results
        assert result.receipt.duplicate is duplicate


def receive_cloud_events(tenants: Any) -> None:
    event = {"specversion": "1.0", "id": "http", "source": "/t", "type": "x", "leadid": "bob"}
    body = HttpBody(content_type="application/cloudevents+json", data=json.dumps(event).encode())
    request = ingest_service_pb2.ReceiveCloudEventsRequest(body=body)
    new_to_both(tenants, "ReceiveCloudEvents", request)


def batch_ingest_cloud_events(tenants: Any) -> None:
    event = cloud_event_pb2.CloudEvent(id="grpc", source="/t", spec_version="1.0", type="x")
    event.attributes["leadid"].ce_string = "bob"
    request = ingest_service_pb2.BatchIngestCloudEventsRequest(events=[event])
    new_to_both(tenants, "BatchIngestCloudEvents", request)


def track(tenants: Any) -> None:
    event = {"event_id": "page", "type": "page_view", "anonymous_id": "v"}
    body = HttpBody(data=json.dumps({"events": [event]}).encode())
    new_to_both(tenants, "Track", ingest_service_pb2.TrackRequest(body=body))


def update_api_key(tenants: Any) -> None:
    """One of the methods of accounts, which are checked together."""
    mine, theirs, *_ = tenants
    request = accounts_service_pb2.UpdateApiKeyRequest()
    request.api_key.key_id = mine.project.key_id
    request.api_key.display_name = "Stolen"
    with pytest.raises(grpc.RpcError) as refused:
        theirs("accounts", "UpdateApiKey", request)
    assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"
