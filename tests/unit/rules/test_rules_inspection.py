"""What is wrong with a rule set as a whole, and what is allowed but hardly meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.rules import presets
from services.rules.domain import inspection
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Bounds,
    Content,
    Grade,
    Grading,
    Group,
    NextAction,
    Risk,
    Rule,
    Stage,
)

RULE = Rule("a", "a", 1_000, True, "", group="g")
GROUP = Group("g", Bounds(0, 50_000))
WHOLE = Content(rules=(RULE,), groups=(GROUP,))


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_meant_as_they_are(name: str) -> None:
    preset = presets.load(name)
    assert inspection.faults(preset) == inspection.warnings(preset) == []


def test_a_rule_set_without_rules_is_at_fault() -> None:
    assert [field for field, _ in inspection.faults(Content())] == ["rules"]
    assert inspection.faults(WHOLE) == []


def test_groups_that_are_named_must_be_there() -> None:
    astray = replace(
        WHOLE,
        rules=(RULE, replace(RULE, rule_id="b", group="h"), replace(RULE, rule_id="c", group="")),
        grading=Grading("x", (Grade("A", 0),), "g", (Grade("1", 0),)),
        engagement_group="y",
    )
    assert inspection.faults(astray) == [
        ("rules[1].group", "`h` is no group of the rule set"),
        ("grading.fit_group", "`x` is no group of the rule set"),
        ("engagement_group", "`y` is no group of the rule set"),
    ]


def test_a_rule_set_that_fits_no_message_is_at_fault() -> None:
    text = "ß" * 200
    event = GoldenEvent("x", None, {"text": text})
    golden = GoldenTest("t", (event,) * 100, Expectation(score_milli=0))
    large = replace(WHOLE, tests=tuple(replace(golden, name=f"t{n}") for n in range(10)))
    assert inspection.faults(large) == []
    too_large = replace(large, tests=tuple(replace(golden, name=f"t{n}") for n in range(20)))
    assert [field for field, _ in inspection.faults(too_large)] == [inspection.WHOLE]


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        (WHOLE, []),
        (replace(WHOLE, rules=(RULE, replace(RULE, rule_id="b", points_milli=0))),
         ["rules[1].points"]),
        (replace(WHOLE, groups=(GROUP, Group("h"))), ["groups[1]"]),
        (replace(WHOLE, bounds=Bounds(0, 100_000),
                 stages=(Stage("cold", 0), Stage("hot", 100_000), Stage("top", 100_001))),
         ["stages[2].min_score"]),
        (replace(WHOLE, bounds=Bounds(0, None),
                 stages=(Stage("frozen", -9), Stage("cold", 0), Stage("hot", 1))),
         ["stages[0]"]),
        (replace(WHOLE, bounds=Bounds(0, None), stages=(Stage("cold", 0), Stage("hot", 1))), []),
        (replace(WHOLE, grading=Grading("g", (Grade("A", 50_001), Grade("B", 0), Grade("C", -1)),
                                        "g", (Grade("1", 50_000), Grade("2", 1)))),
         ["grading.fit_grades[0].min_score", "grading.fit_grades[2]"]),
        # The last grade of a list holds all lower scores, whatever its threshold.
        (replace(WHOLE, grading=Grading("g", (Grade("A", 60_000),), "g", (Grade("1", -5),))), []),
        (replace(WHOLE, engagement_group="g"), []),
        (replace(WHOLE, groups=(Group("g"),), engagement_group="g"), ["engagement_group"]),
        (replace(WHOLE, next_actions=(NextAction("a"), NextAction("b", "true"), NextAction("c"))),
         ["next_actions[1]"]),
        (replace(WHOLE, next_actions=(NextAction("a", "true"), NextAction("b"))), []),
        (replace(WHOLE, risk=Risk(high_for_us=5)), ["risk.high_for"]),
        (replace(WHOLE, risk=Risk(high_event_types=("x",), high_for_us=5)), []),
    ],
)  # fmt: skip
def test_warnings(content: Content, paths: list[str]) -> None:
    assert [field for field, _ in inspection.warnings(content)] == paths
    assert inspection.faults(content) == []


def test_what_only_follows_from_a_fault_is_not_said() -> None:
    found = [("rules[1].points", "x"), ("decay.linear", "x")]
    later = [
        ("rules[1].points", "y"), ("rules[1].when", "y"), ("rules[10].points", "y"),
        ("decay", "y"), ("stages", "y"),
    ]  # fmt: skip
    assert inspection.with_later(found, later) == [
        *found, ("rules[1].when", "y"), ("rules[10].points", "y"), ("stages", "y"),
    ]  # fmt: skip
    assert inspection.with_later([("yaml", "x")], later) == [("yaml", "x")]
