"""Signatures: what senders publish is accepted, everything a little different is not, and with the library of Standard
Webhooks we never disagree. Stripe, Mailgun, Typeform and Segment publish how they sign, but no signature with its
secret: theirs were computed with `openssl dgst` as their pages say, not with anything of ours."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.ingest.domain.webhooks.model import Digest, Encoding, Kind, Verification
from services.ingest.domain.webhooks.signatures import NotProven, Signed, verify
from services.ingest.webhook_ecdsa import verify_ecdsa

STANDARD = Verification(Kind.STANDARD_WEBHOOKS)
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVp"
    "iglSI8eNEc6wEA3F+g=="
)
SENDGRID_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
STRIPE_GOOD = "e9232c9945da8456c2dea6b39da7786c07b00bca7a64d5dd1283674713a7b72a"
"""Of {} at 1700000000 with the secret s."""
STRIPE_BODY = b'{\n  "id": "evt_test_webhook",\n  "object": "event"\n}'


# What its sender publishes of each: verification, secret, headers, body, seconds since 1970.
PUBLISHED = [
    pytest.param(
        STANDARD,
        STANDARD_SECRET,
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1614265330,
        id="Standard Webhooks",
    ),
    pytest.param(
        Verification(Kind.GITHUB),
        "It's a Secret to Everybody",
        {
            "x-hub-signature-256": (
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            )
        },
        b"Hello, World!",
        0,
        id="GitHub",
    ),
    pytest.param(
        Verification(Kind.SLACK),
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": (
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
            ),
        },
        SLACK_BODY,
        1531420618,
        id="Slack",
    ),
    pytest.param(
        # The secret and body of Stripe's own libraries' tests, signed as its page describes.
        Verification(Kind.STRIPE),
        "whsec_test_secret",
        {
            "stripe-signature": (
                "t=1700000000,v0=6ffbb59b,"
                "v1=4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150"
            )
        },
        STRIPE_BODY,
        1700000000,
        id="Stripe",
    ),
    pytest.param(
        Verification(Kind.HUBSPOT, url="https://www.example.com/webhook_uri"),
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        {
            "x-hubspot-request-timestamp": "1693657560000",
            "x-hubspot-signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        },
        b"{'example_field':'example_value'}",
        1693657560,
        id="HubSpot, its Python library",
    ),
    pytest.param(
        Verification(Kind.HUBSPOT, url="https://www.example.com/webhook_uri"),
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        {
            "x-hubspot-request-timestamp": "1700000300000",
            "x-hubspot-signature-v3": "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
        },
        b"{'example_field':'example_value'}",
        1700000300,
        id="HubSpot, its Ruby library",
    ),
    pytest.param(
        Verification(Kind.SENDGRID),
        SENDGRID_KEY,
        {
            "x-twilio-email-event-webhook-timestamp": "1600112502",
            "x-twilio-email-event-webhook-signature": (
                "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
            ),
        },
        SENDGRID_BODY,
        1600112502,
        id="SendGrid",
    ),
    pytest.param(
        Verification(Kind.MAILGUN),
        "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
        {},
        json.dumps(
            {
                "signature": {
                    "timestamp": "1529006854",
                    "token": "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
                    "signature": (
                        "b63c0701c4f4b614f272106a1b367c5c3369bcdca664ae73ebd52787e45eef07"
                    ),
                },
                "event-data": {"event": "opened"},
            }
        ).encode(),
        1529006854,
        id="Mailgun, as its page describes",
    ),
    pytest.param(
        # Typeform's page: sha256= and the hash in base64.
        Verification(
            Kind.HMAC, header="typeform-signature", prefix="sha256=", encoding=Encoding.BASE64
        ),
        "abc123",
        {"typeform-signature": "sha256=tl0GMGBR1oMWEWS54Aj+v1LsTq++juVPfgcGKhtqXQo="},
        b"{}",
        0,
        id="Typeform, as its page describes",
    ),
    pytest.param(
        Verification(Kind.HMAC, header="x-signature", digest=Digest.SHA1),
        "shared",
        {"x-signature": "3E1F8B74C8CCAF23ED5C8A1F25B617D6A0027BA3"},
        b"{}",
        0,
        id="Segment, as its page describes",
    ),
    pytest.param(
        Verification(Kind.BEARER), "t0ken", {"authorization": "bearer t0ken"}, b"", 0, id="bearer"
    ),
    pytest.param(
        Verification(Kind.BEARER, header="x-token"),
        "t0ken",
        {"x-token": "t0ken"},
        b"",
        0,
        id="token",
    ),
]


def proves(
    how: Verification, secrets: list[str], headers: Mapping[str, str], body: bytes, now_s: float
) -> bool:
    try:
        verify(how, secrets, Signed(headers, body), now_s, verify_ecdsa)
    except NotProven:
        return False
    return True


@pytest.mark.parametrize(("how", "secret", "headers", "body", "at"), PUBLISHED)
def test_what_senders_publish_is_accepted(
    how: Verification, secret: str, headers: dict[str, str], body: bytes, at: int
) -> None:
    other = SENDGRID_OTHER if how.kind is Kind.SENDGRID else "whsec_b3RoZXIgc2VjcmV0"
    assert proves(how, [secret], headers, body, at)
    assert proves(how, [other, secret], headers, body, at)
    assert not proves(how, [other], headers, body, at)
    assert not proves(how, [], headers, body, at)


@pytest.mark.parametrize(("how", "secret", "headers", "body", "at"), PUBLISHED)
def test_anything_missing_or_changed_is_refused(
    how: Verification, secret: str, headers: dict[str, str], body: bytes, at: int
) -> None:
    for name in headers:
        without = {one: value for one, value in headers.items() if one != name}
        assert not proves(how, [secret], without, body, at), name
        for wrong in ("", headers[name][:-2], "é", "v1,", "t=,v1=", "sha256="):
            assert not proves(how, [secret], {**headers, name: wrong}, body, at), (name, wrong)
    if how.kind is Kind.BEARER:
        return
    # Mailgun signs its timestamp and token only.
    changed = body.replace(b"a8ce", b"a8cf") if how.kind is Kind.MAILGUN else body + b" "
    assert not proves(how, [secret], headers, changed, at)
    if at:
        assert proves(how, [secret], headers, body, at + 299)
        assert not proves(how, [secret], headers, body, at + 301)
        assert not proves(how, [secret], headers, body, at - 301)
        patient = Verification(how.kind, tolerance_s=3600, url=how.url)
        assert proves(patient, [secret], headers, body, at + 3599)


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


SENDGRID_PRIVATE = ec.generate_private_key(ec.SECP256R1())
SENDGRID_OTHER = public_key(SENDGRID_PRIVATE)


def test_sendgrids_own_way_with_another_key() -> None:
    signature = SENDGRID_PRIVATE.sign(b"1700000000{}", ec.ECDSA(hashes.SHA256()))
    headers = {
        "x-twilio-email-event-webhook-timestamp": "1700000000",
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
    }
    assert proves(Verification(Kind.SENDGRID), [SENDGRID_OTHER], headers, b"{}", 1700000000)
    assert not proves(Verification(Kind.SENDGRID), [SENDGRID_KEY], headers, b"{}", 1700000000)


def test_several_signatures_are_all_looked_at() -> None:
    body = b"{}"
    header = f"t=1700000000,v1={'0' * 64},v1={STRIPE_GOOD}"
    assert proves(Verification(Kind.STRIPE), ["s"], {"stripe-signature": header}, body, 1700000000)
    many = f"t=1700000000,{','.join([f'v1={chr(48) * 64}'] * 20)},v1={STRIPE_GOOD}"
    assert not proves(
        Verification(Kind.STRIPE), ["s"], {"stripe-signature": many}, body, 1700000000
    )


def test_calendly_signs_as_stripe_does_in_a_header_of_its_own() -> None:
    how = Verification(Kind.STRIPE, header="calendly-webhook-signature")
    header = f"t=1700000000,v1={STRIPE_GOOD}"
    assert proves(how, ["s"], {"calendly-webhook-signature": header}, b"{}", 1700000000)
    assert not proves(how, ["s"], {"stripe-signature": header}, b"{}", 1700000000)


def test_nothing_to_check_is_said_explicitly() -> None:
    assert proves(Verification(Kind.NONE), [], {}, b"", 0)


IDS = st.text(st.characters(codec="ascii", categories=["L", "N", "Pd", "Pc"]), min_size=1)
KEYS = st.binary(min_size=1, max_size=80)


def by_library(key: bytes, headers: dict[str, str], body: str) -> bool:
    try:
        Webhook(key).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


@given(KEYS, IDS, st.text(), st.integers(-290, 290))
def test_what_the_library_of_standard_webhooks_signs_is_accepted(
    key: bytes, id_: str, body: str, ahead_s: int
) -> None:
    stamp = int(time.time()) + ahead_s
    signature = Webhook(key).sign(id_, datetime.fromtimestamp(stamp, UTC), body)
    headers = {"webhook-id": id_, "webhook-timestamp": str(stamp), "webhook-signature": signature}
    secret = "whsec_" + base64.b64encode(key).decode()
    assert proves(STANDARD, [secret], headers, body.encode(), time.time())
    assert proves(STANDARD, [secret.rstrip("=")], headers, body.encode(), time.time())


@given(
    KEYS,
    st.one_of(st.none(), KEYS),
    IDS,
    st.one_of(st.none(), IDS),
    st.text(),
    st.one_of(st.none(), st.text()),
    st.sampled_from([0, 0, 0, -400, -200, 200, 400, 10**9, -(10**9)]),
    st.lists(
        st.sampled_from(["good", "v1,", "v1,AAAA", "v2,good", "v1a,good", "v1", "", "v1,good=="]),
        max_size=4,
    ),
)
def test_the_library_of_standard_webhooks_and_we_never_disagree(
    key: bytes,
    other_key: bytes | None,
    id_: str,
    other_id: str | None,
    body: str,
    other_body: str | None,
    ahead_s: int,
    listed: list[str],
) -> None:
    stamp = max(0, int(time.time()) + ahead_s)
    signed = Webhook(other_key or key).sign(
        other_id or id_,
        datetime.fromtimestamp(stamp, UTC),
        body if other_body is None else other_body,
    )
    signature = signed.partition(",")[2]
    header = " ".join(
        "v1," + signature if one == "good" else one.replace("good", signature) for one in listed
    )
    headers = {"webhook-id": id_, "webhook-timestamp": str(stamp), "webhook-signature": header}
    secret = "whsec_" + base64.b64encode(key).decode()
    ours = proves(STANDARD, [secret], headers, body.encode(), time.time())
    # The library fails at the first signature that is none, whatever follows: then only what we accept must be signed.
    if any("," not in one for one in header.split(" ")) or "v1,AAAA" in header:
        assert not ours or (
            signature in header and by_library(key, {**headers, "webhook-signature": signed}, body)
        )
    else:
        assert ours == by_library(key, headers, body)


@given(
    st.sampled_from(list(Kind)),
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256",
                "stripe-signature", "x-slack-request-timestamp", "x-slack-signature", "x-sig",
                "authorization", "x-hubspot-signature-v3", "x-hubspot-request-timestamp",
                "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp",
            ]
        ),
        st.one_of(
            st.text(max_size=40),
            st.from_regex(r"(sha256=|v0=|t=\d+,v1=|v1,|Bearer )?[0-9a-zA-Z+/=]*", fullmatch=True),
        ),
    ),
    st.one_of(st.binary(max_size=200), st.just(b'{"signature": {"timestamp": "0", "token": [], "signature": 1}}')),
)  # fmt: skip
def test_made_up_headers_prove_nothing_and_break_nothing(
    kind: Kind, headers: dict[str, str], body: bytes
) -> None:
    header = "x-sig" if kind is Kind.HMAC else ""
    secret = SENDGRID_KEY if kind is Kind.SENDGRID else "whsec_b3RoZXIgc2VjcmV0"
    proven = proves(Verification(kind, header=header), [secret], headers, body, 1700000000)
    assert proven == (kind is Kind.NONE)
