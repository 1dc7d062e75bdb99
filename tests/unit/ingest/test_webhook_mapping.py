"""Mappings at work: ids, references, times, properties and attributes, failures of one item and of all."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from services.ingest import webhook_mapping
from services.ingest.domain.webhooks.model import WebhookMapping
from services.ingest.errors import TooBusy
from services.ingest.webhook_compiling import compile_mapping
from services.ingest.webhook_mapping import Delivery, Outcome
from services.ingest.webhook_values import NoValue, moment, struct, text
from services.shared.errors import InvalidFields
from services.shared.turns import Turns
from tests.support.webhook_rig import NOW, mapping

LEAD = {"type": "item.type", "lead_id": "item.lead"}


def outcome(written: WebhookMapping, body: Any, delivery_id: str = "d", size: int = 10) -> Outcome:
    delivery = Delivery(body, size, {"x-kind": "k"}, delivery_id, NOW)
    compiled = compile_mapping(written, "mapping")
    return asyncio.run(compiled.events(delivery, "whs_1", "shop"))


def events(written: WebhookMapping, body: Any, **more: Any) -> list[dict[str, Any]]:
    found = outcome(written, body, **more)
    assert found.failures == []
    return [MessageToDict(one.event, preserving_proto_field_name=True) for one in found.made]


def failures(written: WebhookMapping, body: Any, **more: Any) -> list[str]:
    return [str(one) for one in outcome(written, body, **more).failures]


def test_an_event_without_a_time_or_an_id_of_its_own() -> None:
    (event,) = events(mapping(LEAD), {"type": "signup", "lead": "L"})
    # No time: it is filled in where it is accepted, and so has no part in telling whether it came before.
    assert event == {
        "event_id": "whs_1:d:0:item.type",
        "type": "signup",
        "lead_id": "L",
        "source": "shop",
    }


def test_items_are_the_body_its_elements_or_what_is_said() -> None:
    one, two = {"type": "a", "lead": "L"}, {"type": "b", "lead": "M"}
    assert [event["type"] for event in events(mapping(LEAD), [one, two])] == ["a", "b"]
    written = mapping(LEAD, items="body.data.filter(x, x.type == 'b')")
    assert [event["event_id"] for event in events(written, {"data": [one, two]})] == [
        "whs_1:d:0:item.type"
    ]
    # A body that has changed its shape would never be missed if null were as good as nothing.
    assert failures(written, {}) == ["mapping.items: is null: must give a list"]
    assert events(mapping(LEAD, items="body.?data.orValue([])"), {}) == []
    assert events(mapping(LEAD), []) == []
    assert failures(mapping(LEAD, items="body.type"), one) == ["mapping.items: must give a list"]
    many = failures(mapping(LEAD), [one] * 1001)
    assert many == ["mapping.items: gives 1,001 items, at most 1,000 are taken"]


def test_every_mapping_that_applies_gives_an_event_and_none_is_no_failure() -> None:
    written = mapping(
        {**LEAD, "when": "item.n > 1"},
        {**LEAD, "type": "headers['x-kind']", "when": "item.n > 2"},
        {**LEAD, "when": "item.none", "key": "never"},
    )
    found = events(written, [{"n": n, "type": "a", "lead": "L"} for n in (1, 2, 3)])
    assert [(one["event_id"], one["type"]) for one in found] == [
        ("whs_1:d:1:item.type", "a"),
        ("whs_1:d:2:item.type", "a"),
        ("whs_1:d:2:4b0d4fc3c462bd86", "k"),
    ]
    assert failures(mapping({**LEAD, "when": "item.n"}), {"n": 1}) == [
        "mapping.events[0].when of items[0]: must be true or false"
    ]


def test_the_first_reference_counts_but_for_those_that_identify() -> None:
    written = mapping(
        {
            "type": "item.type",
            "lead_id": "item.lead",
            "external_id": "item.external",
            "email": "item.email",
            "anonymous_id": "item.visitor",
        }
    )
    given = {"email": "a@x.com", "visitor": "v", "lead": "", "external": 7}
    (event,) = events(written, {"type": "signup", **given})
    assert event["external_id"] == "7"
    assert not {"email", "anonymous_id", "lead_id"} & set(event)
    (event,) = events(written, {"type": "Identify", **given})
    assert (event["external_id"], event["email"], event["anonymous_id"]) == ("7", "a@x.com", "v")
    assert failures(written, {"type": "signup"}) == [
        "mapping.events[0].lead_id of items[0]: nothing says whose event it is"
    ]


def test_ids_that_are_too_long_are_hashed_and_stay_what_they_are() -> None:
    body = {"type": "a", "lead": "L"}
    (first,) = events(mapping(LEAD), body, delivery_id="x" * 200)
    (again,) = events(mapping(LEAD), body, delivery_id="x" * 200)
    (other,) = events(mapping(LEAD), body, delivery_id="x" * 201)
    assert first["event_id"] == again["event_id"] != other["event_id"]
    assert first["event_id"].startswith("webhook:")
    assert len(first["event_id"]) == 72


def test_attributes_are_an_event_beside_or_properties_of_one_that_carries_them() -> None:
    expressions = {
        "properties": '{"plan": item.plan, "none": item.none}',
        "attributes": '{"name": item.name, "none": item.none}',
        "occur_time": "item.at",
        "event_id": "item.id",
    }
    body = {"type": "signup", "lead": "L", "plan": "p", "name": "Ada", "at": 1700000000, "id": "e1"}
    written = mapping({**LEAD, **expressions})
    signup, update = events(written, body)
    assert signup["properties"] == {"plan": "p"}
    assert update == {
        "event_id": "e1:lead",
        "type": "lead_updated",
        "lead_id": "L",
        "source": "shop",
        "occur_time": "2023-11-14T22:13:20Z",
        "properties": {"name": "Ada"},
    }
    for type_ in ("identify", "Lead Updated"):
        (event,) = events(written, {**body, "type": type_})
        assert event["properties"] == {"plan": "p", "name": "Ada"}
    assert len(events(written, {key: body[key] for key in ("type", "lead", "id")})) == 1


def test_what_fails_of_one_item_leaves_the_others_alone() -> None:
    written = mapping({**LEAD, "occur_time": "item.at"})
    found = outcome(
        written,
        [
            {"type": "a", "lead": "L"},
            {"type": "b", "lead": "L", "at": "soon"},
            {"type": 1.5, "lead": "L"},
            {"lead": "L"},
            {"type": "c", "lead": {}},
        ],
    )
    assert [one.event.type for one in found.made] == ["a"]
    assert [str(one) for one in found.failures] == [
        "mapping.events[0].occur_time of items[1]: must be a time as RFC 3339 writes it, such as 2026-01-31T09:30:00Z",
        "mapping.events[0].type of items[2]: must be a text or a whole number",
        "mapping.events[0].type of items[3]: is null or empty, and needed",
        "mapping.events[0].lead_id of items[4]: must be a text or a whole number",
    ]


def test_a_delivery_that_would_become_too_much_becomes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = [{"type": "a", "lead": "L"}] * 1000
    found = outcome(mapping(*({**LEAD, "key": f"k{number}"} for number in range(6))), body)
    assert found.made == []
    assert [str(one) for one in found.failures] == [
        "mapping.events[2] of items[833]: more than 5,000 events from one delivery"
    ]
    monkeypatch.setattr(webhook_mapping, "MAPPING_S_MAX", 0.0)
    found = outcome(mapping(LEAD), body)
    assert found.made == []
    assert [one.description for one in found.failures] == ["takes more than 0 s of the processor"]


def test_only_its_own_time_counts_and_a_process_too_busy_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = [{"type": "a", "lead": "L"}] * 100
    monkeypatch.setattr(Turns, "give", _others_work)
    monkeypatch.setattr(webhook_mapping, "MAPPING_S_MAX", 0.3)
    found = outcome(mapping(LEAD), body)
    assert (len(found.made), found.failures) == (100, [])
    monkeypatch.setattr(webhook_mapping, "MAPPING_WAIT_S_MAX", 0.1)
    with pytest.raises(TooBusy) as busy:
        outcome(mapping(LEAD), body)
    assert busy.value.code is grpc.StatusCode.UNAVAILABLE


async def _others_work(_: Turns) -> None:
    end_s = time.thread_time() + 0.01
    while time.thread_time() < end_s:
        pass


def test_ids_stay_what_they_are_when_mappings_come_and_go() -> None:
    body = {"type": "signup", "lead": "L"}
    one = {**LEAD, "key": "one"}
    two = {**LEAD, "key": "two", "type": "'form_submit'"}
    literal = {**LEAD, "type": "'page_view'"}
    before = {one["event_id"] for one in events(mapping(one, two, LEAD, literal), body)}
    after = [one["event_id"] for one in events(mapping(literal, two, LEAD, one), body)]
    assert set(after) == before
    assert after[0] == "whs_1:d:0:page_view"
    for wrong, said in [
        (mapping(LEAD, LEAD), "events[0] has the same type"),
        (mapping(one, one), "is that of events[0] already"),
        (mapping({**LEAD, "type": "'one'"}, one), "is that of events[0] already"),
        (mapping({**LEAD, "key": "a b"}), "must be 1 to 64 letters"),
    ]:
        with pytest.raises(InvalidFields) as refused:
            compile_mapping(wrong, "m")
        assert [
            (v.field.endswith("].key"), said in v.description) for v in refused.value.violations
        ] == [(True, True)]


def test_everything_wrong_with_a_mapping_is_said_at_once() -> None:
    written = mapping({"when": "1", "type": "a +", "properties": '{"a": nobody}'}, {}, items="x")
    with pytest.raises(InvalidFields) as refused:
        compile_mapping(written, "m")
    assert [one.field for one in refused.value.violations] == [
        "m.items",
        "m.events[0]",
        "m.events[0].when",
        "m.events[0].type",
        "m.events[0].properties",
        "m.events[1].type",
        "m.events[1]",
    ]
    for wrong in (mapping(), mapping(*[LEAD] * 51), mapping({**LEAD, "event_id": "'\x00'"})):
        with pytest.raises(InvalidFields):
            compile_mapping(wrong, "m")
    long = "{" + ", ".join(f'"{number:04d}": "{"x" * 900}"' for number in range(8)) + "}"
    with pytest.raises(InvalidFields, match="65,536 characters in all"):
        compile_mapping(mapping(*[{**LEAD, "properties": long}] * 12), "m")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.5+02:00", datetime(2026, 1, 31, 7, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31 09:30:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1_700_000_000_250, datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)),
        (" 1700000000.5 ", datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)),
        (NOW, NOW),
        ("", None),
    ],
)
def test_times(given: Any, expected: datetime | None) -> None:
    assert moment(given) == expected


@pytest.mark.parametrize(
    "given", ["soon", 1e300, float("inf"), True, [], "9" * 400, "0001-01-01T00:00:00+09:00"]
)
def test_what_is_no_time(given: Any) -> None:
    with pytest.raises(NoValue):
        moment(given)


def test_texts_and_properties() -> None:
    assert (text("a"), text(7), text(7.0)) == ("a", "7", "7")
    for wrong in (1.5, True, [], {}, float("nan"), 1e300):
        with pytest.raises(NoValue):
            text(wrong)
    assert MessageToDict(struct({"a": NOW, "b": [1, {"c": None}], "d": None})) == {
        "a": "2026-02-01T12:00:00Z",
        "b": [1.0, {"c": None}],
    }
    deep: Any = "x"
    for _ in range(9):
        deep = [deep]
    for bad in ([], {1: 2}, {"a": b"x"}, {"a": {1: 2}}, {"a": deep}, {"a": "x" * 32_769}):
        with pytest.raises(NoValue):
            struct(bad)
