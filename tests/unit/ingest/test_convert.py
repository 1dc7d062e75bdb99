"""Protobuf to records and back, and what travels in the stream."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import struct_pb2
from google.rpc import code_pb2, error_details_pb2

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from services.ingest import convert
from services.ingest.domain.events import Origin, accept
from services.ingest.handlers import Receipt
from services.shared.bus import subject_token
from services.shared.errors import InvalidFields, Violation

NOW_US = 1_750_000_000_123_456
ORIGIN = Origin("p1", "req-1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")


def event(**fields: Any) -> event_pb2.Event:
    return event_pb2.Event(event_id="e-1", type="Page View", **fields)


def test_an_accepted_event_travels_whole() -> None:
    sent = event(email="Ada@Example.com", source="web")
    sent.properties.update({"page": "/pricing", "n": 1})
    accepted = accept(convert.incoming(sent), NOW_US)
    message = convert.message(ORIGIN, accepted, NOW_US)
    assert message.subject == f"events.p1.{subject_token('email:ada@example.com')}"
    assert "ada" not in message.subject
    arrived = event_pb2.AcceptedEvent.FromString(message.payload)
    assert arrived.project_id == "p1"
    assert arrived.subject == "email:ada@example.com"
    assert arrived.event.email == "ada@example.com"
    assert arrived.event.type == "page_view"
    assert arrived.event.event_id == "e-1"
    assert arrived.event.source == "web"
    assert arrived.event.properties == sent.properties
    assert arrived.event.occur_time == arrived.accept_time
    assert arrived.accept_time.ToMicroseconds() == NOW_US
    assert arrived.payload_hash == accepted.payload_hash
    assert (arrived.request_id, arrived.traceparent) == ("req-1", ORIGIN.traceparent)


def test_what_comes_with_a_key_that_everyone_can_read_says_so_and_is_the_same_event() -> None:
    accepted = accept(convert.incoming(event(lead_id="ada")), NOW_US)
    kept, public = (
        convert.message(origin, accepted, NOW_US)
        for origin in (ORIGIN, replace(ORIGIN, public=True))
    )
    assert kept.message_id == public.message_id
    assert not event_pb2.AcceptedEvent.FromString(kept.payload).public
    assert event_pb2.AcceptedEvent.FromString(public.payload).public


@pytest.mark.parametrize("field", ["lead_id", "email", "anonymous_id", "external_id"])
def test_the_reference_stays_in_its_field(field: str) -> None:
    sent = event(**{field: "x@example.com"})
    message = convert.message(ORIGIN, accept(convert.incoming(sent), NOW_US), NOW_US)
    arrived = event_pb2.AcceptedEvent.FromString(message.payload).event
    assert getattr(arrived, field) == "x@example.com"
    assert len(arrived.ListFields()) == 4  # event_id, type, occur_time and the reference


def test_several_references_stay_in_their_fields() -> None:
    sent = event(email="Ada@Example.com", anonymous_id="v-1")
    sent.type = "identify"
    message = convert.message(ORIGIN, accept(convert.incoming(sent), NOW_US), NOW_US)
    assert message.subject == f"events.p1.{subject_token('email:ada@example.com')}"
    arrived = event_pb2.AcceptedEvent.FromString(message.payload)
    assert (arrived.subject, list(arrived.linked_subjects)) == (
        "email:ada@example.com",
        ["anonymous:v-1"],
    )
    assert (arrived.event.email, arrived.event.anonymous_id) == ("ada@example.com", "v-1")


def test_a_time_sent_is_told_from_none() -> None:
    sent = event(lead_id="L")
    assert convert.incoming(sent).occur_time is None
    sent.occur_time.SetInParent()
    assert convert.incoming(sent).occur_time == (0, 0)


def test_properties_beyond_their_limits_are_a_problem() -> None:
    def problem(properties: struct_pb2.Struct) -> str | None:
        return convert.incoming(event(lead_id="L", properties=properties)).properties_problem

    large, fits, deep, strange = (struct_pb2.Struct() for _ in range(4))
    fits["x"] = "y" * 32_000
    large["x"] = "y" * 33_000
    nested: dict[str, Any] = {}
    for _ in range(8):
        nested = {"x": nested}
    deep.update(nested)
    strange["x"] = float("nan")
    assert problem(fits) is None
    assert "32768 bytes" in (problem(large) or "")
    assert "8 levels" in (problem(deep) or "")
    assert "NaN" in (problem(strange) or "")


def test_a_batch_answers_each_event_and_counts() -> None:
    refused = InvalidFields([Violation("events[1].type", "is required")])
    answer = convert.batch_response(
        [Receipt("a", NOW_US, True), refused], pb.BatchIngestEventsResponse()
    )
    assert (answer.accepted_count, answer.rejected_count) == (1, 1)
    assert answer.results[0].receipt.event_id == "a"
    assert answer.results[0].receipt.duplicate
    assert answer.results[0].receipt.occur_time.ToMicroseconds() == NOW_US
    error = answer.results[1].error
    assert error.code == code_pb2.INVALID_ARGUMENT
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad_request) for detail in error.details)
    assert bad_request.field_violations[0].field == "events[1].type"


def test_a_stream_s_answers_are_numbered() -> None:
    answer = convert.stream_response(7, Receipt("a", NOW_US, False))
    assert (answer.sequence, answer.result.receipt.event_id) == (7, "a")
