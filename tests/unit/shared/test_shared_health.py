"""Health that follows what a service depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import cast

import pytest
from grpc_health.v1 import health_pb2

from services.shared.bus import Bus
from services.shared.config import ServiceConfig
from services.shared.health import Health
from services.shared.service import Service
from tests.support.eventually import eventually_async

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class BusThatBlinks:
    """Loses its connection and has it again."""

    connected = False

    def __init__(self) -> None:
        self._reconnected: list[Callable[[], None]] = []

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        self._reconnected.append(callback)

    def restore(self) -> None:
        self.connected = True
        for callback in self._reconnected:
            callback()


async def status(health: Health) -> int:
    request = health_pb2.HealthCheckRequest()
    return int((await health.servicer.Check(request, None)).status)


async def test_health_follows_its_dependencies_and_the_drain() -> None:
    up = True

    async def check() -> bool:
        return up

    health = Health(("scoreline.x.v1.XService",))
    health.depends_on("it", check)
    seen = []
    await health.check_now()
    seen.append(await status(health))
    up = False
    await health.check_now()
    seen.append(await status(health))
    up = True
    await health.check_now()
    seen.append(await status(health))
    await health.drain()
    await health.check_now()
    seen.append(await status(health))
    assert seen == [SERVING, NOT_SERVING, SERVING, NOT_SERVING]


async def test_a_service_whose_broker_is_back_says_so_before_the_next_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.shared.health.CHECK_INTERVAL_S", 3600.0)
    bus = BusThatBlinks()
    service = Service("accounts", ServiceConfig(), cast(Bus, bus), AsyncExitStack())
    task = asyncio.create_task(service.health.run())

    async def says(expected: int) -> bool:
        return await status(service.health) == expected

    await eventually_async(lambda: says(NOT_SERVING))
    bus.restore()
    await eventually_async(lambda: says(SERVING))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
