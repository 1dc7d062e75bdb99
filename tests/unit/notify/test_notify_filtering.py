"""Filters let through what a watcher asked for and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.filtering import Change, ChangeFilter, whole_milli_points

CHANGE = Change(lead_id="a", version=2, delta_points=5.0, previous_stage="cold", stage="warm")


def test_no_condition_lets_everything_pass() -> None:
    assert ChangeFilter().matches(CHANGE)
    assert ChangeFilter().matches(replace(CHANGE, delta_points=0.0, stage="cold"))


@pytest.mark.parametrize(("lead_id", "passes"), [("a", True), ("b", False)])
def test_leads(lead_id: str, passes: bool) -> None:
    assert ChangeFilter(lead_ids=frozenset({lead_id})).matches(CHANGE) is passes


@pytest.mark.parametrize(
    ("previous", "stage", "passes"),
    [
        ("cold", "warm", True),  # into
        ("warm", "warm", True),  # within
        ("warm", "hot", True),  # out of
        ("cold", "hot", False),
        ("", "", False),
    ],
)
def test_stages(previous: str, stage: str, passes: bool) -> None:
    change = replace(CHANGE, previous_stage=previous, stage=stage)
    assert ChangeFilter(stages=frozenset({"warm"})).matches(change) is passes


@pytest.mark.parametrize(
    ("delta", "least", "passes"),
    [
        (5.0, 5_000, True),
        (4.999, 5_000, False),
        (-5.0, 5_000, True),
        (-4.999, 5_000, False),
        (0.07, 70, True),  # 0.07 * 1000 is a little more than 70
        (0.3 - 0.1, 200, True),  # a little less than 0.2
        (0.0, 1, False),
    ],
)
def test_least_delta(delta: float, least: int, passes: bool) -> None:
    wanted = ChangeFilter(delta_min_milli_points=least)
    assert wanted.matches(replace(CHANGE, delta_points=delta)) is passes


def test_stage_changes_only() -> None:
    wanted = ChangeFilter(stage_changes_only=True)
    assert wanted.matches(CHANGE)
    assert not wanted.matches(replace(CHANGE, stage="cold"))


def test_all_conditions_must_hold() -> None:
    wanted = ChangeFilter(frozenset({"a"}), frozenset({"warm"}), 5_000, True)
    assert wanted.matches(CHANGE)
    assert not wanted.matches(replace(CHANGE, lead_id="b"))
    assert not wanted.matches(replace(CHANGE, stage="hot"))
    assert not wanted.matches(replace(CHANGE, delta_points=1.0))
    assert not wanted.matches(replace(CHANGE, previous_stage="warm"))


def test_snapshot_has_leads_in_their_present_stage() -> None:
    wanted = ChangeFilter(lead_ids=frozenset({"a", "b"}), stages=frozenset({"warm"}))
    assert wanted.includes("a", "warm")
    assert not wanted.includes("a", "cold")
    assert not wanted.includes("c", "warm")
    assert ChangeFilter().includes("c", "")


@given(st.integers(min_value=0, max_value=10**12))
def test_a_multiple_of_a_milli_point_is_itself(milli: int) -> None:
    assert whole_milli_points(milli / 1000) == milli


@pytest.mark.parametrize(("points", "milli"), [(0.0005, 1), (1.0001, 1_001), (0.0, 0)])
def test_what_lies_between_is_rounded_up(points: float, milli: int) -> None:
    assert whole_milli_points(points) == milli
