"""How a peer is driven at a steady rate, and what its latencies come to: each counted from the moment an event was to
be sent."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.stats import percentile, send_times
from bench.workload import Happening

SEEN_TIMEOUT_S = 120.0


class Seen:
    """When events were to be sent, and how long after that they were seen."""

    def __init__(self, events: Sequence[Happening]) -> None:
        self._unseen = {one.event_id for one in events}
        self._intended: dict[str, float] = {}
        self._latencies_ms: list[float] = []
        # Not asyncio's: one peer tells of events in a thread.
        self._all = threading.Event()

    def intend(self, event_id: str, at: float) -> None:
        """An event is to be sent at this instant (perf_counter); the first time counts where it is sent twice."""
        self._intended.setdefault(event_id, at)

    def saw(self, event_id: str) -> None:
        """Somebody who watches was told."""
        if event_id in self._unseen:
            self._unseen.remove(event_id)
            late_s = time.perf_counter() - self._intended[event_id]
            self._latencies_ms.append(late_s * 1000)
            if not self._unseen:
                self._all.set()

    async def all(self) -> None:
        """Wait until every event was seen. Raises TimeoutError."""
        if not await asyncio.to_thread(self._all.wait, SEEN_TIMEOUT_S):
            raise TimeoutError(f"{len(self._unseen)} events were not seen")

    @property
    def p99_ms(self) -> float:
        """The p99 of all."""
        return percentile(self._latencies_ms, 0.99)


async def send_paced(
    events: Sequence[Happening],
    rate: float,
    seen: Seen,
    send: Callable[[Happening], Awaitable[None]],
) -> None:
    """Send each at its time, whatever becomes of those before, and wait until all are seen."""
    begin, sending = time.perf_counter(), []
    for one, after in zip(events, send_times(rate, len(events) / rate), strict=False):
        if (ahead := begin + after - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        seen.intend(one.event_id, begin + after)
        sending.append(asyncio.ensure_future(send(one)))
    await asyncio.gather(*sending)
    await seen.all()
