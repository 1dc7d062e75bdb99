"""Decay in numbers worked by hand: each kind, its edges, its rounding. Times are days after 1970."""

from __future__ import annotations

import pytest

from services.scoring.domain.balance import TOTAL, Fading
from services.scoring.domain.decay import (
    DAY,
    MILLION,
    Decay,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
    scaled,
)
from services.scoring.domain.fold import fold, score_at, trace
from services.scoring.domain.model import Bounds, Entry, Group, Rule, RuleSet, instant

POINT = 1_000


def event(event_id: str, day: float, event_type: str = "a") -> Entry:
    return Entry(event_id, event_type, instant(round(day * DAY)))


def under(decay: Decay, points: int = 100 * POINT, total: bool = False) -> RuleSet:
    """One rule for `a`, whose group fades so, or the total."""
    rule = Rule("r", "a", points, group="" if total else "g")
    if total:
        return RuleSet(1, (rule,), decay=decay)
    return RuleSet(1, (rule,), groups=(Group("g", decay=decay),))


def after(decay: Decay, days: list[float], points: int = 100 * POINT) -> list[int]:
    """The score of one event at noon of day 10, so many days later; the same for group and total."""
    results = [
        [
            score_at(fold([event("e", 10.5)], rules), rules, round((10.5 + day) * DAY))
            for day in days
        ]
        for rules in (under(decay, points), under(decay, points, total=True))
    ]
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize(
    ("amount", "millionths", "product"),
    [
        (1, 500_000, 0),
        (3, 500_000, 2),
        (5, 500_000, 2),
        (7, 500_000, 4),
        (-1, 500_000, 0),
        (-3, 500_000, -2),
        (-5, 500_000, -2),
        (2_500, 999_800, 2_500),  # 2,499.5: to the even one
        (7_500, 999_800, 7_498),  # 7,498.5
        (1, 500_001, 1),
        (1, 499_999, 0),
        (10**15 + 1, 500_000, 5 * 10**14),
        (123, 0, 0),
        (0, 700_000, 0),
    ],
)
def test_products_are_rounded_half_to_even(amount: int, millionths: int, product: int) -> None:
    assert scaled(amount, millionths) == product


def test_idle_factor() -> None:
    """x0.95 each day after 7 idle days: 100, 95, 90.25, 85.7375 -> 85.738 (85.7375 is half: to the even 85.738)."""
    decay = IdleFactor(7 * DAY, DAY, 950_000)
    assert after(decay, [0, 7, 7.999, 8, 9, 9.5, 10]) == [
        100_000,
        100_000,
        100_000,
        95_000,
        90_250,
        90_250,
        85_738,
    ]


def test_a_step_rounds_what_the_step_before_left_and_only_once() -> None:
    """0.003 halved: 1.5 -> 2, 1 -> 1, 0.5 -> 0. A quarter at once would be 0.75 -> 1, an eighth 0."""
    assert after(IdleFactor(0, DAY, 500_000), [0, 1, 2, 3], points=3) == [3, 2, 1, 0]
    # Factors that leave what is there by rounding end there.
    assert after(IdleFactor(0, DAY, 950_000), [0, 1, 500], points=10) == [10, 10, 10]


def test_negative_points_fade_towards_nothing() -> None:
    assert after(IdleFactor(0, DAY, 500_000), [0, 1, 2], -20 * POINT) == [-20_000, -10_000, -5_000]
    assert after(HalfLife(1), [0.5], -20 * POINT) == [-10_000]
    each = PerContribution(DAY, 25, 3 * DAY)
    assert after(each, [0, 1, 2, 3], -20 * POINT) == [-20_000, -15_000, -10_000, 0]


def test_idle_amount_ends_at_its_floor() -> None:
    """-5 each day after 30 idle days, never below 0."""
    decay = IdleAmount(30 * DAY, DAY, 5 * POINT, 0)
    assert after(decay, [30, 30.99, 31, 32, 400], 12 * POINT) == [12_000, 12_000, 7_000, 2_000, 0]
    # What is below the floor already stays there.
    assert after(decay, [400], -3 * POINT) == [-3_000]
    assert after(IdleAmount(0, DAY, 5 * POINT, 4 * POINT), [1, 2, 3], 12 * POINT) == [
        7_000,
        4_000,
        4_000,
    ]


