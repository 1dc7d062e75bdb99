"""SimulationService in this process: the real interceptor and servicer over the store in memory, with a few leads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1 import simulation_service_pb2 as pb
from scoreline.scoring.v1 import simulation_service_pb2_grpc
from services.scoring.handlers import EventHandlers
from services.scoring.simulation_handlers import SimulationHandlers
from services.scoring.simulation_servicer import SimulationServicer
from services.shared import contracts
from services.shared.interceptor import CallInterceptor
from tests.support import simulation_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_calls import CALL_TIMEOUT_S, KnownCallers
from tests.support.scoring_store import InMemoryStore

HOUR = timedelta(hours=1)
NOW = START + timedelta(days=2)


@dataclass
class Simulations:
    """The service, and what is behind it."""

    store: InMemoryStore
    events: EventHandlers
    handlers: SimulationHandlers
    stub: Any

    async def streamed(self, method: str, request: Any, key: str = "p1") -> list[Any]:
        metadata = (("x-api-key", key),)
        call = getattr(self.stub, method)(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
        return [message async for message in call]

    async def simulate(self, key: str = "p1", **request: Any) -> Outcome:
        found = pb.SimulateRuleSetRequest(**request)
        return Outcome(await self.streamed("SimulateRuleSet", found, key))


class Outcome:
    """The messages of a simulation, by kind."""

    def __init__(self, messages: list[Any]) -> None:
        self.messages = messages
        self.leads = {m.lead.lead_id: m.lead for m in messages if m.WhichOneof("message") == "lead"}
        self.progress = [m.progress for m in messages if m.WhichOneof("message") == "progress"]
        assert messages[-1].WhichOneof("message") == "summary"
        self.summary = messages[-1].summary

    def scores(self) -> dict[str, tuple[float, float]]:
        return {one: (lead.before.score, lead.after.score) for one, lead in self.leads.items()}


@pytest.fixture
async def service() -> AsyncIterator[Simulations]:
    store, clock = InMemoryStore(), MovableClock(NOW)
    events, handlers = EventHandlers(store, clock), SimulationHandlers(store, clock)
    server = grpc.aio.server()
    services = CallInterceptor(KnownCallers(), contracts.required_scopes()).on(server)
    simulation_service_pb2_grpc.add_SimulationServiceServicer_to_server(
        SimulationServicer(handlers), services
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = simulation_service_pb2_grpc.SimulationServiceStub(channel)
        await cases.activate(events, "p1", 1, cases.RULES)
        await events.apply_events(
            [
                cases.happened("p1", "e1", "view", HOUR),
                cases.happened("p1", "e2", "form", 2 * HOUR, n=2),
                cases.happened("p1", "e3", "form", 26 * HOUR, n=1),
                cases.happened("p1", "e4", "form", 2 * HOUR, "lead:bob", n=1),
                cases.happened("p1", "e5", "view", 47.5 * HOUR, "lead:cy"),
            ]
        )
        yield Simulations(store, events, handlers, stub)
    await server.stop(None)
