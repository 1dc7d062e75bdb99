"""Rule sets: which rules apply to an event, and which stage a score is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.model import NO_RULES, Bounds, RuleSet, Stage
from tests.support.scoring_cases import RULES, STAGES, entry, rule, rule_sets


def applying(rules: RuleSet, event_type: str) -> list[str]:
    return [one.rule_id for one in rules.rules_for(event_type)]


def test_a_rule_for_every_type_applies_between_the_others_in_rule_order() -> None:
    rules = RuleSet(
        1,
        (
            rule("a", 1, rule_id="first"),
            rule("*", 1, rule_id="any"),
            rule("b", 1, rule_id="b"),
            rule("a", 1, rule_id="last"),
        ),
    )
    assert applying(rules, "a") == ["first", "any", "last"]
    assert applying(rules, "b") == ["any", "b"]
    assert applying(rules, "c") == ["any"]


def test_disabled_rules_never_apply() -> None:
    off = rule("a", 1, enabled=False)
    any_off = rule("*", 1, enabled=False, rule_id="any")
    assert applying(RuleSet(1, (off, rule("a", 2, rule_id="on"), any_off)), "a") == ["on"]
    assert applying(RuleSet(1, (off, any_off)), "a") == []
    # A type whose only rule is off still has the rules for every type.
    assert applying(RuleSet(1, (off, rule("*", 2, rule_id="any"))), "a") == ["any"]


@pytest.mark.parametrize(
    ("score", "stage"),
    [
        (-1, "cold"),
        (0, "cold"),
        (29_999, "cold"),
        (30_000, "warm"),
        (59_999, "warm"),
        (60_000, "hot"),
        (10**12, "hot"),
    ],
)
def test_a_stage_begins_at_its_threshold(score: int, stage: str) -> None:
    assert RULES.stage_of(score) == stage


def test_the_lowest_stage_holds_what_is_below_it_and_no_stages_are_no_name() -> None:
    high = RuleSet(1, stages=(Stage("only", 50),))
    assert [high.stage_of(score) for score in (-5, 49, 50, 51)] == ["only"] * 4
    assert NO_RULES.stage_of(10) == ""


@given(rule_sets, st.integers(-500_000, 500_000))
def test_the_stage_is_the_highest_one_reached(rules: RuleSet, score: int) -> None:
    reached = [stage.name for stage in rules.stages if stage.min_score <= score]
    lowest = rules.stages[0].name if rules.stages else ""
    assert rules.stage_of(score) == (reached[-1] if reached else lowest)


@pytest.mark.parametrize(
    ("bounds", "clipped"),
    [
        (Bounds(), [-11, -10, 0, 10, 11]),
        (Bounds(-10, 10), [-10, -10, 0, 10, 10]),
        (Bounds(min_score=0), [0, 0, 0, 10, 11]),
        (Bounds(max_score=0), [-11, -10, 0, 0, 0]),
    ],
)
def test_bounds_are_part_of_what_they_allow(bounds: Bounds, clipped: list[int]) -> None:
    assert [bounds.clip(score) for score in (-11, -10, 0, 10, 11)] == clipped


def test_entries_stand_by_time_and_then_by_code_point_of_their_id() -> None:
    # As Postgres compares with COLLATE "C": neither by locale nor by UTF-16 unit.
    ids = ["", "A", "Z", "a", "z", "é", "\uffee", "😀"]
    same_time = [entry(one) for one in reversed(ids)]
    ordered = sorted(
        [*same_time, entry("0", minutes=1), entry("zz", minutes=-1)], key=lambda e: e.position
    )
    assert [one.event_id for one in ordered] == ["zz", *ids, "0"]
    assert sorted(ids, key=lambda one: one.encode()) == ids


def test_equal_rule_sets_are_equal() -> None:
    assert RuleSet(1, RULES.rules, STAGES, RULES.bounds) == RULES