def test_an_amount_goes_below_nothing_where_its_floor_is() -> None:
    decay = IdleAmount(0, DAY, 2 * POINT, -3 * POINT)
    assert after(decay, [1, 2, 3, 4], 1 * POINT) == [-1_000, -3_000, -3_000, -3_000]
    assert after(decay, [1, 2], 2 * POINT) == [0, -2_000]


def test_an_event_makes_the_idle_time_begin_anew() -> None:
    rules = under(IdleFactor(7 * DAY, DAY, 500_000))
    busy = [event("a", 0), event("b", 6), event("c", 12)]
    assert fold(busy, rules).score == 300_000
    # Idle for 9 days: halved after 8 and after 9, on the instant of the event as well.
    steps = list(trace([event("a", 0), event("b", 9)], rules))
    assert steps[1].outcome.fadings == (
        Fading(8 * DAY, "g", -50_000),
        Fading(9 * DAY, "g", -25_000),
    )
    assert steps[1].state.score == 125_000
    # An event that earns nothing is a sign of life all the same.
    alive = [event("a", 0), event("x", 7, "other"), event("b", 14)]
    assert fold(alive, rules).score == 200_000


@pytest.mark.parametrize(
    ("idle_us", "faded"),
    [(8 * DAY - 1, 0), (8 * DAY, 1), (8 * DAY + 1, 1), (9 * DAY - 1, 1), (9 * DAY, 2)],
)
def test_a_step_is_at_its_microsecond(idle_us: int, faded: int) -> None:
    rules = under(IdleAmount(7 * DAY, DAY, POINT, 0))
    state = fold([event("e", 3)], rules)
    assert score_at(state, rules, 3 * DAY + idle_us) == (100 - faded) * POINT


def test_half_life_steps_at_midnight() -> None:
    """One day: halved at each midnight. Seven days: 2^(-1/7) = 0.905724 left a day."""
    assert HalfLife(1).factor == 500_000
    assert HalfLife(7).factor == 905_724
    assert HalfLife(30).factor == 977_160
    assert after(HalfLife(1), [0, 0.4999, 0.5, 1.4999, 1.5]) == [
        100_000,
        100_000,
        50_000,
        50_000,
        25_000,
    ]
    assert after(HalfLife(7), [0.5, 1.5]) == [90_572, 82_033]
    # Close to a half after a week; daily rounding costs less than a milli-point a day.
    assert abs(after(HalfLife(7), [6.5])[0] - 50_000) <= 7


def test_an_event_at_midnight_fades_from_the_next_midnight_on() -> None:
    rules = under(HalfLife(1))
    steps = list(trace([event("a", 4.25), event("b", 5)], rules))
    assert [step.state.score for step in steps] == [100_000, 150_000]
    assert score_at(steps[1].state, rules, 6 * DAY - 1) == 150_000
    assert score_at(steps[1].state, rules, 6 * DAY) == 75_000


def test_contributions_fade_on_their_own() -> None:
    """-25 % of the original each 14 days, gone at 56: 20 at day 0 and 10 at day 7."""
    decay = PerContribution(14 * DAY, 25, 56 * DAY)
    assert after(decay, [13.99, 14, 28, 42, 55.99, 56, 99], 20 * POINT) == [
        20_000,
        15_000,
        10_000,
        5_000,
        5_000,
        0,
        0,
    ]
    rules = under(decay, 20 * POINT)
    both = fold([event("a", 0), event("b", 7)], rules)
    assert [score_at(both, rules, day * DAY) for day in (7, 14, 21, 55, 56, 62, 63)] == [
        40_000,
        35_000,
        30_000,
        10_000,
        5_000,
        5_000,
        0,
    ]


def test_each_step_of_a_contribution_is_a_share_of_the_original() -> None:
    """A third of 0.005 a day: 3.35 -> 3, 1.7 -> 2 (not 3 x 0.67 = 2.01 -> 2, then 1), 0.05 -> 0."""
    assert after(PerContribution(DAY, 33, 9 * DAY), [1, 2, 3, 4], points=5) == [3, 2, 0, 0]
    # 2.5 is halfway: to the even 2; 7.5 to 8.
    assert after(PerContribution(DAY, 50, 9 * DAY), [1], points=5) == [2]
    assert after(PerContribution(DAY, 50, 9 * DAY), [1], points=15) == [8]


