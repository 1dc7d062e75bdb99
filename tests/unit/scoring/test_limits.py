"""Groups and limits in numbers worked by hand: what counts, how often, and in which order it is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.scoring.domain.binding import bound
from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import Effect, Reason, fold, trace
from services.scoring.domain.model import (
    Activated,
    Binding,
    Bounds,
    Entry,
    Group,
    Limit,
    Rule,
    RuleSet,
    instant,
)

POINT = 1_000


def event(number: int, at: int, event_type: str = "a", **properties: object) -> Entry:
    """At so many microseconds after 1970."""
    return Entry(f"e{number:03}", event_type, instant(at), properties)


def reasons(rules: RuleSet, history: list[Entry]) -> list[str]:
    return [
        effect.reason.value for step in trace(history, rules) for effect in step.outcome.effects
    ]


def test_a_window_ends_exactly_its_length_after_an_event() -> None:
    rules = RuleSet(1, (Rule("r", "a", POINT, limits=(Limit(1, DAY),)),))
    times = [0, 1, DAY - 1, DAY, 2 * DAY - 1, 2 * DAY, 3 * DAY + 1]
    history = [event(number, at) for number, at in enumerate(times)]
    assert reasons(rules, history) == [
        "applied",
        "limited",
        "limited",
        "applied",
        "limited",
        "applied",
        "applied",
    ]


def test_what_was_limited_does_not_count_against_the_limit() -> None:
    """Twice a day: one of each further pair would count for ever were it otherwise."""
    rules = RuleSet(1, (Rule("r", "a", POINT, limits=(Limit(2, DAY),)),))
    history = [event(number, number * DAY // 4) for number in range(12)]
    applied = [True, True, False, False] * 3
    assert [one == "applied" for one in reasons(rules, history)] == applied


def test_a_limit_for_ever() -> None:
    rules = RuleSet(1, (Rule("r", "a", POINT, limits=(Limit(2),)),))
    history = [event(number, number * 4_000 * DAY) for number in range(5)]
    assert fold(history, rules).score == 2 * POINT


def test_same_instants_count_one_by_one() -> None:
    rules = RuleSet(1, (Rule("r", "a", POINT, limits=(Limit(2, DAY),)),))
    assert reasons(rules, [event(n, 5) for n in range(3)]) == ["applied", "applied", "limited"]


def test_windows_are_kept_for_each_key_and_rule() -> None:
    limit = Limit(1, DAY, key=lambda entry, _: str(entry.properties.get("form")))
    rules = RuleSet(
        1, (Rule("x", "a", POINT, limits=(limit,)), Rule("y", "a", POINT, limits=(limit,)))
    )
    history = [event(1, 0, form=1), event(2, 1, form=2), event(3, 2, form=1), event(4, DAY, form=1)]
    assert reasons(rules, history) == ["applied"] * 4 + ["limited"] * 2 + ["applied"] * 2
    state = fold(history, rules)
    # What no window holds any more is forgotten.
    assert state.uses == {"x": {"1": (DAY,), "2": (1,)}, "y": {"1": (DAY,), "2": (1,)}}
    later = fold([event(5, 3 * DAY, form=9)], rules, state)
    assert later.uses["x"] == {"9": (3 * DAY,)}


def test_an_application_that_was_clipped_to_nothing_counts() -> None:
    rules = RuleSet(
        1, (Rule("r", "a", -POINT, limits=(Limit(1),)), Rule("up", "b", POINT)), bounds=Bounds(0)
    )
    history = [event(1, 0), event(2, 1, "b"), event(3, 2)]
    assert reasons(rules, history) == ["clipped", "applied", "limited"]
    assert fold(history, rules).score == POINT


def test_a_condition_that_does_not_hold_uses_nothing_up() -> None:
    rule = Rule(
        "r",
        "a",
        POINT,
        when=lambda entry, _: entry.properties.get("n") == 1,
        limits=(Limit(1),),
    )
    history = [event(1, 0), event(2, 1, n=1), event(3, 2, n=1)]
    steps = list(trace(history, RuleSet(1, (rule,))))
    assert [len(step.outcome.effects) for step in steps] == [0, 1, 1]
    assert steps[2].outcome.effects == (Effect("r", "", POINT, 0, Reason.LIMITED),)


@pytest.mark.parametrize(
    ("points", "counted"),
    [
        # The group takes 10 of 15; then the total, at 0 of 8, takes 8 of those.
        ([15], [8]),
        # The group falls from 8 to its -5; the total is held at 0.
        ([15, -20], [8, -8]),
        ([4, 4, 4], [4, 4, 0]),
    ],
)
def test_the_group_clips_first_then_the_total(points: list[int], counted: list[int]) -> None:
    types = [f"t{number}" for number in range(len(points))]
    rules = RuleSet(
        1,
        tuple(
            Rule(name, name, value * POINT, group="g")
            for name, value in zip(types, points, strict=True)
        ),
        bounds=Bounds(0, 8 * POINT),
        groups=(Group("g", Bounds(-5 * POINT, 10 * POINT)),),
    )
    steps = trace([event(n, n, name) for n, name in enumerate(types)], rules)
    assert [step.outcome.effects[0].points for step in steps] == [
        value * POINT for value in counted
    ]


def test_groups_add_up_to_the_total_and_bound_only_their_own() -> None:
    rules = RuleSet(
        1,
        (
            Rule("view", "a", 4 * POINT, group="engagement"),
            Rule("fit", "a", 7 * POINT, group="fit"),
            Rule("free", "a", 3 * POINT),
            Rule("spam", "b", -9 * POINT, group="negative"),
        ),
        groups=(
            Group("engagement", Bounds(0, 10 * POINT)),
            Group("fit", Bounds(-30 * POINT, 20 * POINT)),
            Group("negative", Bounds(-10 * POINT, 0)),
        ),
    )
    history = [*(event(number, number) for number in range(4)), event(8, 8, "b"), event(9, 9, "b")]
    state = fold(history, rules)
    assert state.scores == {
        "engagement": 10_000,
        "fit": 20_000,
        "": 12_000,
        "negative": -10_000,
    }
    assert state.score == 32_000


def test_a_rule_whose_group_is_gone_is_bounded_by_the_total_alone() -> None:
    rules = RuleSet(1, (Rule("r", "a", 9 * POINT, group="gone"),), bounds=Bounds(None, 5 * POINT))
    assert fold([event(1, 0)], rules).scores == {"gone": 5_000}


@pytest.mark.parametrize(
    ("limit", "score"), [(Limit(2, DAY), 2), (Limit(2), 2), (Limit(2, DAY // 24), 3)]
)
def test_a_use_is_kept_as_long_as_any_version_looks_back(limit: Limit, score: int) -> None:
    """Even where the version that it counted under would have forgotten it."""

    def version(number: int, limits: tuple[Limit, ...]) -> Activated:
        rules = RuleSet(number, (Rule("r", "a", POINT, limits=limits),))
        bound_then = replace(rules, binding=Binding.AT_PROCESSING)
        return Activated(number, bound_then, effective_from=0, recorded_at=number * DAY)

    hour = DAY // 24
    activations = [version(2, (limit,)), version(1, (Limit(1, hour),))]
    history = [
        replace(event(0, 0), recorded_at=instant(DAY)),
        replace(event(1, 2 * hour), recorded_at=instant(DAY)),
        replace(event(2, 3 * hour - 1), recorded_at=instant(2 * DAY)),
    ]
    assert fold(history, bound(activations)).score == score * POINT
