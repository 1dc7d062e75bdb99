"""ScoringService in this process: the real interceptor and servicer over the store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from scoreline.scoring.v1 import scoring_service_pb2_grpc
from services.scoring.fact_handlers import FactHandlers
from services.scoring.handlers import EventHandlers
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.replay_handlers import ReplayHandlers
from services.scoring.score_handlers import ScoreHandlers
from services.scoring.servicer import ScoringServicer
from services.shared import contracts
from services.shared.interceptor import CallInterceptor
from tests.support.clocks import SteppingClock
from tests.support.scoring_calls import Api, KnownCallers
from tests.support.scoring_store import InMemoryStore


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """The service, its store and a stub for each key of `KEYS`."""
    store, clock = InMemoryStore(), SteppingClock()
    server = grpc.aio.server()
    services = CallInterceptor(KnownCallers(), contracts.required_scopes()).on(server)
    servicer = ScoringServicer(
        LeadHandlers(store, clock),
        ScoreHandlers(store, clock),
        VerifyHandlers(store),
        ReplayHandlers(store, clock, lambda: None),
        FactHandlers(store, clock, lambda: None),
        IdentityHandlers(store),
    )
    scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(servicer, services)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = scoring_service_pb2_grpc.ScoringServiceStub(channel)
        yield Api(store, EventHandlers(store, clock), stub, "p1")
    await server.stop(None)
