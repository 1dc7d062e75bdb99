"""Random draws that are the same everywhere. Only `random()` is promised to stay the same from one Python to the next,
and only it, plus, minus and times are the same on every processor; so every draw is made of those."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def source(*parts: object) -> random.Random:
    """A generator of its own for whatever `parts` name: leads do not depend on each other."""
    return random.Random("/".join(str(part) for part in parts))  # noqa: S311 - made to be foreseen


def between(rng: random.Random, least: int, greatest: int) -> int:
    """A whole number, both ends included."""
    return least + int(rng.random() * (greatest - least + 1))


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


def weighted(rng: random.Random, choices: Sequence[tuple[T, int]]) -> T:
    """One of the items, as likely as its weight."""
    point = int(rng.random() * sum(weight for _, weight in choices))
    for item, weight in choices:
        point -= weight
        if point < 0:
            return item
    raise ValueError("no choice has a weight")


def chance(rng: random.Random, percent: int) -> bool:
    """True in so many cases of a hundred."""
    return rng.random() * 100 < percent
