"""The wiring of ingest: settings -> EVENTS stream -> group commit -> use cases -> RPC edge."""

from scoreline.ingest.v1 import (
    imports_service_pb2_grpc,
    ingest_service_pb2_grpc,
    quarantine_service_pb2_grpc,
    webhooks_service_pb2_grpc,
)
from services.ingest import convert
from services.ingest.broker import require_durable
from services.ingest.config import IngestConfig
from services.ingest.handlers import IngestHandlers
from services.ingest.import_handlers import ImportHandlers
from services.ingest.import_servicer import ImportsServicer
from services.ingest.import_store import PostgresImports
from services.ingest.import_work import PostgresImportWork
from services.ingest.import_worker import IMPORTS_AT_ONCE, ImportWorker
from services.ingest.marking import EventMarks
from services.ingest.ports import Quarantine, Redelivery
from services.ingest.quarantine_handlers import QuarantineHandlers
from services.ingest.quarantine_servicer import QuarantineServicer
from services.ingest.quarantine_store import PostgresQuarantine
from services.ingest.quarantine_worker import QUARANTINE_STREAM, EventRequeue, QuarantineWorker
from services.ingest.rate_limits import BrokerCounters, RateLimits
from services.ingest.servicer import IngestServicer
from services.ingest.store import EventStream, stream_config
from services.ingest.webhook_cache import SourceCache
from services.ingest.webhook_handlers import WebhookHandlers
from services.ingest.webhook_presets import load_all as load_presets
from services.ingest.webhook_servicer import WebhooksServicer
from services.ingest.webhook_sources import WebhookSources
from services.ingest.webhook_store import PostgresWebhooks
from services.ingest.webhook_worker import DeliveryCounts
from services.ingest.worker import GroupCommit, Limits
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.sealing import Seal
from services.shared.service import Service, run


async def build(service: Service, config: IngestConfig) -> None:
    """Put ingest's parts onto the service."""
    await require_durable(
        config.nats_monitor_url, config.allow_unsynced_broker, config.startup_timeout_s
    )
    await service.bus.ensure_stream(
        stream_config(config.events_bytes_max), config.startup_timeout_s
    )
    # Not among what health depends on: only webhook sources, imports and quarantine need it, events are taken without.
    database = await Database.connect(config, "ingest", config.startup_timeout_s)
    service.resources.push_async_callback(database.close)
    limits = Limits(
        gather_s_max=config.gather_ms_max / 1000,
        batch_events_max=config.batch_events_max,
        few_events_max=config.few_events_max,
        batch_bytes_max=config.batch_bytes_max,
        batches_in_flight_max=config.batches_in_flight_max,
        intake_events_max=config.intake_events_max,
        intake_bytes_max=config.intake_bytes_max,
    )
    commit = GroupCommit(EventStream(service.bus), limits)
    service.add_loop("group commit", commit.run, commit.stop)
    counters = BrokerCounters(service.bus)
    await counters.start(config.startup_timeout_s)
    service.limit_calls(RateLimits(counters, SystemClock()))
    handlers = IngestHandlers(commit, convert.message, SystemClock(), EventMarks())
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(
        IngestServicer(handlers), service.server
    )
    quarantine = PostgresQuarantine(database)
    seal = Seal(config.secret_keys.get_secret_value())
    webhooks = _add_webhooks(service, PostgresWebhooks(database, seal), handlers, quarantine)
    await _add_quarantine(service, config, quarantine, webhooks)
    _add_imports(service, database, handlers)


def _add_webhooks(
    service: Service, store: PostgresWebhooks, events: IngestHandlers, quarantine: Quarantine
) -> WebhookHandlers:
    clock = SystemClock()
    cache = SourceCache(store, clock)
    counts = DeliveryCounts(store)
    service.add_loop("webhook counters", counts.run, counts.stop)
    handlers = WebhookHandlers(cache, events, quarantine, counts, clock)
    sources = WebhookSources(store, cache, load_presets(), clock)
    webhooks_service_pb2_grpc.add_WebhooksServiceServicer_to_server(
        WebhooksServicer(handlers, sources), service.server
    )
    return handlers


async def _add_quarantine(
    service: Service, config: IngestConfig, store: PostgresQuarantine, redelivery: Redelivery
) -> None:
    await service.bus.ensure_stream(QUARANTINE_STREAM, config.startup_timeout_s)
    clock = SystemClock()
    worker = QuarantineWorker(service.bus, store, clock)
    service.add_loop("quarantine", worker.run, worker.stop)
    service.add_loop("forgetting", worker.forget)
    handlers = QuarantineHandlers(store, redelivery, EventRequeue(EventStream(service.bus)), clock)
    quarantine_service_pb2_grpc.add_QuarantineServiceServicer_to_server(
        QuarantineServicer(handlers), service.server
    )


def _add_imports(service: Service, database: Database, events: IngestHandlers) -> None:
    clock = SystemClock()
    worker = ImportWorker(PostgresImportWork(database), events, clock)
    for number in range(1, IMPORTS_AT_ONCE + 1):
        service.add_loop(f"imports {number}", worker.work)
    service.add_loop("sweep of imports", worker.sweep)
    service.on_drain(worker.drain)
    handlers = ImportHandlers(PostgresImports(database), clock, worker.nudge)
    imports_service_pb2_grpc.add_ImportsServiceServicer_to_server(
        ImportsServicer(handlers), service.server
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    run("ingest", IngestConfig, build)
