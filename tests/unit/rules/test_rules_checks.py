"""What may be in a rule set, and that everything wrong is noted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain import names
from services.rules.domain import checks, group_checks
from services.rules.domain.checks import BoundsInput, LimitInput, Problems, StageInput
from services.rules.domain.group_checks import (
    ContributionInput,
    DecayInput,
    GroupInput,
    HalfLifeInput,
    IdleAmountInput,
    IdleFactorInput,
    UnknownDecayInput,
)
from services.rules.domain.model import Bounds, IdleFactor, Stage

HOUR_NS = 3_600 * 10**9


def noted(check: str, *arguments: object) -> list[str]:
    """Paths of what the check finds wrong."""
    problems = Problems()
    getattr(checks, check)(*arguments, problems)
    return [field for field, _ in problems.found]


@given(st.integers(-1_000_000_000, 1_000_000_000))
def test_every_milli_point_is_exact(milli: int) -> None:
    problems = Problems()
    assert checks.points(milli / 1000, "points", problems) == milli
    assert problems.found == []


@pytest.mark.parametrize(
    "points",
    [0.0005, 1.0001, 0.1 + 0.2, 1e-9, math.nan, math.inf, -math.inf, 1_000_000.001, -1e300, 5e-324],
)
def test_points_that_are_not_exact_or_too_many(points: float) -> None:
    assert noted("points", points, "points") == ["points"]


@given(st.floats())
def test_points_never_crash_and_never_round(points: float) -> None:
    problems = Problems()
    milli = checks.points(points, "points", problems)
    assert problems.found or milli / 1000 == points


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("PAGE_VIEW", "page_view"),
        ("Page View", "page_view"),
        ("page-view", "page_view"),
        ("page. - view_", "page_view"),
        ("PageView", "pageview"),
        ("*", "*"),
        ("a" * 64, "a" * 64),
    ],
)
def test_event_types(written: str, kept: str) -> None:
    problems = Problems()
    assert checks.event_type(written, "t", problems) == kept
    assert problems.found == []


@pytest.mark.parametrize("written", ["", "_a", "1a", "a" * 65, "a*", "ä", "a\n", " a", "**"])
def test_what_is_no_event_type(written: str) -> None:
    assert noted("event_type", written, "t") == ["t"]


@given(st.one_of(st.text(max_size=70), st.from_regex(r"\A[A-Za-z][A-Za-z0-9 _.\-]{0,70}\Z")))
def test_rules_and_events_have_one_normal_form(written: str) -> None:
    """A rule for a type ingest spells otherwise would never match."""
    problems = Problems()
    kept = checks.event_type(written, "t", problems)
    if written == "*":
        return
    try:
        spelled = names.event_type(written)
    except names.InvalidName:
        assert problems.found
    else:
        assert (kept, problems.found) == (spelled, [])


@given(st.from_regex(r"\A[A-Za-z][A-Za-z0-9 _.\-]{0,63}\Z"))
def test_a_derived_rule_id_is_a_rule_id(written: str) -> None:
    kind = checks.event_type(written, "t", Problems())
    problems = Problems()
    derived = checks.rule_id("", kind, "id", problems)
    assert checks.rule_id(derived, kind, "id", problems) == derived
    assert problems.found == []


def test_rule_ids() -> None:
    assert checks.rule_id("", "*", "id", Problems()) == "any_event"
    for good in ("a", "a-b_c1", "a" * 64):
        assert noted("rule_id", good, "x", "id") == []
    for bad in ("A", "1", "-a", "a" * 65, "a b", "a/b", "ä", "a\n"):
        assert noted("rule_id", bad, "x", "id") == ["id"]


def test_descriptions() -> None:
    assert noted("description", "x" * 1024 + "", "d") == []
    assert noted("description", "Größe\n🚀", "d") == []
    assert noted("description", "x" * 1025, "d") == ["d"]
    assert noted("description", "x" * 1025 + "\x00", "d") == ["d", "d"]


def test_stages_ascend_under_unique_names() -> None:
    problems = Problems()
    written = [StageInput("kalt", -1.5), StageInput("heiß", 0.001)]
    assert checks.stages(written, "stages", problems) == (Stage("kalt", -1500), Stage("heiß", 1))
    assert problems.found == []
    assert noted("stages", [], "stages") == []


def test_everything_wrong_with_stages_is_noted() -> None:
    written = [
        StageInput("a", 5),
        StageInput("a", 5),
        StageInput("", math.nan),
        StageInput("x" * 65, 4.0001),
        StageInput("b\x07", 1e10),
    ]
    assert noted("stages", written, "stages") == [
        "stages[1].name",
        "stages[1].min_score",
        "stages[2].name",
        "stages[2].min_score",
        "stages[2].min_score",
        "stages[3].name",
        "stages[3].min_score",
        "stages[4].name",
        "stages[4].min_score",
        "stages[4].min_score",
    ]
    assert noted("stages", [StageInput(str(n), n) for n in range(33)], "stages") == ["stages"]
    assert noted("stages", [StageInput(str(n), n) for n in range(32)], "stages") == []


def test_bounds() -> None:
    problems = Problems()
    assert checks.bounds(BoundsInput(None, None), "b", problems) == Bounds(None, None)
    assert checks.bounds(BoundsInput(-0.5, 1000), "b", problems) == Bounds(-500, 1_000_000)
    assert checks.bounds(BoundsInput(7, 7), "b", problems) == Bounds(7000, 7000)
    assert problems.found == []
    assert noted("bounds", BoundsInput(1, 0), "b") == ["b.max_score"]
    assert noted("bounds", BoundsInput(math.inf, 0.0001), "b") == ["b.min_score", "b.max_score"]


def test_durations_are_whole_microseconds_within_their_range() -> None:
    second_us, longest_us = checks.SECOND_US, checks.LONGEST_US
    problems = Problems()
    assert checks.duration(second_us * 1_000, second_us, "d", problems) == second_us
    assert checks.duration(longest_us * 1_000, second_us, "d", problems) == longest_us
    assert checks.duration(0, 0, "d", problems) == 0
    assert problems.found == []
    for written in (second_us * 1_000 - 1_000, longest_us * 1_000 + 1_000, second_us * 1_000 + 1):
        assert noted("duration", written, second_us, "d") == ["d"]
    assert noted("duration", -1_000, 0, "d") == ["d"]


@given(st.integers(0, 999_999))
def test_every_factor_is_exact(millionths: int) -> None:
    problems = Problems()
    written = IdleFactorInput(0, checks.HOUR_US * 1_000, millionths / 1_000_000)
    made = group_checks.decay(written, "d", problems)
    assert made == IdleFactor(0, checks.HOUR_US, millionths)
    assert problems.found == []


@pytest.mark.parametrize("factor", [1, 1.5, -0.1, 0.1234567, 1e-9, math.nan, math.inf, -math.inf])
def test_factors_that_are_not_exact_or_no_share(factor: float) -> None:
    problems = Problems()
    group_checks.decay(IdleFactorInput(0, checks.HOUR_US * 1_000, factor), "d", problems)
    assert [field for field, _ in problems.found] == ["d.idle_factor.factor"]


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        (IdleFactorInput(0, 0, 0.5), ["d.idle_factor.every"]),
        (IdleAmountInput(-1, HOUR_NS, 0.0001, 1e10),
         ["d.idle_amount.after_idle", "d.idle_amount.points", "d.idle_amount.floor"]),
        (IdleAmountInput(0, HOUR_NS, -1, 0), ["d.idle_amount.points"]),
        (IdleAmountInput(0, HOUR_NS, math.nan, 0), ["d.idle_amount.points"]),
        (ContributionInput(HOUR_NS, 0, HOUR_NS), ["d.contribution.percent"]),
        (ContributionInput(HOUR_NS, 101, HOUR_NS), ["d.contribution.percent"]),
        (ContributionInput(2 * HOUR_NS, 1, HOUR_NS), ["d.contribution.gone_after"]),
        (ContributionInput(2 * HOUR_NS, 1, 0), ["d.contribution.gone_after"]),
        (HalfLifeInput(0), ["d.half_life.days"]),
        (HalfLifeInput(3_651), ["d.half_life.days"]),
        (UnknownDecayInput(), ["d"]),
    ],
)  # fmt: skip
def test_what_is_no_decay(written: DecayInput, paths: list[str]) -> None:
    problems = Problems()
    group_checks.decay(written, "d", problems)
    assert [field for field, _ in problems.found] == paths


def test_as_many_groups_as_there_may_be() -> None:
    problems = Problems()
    groups = [GroupInput(f"g{number}", None, None) for number in range(33)]
    assert len(group_checks.groups(groups[:32], "g", problems)) == 32
    assert problems.found == []
    group_checks.groups(groups, "g", problems)
    assert [field for field, _ in problems.found] == ["g"]


def test_bounds_of_a_group_hold_0() -> None:
    problems = Problems()
    written = [GroupInput("a", BoundsInput(0, 0), None), GroupInput("b", BoundsInput(-1, 1), None)]
    made = group_checks.groups(written, "g", problems)
    assert [group.bounds for group in made] == [Bounds(0, 0), Bounds(-1_000, 1_000)]
    assert problems.found == []


def test_limits_of_limits() -> None:
    judges = checks.Expressions(
        condition=lambda _: None,
        key=lambda _: "wrong",
        standing=lambda _: None,
        situation=lambda _: None,
    )
    for count in (1, 1_000):
        assert noted("limit", LimitInput(count, None, ""), judges, "l") == []
    for count in (-1, 0, 1_001):
        assert noted("limit", LimitInput(count, None, ""), judges, "l") == ["l.count"]
    assert noted("limit", LimitInput(1, 0, "x"), judges, "l") == ["l.window", "l.key"]


def test_expressions_are_judged_when_they_may_be_kept() -> None:
    asked: list[str] = []

    def judge(source: str) -> str | None:
        asked.append(source)
        return None

    for source in ("", "a" * 1_024, "a" * 1_025, "a\x00"):
        noted("expression", source, judge, "e")
    assert asked == ["a" * 1_024]
    assert noted("expression", "a" * 1_025, judge, "e") == ["e"]
    assert noted("expression", "a\x00", judge, "e") == ["e"]
