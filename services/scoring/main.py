"""The wiring of scoring."""

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from scoreline.scoring.v1 import (
    analytics_service_pb2_grpc,
    scoring_service_pb2_grpc,
    simulation_service_pb2_grpc,
)
from services.scoring import convert, quarantine_conversion, tables
from services.scoring.analytics_handlers import AnalyticsHandlers
from services.scoring.analytics_servicer import AnalyticsServicer
from services.scoring.config import ScoringConfig
from services.scoring.exporting import Exports
from services.scoring.fact_handlers import FactHandlers
from services.scoring.handlers import EventHandlers
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.replay_handlers import ReplayHandlers
from services.scoring.score_handlers import ScoreHandlers
from services.scoring.servicer import ScoringServicer
from services.scoring.simulation_handlers import SimulationHandlers
from services.scoring.simulation_servicer import SimulationServicer
from services.scoring.store import PostgresStore
from services.scoring.worker import (
    EVENTS_STREAM,
    RULES_STREAM,
    EventWorker,
    ExclusiveWorker,
    RulesWorker,
)
from services.shared.bus import Bus
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.outbox import OutboxRelay
from services.shared.service import Service, run

SCORES_STREAM = "SCORES"
QUARANTINE_STREAM = "QUARANTINE"


def scores_stream(kept_s: float) -> StreamConfig:
    """The stream of score changes."""
    return StreamConfig(
        name=SCORES_STREAM,
        description="Score changes, in version order per lead",
        subjects=["scores.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=kept_s,
        allow_atomic=True,
        allow_direct=True,
    )


def quarantine_relay(database: Database, bus: Bus) -> OutboxRelay:
    """Tells ingest what can't be scored."""
    return OutboxRelay(
        database,
        bus,
        tables.quarantine_outbox,
        QUARANTINE_STREAM,
        "scoring_quarantine_outbox",
        atomic=True,
        versions=False,
    )


async def build(service: Service, config: ScoringConfig) -> None:
    """Put scoring together."""
    database = await Database.connect(config, "scoring", config.startup_timeout_s)
    service.resources.push_async_callback(database.close)
    service.health.depends_on("database", database.reachable)
    await service.bus.ensure_stream(scores_stream(config.scores_kept_s), config.startup_timeout_s)
    for stream in (EVENTS_STREAM, RULES_STREAM, QUARANTINE_STREAM):
        await service.bus.wait_for_stream(stream, config.startup_timeout_s)

    store = PostgresStore(database, convert.encoded_score_change, quarantine_conversion.encoded)
    clock = SystemClock()
    events = EventHandlers(store, clock)
    relay = OutboxRelay(
        database, service.bus, tables.outbox, SCORES_STREAM, "scoring_outbox", atomic=True
    )
    rescoring = ExclusiveWorker("rescore", database, events.rescore_next, relay)
    fading = ExclusiveWorker("fade", database, events.fade_next, relay)
    worker = EventWorker(service.bus, events, relay, config.batch_events_max, config.ack_wait_s)
    service.add_loop("events", worker.run, worker.stop)
    service.add_loop("rules", RulesWorker(service.bus, events, rescoring).run)
    service.add_loop("rescoring", rescoring.run, rescoring.stop)
    service.add_loop("fading", fading.run, fading.stop)
    service.add_loop("outbox", relay.run, relay.stop)
    given_up = quarantine_relay(database, service.bus)
    # While QUARANTINE has no room its rows wait in the outbox: no reason not to score and answer.
    service.add_loop("quarantine outbox", given_up.run, given_up.stop, vital=False)
    servicer = ScoringServicer(
        LeadHandlers(store, clock),
        ScoreHandlers(store, clock),
        VerifyHandlers(store),
        ReplayHandlers(store, clock, relay.nudge),
        FactHandlers(store, clock, relay.nudge),
        IdentityHandlers(store),
    )
    scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(servicer, service.server)
    analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(
        AnalyticsServicer(AnalyticsHandlers(store, clock), Exports(store)), service.server
    )
    simulations = SimulationServicer(SimulationHandlers(store, clock))
    simulation_service_pb2_grpc.add_SimulationServiceServicer_to_server(simulations, service.server)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    run("scoring", ScoringConfig, build)
