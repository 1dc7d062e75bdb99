"""Long work in the event loop that lets others in between. Work that takes seconds belongs here only where it is many
small pieces; one that is long by itself belongs into a thread."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

TURN_S = 0.005
"""Work keeps the process to itself for no longer (but for a single piece): then everybody else has a turn."""

T = TypeVar("T")


class Turns:
    """Made when the work begins."""

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + TURN_S

    async def give(self) -> None:
        """Let others work when it is time."""
        if self._time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._time() + TURN_S

    async def each(self, work: Callable[[T], object], pieces: Iterable[T]) -> None:
        """Do a work piece by piece, and let others work in between when it is time."""
        for piece in pieces:
            work(piece)
            if self._time() >= self._until:
                await self.give()
