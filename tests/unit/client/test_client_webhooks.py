"""Webhook sources through both clients: the same requests, pages to the end, and no key where a sender has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.ingest.v1 import webhook_source_pb2 as wire
from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status
from tests.unit.client.test_client_quarantine import asked, both

SOURCE = wire.WebhookSource(source_id="whs_1", etag="3", disabled=True)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def test_lists_are_read_to_their_end(edge: FakeEdge) -> None:
    def page(request: pb.ListWebhookSourcesRequest, _: Any) -> pb.ListWebhookSourcesResponse:
        number = int(request.page_token or 0)
        return pb.ListWebhookSourcesResponse(
            webhook_sources=[wire.WebhookSource(source_id=f"whs_{number}")],
            next_page_token=str(number + 1) if number < 2 else "",
        )

    edge.on("ListWebhookSources", page)
    for found in both(edge, "webhooks", "list", page_size=1):
        assert [one.source_id for one in found] == ["whs_0", "whs_1", "whs_2"]


def test_sources_are_made_read_changed_and_removed(edge: FakeEdge) -> None:
    made = pb.CreateWebhookSourceResponse(webhook_source=SOURCE, secret="s", path="/p")
    edge.on("CreateWebhookSource", lambda request, context: made)
    wanted = wire.WebhookSource(preset="stripe")
    assert both(edge, "webhooks", "create", wanted, secret="mine") == [made, made]
    (request,) = asked(edge, "CreateWebhookSource")
    assert (request.webhook_source.preset, request.secret) == ("stripe", "mine")

    edge.on("GetWebhookSource", lambda *_: pb.GetWebhookSourceResponse(webhook_source=SOURCE))
    assert both(edge, "webhooks", "get", "whs_1") == [SOURCE, SOURCE]

    edge.on("UpdateWebhookSource", lambda *_: pb.UpdateWebhookSourceResponse(webhook_source=SOURCE))
    assert both(edge, "webhooks", "update", SOURCE, "disabled") == [SOURCE, SOURCE]
    (request,) = asked(edge, "UpdateWebhookSource")
    assert (list(request.update_mask.paths), request.webhook_source.etag) == (["disabled"], "3")
    edge.requests["UpdateWebhookSource"].clear()
    both(edge, "webhooks", "update", SOURCE)
    assert not asked(edge, "UpdateWebhookSource")[0].HasField("update_mask")

    edge.on("DeleteWebhookSource", lambda *_: pb.DeleteWebhookSourceResponse())
    assert both(edge, "webhooks", "delete", "whs_1") == [None, None]


def test_secrets_are_rotated(edge: FakeEdge) -> None:
    answer = pb.RotateWebhookSecretResponse(secret="new")
    edge.on("RotateWebhookSecret", lambda request, context: answer)
    assert both(edge, "webhooks", "rotate", "whs_1", overlap=timedelta()) == [answer, answer]
    (request,) = asked(edge, "RotateWebhookSecret")
    assert request.HasField("overlap")
    edge.requests["RotateWebhookSecret"].clear()
    both(edge, "webhooks", "rotate", "whs_1", secret="mine")
    (request,) = asked(edge, "RotateWebhookSecret")
    assert (request.secret, request.HasField("overlap")) == ("mine", False)


def test_deliveries_are_tried(edge: FakeEdge) -> None:
    answer = pb.TestWebhookSourceResponse(failure="no")
    edge.on("TestWebhookSource", lambda request, context: answer)
    mapping = wire.WebhookMapping(events=[wire.EventMapping(type="body.type")])
    given = {"mapping": mapping, "body": "{}", "headers": {"x-a": "1"}}
    assert both(edge, "webhooks", "test", "whs_1", **given) == [answer, answer]
    (request,) = asked(edge, "TestWebhookSource")
    assert (request.source_id, request.mapping, dict(request.headers)) == ("whs_1", mapping, {"x-a": "1"})  # fmt: skip
    presets = [wire.WebhookPreset(name="stripe")]
    edge.on("ListWebhookPresets", lambda *_: pb.ListWebhookPresetsResponse(presets=presets))
    assert both(edge, "webhooks", "presets") == [presets, presets]


def test_a_delivery_has_its_senders_headers_and_no_key(edge: FakeEdge) -> None:
    seen: list[dict[str, Any]] = []

    def receive(request: pb.ReceiveWebhookRequest, context: Any) -> pb.ReceiveWebhookResponse:
        seen.append(dict(context.invocation_metadata()))
        return pb.ReceiveWebhookResponse(event_count=2)

    edge.on("ReceiveWebhook", receive)
    for answer in both(edge, "webhooks", "deliver", "whs_1", b"{}", headers={"X-Sig": "v"}):
        assert answer.event_count == 2
    (request,) = asked(edge, "ReceiveWebhook")
    assert (request.body.data, request.body.content_type) == (b"{}", "application/json")
    assert all(one["x-sig"] == "v" and "x-api-key" not in one for one in seen)


def test_a_refused_delivery_is_an_error_like_any_other(edge: FakeEdge) -> None:
    refusal = status(grpc.StatusCode.UNAUTHENTICATED, "SIGNATURE_INVALID")
    edge.on("ReceiveWebhook", lambda _, context: refuse(context, refusal))
    with (
        scoreline.Client(edge.target, API_KEY) as client,
        pytest.raises(errors.ScorelineError, match="refused"),
    ):
        client.webhooks.deliver("whs_1", b"{}")
