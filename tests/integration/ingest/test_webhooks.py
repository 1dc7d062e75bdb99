"""Webhooks on a real ingest process: what is accepted, refused and kept, and what counts once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.ingest.v1 import quarantine_service_pb2 as quarantine
from scoreline.ingest.v1 import quarantine_service_pb2_grpc, webhooks_service_pb2_grpc
from scoreline.ingest.v1 import webhook_source_pb2 as wire
from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from stack import Stack
from tests.integration.ingest.support import StoredEvents, accepted
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import CALL_TIMEOUT_S, refused

pytestmark = pytest.mark.xdist_group("ingest")


class Webhooks:
    """The service, with a key for what needs one."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self.stub = webhooks_service_pb2_grpc.WebhooksServiceStub(channel)
        self.quarantine = quarantine_service_pb2_grpc.QuarantineServiceStub(channel)
        self.metadata = (("x-api-key", api_key),)

    async def call(self, method: str, request: Any) -> Any:
        """One of the methods that need a key."""
        stub = self.quarantine if hasattr(self.quarantine, method) else self.stub
        return await getattr(stub, method)(request, metadata=self.metadata, timeout=CALL_TIMEOUT_S)

    async def create(self, secret: str = "", **fields: Any) -> pb.CreateWebhookSourceResponse:
        """CreateWebhookSource."""
        request = pb.CreateWebhookSourceRequest(
            webhook_source=wire.WebhookSource(**fields), secret=secret
        )
        answer: pb.CreateWebhookSourceResponse = await self.call("CreateWebhookSource", request)
        return answer

    async def deliver(
        self,
        source_id: str,
        body: bytes,
        *headers: tuple[str, str],
        content_type: str = "application/json",
    ) -> pb.ReceiveWebhookResponse:
        """ReceiveWebhook, without any key."""
        answer: pb.ReceiveWebhookResponse = await self.stub.ReceiveWebhook(
            pb.ReceiveWebhookRequest(
                source_id=source_id, body=HttpBody(content_type=content_type, data=body)
            ),
            metadata=headers,
            timeout=CALL_TIMEOUT_S,
        )
        return answer

    async def get(self, source_id: str) -> wire.WebhookSource:
        """GetWebhookSource."""
        answer = await self.call(
            "GetWebhookSource", pb.GetWebhookSourceRequest(source_id=source_id)
        )
        source: wire.WebhookSource = answer.webhook_source
        return source

    async def update(self, source: wire.WebhookSource, *paths: str) -> wire.WebhookSource:
        """UpdateWebhookSource."""
        request = pb.UpdateWebhookSourceRequest(
            webhook_source=source, update_mask=FieldMask(paths=paths)
        )
        answer = await self.call("UpdateWebhookSource", request)
        changed: wire.WebhookSource = answer.webhook_source
        return changed

    async def kept(self, source_id: str) -> list[Any]:
        """What of a source is in quarantine."""
        request = quarantine.ListQuarantinedRequest(
            filter=quarantine.QuarantineFilter(source_id=source_id)
        )
        answer = await self.call("ListQuarantined", request)
        return list(answer.items)


@pytest.fixture
async def webhooks(ingest: Stack) -> AsyncIterator[Webhooks]:
    async with grpc.aio.insecure_channel(ingest.service_target("ingest")) as channel:
        yield Webhooks(channel, ingest.api_key)


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex[:12]


def standard(secret: str, id_: str, body: bytes, at: float | None = None) -> list[tuple[str, str]]:
    """The headers that Standard Webhooks signs a delivery with."""
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message = f"{id_}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return [
        ("webhook-id", id_),
        ("webhook-timestamp", stamp),
        ("webhook-signature", f"v1,{signature}"),
    ]


def github(secret: str, body: bytes) -> tuple[str, str]:
    return (
        "x-hub-signature-256",
        "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest(),
    )


def by_email(**more: str) -> wire.WebhookMapping:
    event = wire.EventMapping(type="body.type", email="body.email", **more)
    return wire.WebhookMapping(events=[event])


BEARER = wire.WebhookVerification(kind=wire.WebhookVerification.KIND_BEARER)
GITHUB = wire.WebhookVerification(kind=wire.WebhookVerification.KIND_GITHUB)


