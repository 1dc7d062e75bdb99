"""Events as they are scored, for people to look at. The newest wait for the reader; what it has no time for is counted
and left out."""

import asyncio
from dataclasses import dataclass

from services.notify.errors import FeedInterrupted
from services.notify.hub import Hub
from services.notify.ports import PublishedChange
from services.notify.updates import HeartbeatUpdate
from services.notify.watcher import Watcher


@dataclass(frozen=True, slots=True)
class ActivityUpdate:
    """An event that was scored."""

    published: PublishedChange
    left_out: int
    """Events before it that are not sent."""


class ActivityWatch:
    """Give it to one task, which calls `next` until it raises, and `close` in the end."""

    def __init__(
        self, hub: Hub, watcher: Watcher, interval_min_s: float, heartbeat_interval_s: float
    ) -> None:
        self._hub = hub
        self._watcher = watcher
        self._interval_min_s = interval_min_s
        self._heartbeat_interval_s = heartbeat_interval_s
        self._opened = False
        self._not_before_s = 0.0
        hub.join(watcher, hub.position)

    async def next(self) -> ActivityUpdate | HeartbeatUpdate:
        """The next event; waits for it. Raises what ends the watch."""
        loop = asyncio.get_running_loop()
        watcher = self._watcher
        if not self._opened:
            self._opened = True
            return HeartbeatUpdate(None)
        quiet_until = loop.time() + self._heartbeat_interval_s
        while True:
            watcher.wake.clear()
            if watcher.ending is not None:
                raise FeedInterrupted.instead_of(watcher.ending)
            now_s = loop.time()
            if now_s >= self._not_before_s:
                taken = self._hub.take(watcher)
                if taken is not None:
                    self._not_before_s = now_s + self._interval_min_s
                    return ActivityUpdate(*taken)
            if now_s >= quiet_until:
                return HeartbeatUpdate(None)
            waits = len(watcher.waiting) > 0
            until = min(quiet_until, self._not_before_s) if waits else quiet_until
            try:
                async with asyncio.timeout_at(until):
                    await watcher.wake.wait()
            except TimeoutError:
                continue

    def close(self) -> None:
        """Free what the watch holds. May be called more than once."""
        self._hub.close(self._watcher)
