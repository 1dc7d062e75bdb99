"""`scoreline endpoints`: what it asks, what it shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from services.notify.domain.endpoints import EVENT_TYPES
from tests.support.command_line import json_lines, run
from tests.support.fake_edge import FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ID = "whe_" + "a" * 24
ENDPOINT = pb.WebhookEndpoint(
    endpoint_id=ID, url="https://a.example/", event_types=["score.changed"], filter="true"
)


def test_create_shows_the_secret(edge: FakeEdge) -> None:
    answer = pb.CreateWebhookEndpointResponse(webhook_endpoint=ENDPOINT, secret="whsec_x")
    edge.on("CreateWebhookEndpoint", lambda request, context: answer)
    command = [
        "endpoints",
        "create",
        "https://a.example/",
        "--header",
        "X-A: b:c",
        "--on",
        "lead.merged",
    ]
    shown = run(edge, *command)
    assert shown.exit_code == 0, shown.output
    assert "whsec_x" in shown.stdout
    (asked,) = edge.requests["CreateWebhookEndpoint"]
    assert asked.webhook_endpoint.headers == {"X-A": "b:c"}
    assert asked.webhook_endpoint.event_types == ["lead.merged"]
    assert json_lines(run(edge, *command, as_json=True))[0]["secret"] == "whsec_x"
    assert run(edge, "endpoints", "create", "https://a.example/", "--header", "x").exit_code == 2


@pytest.mark.parametrize("command", ["create", "update"])
def test_the_help_names_all_types(edge: FakeEdge, command: str) -> None:
    # Words are wrapped by the width, between them only.
    shown = run(edge, "endpoints", command, "--help").stdout
    for event_type in EVENT_TYPES:
        assert event_type in shown


def test_list_says_how_they_are(edge: FakeEdge) -> None:
    gone = pb.WebhookEndpoint(endpoint_id=ID, disabled=True, disabled_reason="gone")
    failing = pb.WebhookEndpoint(endpoint_id=ID, failing_since_time=AT)
    answer = pb.ListWebhookEndpointsResponse(webhook_endpoints=[ENDPOINT, gone, failing])
    edge.on("ListWebhookEndpoints", lambda request, context: answer)
    shown = run(edge, "endpoints", "list").stdout
    for text in ("enabled", "disabled (gone)", "failing since"):
        assert text in shown
    assert len(json_lines(run(edge, "endpoints", "list", as_json=True))) == 3


def test_update_changes_what_is_given(edge: FakeEdge) -> None:
    answer = pb.UpdateWebhookEndpointResponse(webhook_endpoint=ENDPOINT)
    edge.on("UpdateWebhookEndpoint", lambda request, context: answer)
    assert run(edge, "endpoints", "update", ID, "--enable").exit_code == 0
    (asked,) = edge.requests["UpdateWebhookEndpoint"]
    assert asked.update_mask.paths == ["disabled"]
    assert not asked.webhook_endpoint.disabled
    assert run(edge, "endpoints", "update", ID).exit_code == 2


def test_deliveries(edge: FakeEdge) -> None:
    took = Duration()
    took.FromMilliseconds(1_234)
    delivery = pb.WebhookDelivery(
        delivery_id="msg_1",
        event_type="score.changed",
        lead_id="lead_1",
        state=pb.WebhookDelivery.STATE_PENDING,
        create_time=AT,
        next_attempt_time=AT,
        attempts=[pb.DeliveryAttempt(status=200, error="answer broke off", latency=took)],
    )
    edge.on(
        "ListDeliveries", lambda request, context: pb.ListDeliveriesResponse(deliveries=[delivery])
    )
    shown = " ".join(run(edge, "endpoints", "deliveries", ID, "--state", "pending").stdout.split())
    for text in ("msg_1", "pending", "200"):
        assert text in shown
    (asked,) = edge.requests["ListDeliveries"]
    assert asked.state == pb.WebhookDelivery.STATE_PENDING
    assert run(edge, "endpoints", "deliveries", ID, "--state", "lost").exit_code == 2


def test_redeliver(edge: FakeEdge) -> None:
    edge.on(
        "RedeliverWebhooks",
        lambda request, context: pb.RedeliverWebhooksResponse(redelivered_count=3),
    )
    assert run(edge, "endpoints", "redeliver", ID, "--since", "2026-01-01").stdout == (
        "3 are sent again\n"
    )
    assert json_lines(run(edge, "endpoints", "redeliver", ID, "msg_1", as_json=True)) == [
        {"redelivered_count": 3}
    ]
    assert run(edge, "endpoints", "redeliver", ID).exit_code == 2


def test_the_example_tells_by_its_exit_code(edge: FakeEdge) -> None:
    for succeeded, status in ((True, 204), (False, 500)):
        answer = pb.SendTestDeliveryResponse(
            succeeded=succeeded, attempt=pb.DeliveryAttempt(status=status, response_excerpt="hm")
        )
        edge.on("SendTestDelivery", lambda request, context, answer=answer: answer)
        shown = run(edge, "endpoints", "test", ID)
        assert shown.exit_code == (0 if succeeded else 1)
        assert str(status) in shown.stdout


def test_rotate_get_and_delete(edge: FakeEdge) -> None:
    turned = pb.RotateEndpointSecretResponse(webhook_endpoint=ENDPOINT, secret="whsec_y")
    edge.on("RotateEndpointSecret", lambda request, context: turned)
    assert "whsec_y" in run(edge, "endpoints", "rotate", ID, "--overlap-hours", "1").stdout
    assert edge.requests["RotateEndpointSecret"][0].overlap.seconds == 3_600
    found = pb.GetWebhookEndpointResponse(webhook_endpoint=ENDPOINT)
    edge.on("GetWebhookEndpoint", lambda request, context: found)
    assert "https://a.example/" in run(edge, "endpoints", "get", ID).stdout
    edge.on("DeleteWebhookEndpoint", lambda r, c: pb.DeleteWebhookEndpointResponse())
    assert run(edge, "endpoints", "delete", ID).stdout == "gone\n"