def test_a_contribution_is_gone_though_steps_would_leave_more() -> None:
    decay = PerContribution(2 * DAY, 10, 5 * DAY)
    assert after(decay, [2, 4, 4.99, 5]) == [90_000, 80_000, 80_000, 0]
    # And never less than nothing where they would take more.
    assert after(PerContribution(DAY, 60, 9 * DAY), [1, 2, 3]) == [40_000, 0, 0]


def test_only_what_counted_fades() -> None:
    """Clipped to 10 of 20: the contribution is 10."""
    rule = Rule("r", "a", 20 * POINT, group="g")
    group = Group("g", Bounds(0, 10 * POINT), PerContribution(DAY, 50, 2 * DAY))
    rules = RuleSet(1, (rule,), groups=(group,))
    state = fold([event("e", 0)], rules)
    assert [score_at(state, rules, day * DAY) for day in (0, 1, 2)] == [10_000, 5_000, 0]


def test_decay_of_the_total_comes_after_the_groups() -> None:
    """At one instant: the group 100 -> 50, then the total of 50 -> 45, of which the group knows nothing."""
    rules = RuleSet(
        1,
        (Rule("r", "a", 100 * POINT, group="g"),),
        groups=(Group("g", decay=IdleFactor(0, DAY, 500_000)),),
        decay=IdleFactor(0, DAY, 900_000),
    )
    steps = list(trace([event("a", 0), event("x", 1, "other")], rules))
    assert steps[1].outcome.fadings == (Fading(DAY, "g", -50_000), Fading(DAY, TOTAL, -5_000))
    assert (steps[1].state.scores, steps[1].state.total_faded) == ({"g": 50_000}, -5_000)


def test_a_total_whose_contributions_fade_leaves_groups_their_own_way() -> None:
    each = PerContribution(DAY, 50, 2 * DAY)
    rules = RuleSet(
        1,
        (
            Rule("free", "a", 8 * POINT),
            Rule("plain", "a", 8 * POINT, group="plain"),
            Rule("own", "a", 8 * POINT, group="own"),
        ),
        groups=(Group("plain"), Group("own", decay=IdleFactor(5 * DAY, DAY, 0))),
        decay=each,
    )
    state = fold([event("e", 0)], rules)
    assert [score_at(state, rules, day * DAY) for day in (0, 1, 2, 5, 6)] == [
        24_000,
        16_000,
        8_000,
        8_000,
        0,
    ]


def test_fading_never_takes_a_score_out_of_its_bounds() -> None:
    """What is taken back of a negative contribution counts up to the group's maximum only."""
    rules = RuleSet(
        1,
        (Rule("up", "a", 10 * POINT, group="g"), Rule("down", "b", -10 * POINT, group="g")),
        groups=(Group("g", Bounds(0, 10 * POINT), PerContribution(2 * DAY, 100, 2 * DAY)),),
    )
    history = [event("1", 0), event("2", 0.5, "b"), event("3", 1), event("4", 1.5)]
    state = fold(history, rules)
    assert state.score == 10_000
    # Day 2: the first +10 goes (0 left), day 2.5: the -10 goes (+10), day 3: the second +10 goes.
    times = (2, 2.5, 3)
    assert [score_at(state, rules, round(day * DAY)) for day in times] == [0, 10_000, 0]


def test_a_lead_without_events_never_fades() -> None:
    rules = under(HalfLife(1))
    assert score_at(fold([], rules), rules, 10**6 * DAY) == 0
    assert not RuleSet(1).fades
    assert MILLION == 10**6


def test_a_decay_that_changed_nothing_for_a_while_is_due_all_the_same() -> None:
    """The total's steps, each six hours, change nothing at 0. When the group loses 9 at a day, it is due as well."""
    rules = RuleSet(
        1,
        groups=(Group("g", decay=IdleAmount(0, DAY, 9, -9)),),
        decay=IdleFactor(0, DAY // 4, 0),
    )
    [_, step] = trace([event("a", 0), event("b", 1)], rules)
    assert step.outcome.fadings == (Fading(DAY, "g", -9), Fading(DAY, TOTAL, 9))
