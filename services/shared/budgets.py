"""How much of the processor's time work may take: what customers write is worked out for them, and costs us that."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """How long some work may take, in time of the processor that this thread had: neither what else is done between two
    pieces of it nor a busy machine counts. A piece is done in one thread."""

    __slots__ = ("_end_s", "_left_s")

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._end_s = -math.inf

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Time spent in here counts. Not to be awaited in."""
        self._end_s = time.thread_time() + self._left_s
        try:
            yield
        finally:
            self._left_s = self._end_s - time.thread_time()

    @property
    def over(self) -> bool:
        """Whether there is nothing left; to be asked while it is being spent."""
        return self.left_s < 0

    @property
    def left_s(self) -> float:
        """What is left; to be asked while it is being spent."""
        return self._end_s - time.thread_time()
