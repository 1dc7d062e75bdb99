"""Rule sets that come with a call: completed as the rules service does, refused where the fold can't bear them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from scoreline.rules.v1 import rule_set_pb2
from services.scoring import rule_set_guard
from services.scoring.domain.model import RuleSet
from services.shared.errors import LimitExceeded, Violations
from tests.support import simulation_cases as cases


def guarded(message: rule_set_pb2.RuleSet) -> tuple[RuleSet | None, list[str]]:
    violations = Violations()
    _, converted = rule_set_guard.rule_set(message, "rule_set", violations)
    return converted, [one.field.removeprefix("rule_set") for one in violations.found]


@given(cases.rule_sets())
def test_what_can_be_applied_passes(message: rule_set_pb2.RuleSet) -> None:
    before = rule_set_pb2.RuleSet()
    before.CopyFrom(message)
    converted, fields = guarded(message)
    assert (fields, message) == ([], before)
    assert converted is not None
    assert len(converted.rules) == len(message.rules)


def test_what_a_person_leaves_out_is_filled_in() -> None:
    rules = [
        {"event_type": "Page View", "points": 1},
        {"event_type": "*", "points": 1},
        {"rule_id": "own", "event_type": "sign-up", "points": 1, "enabled": False},
    ]
    converted, fields = guarded(cases.rule_set(rules=rules))
    assert converted is not None
    assert fields == []
    assert [(rule.rule_id, rule.event_type, rule.enabled) for rule in converted.rules] == [
        ("page_view", "page_view", True),
        ("any_event", "*", True),
        ("own", "sign_up", False),
    ]


def rule(**parts: Any) -> dict[str, Any]:
    return {"rules": [{"event_type": "view", "points": 1, **parts}]}


def decay(**parts: Any) -> dict[str, Any]:
    return {"decay": parts}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (rule(event_type="?"), ".rules[0].event_type"),
        (rule(points="NaN"), ".rules[0].points"),
        (rule(points="Infinity"), ".rules[0].points"),
        (rule(points=1_000_001), ".rules[0].points"),
        (rule(group="none"), ".rules[0].group"),
        (rule(when="event.type =="), ".rules[0].when"),
        (rule(when="1 + 1"), ".rules[0].when"),
        (rule(description="d" * 1_025), ".rules[0].description"),
        (rule(limits=[{"count": 0}]), ".rules[0].limits[0].count"),
        (rule(limits=[{"count": 1, "window": "0.5s"}]), ".rules[0].limits[0].window"),
        (rule(limits=[{"count": 1, "window": "-5s"}]), ".rules[0].limits[0].window"),
        (rule(limits=[{"count": 1, "key": "("}]), ".rules[0].limits[0].key"),
        (rule(limits=[{"count": 1}] * 5), ".rules[0].limits"),
        (rule(standing=True), ".rules[0].standing"),
        ({"rules": [rule()["rules"][0]] * 2}, ".rules[1]"),
        ({"stages": [{"name": "a", "min_score": 2}, {"name": "b", "min_score": 1}]}, ".stages"),
        ({"stages": [{"name": "a", "min_score": 1}, {"name": "b", "min_score": 1}]}, ".stages"),
        ({"stages": [{"name": "", "min_score": 1}]}, ".stages[0]"),
        ({"stages": [{"name": f"s{n}", "min_score": n} for n in range(33)]}, ".stages"),
        ({"bounds": {"min_score": 2, "max_score": 1}}, ".bounds"),
        ({"bounds": {"max_score": 1e10}}, ".bounds.max_score"),
        ({"groups": [{"name": "g", "bounds": {"min_score": 1}}]}, ".groups[0].bounds"),
        ({"groups": [{"name": "g"}, {"name": "g"}]}, ".groups[1]"),
        (
            {"groups": [{"name": "g", **decay(half_life={"days": 0})}]},
            ".groups[0].decay.half_life.days",
        ),
        (decay(), ".decay"),
        (decay(idle_factor={"every": "1s", "factor": 0.5}), ".decay.idle_factor.every"),
        (decay(idle_factor={"every": "3600s", "factor": 1}), ".decay.idle_factor.factor"),
        (decay(idle_amount={"every": "3600s"}), ".decay.idle_amount.points"),
        (
            decay(contribution={"every": "7200s", "percent": 101, "gone_after": "7200s"}),
            ".decay.contribution.percent",
        ),
        (
            decay(contribution={"every": "7200s", "percent": 1, "gone_after": "3600s"}),
            ".decay.contribution.gone_after",
        ),
        (
            {"grading": {"fit_grades": [{"name": "A"}, {"name": "B"}], "engagement_grades": [{}]}},
            ".grading.fit_grades",
        ),
        ({"grading": {"fit_grades": [{"name": "A"}]}}, ".grading.engagement_grades"),
        ({"velocity": {"window": "60s", "per_event": 1}}, ".velocity.window"),
        ({"velocity": {"window": "3600s"}}, ".velocity"),
        ({"velocity": {"window": "3600s", "per_event": 0}}, ".velocity.per_event"),
        (
            {"velocity": {"window": "3600s", "saturating": True, "when": "score > 1"}},
            ".velocity.when",
        ),
        ({"risk": {"medium_after": "3600s", "high_after": "1800s"}}, ".risk.high_after"),
        ({"risk": {"high_for": "999999999s"}}, ".risk.high_for"),
        ({"next_actions": [{"when": "true"}]}, ".next_actions[0].action"),
        (
            {"next_actions": [{"when": "event.type == 'x'", "action": "a"}]},
            ".next_actions[0].when",
        ),
    ],
)
def test_what_can_not_be_applied_is_named(content: dict[str, Any], field: str) -> None:
    assert guarded(cases.rule_set(**content)) == (None, [field])


def test_every_expression_at_fault_is_named() -> None:
    broken = rule(when="(", limits=[{"count": 1, "key": ")"}])
    broken["next_actions"] = [{"action": "a", "when": "]"}]
    fields = [".rules[0].when", ".rules[0].limits[0].key", ".next_actions[0].when"]
    assert guarded(cases.rule_set(**broken)) == (None, fields)


def test_expressions_that_cost_too_much_together_are_named() -> None:
    looping = "event.properties.l.exists(x, x == 1)"
    rules = [
        {"event_type": "view", "points": 1, "rule_id": f"r{n}", "when": looping} for n in range(22)
    ]
    fields = [".rules[20].when", ".rules[21].when"]
    assert guarded(cases.rule_set(rules=rules)) == (None, fields)
    costly = 'event.properties.s.matches("(a|b)*a(a|b){900}c")'
    one = {"points": 1, "limits": [{"count": 1, "key": costly}]}
    rules = [
        {**one, "event_type": ("view", "form", "*")[n % 3], "rule_id": f"r{n}"} for n in range(15)
    ]
    accepted, found = guarded(cases.rule_set(rules=rules))
    assert accepted is None
    assert found
    assert set(found) <= {f".rules[{n}].limits[0].key" for n in range(6, 15)}
    # Half of them are no event's at once.
    assert guarded(cases.rule_set(rules=rules[:6]))[1] == []


@pytest.mark.parametrize(
    "rules",
    [
        [{"event_type": "view", "points": 1, "rule_id": f"r{n}"} for n in range(501)],
        [{"event_type": "view", "points": 1, "description": "d" * 1_024, "when": "w" * 1_024}]
        * 260,
    ],
)
def test_a_rule_set_of_absurd_size_is_not_even_looked_at(rules: list[dict[str, Any]]) -> None:
    with pytest.raises(LimitExceeded):
        guarded(cases.rule_set(rules=rules))