async def test_a_signed_delivery_becomes_events_that_are_in_the_stream(
    webhooks: Webhooks, stored: StoredEvents, tag: str
) -> None:
    made = await webhooks.create(preset="scoreline", display_name="Shop")
    assert made.secret.startswith("whsec_")
    assert made.path == f"/v1/webhooks/{made.webhook_source.source_id}"
    body = json.dumps(
        [
            {"type": "Signup", "email": f"{tag}@x.com", "event_id": tag},
            {"type": "a", "lead_id": "L"},
        ]
    )
    answer = await webhooks.deliver(
        made.webhook_source.source_id, body.encode(), *standard(made.secret, tag, body.encode())
    )
    assert (answer.event_count, answer.duplicate, answer.quarantined) == (2, False, False)
    (message,) = await stored.messages([tag])
    event = accepted(message).event
    assert (event.type, event.email, event.source) == ("signup", f"{tag}@x.com", "scoreline")


async def test_a_delivery_that_comes_again_counts_once(
    webhooks: Webhooks, stored: StoredEvents, tag: str
) -> None:
    made = await webhooks.create(preset="scoreline")
    source_id = made.webhook_source.source_id
    body = b'[{"type": "signup", "lead_id": "L"}, {"type": "signup", "lead_id": "M"}]'
    first = await webhooks.deliver(source_id, body, *standard(made.secret, tag, body))
    # Later, with another timestamp and signature.
    again = await webhooks.deliver(
        source_id, body, *standard(made.secret, tag, body, time.time() - 60)
    )
    assert (first.event_count, first.duplicate) == (2, False)
    assert (again.event_count, again.duplicate) == (2, True)
    assert await stored.count([f"{source_id}:{tag}:{number}:item.type" for number in range(2)]) == 2


async def test_what_does_not_prove_itself_is_counted_and_nothing_else(
    webhooks: Webhooks, stored: StoredEvents, tag: str
) -> None:
    made = await webhooks.create(preset="scoreline")
    source_id = made.webhook_source.source_id
    body = json.dumps({"type": "signup", "lead_id": "L", "event_id": tag}).encode()
    good = standard(made.secret, tag, body)
    wrong = [
        [],
        good[:2],
        [*good[:2], ("webhook-signature", "v1,AAAA")],
        standard("whsec_" + base64.b64encode(b"another").decode(), tag, body),
        standard(made.secret, tag, body + b" "),
        standard(made.secret, tag, body, time.time() - 301),
        standard(made.secret, tag, body, time.time() + 301),
    ]
    for headers in wrong:
        with refused(grpc.StatusCode.UNAUTHENTICATED, "SIGNATURE_INVALID"):
            await webhooks.deliver(source_id, body, *headers)
    assert await stored.count([tag]) == 0
    assert await webhooks.kept(source_id) == []

    async def counted() -> bool:
        counters = (await webhooks.get(source_id)).counters
        return (counters.rejected, counters.accepted, counters.events) == (len(wrong), 0, 0)

    await eventually_async(counted)


async def test_unknown_and_disabled_sources(webhooks: Webhooks) -> None:
    for source_id in ("whs_" + "a" * 24, "whs_", "nobody", "whs_\x00" + "a" * 23):
        with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            await webhooks.deliver(source_id, b"{}")
    made = await webhooks.create(verification=GITHUB, mapping=by_email(), disabled=True)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "SOURCE_DISABLED"):
        await webhooks.deliver(made.webhook_source.source_id, b"{}")


async def test_secrets_overlap_and_end(webhooks: Webhooks, tag: str) -> None:
    made = await webhooks.create(verification=GITHUB, mapping=by_email())
    source_id = made.webhook_source.source_id
    body = json.dumps({"type": "signup", "email": f"{tag}@x.com"}).encode()
    rotated = await webhooks.call(
        "RotateWebhookSecret", pb.RotateWebhookSecretRequest(source_id=source_id)
    )
    assert rotated.secret != made.secret
    for secret in (made.secret, rotated.secret):
        await webhooks.deliver(source_id, body, github(secret, body))
    shown = (await webhooks.get(source_id)).secrets
    assert [one.hint for one in shown] == [rotated.secret[:4], made.secret[:4]]
    assert [one.HasField("expire_time") for one in shown] == [False, True]
    last = await webhooks.call(
        "RotateWebhookSecret",
        pb.RotateWebhookSecretRequest(
            source_id=source_id, secret="s3cret of mine, long", overlap=Duration()
        ),
    )
    assert last.secret == ""
    assert [one.hint for one in last.webhook_source.secrets] == [""]
    for secret in (made.secret, rotated.secret):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "SIGNATURE_INVALID"):
            await webhooks.deliver(source_id, body, github(secret, body))
    await webhooks.deliver(source_id, body, github("s3cret of mine, long", body))


