"""Deliveries without a process: what is accepted, kept and counted when things fail; and that no delivery is lost or
breaks anything, whatever is in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreline.events.v1.event_pb2 import AcceptedEvent
from services.ingest import webhook_decoding, webhook_presets, webhook_tokens
from services.ingest.domain.events import Origin
from services.ingest.domain.webhooks import bodies
from services.ingest.domain.webhooks.model import (
    Counters,
    FailureAnswer,
    Kind,
    Source,
    Verification,
)
from services.ingest.errors import (
    IntakeFull,
    MappingFailed,
    SignatureInvalid,
    TooBusy,
    TooManySources,
)
from services.ingest.ports import CannotRedeliver
from services.ingest.webhook_sources import SOURCES_MAX
from services.shared.errors import (
    DependencyUnavailable,
    InvalidFields,
    ResourceNotFound,
    ServiceError,
)
from tests.support.eventually import eventually_async
from tests.support.webhook_rig import NOW, Rig, incoming, mapping, new_source, trial

OPEN = Verification(Kind.NONE)
BY_EMAIL = mapping({"type": "item.type", "email": "item.email", "event_id": "item.id"})
PUBLIC_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8"
    "eNEc6wEA3F+g=="
)
ORIGIN = Origin("p", "req", "")


async def made(rig: Rig, **given: Any) -> Source:
    fields = {"verification": OPEN, "mapping": BY_EMAIL, **given}
    source, _ = await rig.sources.create("p", new_source(**fields))
    return source


def body(*items: dict[str, Any]) -> bytes:
    return json.dumps(items).encode()


GOOD = {"type": "signup", "email": "a@x.com", "id": "e1"}
BAD = {"type": "signup", "email": "nobody", "id": "e2"}


@pytest.mark.parametrize(
    "outcome", [DependencyUnavailable("away"), IntakeFull("full", retry_after_s=1)]
)
async def test_what_may_pass_is_left_to_the_sender(outcome: ServiceError) -> None:
    rig = Rig()
    source = await made(rig)
    rig.intake.outcome = outcome
    with pytest.raises(type(outcome)):
        await rig.handlers.receive(source.source_id, incoming(body(GOOD, BAD)))
    assert rig.quarantine.items == []
    rig.intake.outcome = None
    received = await rig.handlers.receive(source.source_id, incoming(body(GOOD, BAD)))
    assert (received.event_count, received.quarantined) == (1, True)
    await rig.counts.flush()
    counters = rig.store.sources[source.source_id].counters
    assert (counters.accepted, counters.quarantined, counters.events) == (0, 1, 1)


async def test_without_quarantine_the_sender_tries_again() -> None:
    rig = Rig()
    source = await made(rig)
    rig.quarantine.away = True
    with pytest.raises(DependencyUnavailable):
        await rig.handlers.receive(source.source_id, incoming(b"no json"))
    # Without anything to keep it does not matter.
    assert (await rig.handlers.receive(source.source_id, incoming(body(GOOD)))).event_count == 1


async def test_what_is_kept_is_what_came_and_why() -> None:
    rig = Rig()
    source = await made(rig, failure_answer=FailureAnswer.REFUSE)
    headers = {"x-kept": "y", "authorization": "Bearer secret"}
    with pytest.raises(MappingFailed, match="email: must be an e-mail address"):
        await rig.handlers.receive(source.source_id, incoming(body(BAD), headers))
    (item,) = rig.quarantine.items
    assert item.payload == body(BAD)
    assert item.headers == {"x-kept": "y", "content-type": "application/json"}
    assert item.detail == (
        "mapping.events[0] of items[0]: email: must be an e-mail address such as ada@example.com"
    )
    assert "nobody" not in item.detail


async def test_only_the_first_failures_are_named() -> None:
    rig = Rig()
    source = await made(rig)
    await rig.handlers.receive(source.source_id, incoming(body(*[BAD] * 8)))
    (item,) = rig.quarantine.items
    assert item.detail.count("must be an e-mail address") == 3
    assert item.detail.endswith("; and 5 more")


async def test_a_redelivery_is_the_same_events_at_the_time_they_came() -> None:
    rig = Rig()
    source = await made(rig)
    await rig.handlers.receive(source.source_id, incoming(body(GOOD, BAD)))
    (item,) = rig.quarantine.items
    rig.clock.instant = NOW + timedelta(days=3)
    with pytest.raises(CannotRedeliver, match="email: must be"):
        await rig.handlers.redeliver(ORIGIN, item, NOW)
    assert len(rig.intake.messages) == 1
    as_before = BY_EMAIL.events[0]
    mended = mapping(
        {**as_before, "email": "item.email + '@x.com'", "when": "item.id == 'e2'", "key": "new"},
        {**as_before, "when": "item.id != 'e2'"},
    )
    await rig.sources.update(
        "p",
        source.source_id,
        lambda one: replace(one, definition=replace(one.definition, mapping=mended)),
    )
    assert await rig.handlers.redeliver(ORIGIN, item, NOW) == 2
    assert len(rig.intake.messages) == 2
    messages = [AcceptedEvent.FromString(one.payload) for one in rig.intake.messages.values()]
    times = {one.event.occur_time.ToDatetime() for one in messages}
    assert times == {NOW.replace(tzinfo=None)}
    with pytest.raises(CannotRedeliver, match="gone"):
        await rig.handlers.redeliver(replace(ORIGIN, project_id="other"), item, NOW)


async def test_counts_wait_for_the_database() -> None:
    rig = Rig()
    source = await made(rig)
    await rig.handlers.receive(source.source_id, incoming(body(GOOD)))
    rig.store.away = True
    await rig.counts.flush()
    await rig.handlers.receive(source.source_id, incoming(body(GOOD)))
    rig.store.away = False
    await rig.counts.flush()
    counters = rig.store.sources[source.source_id].counters
    assert (counters.accepted, counters.events, counters.last_accept_time) == (2, 2, NOW)


async def test_a_secret_that_has_ended_proves_nothing() -> None:
    rig = Rig()
    source, secret = await rig.sources.create(
        "p", new_source(verification=Verification(Kind.BEARER), mapping=BY_EMAIL)
    )
    delivery = incoming(body(GOOD), {"authorization": f"Bearer {secret}"})
    await rig.sources.rotate("p", source.source_id, "", timedelta(hours=1))
    await rig.handlers.receive(source.source_id, delivery)
    # Also where the source is still in memory from before.
    rig.clock.instant = NOW + timedelta(hours=1)
    with pytest.raises(SignatureInvalid):
        await rig.handlers.receive(source.source_id, delivery)


async def test_a_source_can_not_begin_to_check_without_a_secret() -> None:
    rig = Rig()
    source = await made(rig)

    def to(kind: Kind) -> Any:
        how = Verification(kind, header="x")
        return lambda one: replace(one, definition=replace(one.definition, verification=how))

    with pytest.raises(InvalidFields, match="make another source"):
        await rig.sources.update("p", source.source_id, to(Kind.HMAC))
    signed, _ = await rig.sources.create("p", new_source(preset="github"))
    await rig.sources.update("p", signed.source_id, to(Kind.HMAC))
    with pytest.raises(InvalidFields, match="make another source"):
        await rig.sources.update("p", signed.source_id, to(Kind.SENDGRID))
    with pytest.raises(InvalidFields, match="has no secret"):
        await rig.sources.rotate("p", source.source_id, "", timedelta())


async def test_a_public_key_never_becomes_a_secret() -> None:
    rig = Rig()
    source, _ = await rig.sources.create(
        "p",
        new_source(verification=Verification(Kind.SENDGRID), mapping=BY_EMAIL, secret=PUBLIC_KEY),
    )

    def to(kind: Kind) -> Any:
        how = Verification(kind, header="x")
        return lambda one: replace(one, definition=replace(one.definition, verification=how))

    with pytest.raises(InvalidFields, match="make another source"):
        await rig.sources.update("p", source.source_id, to(Kind.HMAC))
    await rig.sources.update("p", source.source_id, to(Kind.NONE))
    with pytest.raises(InvalidFields, match="make another source"):
        await rig.sources.update("p", source.source_id, to(Kind.HMAC))


async def test_what_no_mapping_applies_to_is_counted() -> None:
    rig = Rig()
    source = await made(rig, mapping=mapping({**BY_EMAIL.events[0], "when": "item.type == 'b'"}))
    received = await rig.handlers.receive(source.source_id, incoming(body(GOOD)))
    assert (received.event_count, received.quarantined) == (0, False)
    slack = await made(rig, verification=Verification(Kind.SLACK), secret="s" * 16)
    content = b'{"type": "url_verification", "challenge": "c"}'
    stamp = str(int(NOW.timestamp()))
    proof = hmac.new(b"s" * 16, f"v0:{stamp}:".encode() + content, hashlib.sha256).hexdigest()
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={proof}"}
    answer = await rig.handlers.receive(slack.source_id, incoming(content, headers))
    assert answer.challenge == "c"
    await rig.counts.flush()
    for one in (source, slack):
        assert rig.store.sources[one.source_id].counters == Counters(ignored=1)


async def test_items_that_are_not_there_put_a_delivery_into_quarantine() -> None:
    rig = Rig()
    source = await made(rig, mapping=replace(BY_EMAIL, items="body.orders"))
    received = await rig.handlers.receive(source.source_id, incoming(b'{"order": []}'))
    assert received.quarantined
    (item,) = rig.quarantine.items
    assert item.detail == "mapping.items: is null: must give a list"


async def test_a_redelivery_after_mappings_were_moved_makes_no_event_twice() -> None:
    rig = Rig()
    by_type = {"type": "item.type", "email": "item.email"}
    source = await made(rig, mapping=mapping(by_type))
    await rig.handlers.receive(source.source_id, incoming(body(GOOD, BAD)))
    assert len(rig.intake.messages) == 1
    (item,) = rig.quarantine.items
    mended = mapping(
        {"type": "'visit'", "email": "item.email", "when": "false"},
        {**by_type, "email": "item.id == 'e2' ? 'b@x.com' : item.email"},
    )
    await rig.sources.update(
        "p",
        source.source_id,
        lambda one: replace(one, definition=replace(one.definition, mapping=mended)),
    )
    assert await rig.handlers.redeliver(ORIGIN, item, NOW) == 2
    assert len(rig.intake.messages) == 2


def mailgun(token: str, **fields: Any) -> bytes:
    stamp = str(int(NOW.timestamp()))
    proof = hmac.new(b"m" * 16, (stamp + token).encode(), hashlib.sha256).hexdigest()
    return json.dumps(
        {"signature": {"timestamp": stamp, "token": token, "signature": proof}, **fields}
    ).encode()


async def test_a_token_of_mailgun_is_good_for_one_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_tokens, "TOKENS_MAX", 2)
    rig = Rig()
    how = Verification(Kind.MAILGUN)
    given_ones = {
        "verification": how,
        "secret": "m" * 16,
        "mapping": mapping({**BY_EMAIL.events[0], "event_id": ""}),
    }
    source, other = await made(rig, **given_ones), await made(rig, **given_ones)
    first = mailgun("t1", type="signup", email="a@x.com")
    forged = mailgun("t1", type="purchase", email="a@x.com")
    for _ in range(2):
        await rig.handlers.receive(source.source_id, incoming(first))
    with pytest.raises(SignatureInvalid, match="another body"):
        await rig.handlers.receive(source.source_id, incoming(forged))
    assert len(rig.intake.messages) == 1
    await rig.handlers.receive(other.source_id, incoming(forged))
    # As many as there is room for; the oldest is forgotten first.
    await rig.handlers.receive(source.source_id, incoming(mailgun("t2")))
    await rig.handlers.receive(source.source_id, incoming(forged))


async def test_a_large_body_of_mailgun_is_not_read_before_it_is_proven() -> None:
    rig = Rig()
    source = await made(rig, verification=Verification(Kind.MAILGUN), secret="m" * 16)
    with pytest.raises(SignatureInvalid, match="larger than 262,144"):
        await rig.handlers.receive(source.source_id, incoming(mailgun("t", x="y" * 262_144)))


async def test_large_bodies_are_decoded_aside_and_few_of_one_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    source, other = await made(rig), await made(rig)
    go, threads = threading.Event(), set()
    decode = bodies.decode

    def waiting(content: bytes, content_type: str) -> bodies.Body:
        threads.add(threading.current_thread())
        go.wait(30)
        return decode(content, content_type)

    monkeypatch.setattr(bodies, "decode", waiting)
    large = incoming(body({**GOOD, "more": "x" * 32_000, "yet more": "y" * 34_000}))
    tasks = [
        asyncio.create_task(rig.handlers.receive(source.source_id, large))
        for _ in range(webhook_decoding.DECODING_OF_ONE_MAX)
    ]
    await eventually_async(_as_many(threads))
    with pytest.raises(TooBusy):
        await rig.handlers.receive(source.source_id, large)
    theirs = asyncio.create_task(rig.handlers.receive(other.source_id, large))
    await asyncio.sleep(0)
    assert len(threads) == webhook_decoding.DECODING_MAX
    go.set()
    assert (await theirs).event_count == 1
    assert [one.event_count for one in await asyncio.gather(*tasks)] == [1] * len(tasks)
    assert threading.main_thread() not in threads


def _as_many(threads: set[threading.Thread]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(threads) == webhook_decoding.DECODING_MAX

    return check


async def test_secrets_are_checked_by_kind() -> None:
    rig = Rig()
    for kind, secret in [
        (Kind.STRIPE, ""),
        (Kind.NONE, "x"),
        (Kind.BEARER, "x" * 513),
        (Kind.BEARER, "a\nb"),
        (Kind.STANDARD_WEBHOOKS, "whsec_%%"),
        (Kind.STANDARD_WEBHOOKS, "whsec_"),
        (Kind.STANDARD_WEBHOOKS, "whsec_" + base64.b64encode(b"k" * 23).decode()),
        (Kind.STANDARD_WEBHOOKS, "whsec_" + base64.b64encode(b"k" * 65).decode()),
        (Kind.HMAC, "x" * 15),
        (Kind.GITHUB, PUBLIC_KEY),
        (Kind.SENDGRID, "MFkw"),
    ]:
        asked = new_source(verification=Verification(kind), mapping=BY_EMAIL, secret=secret)
        with pytest.raises(InvalidFields) as refused:
            await rig.sources.create("p", asked)
        assert [one.field for one in refused.value.violations] == ["secret"], kind


async def test_a_project_has_so_many_sources() -> None:
    rig = Rig()
    for _ in range(SOURCES_MAX):
        await made(rig)
    with pytest.raises(TooManySources):
        await made(rig)


async def test_trials() -> None:
    rig = Rig()
    source = await made(rig)
    tried = await rig.sources.test(
        "p", trial(source_id=source.source_id, body=body(GOOD, BAD).decode())
    )
    assert [event.event_id for event in tried.events] == ["e1"]
    assert tried.failure_field == "mapping.events[0] of items[1]"
    assert rig.intake.messages == {}
    assert (await rig.sources.test("p", trial(preset="stripe", body="{"))).failure_field == "body"
    with pytest.raises(ResourceNotFound):
        await rig.sources.test("other", trial(source_id=source.source_id, body="{}"))
    with pytest.raises(InvalidFields, match="mapping"):
        await rig.sources.test("p", trial(body="{}"))
    with pytest.raises(InvalidFields, match="must be one of calendly"):
        await rig.sources.test("p", trial(preset="fax"))


PRESETS = webhook_presets.load_all()
WORDS = sorted(
    {
        word
        for preset in PRESETS.values()
        for sample in preset.samples
        for word in json.dumps(sample.body).replace("\\", " ").replace('"', " ").split()
    }
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(WORDS),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.text(max_size=5), st.sampled_from(WORDS)), inner, max_size=6),
    ),
    max_leaves=30,
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[str, bytes, dict[str, str]]:
    """A ready mapping and a body: a documented one with parts replaced by anything, or anything at all."""
    preset = PRESETS[draw(st.sampled_from(sorted(PRESETS)))]
    sample = draw(st.sampled_from(preset.samples))
    headers = dict(sample.headers)
    if draw(st.booleans()):
        content = draw(
            st.one_of(st.binary(max_size=200), JSON.map(lambda one: json.dumps(one).encode()))
        )
    elif sample.content_type == "application/json":
        content = json.dumps(_altered(json.loads(sample.body), draw)).encode()
    else:
        content = sample.body.encode()
    return preset.name, content, headers


def _altered(value: Any, draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 15)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: _altered(inner, draw) for name, inner in value.items()}
    if isinstance(value, list):
        return [_altered(inner, draw) for inner in value]
    return value


@given(deliveries())
def test_no_delivery_breaks_anything_or_is_lost(
    given_one: tuple[str, bytes, dict[str, str]],
) -> None:
    preset, content, headers = given_one

    async def run() -> None:
        rig = Rig()
        source = await made(rig, preset=preset, mapping=PRESETS[preset].mapping)
        received = await rig.handlers.receive(source.source_id, incoming(content, headers))
        assert received.quarantined == (len(rig.quarantine.items) == 1)
        assert received.event_count >= len(rig.intake.messages)
        again = await rig.handlers.receive(source.source_id, incoming(content, headers))
        assert again.event_count == received.event_count
        assert again.quarantined == received.quarantined
        if again.event_count and not again.quarantined:
            assert again.duplicate
        await rig.counts.flush()
        counted = rig.store.sources[source.source_id].counters
        assert counted.accepted + counted.quarantined + counted.ignored == 2
        assert counted.ignored == (0 if received.event_count or received.quarantined else 2)
        # Nothing came of it and nothing is kept only where no mapping applied.
        if not received.event_count and not received.quarantined:
            wanted = trial(preset=preset, body=content.decode("utf-8-sig"), headers=headers)
            assert not content or (await rig.sources.test("p", wanted)).failure == ""

    asyncio.run(run())
