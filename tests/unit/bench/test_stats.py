"""The arithmetic of the bench: what it says about figures is right for figures that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import percentile, send_times, summarise


def test_a_summary_has_the_median_and_the_extremes() -> None:
    found = summarise([3.0, 1.0, 10.0])

    assert (found.median, found.least, found.most, found.repetitions) == (3.0, 1.0, 10.0, 3)


def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle() -> None:
    assert summarise([1.0, 2.0, 4.0, 100.0]).median == 3.0


def test_there_is_no_summary_of_nothing() -> None:
    with pytest.raises(ValueError, match="no repetition"):
        summarise([])


def test_percentiles_of_a_hundred_values_are_those_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]

    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50.0, 99.0, 100.0]


def test_one_slow_value_of_a_thousand_is_no_p99_and_eleven_are() -> None:
    assert percentile([1.0] * 999 + [500.0], 0.99) == 1.0
    assert percentile([1.0] * 989 + [500.0] * 11, 0.99) == 500.0


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.floats(0, 1))
def test_at_least_its_share_of_the_values_do_not_exceed_a_percentile(
    values: list[float], share: float
) -> None:
    bound = percentile(values, share)

    assert bound in values
    assert sum(value <= bound for value in values) >= share * len(values) - 1e-9
    assert sum(value < bound for value in values) <= share * len(values)


def test_an_open_loop_sends_evenly_whatever_becomes_of_what_was_sent() -> None:
    assert list(send_times(4, 1.5)) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_an_open_loop_does_not_drift() -> None:
    *_, last = send_times(500, 60)

    assert last == 29_999 / 500