async def test_what_can_not_be_mapped_waits_until_the_mapping_is_mended(
    webhooks: Webhooks, stored: StoredEvents, tag: str
) -> None:
    mapping = wire.WebhookMapping(
        items="body.events",
        events=[
            wire.EventMapping(
                type="item.type", email="item.mail", event_id=f'"{tag}-" + string(item.n)'
            )
        ],
    )
    made = await webhooks.create(verification=BEARER, mapping=mapping, display_name=tag)
    source_id = made.webhook_source.source_id
    body = json.dumps(
        {
            "events": [
                {"n": 1, "type": "signup", "mail": "a@x.com"},
                {"n": 2, "type": "signup", "mail": "no address"},
                {"n": 3, "type": "signup"},
            ]
        }
    ).encode()
    bearer = ("authorization", f"Bearer {made.secret}")
    answer = await webhooks.deliver(source_id, body, bearer)
    assert (answer.event_count, answer.quarantined) == (1, True)
    assert await stored.count([f"{tag}-{n}" for n in (1, 2, 3)]) == 1
    (item,) = await webhooks.kept(source_id)
    assert "mapping.events[0].lead_id of items[2]: nothing says whose event it is" in item.detail
    assert "mapping.events[0] of items[1]: email: must be an e-mail address" in item.detail
    # Again: one item still, and no other event.
    assert (await webhooks.deliver(source_id, body, bearer)).quarantined
    assert len(await webhooks.kept(source_id)) == 1

    source = await webhooks.get(source_id)
    source.mapping.events[0].when = 'has(item.mail) && item.mail.contains("@")'
    await webhooks.update(source, "mapping")
    redriven = await webhooks.call(
        "RedriveQuarantined", quarantine.RedriveQuarantinedRequest(item_id=item.item_id)
    )
    assert redriven.redriven_count == 1
    assert await webhooks.kept(source_id) == []
    assert await stored.count([f"{tag}-{n}" for n in (1, 2, 3)]) == 1

    async def counted() -> bool:
        counters = (await webhooks.get(source_id)).counters
        return (counters.quarantined, counters.accepted) == (2, 1)

    await eventually_async(counted)


async def test_a_source_may_answer_that_the_mapping_failed(webhooks: Webhooks, tag: str) -> None:
    made = await webhooks.create(
        verification=BEARER, mapping=by_email(), failure_answer=wire.FAILURE_ANSWER_REFUSE
    )
    source_id = made.webhook_source.source_id
    bearer = ("authorization", f"Bearer {made.secret}")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "MAPPING_FAILED"):
        await webhooks.deliver(source_id, f"no json {tag}".encode(), bearer)
    (item,) = await webhooks.kept(source_id)
    assert item.detail == "the body is not JSON"


