"""CloudEvents through the edge in every form, sent by hand and by the `cloudevents` SDK; whatever comes, no 5xx."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
import pytest
from cloudevents.core.bindings import http as binding
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreline.events.v1 import cloud_event_pb2
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from scoreline.ingest.v1 import ingest_service_pb2_grpc
from tests.e2e.test_http_errors import expect, violated
from tests.support.eventually import eventually
from tests.support.grpc_calls import CALL_TIMEOUT_S
from tests.support.projects import TestProject

ROUTE = "/v1/cloudevents"
TIME = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)


def cloud_event(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "42",
        "source": "https://shop.example/orders",
        "type": "com.example.order.placed",
        "subject": "ada@example.com",
        "time": "2026-03-01T09:30:00.123456Z",
        "data": {"total": 99.5},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def send(
    http: httpx.Client, value: object, kind: str = "cloudevents", **query: str
) -> httpx.Response:
    return http.post(
        ROUTE,
        content=json.dumps(value),
        headers={"content-type": f"application/{kind}+json; charset=utf-8"},
        params=query,
    )


def entry(http: httpx.Client, lead_id: str) -> dict[str, Any]:
    """The lead's one entry, when it is there."""

    def found() -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (
            http.get(f"/v1/leads/{lead_id}/timeline").json().get("entries", [])
        )
        return entries

    (only,) = eventually(found)
    return only


def test_structured(http: httpx.Client) -> None:
    answer = send(http, cloud_event(), type_prefix="com.example.")
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    assert result["receipt"]["event_id"] == "ce:https://shop.example/orders 42"
    assert result["receipt"]["occur_time"] == "2026-03-01T09:30:00.123456Z"
    stored = entry(http, "email:ada@example.com")
    assert stored["type"] == "order_placed"
    assert stored["properties"] == {"total": 99.5}
    assert stored["source"] == "https://shop.example/orders"
    # The same again, in another mode: source and id are its identity.
    again = http.post(
        f"{ROUTE}?type_prefix=com.example.",
        json={"total": 99.5},
        headers={
            "ce-specversion": "1.0",
            "ce-id": "42",
            "ce-source": "https://shop.example/orders",
            "ce-type": "com.example.order.placed",
            "ce-subject": "ada%40example.com",
            "ce-time": "2026-03-01T09:30:00.123456Z",
        },
    )
    assert again.json()["results"][0]["receipt"]["duplicate"] is True


def test_batched(http: httpx.Client) -> None:
    batch = [
        cloud_event(id="b-1"),
        cloud_event(id=None),
        cloud_event(id="b-3", subject=None, leadid="lead-3"),
        5,
        cloud_event(id="b-5", subject=None),
    ]
    answer = send(http, batch, "cloudevents-batch")
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert ["receipt" in one for one in results] == [True, False, True, False, False]
    fields = [
        one["error"]["details"][1]["field_violations"][0]["field"]
        for one in results
        if "error" in one
    ]
    assert fields == ["events[1].id", "events[3]", "events[4]"]
    assert (answer.json()["accepted_count"], answer.json()["rejected_count"]) == (2, 3)


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_batch_has_1_to_1000(http: httpx.Client, count: int) -> None:
    answer = send(http, [{}] * count, "cloudevents-batch")
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert violated(answer) == {"events"}


def test_protobuf_over_http_and_grpc(
    http: httpx.Client, channel: grpc.Channel, project: TestProject
) -> None:
    value = cloud_event_pb2.CloudEventAttributeValue
    event = cloud_event_pb2.CloudEvent(
        id="p-1",
        source="/proto",
        spec_version="1.0",
        type="order",
        attributes={
            "leadid": value(ce_string="pia"),
            "time": value(ce_string="2026-03-01T09:30:00Z"),
        },
        text_data='{"total": 3}',
    )
    event.attributes["datacontenttype"].ce_string = "application/json"
    answer = http.post(
        ROUTE,
        content=event.SerializeToString(),
        headers={"content-type": "application/cloudevents+protobuf"},
    )
    assert answer.status_code == 200, answer.text
    assert entry(http, "pia")["properties"] == {"total": 3}
    batch = cloud_event_pb2.CloudEventBatch(events=[event, cloud_event_pb2.CloudEvent()])
    answer = http.post(
        ROUTE,
        content=batch.SerializeToString(),
        headers={"content-type": "application/cloudevents-batch+protobuf"},
    )
    assert [list(one) for one in answer.json()["results"]] == [["receipt"], ["error"]]
    stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
    called = stub.BatchIngestCloudEvents(
        pb.BatchIngestCloudEventsRequest(events=batch.events),
        metadata=project.metadata,
        timeout=CALL_TIMEOUT_S,
    )
    assert called.results[0].receipt.duplicate
    assert called.results[1].WhichOneof("outcome") == "error"


