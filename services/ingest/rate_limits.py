"""How often an API key may call: requests counted per key and minute of the clock, over all processes of ingest. The
counts are message counters of the broker: one exchange adds one and tells the sum. Keys without a limit cost nothing.
"""

from datetime import UTC, datetime
from typing import Protocol

import nats.errors
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from services.ingest.errors import RateLimited
from services.shared.bus import Bus
from services.shared.clock import Clock
from services.shared.context import Caller
from services.shared.errors import DependencyUnavailable
from services.shared.publishing import BrokerUnavailable, NoStream, PublishRejected, count_up

STREAM = "LIMITS"
SUBJECT_PREFIX = "limits."

WINDOW_S = 60
"""Minutes of the clock: a count of each needs no memory of when its requests came."""

AGE_MAX_S = 3 * WINDOW_S
"""A minute that is over is asked for no more; clocks of processes may differ by a minute or two."""

BYTES_MAX = 16 * 1024**2
"""Counts of some 150,000 keys. Beyond, the oldest go, and their keys begin anew."""

RETRY_S = 1.0
"""A restarted broker is back within seconds."""

STREAM_CONFIG = StreamConfig(
    name=STREAM,
    description="Requests of API keys with a limit, counted by the minute",
    subjects=[f"{SUBJECT_PREFIX}>"],
    # A restart of the broker forgets a minute's counts, which costs less than an fsync for every request.
    storage=StorageType.MEMORY,
    discard=DiscardPolicy.OLD,
    max_msgs_per_subject=1,
    max_age=AGE_MAX_S,
    max_bytes=BYTES_MAX,
    allow_msg_counter=True,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Counters(Protocol):
    """Counts that all processes share."""

    async def count(self, name: str) -> int:
        """Add one to the count of this name; how much it is then. Raises DependencyUnavailable."""
        ...


class BrokerCounters:
    """Counters in the broker's memory."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def start(self, timeout_s: float) -> None:
        """Make the stream, waiting for the broker up to `timeout_s` seconds."""
        await self._bus.ensure_stream(STREAM_CONFIG, timeout_s)

    async def count(self, name: str) -> int:
        subject = SUBJECT_PREFIX + name
        try:
            try:
                return await count_up(self._bus, subject)
            except NoStream:
                # A broker that was restarted has nothing in memory, not even the stream.
                await self._bus.ensure_stream(STREAM_CONFIG, RETRY_S)
                return await count_up(self._bus, subject)
        except (BrokerUnavailable, PublishRejected, nats.errors.Error, OSError) as error:
            raise DependencyUnavailable(
                "the request could not be counted, as its key's limit asks for; try again", RETRY_S
            ) from error


class RateLimits:
    """Refuses calls beyond the limit of their key."""

    def __init__(self, counters: Counters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock
        self._minute = 0
        self._used_up: set[str] = set()

    async def count(self, caller: Caller) -> None:
        """Count a request of a caller with a limit. Raises RateLimited, DependencyUnavailable."""
        passed_s = (self._clock.now() - _EPOCH).total_seconds()
        minute = int(passed_s // WINDOW_S)
        if minute != self._minute:
            self._minute = minute
            self._used_up.clear()
        name = f"{caller.project_id}.{caller.key_id}.{minute}"
        # Who goes on calling is refused without asking the broker each time.
        if name not in self._used_up:
            if await self._counters.count(name) <= caller.requests_per_minute:
                return
            if minute == self._minute:
                self._used_up.add(name)
        raise RateLimited(caller.requests_per_minute, (minute + 1) * WINDOW_S - passed_s)
