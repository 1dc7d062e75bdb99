"""What every measurement is given, and what it gives back."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.sizes import Sizes

Samples = Iterator[tuple[str, float]]
"""Keys of figures, each with one repetition's value."""

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench."""

    sizes: Sizes
    wanted: frozenset[str]
    """Keys of figures."""
    say: Callable[[str], None] = field(default=print)

    def wants(self, *keys: str) -> bool:
        """Whether one of these figures is to be measured."""
        return not self.wanted.isdisjoint(keys)

    def repeat(self, what: str) -> Iterator[int]:
        """Once for each repetition."""
        for number in range(1, self.sizes.repetitions + 1):
            self.say(f"{what}: {number} of {self.sizes.repetitions}")
            yield number


def until(condition: Callable[[], bool], timeout_s: float = 900.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s")
        time.sleep(POLL_S)
