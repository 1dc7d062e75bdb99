"""What the connection to the broker says while the broker is away."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from services.shared.bus import Bus
from stack import Stack, StackConfig
from tests.support.eventually import eventually_async


@pytest.mark.timeout(180)
async def test_an_outage_is_said_once() -> None:
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        bus = await Bus.connect(stack.nats_url, "test", 10)
        attempts = 0
        try:
            with capture_logs() as lines:
                stack.kill("nats")
                lost = bus.client._server_pool[0]

                async def tried_often() -> bool:
                    nonlocal attempts
                    attempts = max(attempts, lost.reconnects)
                    return attempts >= 5

                await eventually_async(tried_often)
                stack.restart("nats")

                async def back() -> bool:
                    return bus.connected

                await eventually_async(back)
            events = [line["event"] for line in lines]
            assert events.count("broker connection lost") == 1
            assert events.count("broker connection restored") == 1
            errors = [line["error"] for line in lines if line["event"] == "broker connection error"]
            assert len(errors) == len(set(errors)) <= 3, errors
        finally:
            await bus.close()
