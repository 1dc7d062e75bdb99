"""What is stored: all of it comes back, and what was stored before there were groups and the rest still loads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.rules import rows
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Binding,
    Bounds,
    Content,
    Decay,
    Grade,
    Grading,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    LateEvents,
    Limit,
    NextAction,
    PerContribution,
    Risk,
    Rule,
    RuleSet,
    Stage,
    State,
    Velocity,
)
from tests.support.clocks import START

RULE_SET = RuleSet(
    version=1,
    state=State.ACTIVE,
    revision=1,
    description="d",
    rules=(
        Rule("a", "x", 1, True, "", "1.1"),
        Rule("b", "y", -1, False, "d", "1.1", "g", "true", (Limit(2, 3, "event.id"), Limit(9))),
        Rule("c", "z", 0, True, "", "1.1", limits=(Limit(1),)),
        Rule("d", "*", 1, True, "", "1.1", when="lead.x", standing=True),
    ),
    stages=(Stage("s", 5),),
    bounds=Bounds(0, None),
    create_time=START,
    update_time=START + timedelta(days=1),
    groups=(
        Group("g", Bounds(None, 7), IdleFactor(1, 2, 3)),
        Group("h", None, PerContribution(1, 2, 3)),
        Group("i"),
    ),
    decay=HalfLife(9),
    grading=Grading("g", (Grade("A", 5), Grade("B", -5)), "h", (Grade("1", 0),)),
    velocity=Velocity(7, None, "true"),
    risk=Risk(1, None, ("x", "y"), 3),
    next_actions=(NextAction("call", "score > 5.0"), NextAction("wait")),
    late_events=LateEvents.APPLY_ON_ARRIVAL,
    binding=Binding.AT_PROCESSING,
    tests=(
        GoldenTest(
            "one",
            (
                GoldenEvent("x", 7, {"a": [1, 2.5, None, {"b": "ß"}], "huge": 1e300}, "e-1"),
                GoldenEvent("y"),
            ),
            Expectation(1, "s", "A1", 2, "high", "call"),
            9,
        ),
        GoldenTest("two", (GoldenEvent("x"),), Expectation(risk="low")),
    ),
    engagement_group="h",
)


def reread(rule_set: RuleSet) -> RuleSet:
    stored = json.loads(json.dumps(rows.content(rule_set)))
    return RuleSet(
        version=rule_set.version,
        state=rule_set.state,
        revision=rule_set.revision,
        create_time=rule_set.create_time,
        update_time=rule_set.update_time,
        **rows.parts(stored),
    )


def test_everything_comes_back() -> None:
    assert reread(RULE_SET) == RULE_SET


@pytest.mark.parametrize(
    "decay",
    [None, IdleFactor(1, 2, 3), IdleAmount(1, 2, 3, -4), PerContribution(1, 2, 3), HalfLife(1)],
)
def test_every_kind_of_decay_comes_back(decay: Decay | None) -> None:
    assert reread(replace(RULE_SET, decay=decay)).decay == decay


def test_what_was_stored_before_there_were_groups_loads() -> None:
    stored = {
        "description": "d",
        "rules": [
            {
                "rule_id": "a",
                "event_type": "x",
                "points_milli": 1,
                "enabled": True,
                "description": "",
                "etag": "1.1",
            }
        ],
        "stages": [{"name": "s", "min_score_milli": 5}],
        "bounds": {"min_score_milli": 0, "max_score_milli": None},
    }
    earliest = Content(
        description="d",
        rules=(RULE_SET.rules[0],),
        stages=(Stage("s", 5),),
        bounds=Bounds(0, None),
    )
    assert rows.parts(stored) == earliest.said()
    assert rows.parts({"description": "", "stages": [], "bounds": None})["rules"] == ()


def test_the_one_limit_that_a_rule_could_have_before_loads() -> None:
    stored = rows.content(RULE_SET)
    for rule in stored["rules"]:
        limits = rule.pop("limits")
        del rule["standing"]
        rule["limit"] = limits[0] if limits else None
    loaded = rows.parts(stored)["rules"]
    assert [rule.limits for rule in loaded] == [rule.limits[:1] for rule in RULE_SET.rules]
    assert not any(rule.standing for rule in loaded)


def test_a_list_goes_without_what_may_be_long() -> None:
    stored = rows.content(RULE_SET)
    for key in rows.LEFT_OUT_OF_LISTS:
        del stored[key]
    listed = replace(RULE_SET, rules=(), next_actions=(), tests=())
    assert rows.parts(stored) == listed.said()


def test_a_decay_nobody_knows_is_not_left_out() -> None:
    stored = {**rows.content(RULE_SET), "decay": {"kind": "linear"}}
    with pytest.raises(LookupError, match="linear"):
        rows.parts(stored)
