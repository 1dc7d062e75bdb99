"""Checks of requests: each violation under its field, all of them at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2
from services.scoring import requests
from services.scoring.ports import LeadFilter
from services.shared import structs
from services.shared.errors import InvalidFields, Violations
from services.shared.times import to_timestamp
from tests.support.clocks import START


def fields(error: pytest.ExceptionInfo[InvalidFields]) -> list[str]:
    return [one.field for one in error.value.violations]


@pytest.mark.parametrize("value", ["", "x" * 265, "a\nb", "a\x00b"])
def test_references_that_are_none(value: str) -> None:
    with pytest.raises(InvalidFields) as error:
        requests.reference("lead_id", value)
    assert fields(error) == ["lead_id"]


@pytest.mark.parametrize("value", ["ada", "email:" + "x" * 254, "external: ü 😀"])
def test_references(value: str) -> None:
    assert requests.reference("lead_id", value) == value


@pytest.mark.parametrize(
    ("lead", "at_fault"),
    [
        ({}, ["lead.lead_id"]),
        ({"lead_id": "x" * 129}, ["lead.lead_id"]),
        ({"lead_id": "a\tb"}, ["lead.lead_id"]),
        ({"lead_id": "email:a@b.c"}, ["lead.lead_id"]),
        ({"lead_id": "anonymous:x"}, ["lead.lead_id"]),
        ({"lead_id": "external:x"}, ["lead.lead_id"]),
        ({"email": "nobody"}, ["lead.email"]),
        ({"email": "@b.c"}, ["lead.email"]),
        ({"email": "a@"}, ["lead.email"]),
        ({"email": "a b@c.d"}, ["lead.email"]),
        ({"email": " "}, ["lead.email"]),
        ({"email": "a" * 250 + "@b.co"}, ["lead.email"]),
        ({"lead_id": "a", "display_name": "x" * 257}, ["lead.display_name"]),
        ({"lead_id": "a", "company": "x\x00"}, ["lead.company"]),
        (
            {"lead_id": "a\n", "email": "b", "display_name": "\n", "company": "\n"},
            ["lead.lead_id", "lead.email", "lead.display_name", "lead.company"],
        ),
    ],
)
def test_leads_that_can_not_be_made(lead: dict[str, str], at_fault: list[str]) -> None:
    with pytest.raises(InvalidFields) as error:
        requests.new_lead(lead_pb2.Lead(**lead))  # type: ignore[arg-type]
    assert fields(error) == at_fault


def test_attributes_have_limits() -> None:
    for attributes in ({"a": "x" * 40_000}, {"a": "\x00"}, {"a": float("nan")}):
        lead = lead_pb2.Lead(lead_id="a", attributes=structs.from_dict(attributes))
        with pytest.raises(InvalidFields) as error:
            requests.new_lead(lead)
        assert fields(error) == ["lead.attributes"]


def test_addresses_are_normalised() -> None:
    assert requests.new_lead(lead_pb2.Lead(email=" Ada@Example.COM ")) == ("", "ada@example.com")
    assert requests.new_lead(lead_pb2.Lead(lead_id="x" * 128)) == ("x" * 128, "")


def lead_filter(after: list[Any] | None = None, **request: Any) -> LeadFilter:
    return requests.lead_filter(scoring_service_pb2.ListLeadsRequest(**request), after)


@pytest.mark.parametrize(
    ("request_fields", "at_fault"),
    [
        ({"min_score": float("nan")}, ["min_score"]),
        ({"max_score": float("inf")}, ["max_score"]),
        ({"min_score": 1.1e12, "max_score": -1.1e12}, ["min_score", "max_score"]),
        ({"query": "x" * 129}, ["query"]),
        ({"query": "\x00"}, ["query"]),
        ({"stages": ["x"] * 33}, ["stages"]),
        ({"stages": ["\x00"]}, ["stages"]),
        (
            {
                "last_event_time_from": Timestamp(seconds=5),
                "last_event_time_until": Timestamp(seconds=5),
            },
            ["last_event_time_from"],
        ),
        ({"last_event_time_until": Timestamp(seconds=2**40)}, ["last_event_time_until"]),
        ({"order_by": "name"}, ["order_by"]),
        ({"order_by": "score down"}, ["order_by"]),
        ({"order_by": "score desc, lead_id"}, ["order_by"]),
        (
            {"stages": ["\n"], "min_score": float("inf"), "query": "\n", "order_by": "x"},
            ["stages", "min_score", "query", "order_by"],
        ),
    ],
)
def test_filters_that_are_none(request_fields: dict[str, Any], at_fault: list[str]) -> None:
    with pytest.raises(InvalidFields) as error:
        lead_filter(**request_fields)
    assert fields(error) == at_fault


def test_filters() -> None:
    assert lead_filter() == LeadFilter()
    given = lead_filter(
        stages=["hot"],
        min_score=0.0,
        max_score=99.999,
        query="ü",
        last_event_time_from=to_timestamp(AT),
        last_event_time_until=to_timestamp(AT + timedelta(days=1)),
        order_by="score desc",
    )
    assert given == LeadFilter(
        stages=("hot",),
        min_score=0,
        max_score=99_999,
        query="ü",
        last_event_from=AT,
        last_event_until=AT + timedelta(days=1),
        order="score",
        descending=True,
    )
    assert lead_filter(order_by="  create_time  asc ").order == "create_time"


AT = START + timedelta(microseconds=7)


@pytest.mark.parametrize(
    ("order", "position", "after"),
    [
        ("lead_id", ["a", "a"], ("a", "a")),
        ("score", [-5, "a"], (-5, "a")),
        ("create_time", [AT.isoformat(), "a"], (AT, "a")),
        ("last_event_time", [AT.isoformat(), "a"], (AT, "a")),
        ("last_event_time", [None, "a"], (None, "a")),
    ],
)
def test_positions_of_pages(order: str, position: list[Any], after: tuple[Any, str]) -> None:
    assert lead_filter(position, order_by=order).after == after


@pytest.mark.parametrize(
    ("order", "position"),
    [
        ("lead_id", [None, "a"]),
        ("lead_id", [1, "a"]),
        ("lead_id", ["a", None]),
        ("lead_id", ["a", "\x00"]),
        ("score", ["5", "a"]),
        ("score", [True, "a"]),
        ("score", [1.5, "a"]),
        ("score", [10**30, "a"]),
        ("score", [float("inf"), "a"]),
        ("create_time", [None, "a"]),
        ("create_time", ["soon", "a"]),
        ("create_time", ["2026-01-01T00:00:00", "a"]),
        ("last_event_time", [{}, "a"]),
    ],
)
def test_positions_nobody_has_given_out(order: str, position: list[Any]) -> None:
    with pytest.raises(InvalidFields) as error:
        lead_filter(position, order_by=order)
    assert fields(error) == ["page_token"]


def test_positions_in_histories() -> None:
    assert requests.timeline_position(None) is None
    assert requests.timeline_position([AT.isoformat(), "e"]) == (AT, "e")
    assert requests.version(None) == 0
    assert requests.version([7]) == 7
    for position in (["x", "e"], [AT.isoformat(), 1], [AT.replace(tzinfo=None).isoformat(), "e"]):
        with pytest.raises(InvalidFields):
            requests.timeline_position(position)
    for version in ("7", None, [7], 10**40):
        with pytest.raises(InvalidFields):
            requests.version([version])


def test_checks_collect() -> None:
    violations = Violations()
    requests.check_reference("a", "", violations)
    requests.check_stages(["\n"], violations)
    assert [one.field for one in violations.found] == ["a", "stages"]
