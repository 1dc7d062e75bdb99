"""How a CloudEvent becomes an event: identity, reference, time, properties; and that nothing makes the parsers fail."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.protobuf import any_pb2, struct_pb2, timestamp_pb2
from hypothesis import example, given
from hypothesis import strategies as st

from scoreline.events.v1 import cloud_event_pb2
from services.ingest import cloud_events
from services.ingest.domain.cloud_events import CloudEvent, event_id, from_json, mapped
from services.ingest.domain.events import IncomingEvent, InvalidEvent, accept
from services.ingest.domain.references import text_problem
from services.shared import structs
from services.shared.errors import InvalidFields, ServiceError

NOW_US = 1_780_000_000_000_000
BASE = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order"}


def with_attributes(**changes: str) -> CloudEvent:
    return CloudEvent({**BASE, **changes})


def one(value: Any, kind: str = "application/cloudevents+json") -> IncomingEvent:
    body = httpbody_pb2.HttpBody(content_type=kind, data=json.dumps(value).encode())
    parsed = cloud_events.received(body, (), "")
    assert isinstance(parsed, IncomingEvent)
    return parsed


def properties(event: IncomingEvent) -> Any:
    return structs.to_dict(struct_pb2.Struct.FromString(event.properties))


@pytest.mark.parametrize(
    ("source", "id_", "expected"),
    [
        ("/shop", "42", "ce:/shop 42"),
        ("urn:a", "b:c", "ce:urn:a b:c"),
        ("urn:a:b", "c", "ce:urn:a:b c"),
        ("a", "b c", "ce:a b c"),
        ("é", "ü", "ce:é ü"),
    ],
)
def test_short_identities_can_be_read(source: str, id_: str, expected: str) -> None:
    assert event_id(source, id_) == expected


@pytest.mark.parametrize(
    ("source", "id_"),
    [("a b", "c"), ("a", "c "), ("a", "x" * 125), ("a\n", "c"), ("a", "\ud800"), ("a", "")],
)
def test_other_identities_are_hashed(source: str, id_: str) -> None:
    hashed = event_id(source, id_)
    assert hashed.startswith("ce-sha256:")
    assert text_problem(hashed, 128) is None


PARTS = st.text(st.sampled_from("ab: \n"), max_size=4) | st.text(max_size=140)


@given(PARTS, PARTS, PARTS, PARTS)
@example("a", "b c", "a b", "c")
@example("a", "b:c", "a:b", "c")
@example("", " a", " ", "a")
def test_no_two_identities_are_the_same_event(a: str, b: str, c: str, d: str) -> None:
    assert (event_id(a, b) == event_id(c, d)) == ((a, b) == (c, d))


def test_identities_are_for_ever() -> None:
    assert event_id("a b", "c") == (  # printf "3:a b1:c" | sha256sum
        "ce-sha256:1f378a7351504ed9d11e0fc47a3100c617cfa02fd01224883484936280c44a1c"
    )


@pytest.mark.parametrize(
    ("attributes", "references"),
    [
        ({"subject": "lead:L-1"}, {"lead_id": "L-1"}),
        ({"subject": "email:a@b.example"}, {"email": "a@b.example"}),
        ({"subject": "anonymous:v1"}, {"anonymous_id": "v1"}),
        ({"subject": "external:lead:7"}, {"external_id": "lead:7"}),
        ({"subject": "Ada@Example.com"}, {"email": "Ada@Example.com"}),
        ({"subject": "urn:crm:7"}, {"external_id": "urn:crm:7"}),
        ({"subject": "not@an@address"}, {"external_id": "not@an@address"}),
        ({"subject": "lead:L-1", "externalid": "7"}, {"external_id": "7"}),
        ({"leadid": "L", "email": "a@b.example"}, {"lead_id": "L", "email": "a@b.example"}),
        ({"anonymousid": "v"}, {"anonymous_id": "v"}),
        ({"leadid": "", "subject": "x"}, {"external_id": "x"}),
        ({}, {}),
    ],
)
def test_whose_it_is(attributes: dict[str, str], references: dict[str, str]) -> None:
    assert mapped(with_attributes(**attributes), "").references == references


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-01T09:30:00Z", (1_772_357_400, 0)),
        ("2026-03-01t09:30:00z", (1_772_357_400, 0)),
        ("2026-03-01 10:30:00+01:00", (1_772_357_400, 0)),
        ("2026-03-01T09:30:00.123456789Z", (1_772_357_400, 123_456_789)),
        ("2026-03-01T09:30:00.5-00:00", (1_772_357_400, 500_000_000)),
        ("1969-12-31T23:59:59.25Z", (-1, 250_000_000)),
        ("2026-03-01T09:30:00", None),
        ("2026-03-01", None),
        ("2026-02-30T09:30:00Z", None),
        ("2026-03-01T25:30:00Z", None),
        ("１２３４-03-01T09:30:00Z", None),
        ("now", None),
        ("", None),
    ],
)
def test_times(time: str, expected: tuple[int, int] | None) -> None:
    if expected is not None:
        assert mapped(with_attributes(time=time), "").occur_time == expected
        return
    with pytest.raises(InvalidEvent) as caught:
        mapped(with_attributes(time=time), "")
    assert [problem.field for problem in caught.value.problems] == ["time"]


@pytest.mark.parametrize(
    ("type_", "prefix", "expected"),
    [
        ("com.example.order", "com.example.", "order"),
        ("order", "com.example.", "order"),
        ("com.example.", "com.example.", "com.example."),
        ("com.com.x", "com.", "com.x"),
    ],
)
def test_prefixes_of_types(type_: str, prefix: str, expected: str) -> None:
    assert mapped(with_attributes(type=type_), prefix).type == expected


def test_a_long_source_is_shortened_and_kept_whole_beside() -> None:
    long = "https://example.com/" + "x" * 100
    parts = mapped(CloudEvent({**BASE, "source": long}, {"a": 1}), "")
    assert len(parts.source) == 64
    assert parts.source.startswith(long[:47] + "~")
    assert parts.properties == {"cloudevent_source": long, "a": 1}
    other = mapped(CloudEvent({**BASE, "source": long + "y"}, {"a": 1}), "")
    assert other.source != parts.source
    assert mapped(CloudEvent({**BASE, "source": "x" * 64}), "").properties is None


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({}, ["id", "source", "type", "specversion"]),
        ({**BASE, "specversion": "0.3"}, ["specversion"]),
        ({**BASE, "id": None}, ["id"]),
        ({**BASE, "id": [1]}, ["id"]),
        ({**BASE, "lead_id": "x"}, ["lead_id"]),
        ({**BASE, "data_base64": "?"}, ["data_base64"]),
        ({**BASE, "data_base64": 5}, ["data_base64"]),
        ({**BASE, "data": 1, "data_base64": "MQ=="}, ["data_base64"]),
        ({**BASE, "data_base64": base64.b64encode(b"{").decode()}, ["data"]),
    ],
)
def test_what_is_no_cloud_event(value: Any, fields: list[str]) -> None:
    with pytest.raises(InvalidFields) as caught:
        one(value)
    assert [one.field for one in caught.value.violations] == [f"event.{name}" for name in fields]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"data": {"a": [1, None]}}, {"a": [1, None]}),
        ({"data": {}}, {}),
        ({"data": "text"}, {"data": "text"}),
        ({"data": [1, 2]}, {"data": [1, 2]}),
        ({"data": False}, {"data": False}),
        ({"data": None}, {}),
        ({"data_base64": base64.b64encode(b'{"a":1}').decode()}, {"a": 1}),
        ({"data_base64": "aGk=", "datacontenttype": "text/plain"}, {"data": "hi"}),
        ({"data_base64": "/w==", "datacontenttype": "text/plain"}, {"data": "/w=="}),
        ({"data_base64": "/w==", "datacontenttype": "image/png"}, {"data": "/w=="}),
        ({"data_base64": "MQ==", "datacontenttype": "application/ld+json; x=y"}, {"data": 1}),
    ],
)
def test_data_become_properties(data: dict[str, Any], expected: dict[str, Any]) -> None:
    assert properties(one({**BASE, **data})) == expected


def test_data_have_the_limits_of_properties() -> None:
    deep: Any = 1
    for _ in range(9):
        deep = {"a": deep}
    with pytest.raises(InvalidFields):
        one({**BASE, "data": deep})
    with pytest.raises(InvalidFields):
        one({**BASE, "data": {"a": 10**400}})
    large = one({**BASE, "leadid": "L", "data": {"a": "x" * 40_000}})
    with pytest.raises(InvalidEvent):
        accept(large, NOW_US)


def test_attributes_in_headers_are_percent_encoded() -> None:
    body = httpbody_pb2.HttpBody(content_type="text/plain", data="Grüße".encode())
    metadata = [(f"ce-{name}", value) for name, value in BASE.items()]
    metadata += [("ce-externalid", "K%C3%B6ln%25"), ("x-api-key", "sl_x"), ("ce-odd-bin", b"\x00")]
    parsed = cloud_events.received(body, metadata, "")
    assert isinstance(parsed, IncomingEvent)
    assert parsed.external_id == "Köln%"
    assert properties(parsed) == {"data": "Grüße"}


def test_attributes_of_messages_are_texts() -> None:
    value = cloud_event_pb2.CloudEventAttributeValue
    event = cloud_event_pb2.CloudEvent(
        id="1",
        source="/s",
        spec_version="1.0",
        type="t",
        attributes={
            "time": value(ce_timestamp=timestamp_pb2.Timestamp(seconds=5, nanos=7)),
            "externalid": value(ce_integer=-7),
            "id": value(ce_string="not this one"),
            "dataschema": value(ce_uri="https://x"),
            "flag": value(ce_boolean=True),
            "raw": value(ce_bytes=b"\xff"),
            "none": value(),
        },
        binary_data=b'{"a": 1}',
    )
    (parsed,) = cloud_events.from_messages([event], "")
    assert isinstance(parsed, IncomingEvent)
    assert (parsed.event_id, parsed.external_id) == ("ce:/s 1", "-7")
    assert parsed.occur_time == (5, 7)
    assert properties(parsed) == {"a": 1}


def test_protobuf_data_is_a_struct_or_refused() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": {"b": [1]}})
    base = {"id": "1", "source": "/s", "spec_version": "1.0", "type": "t"}
    packed = any_pb2.Any()
    packed.Pack(struct)
    other = any_pb2.Any()
    other.Pack(timestamp_pb2.Timestamp())
    broken = any_pb2.Any(type_url=packed.type_url, value=b"\xff")
    good, *bad = cloud_events.from_messages(
        [cloud_event_pb2.CloudEvent(**base, proto_data=one) for one in (packed, other, broken)], ""
    )
    assert isinstance(good, IncomingEvent)
    assert properties(good) == {"a": {"b": [1]}}
    assert [isinstance(one, InvalidFields) for one in bad] == [True, True]
    # Without a type text is text; with JSON's it is JSON.
    text = cloud_event_pb2.CloudEvent(**base, text_data="1")
    (plain,) = cloud_events.from_messages([text], "")
    assert isinstance(plain, IncomingEvent)
    assert properties(plain) == {"data": "1"}
    far = cloud_event_pb2.CloudEvent(**base)
    far.attributes["time"].ce_timestamp.seconds = 2**62
    (refused,) = cloud_events.from_messages([far], "")
    assert isinstance(refused, InvalidFields)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["id", "source", "type", "specversion", "subject", "time", "data", "data_base64", "datacontenttype",
     "leadid", "email", "x", "X"]
)  # fmt: skip


@given(st.dictionaries(NAMES | st.text(max_size=5), ANY_JSON | st.text()), st.text(max_size=5))
def test_any_json_is_an_event_or_refused(value: dict[str, Any], prefix: str) -> None:
    try:
        parsed = mapped(from_json({**BASE, **value}), prefix)
    except InvalidEvent:
        return
    assert text_problem(parsed.event_id, 128) is None


@given(
    st.sampled_from(
        [cloud_events.JSON, cloud_events.JSON_BATCH, cloud_events.PROTOBUF,
         cloud_events.PROTOBUF_BATCH, "text/plain", "application/json", ""]
    ),
    st.binary(max_size=80) | ANY_JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES.map(lambda name: f"ce-{name}"), st.text(max_size=10)),
)  # fmt: skip
def test_any_request_gives_events_or_is_refused(
    kind: str, content: bytes, headers: dict[str, str]
) -> None:
    body = httpbody_pb2.HttpBody(content_type=kind, data=content)
    metadata = [*((f"ce-{name}", value) for name, value in BASE.items()), *headers.items()]
    try:
        parsed = cloud_events.received(body, metadata, "")
    except InvalidFields:
        return
    for event in parsed if isinstance(parsed, list) else [parsed]:
        if isinstance(event, ServiceError):
            continue
        with suppress(InvalidEvent):
            accept(event, NOW_US)


@given(st.builds(cloud_event_pb2.CloudEvent, id=st.text(), source=st.text(), type=st.text(),
                 spec_version=st.just("1.0"), binary_data=st.binary(), attributes=st.dictionaries(
                     NAMES, st.builds(cloud_event_pb2.CloudEventAttributeValue, ce_string=st.text())))
       )  # fmt: skip
def test_any_message_is_an_event_or_refused(message: cloud_event_pb2.CloudEvent) -> None:
    (parsed,) = cloud_events.from_messages([message], "")
    assert isinstance(parsed, IncomingEvent | InvalidFields)
