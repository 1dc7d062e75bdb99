"""What a service says of itself in the first moment."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from grpc_health.v1 import health_pb2

from services.shared import service as service_module
from services.shared.bus import Bus
from services.shared.config import ServiceConfig
from services.shared.credentials import Credentials
from services.shared.service import Service


class NoCredentials:
    """Follows nothing."""

    async def follow(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_service_never_serves_before_its_dependencies_were_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = cast(Bus, SimpleNamespace(connected=True, on_reconnect=lambda _: None))
    service = Service("accounts", ServiceConfig(), bus, AsyncExitStack())
    service.credentials = cast(Credentials, NoCredentials())

    async def never() -> bool:
        return False

    service.health.depends_on("something that is away", never)
    listening_with = []
    start = service._server.start

    async def start_and_look() -> None:
        request, unused = health_pb2.HealthCheckRequest(), cast(Any, None)
        listening_with.append((await service.health.servicer.Check(request, unused)).status)
        await start()

    async def at_once() -> None:
        """SIGTERM has come already."""

    monkeypatch.setattr(service._server, "start", start_and_look)
    monkeypatch.setattr(service_module, "_terminated", at_once)
    await service.serve()
    assert listening_with == [health_pb2.HealthCheckResponse.NOT_SERVING]
