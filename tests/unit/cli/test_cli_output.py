"""Points, bars and charts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreline.cli.output import area_chart, bar, plain, points


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [(5.0, False, "5"), (0.125, False, "0.125"), (1000.0, False, "1000"), (2.5, True, "+2.5"),
     (-20.0, True, "-20"), (0.0, True, "0"), (-0.0001, False, "0"), (100.10, False, "100.1")],
)  # fmt: skip
def test_points(value: float, sign: bool, text: str) -> None:
    assert points(value, sign=sign) == text


def test_bars_are_exact_to_an_eighth() -> None:
    assert bar(8, 8, 4) == "████"
    assert bar(4, 8, 4) == "██"
    assert bar(1, 32, 4) == "▏"
    assert bar(0.001, 8, 4) == "▏"
    assert bar(0, 8, 4) == bar(-1, 8, 4) == bar(3, 0, 4) == ""


def test_a_chart_shows_the_course() -> None:
    assert area_chart([0, 4, 8], 10, 1) == [" ▄█"]
    assert area_chart([0, 8, 16], 10, 2) == ["  █", " ██"]
    assert area_chart([], 10, 2) == []


@given(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=300),
    st.integers(1, 80),
    st.integers(1, 8),
)
def test_a_chart_keeps_to_its_size(values: list[float], width: int, height: int) -> None:
    lines = area_chart(values, width, height)
    assert len(lines) == height
    assert {len(line) for line in lines} == {min(width, len(values))}


def test_nothing_foreign_steers_the_terminal() -> None:
    assert plain("a\x1b]0;x\x07\u202eb").plain == "a\ufffd]0;x\ufffd\ufffdb"
