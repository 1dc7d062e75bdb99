"""Bodies as values, delivery ids, and the headers that may be read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.webhooks import bodies
from services.ingest.domain.webhooks.bodies import FORM, Unreadable
from services.ingest.domain.webhooks.model import Kind, Verification


def decoded(content: bytes, content_type: str = "application/json") -> Any:
    return bodies.decode(content, content_type).value


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b'{"a": [1, 2.5, "x", true]}', "application/json", {"a": [1, 2.5, "x", True]}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "text/plain; charset=utf-8", {"a": 1}),
        (b"\xef\xbb\xbf[1]", "application/json", [1]),
        (b'{"a": null, "b": [null]}', "application/json", {"b": [None]}),
        (b"9223372036854775808", "application/json", 9223372036854775808.0),
        (b"1" * 30, "application/json", float("1" * 30)),
        (b"a=1&b=x+y&b=&c=%C3%A9", FORM, {"a": "1", "b": ["x y", ""], "c": "é"}),
        (b"payload=%7B%22a%22%3A1%7D", f"{FORM}; charset=utf-8", {"a": 1}),
        (b"payload=%7B%22a%22%3A1%7D&b=1", FORM, {"payload": '{"a":1}', "b": "1"}),
        (b"", FORM, {}),
    ],
)
def test_what_can_be_read(content: bytes, content_type: str, expected: Any) -> None:
    assert decoded(content, content_type) == expected


@pytest.mark.parametrize(
    ("content", "content_type", "said"),
    [
        (b"", "application/json", "is not JSON"),
        (b"<xml/>", "text/xml", "is not JSON"),
        (b'{"a": NaN}', "application/json", "number that is none"),
        (b'{"a": 1e999}', "application/json", "too large"),
        (b"1" * 400, "application/json", "too large"),
        (b"\xff", "application/json", "is not UTF-8"),
        (b"a=%FF", FORM, "is not a form"),
        (b"&".join([b"a=1"] * 1001), FORM, "at most 1000 fields"),
        (b"payload=x", FORM, "is not JSON"),
        (b'{"a": "\\ud800"}', "application/json", "not Unicode"),
        (b'{"\\udc00": 1}', "application/json", "not Unicode"),
        (b"[" * 34 + b"]" * 34, "application/json", "more than 32 levels deep"),
        (b"[" * 100_000, "application/json", "more than 32 levels deep"),
        (b"[" + b"0," * 200_000 + b"0]", "application/json", "more than 200,000 values"),
        (b"payload=[" + b"0," * 200_000 + b"0]", FORM, "more than 200,000 values"),
    ],
)
def test_what_can_not_be_read(content: bytes, content_type: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        decoded(content, content_type)


def test_texts_that_no_event_has_room_for_are_absent() -> None:
    long = "x" * 32_769
    assert decoded(json.dumps({"a": long, "b": long[1:], "c": [long, "y"]}).encode()) == {
        "b": long[1:],
        "c": [None, "y"],
    }
    assert decoded(json.dumps(long).encode()) is None


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"0," * 2_490_000 + b"0]",
        b"[" * 5_000_000,
        b"{},[]," * 800_000,
        b'{"a":[' + b'{"a":"",' * 600_000,
        b"[" + b'"\\\\",' * 900_000 + b"1]",
        b"[" + b'"aaaaaaaaaa",' * 380_000 + b"1]",
        b'"' * 5_000_000,
        b'"' + b'\\"' * 2_400_000 + b"," * 200_000,
        b"," * 300_000 + b'"' + b'\\"' * 2_300_000 + b"\\",
    ],
    ids=range(9),
)
def test_what_is_too_much_is_seen_before_it_is_decoded(content: bytes) -> None:
    begun = time.thread_time()
    with pytest.raises(Unreadable):
        decoded(content)
    assert time.thread_time() - begun < 0.6


def test_commas_and_brackets_in_texts_are_no_values() -> None:
    content = json.dumps({"csv": ['1,2,[3],{4},",' * 2_000] * 40, "more": [{}, []]}).encode()
    assert content.count(b",") > 200_000
    assert bodies.decode(content, "").value["more"] == [{}, []]


def test_long_texts_count_as_several_values() -> None:
    content = json.dumps(["x" * 25_600, "y" * 255, ["z" * 513], "w" * 40_000]).encode()
    assert bodies.decode(content, "").size == 6 + 100 + 2


def number(written: str) -> int | float:
    """Whole numbers of 64 bits are whole numbers, others are numbers like any other."""
    return int(written) if abs(int(written)) < 2**63 else float(written)


LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=20,
    )
)
def test_any_json_is_read_with_its_size(value: Any) -> None:
    def count(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        more = len(one) // 256 if isinstance(one, str) else 0
        return 1 + more + sum(map(count, inner))

    body = bodies.decode(json.dumps(value).encode(), "")
    assert body.size == count(value)
    assert body.value == json.loads(json.dumps(value), parse_int=number)


@given(st.binary(max_size=60), st.sampled_from(["application/json", FORM, "", "x"]))
def test_any_bytes_are_read_or_refused(content: bytes, content_type: str) -> None:
    with contextlib.suppress(Unreadable):
        bodies.decode(content, content_type)


@pytest.mark.parametrize(
    ("kind", "headers", "body", "expected"),
    [
        (Kind.STANDARD_WEBHOOKS, {"webhook-id": "msg_1"}, {}, "msg_1"),
        (Kind.GITHUB, {"x-github-delivery": "72d3162e"}, {}, "72d3162e"),
        (Kind.STRIPE, {}, {"id": "evt_1"}, "evt_1"),
        (Kind.SLACK, {}, {"event_id": "Ev1"}, "Ev1"),
        (Kind.MAILGUN, {}, {"signature": {"token": "t"}}, "t"),
        (Kind.STRIPE, {}, {"id": 7}, None),
        (Kind.STRIPE, {}, [1], None),
        (Kind.MAILGUN, {}, {"signature": "t"}, None),
        (Kind.GITHUB, {"x-github-delivery": "x" * 257}, {}, None),
        (Kind.HMAC, {"webhook-id": "msg_1"}, {"id": "evt_1"}, None),
    ],
)
def test_what_tells_a_delivery_that_comes_again(
    kind: Kind, headers: dict[str, str], body: Any, expected: str | None
) -> None:
    found = bodies.delivery_id(Verification(kind), headers, b"content", body)
    assert found == (expected or hashlib.sha256(b"content").hexdigest())


def test_credentials_and_signatures_are_not_to_be_read() -> None:
    headers = {
        "authorization": "Bearer x", "cookie": "x", "x-api-key": "x", "x-sig": "x", "x-kept": "y",
        "x-github-event": "push", "te": "trailers", "grpc-timeout": "1S", "x-envoy-original-path": "/",
        "x-long": "z" * 4_097, "x-forwarded-for": "10.0.0.1",
        "x-gitlab-token": "x", "x-auth-token": "x", "x-real-ip": "x", "forwarded": "x", "set-cookie": "x",
        "proxy-authorization": "x", "cf-connecting-ip": "x", "true-client-ip": "x", "x-hook-secret": "x",
        "x-amz-security-token": "x", "x-telegram-bot-api-secret-token": "x", "x-apikey": "x", "fastly-client-ip": "x",
        "x-shopify-hmac-sha256": "x", "stripe-signature": "x", "webhook-signature": "x", "x-session-id": "x",
    }  # fmt: skip
    kept = bodies.readable(Verification(Kind.HMAC, header="x-sig"), headers)
    assert kept == {"x-kept": "y", "x-github-event": "push"}
    ordinary = {
        "tenant": "a", "telemetry": "b", "x-gitlab-event": "c", "x-shopify-topic": "d", "content-type": "e",
        "user-agent": "f", "x-clip": "g", "webhook-id": "h",
    }  # fmt: skip
    assert bodies.readable(Verification(Kind.NONE), ordinary) == ordinary
    many = {f"x-{number:03d}": "v" for number in range(100)}
    assert len(bodies.readable(Verification(Kind.NONE), many)) == 64
    for kind, names in bodies.HEADERS.items():
        assert bodies.readable(Verification(kind), dict.fromkeys(names, "x")) == {}
    assert bodies.readable(Verification(Kind.STRIPE), {"stripe-signature": "x"}) == {}


def test_only_slacks_challenge_is_answered() -> None:
    body = {"type": "url_verification", "challenge": "abc"}
    assert bodies.challenge(Verification(Kind.SLACK), body) == "abc"
    assert bodies.challenge(Verification(Kind.GITHUB), body) == ""
    assert bodies.challenge(Verification(Kind.SLACK), {**body, "type": "event_callback"}) == ""
    assert bodies.challenge(Verification(Kind.SLACK), {"type": "url_verification"}) == ""
    assert bodies.challenge(Verification(Kind.SLACK), []) == ""


def test_a_form_round_trips() -> None:
    fields = {"a": "1", "é": "x&y=z"}
    assert decoded(urlencode(fields).encode(), FORM) == fields
