"""Wiring of notify: configuration -> adapters -> hub and handlers -> server."""

from functools import partial

from scoreline.notify.v1 import notify_service_pb2_grpc, webhook_endpoints_service_pb2_grpc
from services.notify import activations, leads
from services.notify.boards import Boards
from services.notify.conditions import Conditions
from services.notify.config import NotifyConfig
from services.notify.convert import Responses
from services.notify.delivery_queue import PostgresQueue
from services.notify.delivery_store import PostgresDeliveries
from services.notify.domain.resume_token import TokenSigner
from services.notify.endpoint_examples import example
from services.notify.endpoint_handlers import EndpointHandlers, TargetRules
from services.notify.endpoint_lookup import (
    Lookup,
    NameServerLookup,
    SystemLookup,
    name_server,
)
from services.notify.endpoint_plan import EndpointPlan
from services.notify.endpoint_sender import Sender
from services.notify.endpoint_servicer import WebhookEndpointsServicer
from services.notify.endpoint_worker import EndpointWorker
from services.notify.handlers import FeedHandler, WatchHandler
from services.notify.hub import Hub, HubLimits
from services.notify.planning import Plan, Planner, Source
from services.notify.ports import PublishedChange
from services.notify.servicer import NotifyServicer
from services.notify.store import PostgresEndpoints
from services.notify.stream import BROKER_ERRORS, STREAM, JetStreamScores, published_change
from services.notify.watch import SnapshotBudget
from services.notify.worker import Follower, Keeper
from services.shared import db
from services.shared.clock import Clock, SystemClock
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.retrying import until_available
from services.shared.sealing import Seal
from services.shared.service import Service, run

CONDITIONS_MAX = 100_000
"""Different filters of endpoints; each is compiled once a process."""


async def build(service: Service, config: NotifyConfig) -> None:
    """Put the parts together."""
    # Not among what health depends on: watches do without it.
    database = await Database.connect(config, "notify", config.startup_timeout_s)
    service.resources.push_async_callback(database.close)
    await service.bus.wait_for_stream(STREAM, config.startup_timeout_s)
    stream = JetStreamScores(service.bus, config.catch_up_readers_max)
    hub = Hub(
        HubLimits(
            config.ring_messages_max,
            config.ring_bytes_max,
            config.queue_messages_max,
            config.watchers_max,
        )
    )
    follower = Follower(hub, stream)
    await until_available(
        "score changes",
        lambda: follower.warm_up(config.warm_up_messages),
        (DependencyUnavailable, *BROKER_ERRORS),
        config.startup_timeout_s,
    )
    keeper = Keeper(hub, follower, service.credentials, config.broker_silence_max_s)
    service.add_loop("follower", follower.follow)
    service.add_loop("keeper", keeper.run)
    service.health.depends_on("scores", follower.healthy)
    service.on_drain(hub.drain)

    channel = leads.connect(config.scoring_target)
    service.resources.push_async_callback(channel.close)
    tokens = _signer(config)
    source = leads.ScoringLeads(channel)
    watches = WatchHandler(
        hub, stream, source, tokens, SnapshotBudget(config.snapshot_leads_held_max)
    )
    boards = Boards(hub, source, config.boards_max, config.board_readers_max)
    servicer = NotifyServicer(
        watches, FeedHandler(hub, boards), Conditions(config.filters_max), Responses(tokens)
    )
    notify_service_pb2_grpc.add_NotifyServiceServicer_to_server(servicer, service.server)

    clock = SystemClock()
    worker = _add_endpoints(service, config, database, clock)
    conditions = Conditions(CONDITIONS_MAX)
    plans: list[Plan[PublishedChange]] = [EndpointPlan(conditions, clock, worker.nudge)]
    changes = Source("scores", stream, published_change)
    service.add_loop("planning", Planner(database, changes, plans, clock).run)
    telling = activations.ActivationPlan(clock, worker.nudge)
    rules = activations.source(service.bus)
    service.add_loop("planning of activations", Planner(database, rules, [telling], clock).run)


def _add_endpoints(
    service: Service, config: NotifyConfig, database: Database, clock: Clock
) -> EndpointWorker:
    seal = Seal(config.secret_keys.get_secret_value())
    sender = Sender(
        config.delivery_timeout_s,
        config.allow_http_targets,
        config.allow_private_targets,
        clock,
        lookup=_lookup(config),
    )
    service.resources.push_async_callback(sender.close)
    worker = EndpointWorker(
        PostgresQueue(database, seal),
        sender,
        clock,
        config.delivery_timeout_s,
        config.deliveries_in_flight_max,
        config.retry_schedule_s,
    )
    service.add_loop("webhooks", worker.run, worker.stop)
    service.add_loop("sweep of webhooks", worker.sweep)
    handlers = EndpointHandlers(
        PostgresEndpoints(database, seal),
        PostgresDeliveries(database),
        sender,
        TargetRules(config.allow_http_targets, config.allow_private_targets),
        Conditions(CONDITIONS_MAX),
        example,
        worker.nudge,
        clock,
    )
    webhook_endpoints_service_pb2_grpc.add_WebhookEndpointsServiceServicer_to_server(
        WebhookEndpointsServicer(handlers), service.server
    )
    return worker


def _lookup(config: NotifyConfig) -> Lookup:
    if not config.nameservers:
        return SystemLookup()
    servers = [name_server(one) for one in config.nameservers]
    return NameServerLookup(servers, config.delivery_timeout_s)


def _signer(config: NotifyConfig) -> TokenSigner:
    previous = config.previous_token_key
    return TokenSigner(
        config.token_key.get_secret_value().encode(),
        previous.get_secret_value().encode() if previous is not None else None,
    )


def main() -> None:
    """Run notify."""
    run("notify", NotifyConfig, build, partial(db.migrate, "notify"))
