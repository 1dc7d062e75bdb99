"""Gathers events that are sent one by one into batches, in the background, with a bound on how many wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final

from scoreline.client import errors
from scoreline.client.events import encoded_bytes
from scoreline.client.sending import EventOutcome
from scoreline.client.settings import BATCH_BYTES_MAX, BATCH_EVENTS_MAX
from scoreline.events.v1.event_pb2 import Event

LINGER_S: Final = 0.02
"""How long an event waits for others to share its call."""

IN_FLIGHT: Final = 4
"""Calls at once: enough to hide the way there and back, few enough that a slow service slows the sender."""

UNRESOLVED_MAX: Final = 10_000
"""Events sent and not yet answered; `send` waits while there are so many."""

_Waiting = tuple[Event, "asyncio.Future[EventOutcome]"]


class EventSender:
    """Sends events in the background. On leaving its context everything sent has its outcome; when the context is left
    by an exception, what has no outcome yet is cancelled."""

    def __init__(
        self,
        send_batch: Callable[[Sequence[Event]], Awaitable[list[EventOutcome]]],
        *,
        batch_events: int,
        linger_s: float,
        in_flight: int,
        unresolved_max: int,
    ) -> None:
        if not 1 <= batch_events <= BATCH_EVENTS_MAX:
            raise ValueError(f"batch_events must be 1 to {BATCH_EVENTS_MAX}")
        self._send_batch = send_batch
        self._batch_events = batch_events
        self._linger_s = linger_s
        self._room = asyncio.Semaphore(unresolved_max)
        self._slots = asyncio.Semaphore(in_flight)
        self._waiting: deque[_Waiting] = deque()
        self._unresolved: set[asyncio.Future[EventOutcome]] = set()
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._flushes = 0
        self._deliveries: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Task[None] | None = None

    async def send(self, event: Event) -> asyncio.Future[EventOutcome]:
        """Take an event; waits while too many are unresolved. The future gives its outcome, never an error.

        It need not be awaited. Raises RuntimeError outside the sender's context.
        """
        if self._gathering is None:
            raise RuntimeError("the sender is not open: use it as an async context manager")
        await self._room.acquire()
        future = asyncio.get_running_loop().create_future()
        self._unresolved.add(future)
        self._waiting.append((event, future))
        self._wake.set()
        if len(self._waiting) >= self._batch_events:
            self._full.set()
        return future

    async def flush(self) -> None:
        """Send what waits without lingering; returns when all events sent so far have their outcome."""
        self._flushes += 1
        self._full.set()
        try:
            if self._unresolved:
                await asyncio.wait(set(self._unresolved))
        finally:
            self._flushes -= 1

    async def __aenter__(self) -> EventSender:
        self._gathering = asyncio.create_task(self._gather(), name="scoreline-sender")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gathering, self._gathering = self._gathering, None
        assert gathering is not None  # noqa: S101 - made by __aenter__
        try:
            if error is None:
                await self.flush()
        finally:
            tasks = {gathering, *self._deliveries}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for future in self._unresolved:
                future.cancel()

    async def _gather(self) -> None:
        while True:
            await self._wake.wait()
            if not self._flushes and len(self._waiting) < self._batch_events:
                self._full.clear()
                try:
                    async with asyncio.timeout(self._linger_s):
                        await self._full.wait()
                except TimeoutError:
                    pass  # what has come by now goes
            await self._slots.acquire()
            batch = self._cut()
            if not self._waiting:
                self._wake.clear()
            delivery = asyncio.create_task(self._deliver(batch))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)

    def _cut(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < self._batch_events:
            size += encoded_bytes(self._waiting[0][0])
            if batch and size > BATCH_BYTES_MAX:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _deliver(self, batch: list[_Waiting]) -> None:
        events = [event for event, _ in batch]
        try:
            try:
                outcomes = await self._send_batch(events)
            except errors.ScorelineError as error:
                outcomes = [EventOutcome(event, error=error) for event in events]
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        finally:
            self._slots.release()
            for _, future in batch:
                # Only a cancelled delivery leaves one without an outcome.
                future.cancel()
                self._unresolved.discard(future)
                self._room.release()
