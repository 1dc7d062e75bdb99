"""Waiting for what a service needs: bounded, logged retries at start, and supervised loops afterwards."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from services.shared import logs

log = logs.get("retrying")

FIRST_DELAY_S = 0.05
"""Services start together: what is missing is usually there a moment later."""

PAUSE_MAX_S = 0.25
"""Between two tries for what is missing: whoever waits for this service waits for it too. The log has ever fewer of
them."""

MAX_DELAY_S = 2.0
"""No longer pause before a loop runs again: an operator who mends the cause should see the effect."""

UNHEALTHY_AFTER_FAILURES = 3
"""A loop that failed so many times in a row makes its service NOT_SERVING."""

T = TypeVar("T")


async def until_available(
    what: str,
    attempt: Callable[[], Awaitable[T]],
    retry_on: type[Exception] | tuple[type[Exception], ...],
    timeout_s: float,
) -> T:
    """The result of `attempt`, tried again while it raises `retry_on`; its last error after `timeout_s` seconds."""

    def say(state: tenacity.RetryCallState) -> None:
        error, number = state.outcome.exception() if state.outcome else None, state.attempt_number
        if number.bit_count() == 1:  # the first, the second, the fourth ...
            log.info("waiting", what=what, attempt=number, error=type(error).__name__)

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(retry_on),
        wait=tenacity.wait_exponential_jitter(
            multiplier=FIRST_DELAY_S, max=PAUSE_MAX_S, jitter=FIRST_DELAY_S
        ),
        stop=tenacity.stop_after_delay(timeout_s),
        before_sleep=say,
        reraise=True,
    )

    async def awaited() -> T:
        # tenacity awaits coroutine functions only, and would return a lambda's coroutine as the result.
        return await attempt()

    return await retrying(awaited)


class SupervisedLoop:
    """Runs a coroutine function until it is cancelled, and again whenever it fails, with growing pauses.

    Failures are logged with their traceback; after a few in a row the loop says it is unhealthy, and with it the
    service. Healthy again once the loop has run for longer than the longest pause.
    """

    def __init__(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._body = body
        self._failures = 0
        self._running_since: float | None = None

    @property
    def healthy(self) -> bool:
        """False after several failures in a row, until a run has lasted."""
        return self._failures < UNHEALTHY_AFTER_FAILURES or self._lasts

    @property
    def _lasts(self) -> bool:
        since = self._running_since
        return since is not None and time.monotonic() - since > MAX_DELAY_S

    async def run(self) -> None:
        """Never returns but by cancellation, unless the body returns."""
        while True:
            self._running_since = time.monotonic()
            try:
                await self._body()
                return
            except Exception as error:
                if self._lasts:
                    self._failures = 0
                self._running_since = None
                self._failures += 1
                log.error("loop failed", loop=self.name, failures=self._failures, exc_info=error)
            delay = min(FIRST_DELAY_S * 2**self._failures, MAX_DELAY_S)
            await asyncio.sleep(delay)

    def settled(self) -> None:
        """The body says that it works: earlier failures are over."""
        self._failures = 0