@pytest.mark.parametrize(
    ("content_type", "content", "fields"),
    [
        ("application/cloudevents+json", b"", {"event.body"}),
        ("application/cloudevents+json", b"[]", {"event"}),
        ("application/cloudevents+json", b"{}", {"event.id", "event.source", "event.type", "event.specversion"}),
        ("application/cloudevents+json", b"[" * 100_000, {"event.body"}),
        ("application/cloudevents-batch+json", b"{}", {"body"}),
        ("application/cloudevents-batch+json", b"\xff", {"body"}),
        ("application/cloudevents+protobuf", b"\xff", {"body"}),
        ("application/cloudevents-batch+protobuf", b"\xff", {"body"}),
        ("application/cloudevents+xml", b"<a/>", {"content-type"}),
        ("application/json", b"{}", {"content-type"}),
        ("", b"{}", {"content-type"}),
    ],
)  # fmt: skip
def test_what_is_none_is_400(
    http: httpx.Client, content_type: str, content: bytes, fields: set[str]
) -> None:
    answer = http.post(ROUTE, content=content, headers={"content-type": content_type})
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert violated(answer) == fields


NAMES = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True).filter(
    lambda name: name not in ("data", "specversion", "email", "leadid", "datacontenttype", "time")
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
DATA = st.dictionaries(
    st.text(max_size=8).filter(lambda key: "\x00" not in key),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.lists(TEXTS, max_size=3),
    max_size=5,
)
FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(
    id_=TEXTS,
    source=TEXTS,
    data=DATA,
    extensions=st.dictionaries(NAMES, TEXTS, max_size=3),
)
def test_what_the_sdk_sends_is_taken_in_both_modes_as_the_same_event(
    http: httpx.Client, id_: str, source: str, data: Any, extensions: dict[str, str]
) -> None:
    attributes = {
        **extensions,
        "id": f"{id_}{uuid.uuid4().hex}",
        "source": source,
        "type": "com.example.seen",
        "time": TIME,
        "datacontenttype": "application/json",
        "leadid": "sdk",
    }
    event = CloudEvent(attributes, data)
    duplicates = []
    for message in (binding.to_structured_event(event), binding.to_binary_event(event)):
        answer = http.post(ROUTE, content=message.body, headers=message.headers)
        assert answer.status_code == 200, (answer.text, message)
        (result,) = answer.json()["results"]
        assert datetime.fromisoformat(result["receipt"]["occur_time"]) == TIME
        duplicates.append(result["receipt"]["duplicate"])
    assert duplicates == [False, True]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ODD = st.fixed_dictionaries(
    {"specversion": st.just("1.0") | ANY_JSON},
    optional={
        name: st.text(max_size=200) | ANY_JSON
        for name in (
            "id",
            "source",
            "type",
            "subject",
            "time",
            "data",
            "data_base64",
            "leadid",
            "X",
        )
    },
)


@FEW
@given(value=ODD, kind=st.sampled_from(["cloudevents", "cloudevents-batch"]))
def test_whatever_comes_is_answered_with_2xx_or_4xx(
    http: httpx.Client, value: Any, kind: str
) -> None:
    answer = send(http, [value] if kind == "cloudevents-batch" else value, kind)
    assert answer.status_code in (200, 400), answer.text


@FEW
@given(
    content=st.binary(max_size=60),
    kind=st.sampled_from(["+protobuf", "-batch+protobuf", "+json", "-batch+json"]),
)
def test_any_bytes_are_answered_with_2xx_or_4xx(
    http: httpx.Client, content: bytes, kind: str
) -> None:
    answer = http.post(
        ROUTE, content=content, headers={"content-type": f"application/cloudevents{kind}"}
    )
    assert answer.status_code in (200, 400), answer.text


@FEW
@given(
    headers=st.dictionaries(
        st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-time", "ce-leadid", "ce-x-y", "ce-"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=30),
    ),
    content=st.binary(max_size=20),
)
def test_any_headers_are_answered_with_2xx_or_4xx(
    http: httpx.Client, headers: dict[str, str], content: bytes
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = http.post(ROUTE, content=content, headers={"ce-specversion": b"1.0", **encoded})
    assert answer.status_code in (200, 400, 401), answer.text
