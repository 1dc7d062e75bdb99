"""How many leads have which scores, before and after, in classes of equal width that are round numbers of points. The
same scores give the same classes, in whatever order they come, and memory is bounded whatever they are."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.scoring.domain.model import MILLI

BINS_MAX = 20
"""Classes shown: what a person takes in at a glance."""

FINE_BINS_MAX = 2_000
"""Classes kept while counting; beyond this, ten become one."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads with scores from `min_score` up to, and without, `max_score`, in milli-points."""

    min_score: int
    max_score: int
    before: int
    after: int


class Histogram:
    """Counts scores as they come."""

    def __init__(self) -> None:
        self._width = MILLI
        self._fine: dict[int, list[int]] = {}
        """Number of a class -> how many before, how many after."""

    def add(self, before: int, after: int) -> None:
        """One more lead, with its two scores in milli-points."""
        self._count(before, 0)
        self._count(after, 1)
        while len(self._fine) > FINE_BINS_MAX:
            self._fine = self._merged(10)
            self._width *= 10

    def bins(self) -> Iterator[Bin]:
        """The classes from the lowest score to the highest, empty ones too."""
        if not self._fine:
            return
        factor = next(
            factor
            for factor in _round_numbers()
            if max(self._fine) // factor - min(self._fine) // factor < BINS_MAX
        )
        merged, width = self._merged(factor), self._width * factor
        for number in range(min(merged), max(merged) + 1):
            before, after = merged.get(number, (0, 0))
            yield Bin(number * width, (number + 1) * width, before, after)

    def _count(self, score: int, which: int) -> None:
        self._fine.setdefault(score // self._width, [0, 0])[which] += 1

    def _merged(self, factor: int) -> dict[int, list[int]]:
        merged: dict[int, list[int]] = {}
        for number, (before, after) in self._fine.items():
            counts = merged.setdefault(number // factor, [0, 0])
            counts[0] += before
            counts[1] += after
        return merged


def _round_numbers() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 ..."""
    ten = 1
    while True:
        yield from (ten, 2 * ten, 5 * ten)
        ten *= 10
