"""gRPC health v1 that says what is true: SERVING only while everything the service depends on works."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from grpc_health.v1 import health, health_pb2

from services.shared import logs

log = logs.get("health")

CHECK_INTERVAL_S = 0.5
"""How soon a lost dependency shows."""

CHECK_TIMEOUT_S = 2.0
"""A dependency that does not answer by then is down."""

Check = Callable[[], Awaitable[bool]]


class Health:
    """The statuses of a process: the overall one (empty name) and that of each gRPC service it has."""

    def __init__(self, service_names: tuple[str, ...]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._names = ("", *service_names)
        self._checks: dict[str, Check] = {}
        self._draining = False
        self._serving: bool | None = None
        self._asked = asyncio.Event()

    def depends_on(self, name: str, check: Check) -> None:
        """Be SERVING only while `check` answers True."""
        self._checks[name] = check

    def look_again(self) -> None:
        """A dependency is back: say so now, not at the next check, so that nobody is turned away any more."""
        self._asked.set()

    async def run(self) -> None:
        """Check the dependencies for ever."""
        while True:
            self._asked.clear()
            await self.check_now()
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL_S):
                    await self._asked.wait()

    async def check_now(self) -> None:
        """Check every dependency once and set the statuses."""
        down = [name for name, check in self._checks.items() if not await _holds(check)]
        await self._set(not down and not self._draining, down)

    async def drain(self) -> None:
        """NOT_SERVING from now on, whatever the dependencies."""
        self._draining = True
        await self._set(False, ["draining"])

    async def _set(self, serving: bool, down: list[str]) -> None:
        if serving == self._serving:
            return
        self._serving = serving
        log.info("health", serving=serving, down=down)
        statuses = health_pb2.HealthCheckResponse
        status = statuses.SERVING if serving else statuses.NOT_SERVING
        for name in self._names:
            await self.servicer.set(name, status)


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return False
