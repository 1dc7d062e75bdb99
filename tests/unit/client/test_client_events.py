"""Making events: what is refused before it is sent, and how events are gathered into calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

import scoreline
from scoreline.client.events import MalformedEvent, batches, encoded_bytes, event_from_json
from scoreline.events.v1.event_pb2 import Event

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {"leaf": 1}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_an_event_has_a_random_id_unless_given_one() -> None:
    first, second = (scoreline.event("signup", email="a@b.example") for _ in range(2))
    assert first.event_id
    assert first.event_id != second.event_id
    assert scoreline.event("signup", email="a@b.example", event_id="e-1").event_id == "e-1"


@pytest.mark.parametrize("references", [{}, {"email": "a@b.example", "lead_id": "l-1"}])
def test_an_event_needs_exactly_one_reference(references: dict[str, str]) -> None:
    with pytest.raises(MalformedEvent, match="exactly one"):
        scoreline.event("signup", **references)  # type: ignore[arg-type]


def test_an_identify_event_may_have_several_references() -> None:
    made = scoreline.event("Identify", email="a@b.example", lead_id="l-1", external_id="9")
    assert (made.email, made.lead_id, made.external_id) == ("a@b.example", "l-1", "9")
    with pytest.raises(MalformedEvent, match="exactly one"):
        scoreline.event("identify")


def test_a_time_needs_a_zone() -> None:
    with pytest.raises(MalformedEvent, match="time zone"):
        scoreline.event("signup", lead_id="l", occur_time=datetime(2026, 1, 1))  # noqa: DTZ001
    made = scoreline.event("signup", lead_id="l", occur_time=datetime(2026, 1, 1, tzinfo=UTC))
    assert made.occur_time.seconds == 1767225600


def test_a_json_object_becomes_an_event_whichever_way_fields_are_spelt() -> None:
    wanted = {
        "event_id": "e-1",
        "type": "page_view",
        "lead_id": "l-1",
        "occur_time": "2026-03-01T09:30:00.250Z",
        "source": "web",
        "properties": {"path": "/pricing", "n": 3.0, "deep": {"list": [1.0, None, True]}},
    }
    made = event_from_json(wanted)
    assert MessageToDict(made, preserving_proto_field_name=True) == wanted
    camel = {**wanted, "eventId": "e-1", "leadId": "l-1", "occurTime": wanted["occur_time"]}
    for name in ("event_id", "lead_id", "occur_time"):
        del camel[name]
    assert event_from_json(camel) == made


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([1], "event"),
        ({"type": 3}, "type"),
        ({"type": "x", "occur_time": "yesterday"}, "occur_time"),
        ({"type": "x", "occur_time": 17}, "occur_time"),
        ({"type": "x", "occur_time": "2026-01-01T00:00:00"}, "occur_time"),
        ({"type": "x", "properties": [1]}, "properties"),
        ({"type": "x", "properties": nested(9)}, "properties"),
        ({"type": "x", "properties": {"big": 10**400}}, "properties"),
        ({"type": "x", "colour": "blue"}, "colour"),
        ({"type": "half a \ud800 pair"}, "type"),
        ({"type": "x", "properties": {"a": "\udfff"}}, "properties"),
    ],
)
def test_what_is_no_event_is_refused_with_the_field_at_fault(value: object, field: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        event_from_json(value)
    assert caught.value.field == field


def test_eight_levels_are_taken() -> None:
    event_from_json({"type": "x", "properties": nested(8)})


@given(st.dictionaries(_TEXT, _JSON, max_size=4))
def test_properties_come_through_as_they_are_or_are_refused(properties: dict[str, object]) -> None:
    try:
        made = event_from_json({"type": "x", "properties": properties})
    except MalformedEvent:
        return
    assert MessageToDict(made)["properties"] == json.loads(json.dumps(properties))
    assert Event.FromString(made.SerializeToString()) == made


def test_batches_keep_to_count_and_bytes() -> None:
    events = [Event(event_id=f"e-{number}", source="x" * 50) for number in range(25)]
    assert [len(batch) for batch in batches(events, events_max=10)] == [10, 10, 5]
    by_bytes = list(batches(events, bytes_max=3 * encoded_bytes(events[20])))
    assert max(len(batch) for batch in by_bytes) == 3
    assert [one for batch in by_bytes for one in batch] == events
    assert [len(batch) for batch in batches(events[:2], bytes_max=1)] == [1, 1]
    with pytest.raises(ValueError, match="1000"):
        list(batches(events, events_max=1001))
