"""Webhooks through the edge, as their senders send them: raw bytes of any content type, answers as HTTP has them; and
points for what came in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import time
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from services.ingest import webhook_presets
from services.ingest.domain.webhooks.model import SENDERS_SECRET, Kind
from tests.e2e.methods import call
from tests.e2e.test_http_errors import expect
from tests.support.eventually import eventually
from tests.support.projects import TestProject

STRIPE_SECRET = "whsec_of_the_test"
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVp"
    "iglSI8eNEc6wEA3F+g=="
)


def created(http: httpx.Client, secret: str = "", **fields: Any) -> Any:
    answer = http.post("/v1/webhookSources", json={"webhook_source": fields, "secret": secret})
    assert answer.status_code == 200, answer.text
    return answer.json()


def stripe(body: bytes, secret: str = STRIPE_SECRET) -> dict[str, str]:
    stamp = int(time.time())
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
    return {"stripe-signature": f"t={stamp},v1={signature}", "content-type": "application/json"}


def test_a_purchase_at_stripe_gives_points(http: httpx.Client, stranger: httpx.Client) -> None:
    made = created(http, STRIPE_SECRET, preset="stripe", display_name="Stripe")
    assert made["secret"] == ""
    preset = webhook_presets.load_all()["stripe"]
    # Spaces and order as sent, or the signature would not fit.
    body = preset.samples[0].body.encode()
    for duplicate in (False, True):
        answer = stranger.post(made["path"], content=body, headers=stripe(body))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "event_count": 1,
            "duplicate": duplicate,
            "quarantined": False,
            "challenge": "",
        }

    def scored() -> bool:
        leads = http.get("/v1/leads", params={"query": "jenny.rosen@example.com"}).json()["leads"]
        return [lead["score"] for lead in leads] == [100]

    eventually(scored)

    def counted() -> bool:
        source = http.get(f"/v1/webhookSources/{made['webhook_source']['source_id']}").json()
        counters = source["webhook_source"]["counters"]
        return (counters["accepted"], counters["events"]) == ("2", "2")

    eventually(counted)


def test_errors_as_http_has_them(http: httpx.Client, stranger: httpx.Client) -> None:
    made = created(http, STRIPE_SECRET, preset="stripe", failure_answer="FAILURE_ANSWER_REFUSE")
    path, source_id = made["path"], made["webhook_source"]["source_id"]
    body = b'{"id": "evt_1", "type": "customer.created", "data": {"object": {"id": 7.5}}}'
    refused = stranger.post(path, content=body, headers=stripe(body, "another"))
    expect(refused, 401, code_pb2.UNAUTHENTICATED, "SIGNATURE_INVALID")
    refused = stranger.post(path, content=body)
    expect(refused, 401, code_pb2.UNAUTHENTICATED, "SIGNATURE_INVALID")
    # A key is no signature.
    expect(http.post(path, content=body), 401, code_pb2.UNAUTHENTICATED, "SIGNATURE_INVALID")
    refused = stranger.post(path, content=body, headers=stripe(body))
    expect(refused, 400, code_pb2.INVALID_ARGUMENT, "MAPPING_FAILED")
    refused = stranger.post("/v1/webhooks/whs_" + "x" * 24, content=body, headers=stripe(body))
    expect(refused, 404, code_pb2.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert stranger.get(path).status_code in (404, 405)
    http.patch(f"/v1/webhookSources/{source_id}", json={"disabled": True}).raise_for_status()
    refused = stranger.post(path, content=body, headers=stripe(body))
    expect(refused, 403, code_pb2.PERMISSION_DENIED, "SOURCE_DISABLED")


OPEN = {
    "verification": {"kind": "KIND_NONE"},
    "mapping": {"events": [{"type": "'seen'", "lead_id": "'L'", "properties": "{'body': body}"}]},
}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("application/json; charset=utf-8", b'{"a": 1}'),
        ("application/vnd.example.v2+json", b'{"a": 1}'),
        ("text/plain", b'{"a": 1}'),
        ("application/octet-stream", b'{"a": 1}'),
        ("application/x-www-form-urlencoded", b"a=1"),
        ("application/x-www-form-urlencoded", b"payload=%7B%22a%22%3A1%7D"),
        ("application/grpc", b'{"a": 1}'),
        ("application/grpc-web", b'{"a": 1}'),
        (None, b'{"a": 1}'),
    ],
)
def test_bodies_of_any_content_type(
    http: httpx.Client, stranger: httpx.Client, content_type: str | None, body: bytes
) -> None:
    made = created(http, **OPEN)
    headers = {"content-type": content_type} if content_type else {}
    answer = stranger.post(made["path"], content=body, headers=headers)
    if content_type and "grpc" in content_type:
        # It says that it is something else: refused, and no harm done.
        assert 400 <= answer.status_code < 500 or answer.headers.get("grpc-status", "0") != "0"
        return
    assert answer.status_code == 200, answer.text
    assert (answer.json()["event_count"], answer.json()["quarantined"]) == (1, False)


def test_bodies_that_are_no_deliveries(http: httpx.Client, stranger: httpx.Client) -> None:
    path = created(http, **OPEN)["path"]
    for body in (b"", b"\xff\x00", b"<xml/>", b"[" * 1000):
        answer = stranger.post(path, content=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["quarantined"]
    packed = stranger.post(path, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    expect(packed, 400, code_pb2.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert stranger.post(path, content=b" " * 5_000_001).status_code == 413
    assert stranger.post(path, content=b" " * 4_990_000).json()["quarantined"]
    # What a URL says besides the path is for nobody.
    refused = stranger.post(f"{path}?token=x", content=b"{}")
    assert refused.status_code == 400
    assert "token" in refused.json()["message"]


def test_what_is_signed_arrives_byte_by_byte(http: httpx.Client, stranger: httpx.Client) -> None:
    made = created(http, preset="github")
    secret = made["secret"]
    body = ' {"zen":  "ü",\r\n"hook_id":1e0, "sender": {}}\n'.encode()
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    answer = stranger.post(
        made["path"],
        content=body,
        headers={
            "X-Hub-Signature-256": f"sha256={signature}",
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": "1",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["event_count"] == 0


def test_hubspot_signs_the_url_it_was_given(http: httpx.Client, stranger: httpx.Client) -> None:
    made = created(http, "client secret, long", preset="hubspot")
    source_id, path = made["webhook_source"]["source_id"], made["path"]
    url = f"https://scoreline.example{path}"
    body = webhook_presets.load_all()["hubspot"].samples[0].body.encode()
    stamp = str(int(time.time() * 1000))
    message = f"POST{url}".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(b"client secret, long", message, hashlib.sha256).digest())
    headers = {
        "x-hubspot-signature-v3": signature.decode(),
        "x-hubspot-request-timestamp": stamp,
    }
    refused = stranger.post(path, content=body, headers=headers)
    expect(refused, 401, code_pb2.UNAUTHENTICATED, "SIGNATURE_INVALID")
    verification = {**made["webhook_source"]["verification"], "url": url}
    changed = http.patch(f"/v1/webhookSources/{source_id}", json={"verification": verification})
    assert changed.status_code == 200, changed.text
    answer = stranger.post(path, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["event_count"] == 3


def test_every_ready_mapping_is_tried_over_http(http: httpx.Client) -> None:
    presets = http.get("/v1/webhookPresets").json()["presets"]
    assert [one["name"] for one in presets] == sorted(webhook_presets.load_all())
    for preset in presets:
        answer = http.post("/v1/webhookSources:test", json={"preset": preset["name"]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["failure"] == ""
        assert answer.json()["events"], preset["name"]
        body = answer.request.content  # the sample is the preset's own
        assert json.loads(body) == {"preset": preset["name"]}


def test_sources_of_two_projects_are_apart(
    channel: grpc.Channel, http: httpx.Client, project: TestProject
) -> None:
    path = "/scoreline.ingest.v1.WebhooksService/ListWebhookSources"
    created(http, preset="github", display_name="mine")
    answer = call(channel, path, project.api_key, pb.ListWebhookSourcesRequest())
    assert isinstance(answer, pb.ListWebhookSourcesResponse)
    names = [one.display_name for one in answer.webhook_sources]
    assert names == ["mine"]


def test_all_kinds_can_be_chosen(http: httpx.Client) -> None:
    for kind in Kind:
        secret = (
            SENDGRID_KEY if kind is Kind.SENDGRID else "s" * 16 if kind in SENDERS_SECRET else ""
        )
        how = {"kind": f"KIND_{kind.value.upper()}"}
        if kind is Kind.HMAC:
            how |= {"header": "X-Sig", "prefix": "sha1="}
            how |= {"encoding": "ENCODING_BASE64", "digest": "DIGEST_SHA1"}
        made = created(http, secret, verification=how, mapping=OPEN["mapping"])
        shown = made["webhook_source"]["verification"]
        assert shown["kind"] == how["kind"]
        assert bool(made["secret"]) == (not secret and kind is not Kind.NONE)
        if kind is Kind.HMAC:
            assert (shown["header"], shown["prefix"]) == ("x-sig", "sha1=")
            assert (shown["encoding"], shown["digest"]) == ("ENCODING_BASE64", "DIGEST_SHA1")
