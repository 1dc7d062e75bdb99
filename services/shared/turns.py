"""Long work in the event loop that lets others in between. Work that takes seconds belongs here only where it is many
small pieces; one that is long by itself belongs into a thread."""

import asyncio

TURN_S = 0.005
"""Work keeps the process to itself for no longer (but for a single piece): then everybody else has a turn."""


class Turns:
    """Made when the work begins."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + TURN_S

    async def give(self) -> None:
        """Let others work when it is time."""
        if self._loop.time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._loop.time() + TURN_S
