"""The fold: one entry after the other, exact, explained, clipped at application."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.fold import Effect, Reason, apply, fold, trace
from services.scoring.domain.model import Bounds, Entry, RuleSet
from services.scoring.domain.state import EMPTY
from tests.support.scoring_cases import RULES, entries, entry, rule, rule_sets

NONE = Bounds()


def total(*points: float, bounds: Bounds = NONE) -> list[int]:
    """The score after each of these points."""
    types = [f"t{number}" for number in range(len(points))]
    rules = tuple(rule(name, value) for name, value in zip(types, points, strict=True))
    rule_set = RuleSet(1, rules, bounds=bounds)
    history = [entry(f"e{number}", name, number) for number, name in enumerate(types)]
    return [step.state.score for step in trace(history, rule_set)]


def test_points_are_clipped_when_they_are_applied() -> None:
    bounds = Bounds(0, 1_000_000)
    assert total(950, 100, -50, bounds=bounds) == [950_000, 1_000_000, 950_000]
    assert total(100, -150, 10, bounds=bounds) == [100_000, 0, 10_000]


def test_bounds_may_be_missing_on_either_side() -> None:
    assert total(5, -10, 2_000_000) == [5_000, -5_000, 1_999_995_000]
    assert total(-5, 2_000, bounds=Bounds(min_score=0)) == [0, 2_000_000]
    assert total(-5, 2_000, bounds=Bounds(max_score=1_000_000)) == [-5_000, 1_000_000]


def test_milli_points_are_exact() -> None:
    assert total(*[0.1] * 10)[-1] == 1_000
    assert total(0.001, 0.002, -0.003) == [1, 3, 0]


def test_an_entry_that_no_rule_knows_is_counted_and_earns_nothing() -> None:
    unknown = entry("e1", "unheard_of")
    state = apply(EMPTY, unknown, RULES)
    assert (state.score, state.event_count, state.last_position) == (0, 1, unknown.position)
    [step] = trace([unknown], RULES)
    assert step.outcome.effects == ()


def test_each_effect_says_what_the_rule_gave_and_what_counted() -> None:
    rules = RuleSet(1, (rule("a", 8), rule("*", 5, rule_id="all")), bounds=Bounds(0, 10_000))
    [step] = trace([entry("e", "a")], rules)
    assert step.outcome.effects == (
        Effect("r-a", "", 8_000, 8_000, Reason.APPLIED),
        Effect("all", "", 5_000, 2_000, Reason.CLIPPED),
    )


def test_rules_of_one_entry_clip_one_by_one_in_rule_order() -> None:
    up, down = rule("a", 15, rule_id="up"), rule("a", -5, rule_id="down")
    bounds = Bounds(0, 10_000)
    one = [entry("e", "a")]
    assert fold(one, RuleSet(1, (up, down), bounds=bounds)).score == 5_000
    assert fold(one, RuleSet(1, (down, up), bounds=bounds)).score == 10_000


@given(entries, rule_sets, st.integers(0, 14))
def test_incremental_is_the_same_as_all_at_once(
    history: list[Entry], rules: RuleSet, cut: int
) -> None:
    history.sort(key=lambda one: one.position)
    at_once = fold(history, rules)
    assert fold(history[cut:], rules, fold(history[:cut], rules)) == at_once
    state = EMPTY
    for one in history:
        state = apply(state, one, rules)
    assert state == at_once


@given(entries, rule_sets)
def test_the_effects_sum_to_the_score(history: list[Entry], rules: RuleSet) -> None:
    history.sort(key=lambda one: one.position)
    steps = list(trace(history, rules))
    assert [step.entry for step in steps] == history
    running = 0
    for step in steps:
        running += sum(effect.points for effect in step.outcome.effects)
        assert step.state.score == running
        matching = [one for one in rules.rules if one.enabled]
        expected = [one for one in matching if one.event_type in (step.entry.type, "*")]
        assert [effect.rule_id for effect in step.outcome.effects] == [
            one.rule_id for one in expected
        ]
    assert (steps[-1].state if steps else EMPTY) == fold(history, rules)


@given(entries, rule_sets)
def test_no_score_passes_the_bounds(history: list[Entry], rules: RuleSet) -> None:
    low, high = rules.bounds.min_score, rules.bounds.max_score
    for step in trace(history, rules):
        assert low is None or step.state.score >= low
        assert high is None or step.state.score <= high
