"""Conditions and values of automations: what they see, what is missing, what is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from services.notify.automation_conditions import (
    EVALUATION_S_MAX,
    LOOP_VALUES_MAX,
    VALUE_CHARS_MAX,
    AutomationConditions,
    Values,
    change_of,
    no_change,
)
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.domain.actions import Unrenderable
from services.notify.domain.filtering import Change
from services.shared.cel import InvalidExpression

CHANGE = Change(lead_id="ada", version=3, score=60.5, previous_stage="cold", stage="hot")
CONDITIONS = AutomationConditions()
VALUES = Values()


@pytest.mark.parametrize(
    ("source", "needs_lead", "holds"),
    [
        ('change.stage == "hot" && change.score >= 60', False, True),
        ("true", False, True),
        ('lead.company == "Analytical Engines"', True, True),
        ('change.stage == "hot" && lead.score > 90', True, False),
        ('lead.attributes.country == "GB"', True, True),
        ('has(lead.attributes.country) && lead.attributes["country"] in ["DE", "FR"]', True, False),
        # Not known: neither this nor its contrary is so.
        ('lead.attributes.employees == "3"', True, False),
        ('lead.attributes.employees != "3"', True, False),
    ],
)
def test_a_condition_sees_change_and_lead(source: str, needs_lead: bool, holds: bool) -> None:
    condition = CONDITIONS.compile(source)
    assert condition.needs_lead is needs_lead
    assert condition.holds(CHANGE, LEAD) is holds
    assert condition.holds(CHANGE) is (holds and not needs_lead)


def test_all_that_a_lead_has_can_be_asked_of_it() -> None:
    for name in LEAD:
        assert CONDITIONS.compile(f'lead.{name} != "" || true').needs_lead
        assert VALUES.problem(f"lead.{name}") is None


def test_without_a_change_its_variables_are_empty() -> None:
    condition = CONDITIONS.compile('change.stage == "" && change.score == 0.0 && !change.late')
    assert condition.holds(no_change("ada"))
    assert CONDITIONS.compile('change.lead_id == "ada"').holds(no_change("ada"))
    assert change_of(replace(OCCASION, change=None)) == no_change("lead_example")
    assert change_of(replace(OCCASION, change=None, lead=None)) == no_change("")


def test_a_change_in_json_is_what_filters_see() -> None:
    assert OCCASION.change is not None
    change = change_of(replace(OCCASION, change=OCCASION.change | {"risk": "RISK_LEVEL_HIGH"}))
    assert (change.cause, change.stage, change.score, change.risk) == (
        "EVENT",
        "qualified",
        85.0,
        "HIGH",
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("laed.score > 1", "line 1, column 5: undeclared reference to 'laed.score'"),
        ("lead.attribute.x == 1", "undeclared reference"),
        ("digest.up_count > 1", "undeclared reference"),
        ("lead.score", "can't be worked out"),
        ("change.score + change.stage == 1", "can't be worked out"),
        ("lead.score + 1", "is of type int"),
        ('"text"', "must be true or false"),
        ("change.score >", "line 1"),
    ],
)
def test_what_is_no_condition_is_refused(source: str, said: str) -> None:
    with pytest.raises(InvalidExpression, match=said.replace("(", r"\(")):
        CONDITIONS.compile(source)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("lead.email", "ada@example.com"),
        ("lead.score", 85.0),
        ("lead.score >= 85.0", True),
        ("int(lead.score)", 85),
        ("lead.attributes.country", "GB"),
        ("lead.attributes.employees", None),
        ('lead.attributes.?employees.orValue("unknown")', "unknown"),
        ("null", None),
        ("lead.attributes", '{"country":"GB"}'),
        ('[lead.grade, "é"]', '["A","é"]'),
        ("lead.company.upperAscii()", "ANALYTICAL ENGINES"),
        ("change.delta", 40.0),
        ('automation.display_name + "/" + automation.automation_id', "Example/aut_example"),
        ('timestamp("2026-01-02T03:04:05Z")', "2026-01-02T03:04:05Z"),
        ('duration("90s")', "90s"),
    ],
)
def test_a_value_is_what_json_has(source: str, value: Any) -> None:
    assert VALUES.problem(source) is None
    found = VALUES.evaluate({"f": source}, OCCASION)["f"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("laed.score", "undeclared reference to 'laed.score'"),
        ("lead.email + lead.score", "No matching overloads"),
        ("1.0 / 0.0", "number without end"),
        ('b"abc"', "something that JSON has not"),
        ("{1: 2}", "something that JSON has not"),
        ("lead.email.replace('a', 'b')", "must not use replace"),
        (f"{'lead.email + ' * 90}lead.email", "must be at most"),
    ],
)
def test_what_is_no_value_is_refused(source: str, said: str) -> None:
    assert said in (VALUES.problem(source) or "")
    with pytest.raises(Unrenderable, match=r"^f: "):
        VALUES.evaluate({"f": source}, OCCASION)


def test_attributes_of_any_type_are_taken() -> None:
    """Which type they are of is not known when an automation is made."""
    assert VALUES.problem("lead.attributes.employees * 2.0") is None
    lead = LEAD | {"attributes": {"employees": 4.0}}
    values = VALUES.evaluate({"f": "lead.attributes.employees * 2.0"}, replace(OCCASION, lead=lead))
    assert values == {"f": 8.0}
    lead = LEAD | {"attributes": {"employees": "four"}}
    with pytest.raises(Unrenderable, match=r"^f: No matching overloads") as refused:
        VALUES.evaluate({"f": "lead.attributes.employees * 2.0"}, replace(OCCASION, lead=lead))
    assert "four" not in str(refused.value)


def test_a_text_without_measure_is_refused() -> None:
    lead = LEAD | {"attributes": {"x": "x" * (VALUE_CHARS_MAX // 2 + 1)}}
    with pytest.raises(Unrenderable, match="more than 65,536 characters"):
        VALUES.evaluate(
            {"f": "lead.attributes.x + lead.attributes.x"}, replace(OCCASION, lead=lead)
        )


def test_there_are_no_values_without_a_lead() -> None:
    with pytest.raises(Unrenderable, match="about none"):
        VALUES.evaluate({"f": "lead.email"}, replace(OCCASION, lead=None))


def test_many_fields_that_take_long_are_given_up() -> None:
    """A mapping that goes through large attributes for every field."""
    lead = LEAD | {"attributes": {"items": list(range(LOOP_VALUES_MAX - 50))}}
    source = "lead.attributes.items.filter(one, one > 3).size()"
    found = VALUES.evaluate({"f": source}, replace(OCCASION, lead=lead))
    assert found == {"f": LOOP_VALUES_MAX - 54}
    began = time.thread_time()
    with pytest.raises(Unrenderable, match="there is no time left"):
        VALUES.evaluate(dict.fromkeys(map(str, range(1_000)), source), replace(OCCASION, lead=lead))
    assert time.thread_time() - began < 3 * EVALUATION_S_MAX
    lead = LEAD | {"attributes": {"items": list(range(LOOP_VALUES_MAX))}}
    with pytest.raises(Unrenderable, match="loops over a document of more than 2,000 values"):
        VALUES.evaluate({"f": source}, replace(OCCASION, lead=lead))
    assert VALUES.evaluate({"f": "lead.score"}, replace(OCCASION, lead=lead)) == {"f": 85.0}
