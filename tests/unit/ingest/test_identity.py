"""When two sent events are the same one. The constants here are for ever: the ledger holds such hashes, and one that
changed would turn every repeated event into a conflict."""

from typing import Any

import pytest
from google.protobuf import json_format

from scoreline.events.v1 import event_pb2
from services.ingest import convert
from services.ingest.domain.events import AcceptedEvent, accept
from services.ingest.domain.identity import message_id, payload_hash

NOW_US = 1_750_000_000_000_000

FULL: dict[str, Any] = {
    "event_id": "order-7",
    "type": "Order Placed",
    "email": "Ada@Example.com",
    "occur_time": "2025-06-15T12:00:00.123456789Z",
    "source": "shop",
    "properties": {
        "total": 12.5,
        "count": 3,
        "paid": True,
        "coupon": None,
        "ß": "ünïcode",
        "items": [{"sku": "a", "tags": ["x", "y"]}, [], {}],
        "address": {"city": "Zürich", "zip": "8000"},
    },
}


def accepted(values: dict[str, Any], now_us: int = NOW_US) -> AcceptedEvent:
    event = json_format.ParseDict(values, event_pb2.Event())
    return accept(convert.incoming(event), now_us)


def test_golden_full() -> None:
    event = accepted(FULL)
    assert (
        event.payload_hash.hex()
        == "3632ad78de5f2e3db8c5fc7ef3fb9c7cca4382fa9afe612c9051bdd7e7595f3c"
    )
    assert (
        message_id("p1", event.event_id, event.payload_hash) == "3c969adf291e54e0b463a769b67a7bd8"
    )


def test_golden_least() -> None:
    event = accepted({"event_id": "e", "type": "signup", "lead_id": "L1"})
    assert (
        event.payload_hash.hex()
        == "2b2cf28c6b89001e3de9b90ead862e1150d6b2001587119431221e95f4a0775d"
    )


def test_the_order_of_properties_does_not_matter() -> None:
    properties = {f"k{number}": {"b": number, "a": number} for number in range(50)}
    backwards = {key: dict(reversed(value.items())) for key, value in reversed(properties.items())}
    one = accepted({**FULL, "properties": properties})
    other = accepted({**FULL, "properties": backwards})
    assert one.payload_hash == other.payload_hash


def test_spelling_does_not_matter() -> None:
    same = {**FULL, "type": "order-placed", "email": " ada@example.com "}
    assert accepted(same).payload_hash == accepted(FULL).payload_hash


def test_no_properties_and_empty_properties_are_the_same() -> None:
    event = {"event_id": "e", "type": "signup", "lead_id": "L1"}
    assert accepted({**event, "properties": {}}).payload_hash == accepted(event).payload_hash


def test_without_a_time_a_later_repetition_is_the_same_event() -> None:
    timeless = {key: value for key, value in FULL.items() if key != "occur_time"}
    first, later = accepted(timeless, NOW_US), accepted(timeless, NOW_US + 5_000_000)
    assert first.occur_us != later.occur_us
    assert first.payload_hash == later.payload_hash


@pytest.mark.parametrize(
    "change",
    [
        {"type": "order_paid"},
        {"email": "bob@example.com"},
        {"occur_time": "2025-06-15T12:00:00.123457Z"},
        {"source": "crm"},
        {"properties": {"total": 12.75}},
    ],
)
def test_other_content_is_another_event(change: dict[str, Any]) -> None:
    one, other = accepted(FULL), accepted({**FULL, **change})
    assert one.payload_hash != other.payload_hash
    # The broker must not take a conflict for a repetition: scoring is to see both.
    ids = {message_id("p1", event.event_id, event.payload_hash) for event in (one, other)}
    assert len(ids) == 2


def test_the_sender_s_time_differs_from_an_equal_time_of_acceptance() -> None:
    timeless = {key: value for key, value in FULL.items() if key != "occur_time"}
    filled_in = accepted(timeless, 1_749_988_800_123_456)
    assert filled_in.occur_us == accepted(FULL).occur_us
    assert filled_in.payload_hash != accepted(FULL).payload_hash


def test_parts_can_not_be_shifted_into_each_other() -> None:
    assert payload_hash("ab", "c", None, "", b"") != payload_hash("a", "bc", None, "", b"")
    assert payload_hash("a", "b", None, "-", b"") != payload_hash("a", "b", None, "", b"-")
    assert message_id("ab", "c", b"h") != message_id("a", "bc", b"h")


def test_projects_do_not_share_message_ids() -> None:
    assert message_id("p1", "e", b"h") != message_id("p2", "e", b"h")
    assert len(message_id("p1", "e", b"h")) == 32


def test_golden_several_references() -> None:
    event = accepted(
        {
            "event_id": "e",
            "type": "Identify",
            "email": "Ada@example.com",
            "external_id": "9",
            "anonymous_id": "v",
            "lead_id": "L",
        }
    )
    assert (
        event.payload_hash.hex()
        == "fe0d23779a61084a59c34630c276582e8d81bb3b3bcc148a79823255e71003c0"
    )
