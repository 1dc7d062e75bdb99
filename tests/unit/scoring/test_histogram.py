"""Classes of scores: equal, round, few, and the same in whatever order scores come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain import histogram
from services.scoring.domain.histogram import BINS_MAX, Bin, Histogram
from services.scoring.domain.model import MILLI

near = st.integers(-3_000, 40_000)
far = st.integers(-(10**12), 10**12)
scores = st.lists(st.tuples(near | far, near | far) | st.tuples(near, near), max_size=50)


def bins(pairs: list[tuple[int, int]]) -> list[Bin]:
    counted = Histogram()
    for pair in pairs:
        counted.add(*pair)
    return list(counted.bins())


@given(scores, st.randoms())
def test_every_score_is_counted_in_its_class(pairs: list[tuple[int, int]], shuffling) -> None:  # type: ignore[no-untyped-def]
    found = bins(pairs)
    for one in found:
        assert one.before == sum(one.min_score <= a < one.max_score for a, _ in pairs)
        assert one.after == sum(one.min_score <= b < one.max_score for _, b in pairs)
    assert sum(one.before for one in found) == sum(one.after for one in found) == len(pairs)
    assert len(found) <= BINS_MAX
    assert all(one.max_score == other.min_score for one, other in pairwise(found))
    widths = {one.max_score - one.min_score for one in found}
    assert len(widths) <= 1
    for width in widths:
        assert width >= MILLI
        assert str(width // MILLI).rstrip("0") in ("1", "2", "5")
    if found:
        assert found[0].before + found[0].after > 0 < found[-1].before + found[-1].after
    shuffling.shuffle(pairs)
    assert bins(pairs) == found


@given(st.lists(st.tuples(near, near), max_size=80), st.randoms())
def test_memory_is_bounded_and_the_order_does_not_matter(
    pairs: list[tuple[int, int]],
    shuffling,  # type: ignore[no-untyped-def]
) -> None:
    usual, histogram.FINE_BINS_MAX = histogram.FINE_BINS_MAX, 7
    try:
        counted = Histogram()
        for pair in pairs:
            counted.add(*pair)
            assert len(counted._fine) <= 7
        found = list(counted.bins())
        shuffling.shuffle(pairs)
        assert bins(pairs) == found
        for one in found:
            assert one.before == sum(one.min_score <= a < one.max_score for a, _ in pairs)
    finally:
        histogram.FINE_BINS_MAX = usual


def test_classes_that_a_person_would_draw() -> None:
    found = bins([(0, 5_000), (99_999, 100_000), (12_500, 12_500)])
    assert [(one.min_score // MILLI, one.before, one.after) for one in found[:4]] == [
        (0, 1, 1),
        (10, 1, 1),
        (20, 0, 0),
        (30, 0, 0),
    ]
    assert (found[-1].min_score, found[-1].max_score) == (100_000, 110_000)
    assert bins([]) == []
    assert bins([(-1, -1)]) == [Bin(-1_000, 0, 1, 1)]