async def test_compressed_and_oversized_bodies_are_refused(webhooks: Webhooks) -> None:
    made = await webhooks.create(
        verification=wire.WebhookVerification(kind=wire.WebhookVerification.KIND_NONE),
        mapping=by_email(),
    )
    source_id = made.webhook_source.source_id
    assert made.secret == ""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        await webhooks.deliver(source_id, b"\x1f\x8b", ("content-encoding", "gzip"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        await webhooks.deliver(source_id, b" " * 5_000_001)
    assert (await webhooks.deliver(source_id, b"")).quarantined


async def test_sources_are_made_read_listed_changed_and_removed(
    webhooks: Webhooks, tag: str
) -> None:
    made = [
        (await webhooks.create(preset="github", display_name=f"{tag}-{n}")).webhook_source
        for n in range(3)
    ]
    request = pb.ListWebhookSourcesRequest(page_size=2)
    found: list[str] = []
    while True:
        page = await webhooks.call("ListWebhookSources", request)
        found += [one.display_name for one in page.webhook_sources]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert [name for name in found if name.startswith(tag)] == [f"{tag}-{n}" for n in (2, 1, 0)]

    source = made[0]
    assert source == await webhooks.get(source.source_id)
    changed = await webhooks.update(
        wire.WebhookSource(source_id=source.source_id, etag=source.etag, disabled=True)
    )
    assert changed.disabled
    assert changed.display_name == source.display_name
    with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"):
        await webhooks.update(
            wire.WebhookSource(source_id=source.source_id, etag=source.etag, disabled=False),
            "disabled",
        )
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await webhooks.update(
            wire.WebhookSource(source_id=source.source_id, mapping=by_email(when="1 +")), "mapping"
        )
    assert said[0].fields == ["webhook_source.mapping.events[0].when"]
    delete = pb.DeleteWebhookSourceRequest(source_id=source.source_id)
    await webhooks.call("DeleteWebhookSource", delete)
    for method, gone in (
        ("DeleteWebhookSource", delete),
        ("GetWebhookSource", pb.GetWebhookSourceRequest(source_id=source.source_id)),
        ("RotateWebhookSecret", pb.RotateWebhookSecretRequest(source_id=source.source_id)),
    ):
        with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            await webhooks.call(method, gone)
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await webhooks.deliver(source.source_id, b"{}")


async def test_everything_wrong_with_a_source_is_said(webhooks: Webhooks) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await webhooks.create(display_name="x" * 129, verification=wire.WebhookVerification())
    assert said[0].fields == ["webhook_source.display_name", "webhook_source.verification.kind"]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await webhooks.create()
    assert said[0].fields == ["webhook_source.verification", "webhook_source.mapping"]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await webhooks.create(preset="stripe")
    assert said[0].fields == ["secret"]


async def test_slack_gets_its_challenge_back(webhooks: Webhooks) -> None:
    made = await webhooks.create(
        secret="8f742231b10e8888abcd99yyyzzz85a5",
        verification=wire.WebhookVerification(kind=wire.WebhookVerification.KIND_SLACK),
        mapping=by_email(),
    )
    body = (
        b'{"type": "url_verification", "token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}'
    )
    stamp = str(int(time.time()))
    message = f"v0:{stamp}:".encode() + body
    signature = hmac.new(b"8f742231b10e8888abcd99yyyzzz85a5", message, "sha256").hexdigest()
    answer = await webhooks.deliver(
        made.webhook_source.source_id,
        body,
        ("x-slack-request-timestamp", stamp),
        ("x-slack-signature", f"v0={signature}"),
    )
    assert answer.challenge == "3eZbrw1aBm2rZgRNFdxV2595E9CY"
    assert answer.event_count == 0


async def test_a_mapping_is_tried_without_keeping_anything(webhooks: Webhooks, tag: str) -> None:
    tried = await webhooks.call("TestWebhookSource", pb.TestWebhookSourceRequest(preset="stripe"))
    assert [event.type for event in tried.events] == ["purchase"]
    tried = await webhooks.call(
        "TestWebhookSource",
        pb.TestWebhookSourceRequest(
            mapping=by_email(occur_time="body.at"),
            body='{"type": "signup", "email": "a@x.com", "at": "yesterday"}',
        ),
    )
    assert list(tried.events) == []
    assert tried.failure_field == "mapping.events[0].occur_time of items[0]"
    assert "RFC 3339" in tried.failure


async def test_concurrent_deliveries_of_one_source_are_each_whole(
    webhooks: Webhooks, stored: StoredEvents, tag: str
) -> None:
    made = await webhooks.create(verification=BEARER, mapping=by_email(event_id="body.id"))
    source_id = made.webhook_source.source_id
    bearer = ("authorization", f"Bearer {made.secret}")

    async def one(number: int) -> pb.ReceiveWebhookResponse:
        body = {"type": "signup", "email": f"{number}@x.com", "id": f"{tag}-{number}"}
        return await webhooks.deliver(source_id, json.dumps(body).encode(), bearer)

    answers = await asyncio.gather(*(one(number) for number in range(50)))
    assert sum(answer.event_count for answer in answers) == 50
    assert await stored.count([f"{tag}-{number}" for number in range(50)]) == 50

    async def counted() -> bool:
        counters = (await webhooks.get(source_id)).counters
        return (counters.accepted, counters.events) == (50, 50)

    await eventually_async(counted)
