"""The arithmetic of figures: a median with its extremes, percentiles, and when an open loop sends."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over all repetitions."""

    median: float
    least: float
    most: float
    repetitions: int


def summarise(values: Sequence[float]) -> Summary:
    """The median and the extremes of one value a repetition. Raises ValueError for none."""
    if not values:
        raise ValueError("no repetition gave a value")
    return Summary(median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed (nearest rank). Raises
    ValueError for no values or another share."""
    if not values or not 0 <= share <= 1:
        raise ValueError("a percentile takes values, and a share from 0 to 1")
    rank = max(1, math.ceil(share * len(values)))
    return sorted(values)[rank - 1]


def send_times(rate: float, seconds: float) -> Iterator[float]:
    """When an open loop sends, in seconds since its start: evenly, whatever becomes of what was sent before. Latencies
    are counted from these, so that a stall counts for all that should have been sent meanwhile."""
    for number in range(int(rate * seconds)):
        yield number / rate
