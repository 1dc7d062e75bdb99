"""Webhook endpoints on a real process: what is sent, how it is signed, tried again and shown."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from scoreline.scoring.v1.score_change_pb2 import SCORE_CHANGE_CAUSE_EVENT, SCORE_CHANGE_CAUSE_MERGE
from services.notify.domain.endpoints import ENDPOINT_DISABLED, EVENT_TYPES
from tests.support.endpoint_rig import SETTINGS, Endpoints, endpoints
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import Refusal
from tests.support.hostile_receiver import Receiver
from tests.support.notify_rig import Broker, broker

Delivery = pb.WebhookDelivery

RETRIES = 2
"""After which a delivery has failed here."""


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    schedule = json.dumps([0.05] * RETRIES)
    return _make_rig(**SETTINGS | {"retry_schedule_s": schedule})


@pytest.fixture
async def at(rig: Any) -> AsyncIterator[Broker]:
    async with broker(rig.stack.nats_url) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as serving:
        yield serving


@pytest.fixture
async def hooks(rig: Any, at: Broker, project: str) -> AsyncIterator[Endpoints]:
    key = await at.let_in(project, scope_pb2.SCOPE_ADMIN)
    async with endpoints(rig.notify.target, key) as calls:
        await eventually_async(calls.known)
        yield calls


async def arrived(receiver: Receiver, path: str, count: int) -> None:
    async def there() -> bool:
        return len(receiver.receipts[path]) >= count

    await eventually_async(there)


async def test_each_change_is_told_in_the_words_that_were_asked_for(
    hooks: Endpoints, at: Broker, receiver: Receiver, project: str
) -> None:
    everything, secret = await hooks.create(
        receiver.url("/all?x=1"),
        ("score.changed", "lead.stage_changed", "lead.qualified", "lead.merged"),
        headers={"Authorization": "Bearer one"},
        qualified_stages=["won"],
    )
    await hooks.create(receiver.url("/big"), filter="change.delta > 10.0")
    changes = [
        at.change(project, "a", delta=5, score=5, cause=SCORE_CHANGE_CAUSE_EVENT),
        at.change(project, "a", delta=0, score=5, cause=SCORE_CHANGE_CAUSE_EVENT),
        at.change(project, "a", delta=20, score=25, previous_stage="x", stage="won"),
        at.change(project, "b", merged_into="a", cause=SCORE_CHANGE_CAUSE_MERGE),
    ]
    await at.publish(project, changes)
    await at.publish(f"{project}-other", [at.change(f"{project}-other", "z", delta=99)])
    await arrived(receiver, "/all?x=1", 5)
    await hooks.settled(everything.endpoint_id)
    told = sorted(
        (one.data["lead_id"], one.data["version"], one.type)
        for one in receiver.receipts["/all?x=1"]
    )
    assert told == [
        ("a", 1, "score.changed"),
        ("a", 3, "lead.qualified"),
        ("a", 3, "lead.stage_changed"),
        ("a", 3, "score.changed"),
        ("b", 1, "lead.merged"),
    ]
    assert [one.data["version"] for one in receiver.receipts["/big"]] == [3]
    first = next(
        one
        for one in receiver.receipts["/all?x=1"]
        if one.data["version"] == 1 and one.data["lead_id"] == "a"
    )
    assert first.headers["authorization"] == "Bearer one"
    assert first.headers["content-type"] == "application/json"
    assert json.loads(first.body).keys() == {"type", "timestamp", "data"}
    assert Webhook(secret).verify(first.body, first.headers)["data"]["cause"] == (
        "SCORE_CHANGE_CAUSE_EVENT"
    )
    assert (await hooks.get(everything.endpoint_id)).headers == {"authorization": "***"}


async def test_signatures_overlap_after_a_rotation(hooks: Endpoints, receiver: Receiver) -> None:
    for version in ("v1", "v1a"):
        path = f"/{version}"
        made, secret = await hooks.create(receiver.url(path), signature_version=version)
        request = pb.RotateEndpointSecretRequest(endpoint_id=made.endpoint_id)
        turned = await hooks.call("RotateEndpointSecret", request)
        tried = await hooks.call(
            "SendTestDelivery", pb.SendTestDeliveryRequest(endpoint_id=made.endpoint_id)
        )
        assert tried.succeeded
        (receipt,) = receiver.receipts[path]
        assert (receipt.id, receipt.body) == (tried.delivery_id, tried.payload)
        if version == "v1":
            for one in (secret, turned.secret):
                Webhook(one).verify(receipt.body, receipt.headers)
            continue
        assert not secret
        assert not turned.secret
        assert made.public_key != turned.webhook_endpoint.public_key
        signed = f"{receipt.id}.{receipt.headers['webhook-timestamp']}.{receipt.body}".encode()
        signatures = receipt.headers["webhook-signature"].split(" ")
        for key, signature in zip(
            (turned.webhook_endpoint.public_key, made.public_key), signatures, strict=True
        ):
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
            public.verify(base64.b64decode(signature.removeprefix("v1a,")), signed)


async def test_a_dead_letter_is_shown_and_redelivered_under_its_id(
    hooks: Endpoints, at: Broker, receiver: Receiver, project: str
) -> None:
    made, _ = await hooks.create(receiver.url("/dead"))
    receiver.behaviours["/dead"] = lambda _: "redirect"
    await at.publish(project, [at.change(project, "a", delta=1), at.change(project, "a", delta=2)])
    second, first = await hooks.settled(made.endpoint_id)
    assert {first.state, second.state} == {Delivery.STATE_FAILED}
    assert [one.status for one in first.attempts] == [302] * (RETRIES + 1)
    assert first.attempts[0].response_excerpt == "answer redirect"
    assert not receiver.receipts["/redirected"]
    assert (await hooks.get(made.endpoint_id)).HasField("failing_since_time")
    assert [one.id for one in receiver.receipts["/dead"]] == [
        *[first.delivery_id] * (RETRIES + 1),
        *[second.delivery_id] * (RETRIES + 1),
    ]

    del receiver.behaviours["/dead"]
    since = pb.RedeliverWebhooksRequest(endpoint_id=made.endpoint_id, since_time=first.create_time)
    assert (await hooks.call("RedeliverWebhooks", since)).redelivered_count == 2
    again = await hooks.settled(made.endpoint_id)
    assert {one.state for one in again} == {Delivery.STATE_SUCCEEDED}
    assert [one.id for one in receiver.receipts["/dead"][-2:]] == [
        first.delivery_id,
        second.delivery_id,
    ]
    assert not (await hooks.get(made.endpoint_id)).HasField("failing_since_time")
    one = pb.RedeliverWebhooksRequest(endpoint_id=made.endpoint_id, delivery_id=first.delivery_id)
    assert (await hooks.call("RedeliverWebhooks", one)).redelivered_count == 1
    unknown = pb.RedeliverWebhooksRequest(endpoint_id=made.endpoint_id, delivery_id="msg_none")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await hooks.call("RedeliverWebhooks", unknown)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_gone_disables_and_what_happens_waits(
    hooks: Endpoints, at: Broker, receiver: Receiver, project: str
) -> None:
    made, _ = await hooks.create(receiver.url("/gone?token=t"), description="theirs")
    watchdog, _ = await hooks.create(receiver.url("/watchdog"), (ENDPOINT_DISABLED,))
    receiver.behaviours["/gone?token=t"] = lambda _: "410"
    await at.publish(project, [at.change(project, "a", delta=1)])

    async def disabled() -> bool:
        return (await hooks.get(made.endpoint_id)).disabled

    await eventually_async(disabled)
    found = await hooks.get(made.endpoint_id)
    assert found.disabled_reason == "gone"
    await arrived(receiver, "/watchdog", 1)
    (notice,) = receiver.receipts["/watchdog"]
    assert notice.type == ENDPOINT_DISABLED
    assert notice.data == {
        "endpoint_id": made.endpoint_id,
        "description": "theirs",
        "url": receiver.url("/"),
        "reason": "gone",
        "failing_since_time": found.failing_since_time.ToJsonString(),
    }
    await hooks.settled(watchdog.endpoint_id)
    await at.publish(project, [at.change(project, "a", delta=1), at.change(project, "b", delta=1)])

    async def waiting() -> bool:
        pending = await hooks.deliveries(made.endpoint_id, state=Delivery.STATE_PENDING)
        return len(pending) == 3

    await eventually_async(waiting)
    assert len(receiver.receipts["/gone?token=t"]) == 1
    del receiver.behaviours["/gone?token=t"]
    enabled = await hooks.update(made.endpoint_id, ["disabled"], disabled=False)
    assert not enabled.disabled_reason
    await hooks.settled(made.endpoint_id)
    key = ("a", "score.changed")
    assert receiver.first_receipts("/gone?token=t")[key] == [1, 2]


async def test_failing_for_five_days_disables(
    rig: Any, hooks: Endpoints, at: Broker, receiver: Receiver, project: str
) -> None:
    made, _ = await hooks.create(receiver.url("/ill"))
    await hooks.create(receiver.url("/nurse"), (ENDPOINT_DISABLED,))
    receiver.behaviours["/ill"] = lambda _: "500"
    with psycopg.connect(rig.stack.postgres_url("scoreline_notify")) as connection:
        connection.execute(
            "UPDATE webhook_endpoints SET failing_since = now() - interval '5 days 1 minute'"
            " WHERE endpoint_id = %s",
            [made.endpoint_id],
        )
    await at.publish(project, [at.change(project, "a", delta=1)])

    async def disabled() -> bool:
        return (await hooks.get(made.endpoint_id)).disabled_reason == "failing"

    await eventually_async(disabled)
    await arrived(receiver, "/nurse", 1)
    (notice,) = receiver.receipts["/nurse"]
    assert (notice.data["endpoint_id"], notice.data["reason"]) == (made.endpoint_id, "failing")


async def test_there_is_an_example_of_everything(hooks: Endpoints, receiver: Receiver) -> None:
    made, _ = await hooks.create(receiver.url("/examples"), EVENT_TYPES)
    assert tuple(made.event_types) == EVENT_TYPES
    for event_type in EVENT_TYPES:
        request = pb.SendTestDeliveryRequest(endpoint_id=made.endpoint_id, event_type=event_type)
        tried = await hooks.call("SendTestDelivery", request)
        assert tried.succeeded
        assert receiver.receipts["/examples"][-1].body == tried.payload
        assert receiver.receipts["/examples"][-1].type == event_type


async def test_retry_after_is_kept_to(
    hooks: Endpoints, at: Broker, receiver: Receiver, project: str
) -> None:
    made, _ = await hooks.create(receiver.url("/busy"))
    times: list[float] = []

    def busy(_: object) -> str:
        times.append(asyncio.get_running_loop().time())
        return "wait" if len(times) == 1 else "204"

    receiver.behaviours["/busy"] = busy
    await at.publish(project, [at.change(project, "a", delta=1)])
    await hooks.settled(made.endpoint_id)
    assert times[1] - times[0] >= 0.99


async def test_changes_of_an_endpoint(hooks: Endpoints, receiver: Receiver) -> None:
    made, _ = await hooks.create(receiver.url("/a"), headers={"x-a": "1"})
    changed = await hooks.update(
        made.endpoint_id,
        ["headers", "description"],
        headers={"X-A": "***", "x-b": "2"},
        description="theirs",
        etag=made.etag,
    )
    assert changed.headers == {"x-a": "***", "x-b": "***"}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await hooks.update(made.endpoint_id, ["description"], etag=made.etag)
    assert raised.value.code() is grpc.StatusCode.ABORTED
    tried = pb.SendTestDeliveryRequest(endpoint_id=made.endpoint_id)
    assert (await hooks.call("SendTestDelivery", tried)).succeeded
    (receipt,) = receiver.receipts["/a"]
    assert (receipt.headers["x-a"], receipt.headers["x-b"]) == ("1", "2")
    await hooks.call(
        "DeleteWebhookEndpoint", pb.DeleteWebhookEndpointRequest(endpoint_id=made.endpoint_id)
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await hooks.get(made.endpoint_id)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "ftp://example.com"}, "webhook_endpoint.url"),
        ({"url": "https://user:secret@example.com/"}, "webhook_endpoint.url"),
        ({"url": "https://10.0.0.1/"}, "webhook_endpoint.url"),
        ({"url": "https://example.com:25/"}, "webhook_endpoint.url"),
        ({"event_types": ["no.such"]}, "webhook_endpoint.event_types"),
        ({"filter": "change.delta >"}, "webhook_endpoint.filter"),
        ({"filter": "change.nothing > 1"}, "webhook_endpoint.filter"),
        ({"headers": {"webhook-id": "1"}}, "webhook_endpoint.headers"),
        ({"headers": {"x-a": "a\r\nb"}}, "webhook_endpoint.headers"),
        ({"concurrency": 33}, "webhook_endpoint.concurrency"),
        ({"signature_version": "v2"}, "webhook_endpoint.signature_version"),
        ({"description": "x" * 257}, "webhook_endpoint.description"),
    ],
)
async def test_what_is_wrong_is_named(hooks: Endpoints, fields: dict[str, Any], field: str) -> None:
    wanted: dict[str, Any] = {"url": "https://example.com/", "event_types": ["score.changed"]}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await hooks.create(**wanted | fields)
    refusal = Refusal(raised.value)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == [field]
