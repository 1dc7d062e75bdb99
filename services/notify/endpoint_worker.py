"""Sends what is due, and clears away what is too old. Any number of processes do so at once: delivery_queue.py sees to
it that a lead's deliveries stay one after the other."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

from services.notify.domain import retries
from services.notify.endpoint_ports import Claimed, DeliveryQueue, Sending
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable
from services.shared.tasks import cancel

log = logs.get("endpoints")

POLL_S = 0.5
"""How soon is noticed what another process planned, what is due again, and what a dead process left."""

GATHER_S = 0.02
"""Between two claims while there is much to send."""

LEASE_FACTOR = 2.0
"""A claim lasts so many times as long as an attempt may take: enough for the database to be told, too."""

LEASE_S_MIN = 2.0

RETRY_S = 1.0
"""Between two tries while the database is away."""

WAIT_MAX = timedelta(days=7)
"""Of deliveries that can't be sent: their endpoint is disabled, or too slow for what happens."""

KEEP_ENDED = timedelta(days=30)

SWEEP_S = 60.0
SWEEP_BATCH = 1_000


class EndpointWorker:
    """Sends."""

    def __init__(
        self,
        queue: DeliveryQueue,
        sender: Sending,
        clock: Clock,
        timeout_s: float,
        in_flight_max: int,
        schedule_s: Sequence[float],
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._lease = timedelta(seconds=max(timeout_s * LEASE_FACTOR, LEASE_S_MIN))
        self._in_flight_max = in_flight_max
        self._schedule_s = schedule_s
        self._attempts: set[asyncio.Task[None]] = set()
        self._nudged = asyncio.Event()
        self._stopping = False

    def nudge(self) -> None:
        """There may be something to send."""
        self._nudged.set()

    def stop(self) -> None:
        """Return from `run` when the attempts on their way are over."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Send until stopped."""
        try:
            while not self._stopping:
                self._nudged.clear()
                if await self._take() == 0:
                    await self._wait(POLL_S)
                elif not self._stopping:
                    # One claim for what comes to its end meanwhile, instead of one each.
                    await asyncio.sleep(GATHER_S)
            if self._attempts:
                await asyncio.wait(self._attempts)
        finally:
            await cancel(self._attempts)

    async def sweep(self) -> None:
        """Clear away for ever: what waited too long has failed, what ended long ago is forgotten."""
        while True:
            try:
                await self._clear()
            except DependencyUnavailable:
                log.info("sweep waits for the database")
            await asyncio.sleep(SWEEP_S)

    async def _take(self) -> int:
        free = self._in_flight_max - len(self._attempts)
        if free <= 0:
            return 0
        try:
            found = await self._queue.claim(free, self._lease, self._clock.now())
        except DependencyUnavailable:
            await asyncio.sleep(RETRY_S)
            return 0
        for claimed in found:
            attempt = asyncio.create_task(self._attempt(claimed))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._over)
        return len(found)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        # What follows it in its lane, and whatever found no room, is due.
        self._nudged.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A defect; the claim runs out, and the delivery is tried again.
            log.error("attempt failed", exc_info=error)

    async def _attempt(self, claimed: Claimed) -> None:
        endpoint = claimed.endpoint
        attempt = await self._sender.send(endpoint, claimed.delivery_id, claimed.payload)
        now = self._clock.now()
        draw = random.random()  # noqa: S311 - spreads load, keeps no secret
        delay_s = retries.delay_s(
            self._schedule_s, claimed.failed_count + 1, attempt.retry_after_s, draw
        )
        retry_time = None if delay_s is None else now + timedelta(seconds=delay_s)
        try:
            reason = await self._queue.report(claimed, attempt, retry_time, now)
        except DependencyUnavailable:
            # Nobody knows of it: the claim runs out, and it is sent again under the same id.
            log.info("attempt not written down", endpoint=endpoint.endpoint_id)
            return
        if reason:
            log.warning(
                "endpoint disabled",
                endpoint=endpoint.endpoint_id,
                project=endpoint.project_id,
                reason=reason,
            )
        if not attempt.succeeded and retry_time is None:
            log.warning(
                "delivery failed for good",
                endpoint=endpoint.endpoint_id,
                delivery=claimed.delivery_id,
                status=attempt.status,
                error=attempt.error,
            )

    async def _clear(self) -> None:
        now = self._clock.now()
        while dropped := await self._queue.drop_waiting(now - WAIT_MAX, now, SWEEP_BATCH):
            log.warning("deliveries waited too long", count=dropped)
        forgotten = SWEEP_BATCH
        while forgotten == SWEEP_BATCH:
            forgotten = await self._queue.forget_ended(now - KEEP_ENDED, SWEEP_BATCH)

    async def _wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._nudged.wait()
        except TimeoutError:
            return
