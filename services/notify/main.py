"""Wiring of notify: configuration -> adapters -> hub and handlers -> server."""

from collections.abc import Callable
from typing import Any, cast

from scoreline.notify.v1 import (
    automations_service_pb2_grpc,
    follow_ups_service_pb2_grpc,
    notify_service_pb2_grpc,
    webhook_endpoints_service_pb2_grpc,
)
from services.notify import activations, dormancy, leads
from services.notify.action_email import Emails
from services.notify.action_hubspot import HubSpotContacts
from services.notify.action_inside import InsideActions
from services.notify.action_publish import AUTOMATIONS_STREAM, Publishing
from services.notify.action_salesforce import SalesforceRecords
from services.notify.action_slack import SlackMessages
from services.notify.automation_candidates import PostgresCandidates
from services.notify.automation_clock import AutomationClock
from services.notify.automation_conditions import AutomationConditions, Values
from services.notify.automation_handlers import AutomationHandlers, Checks
from services.notify.automation_leads import ScoringFacts
from services.notify.automation_looking import Looking
from services.notify.automation_occasions import Occasions
from services.notify.automation_plan import AutomationPlan
from services.notify.automation_ports import Doing
from services.notify.automation_previews import Previews
from services.notify.automation_queue import PostgresAutomationQueue
from services.notify.automation_rows import Definitions
from services.notify.automation_servicer import AutomationsServicer
from services.notify.automation_store import PostgresAutomations
from services.notify.automation_trial import AutomationTrial
from services.notify.automation_worker import AutomationWorker
from services.notify.boards import Boards
from services.notify.conditions import Conditions
from services.notify.config import NotifyConfig
from services.notify.convert import Responses
from services.notify.crm import Upserts
from services.notify.delivery_queue import PostgresQueue
from services.notify.delivery_store import PostgresDeliveries
from services.notify.domain import actions, mail
from services.notify.domain.resume_token import TokenSigner
from services.notify.endpoint_examples import example
from services.notify.endpoint_handlers import EndpointHandlers, TargetRules
from services.notify.endpoint_lookup import Lookup, SystemLookup, name_server
from services.notify.endpoint_plan import EndpointPlan
from services.notify.endpoint_sender import Sender
from services.notify.endpoint_servicer import WebhookEndpointsServicer
from services.notify.endpoint_worker import EndpointWorker
from services.notify.follow_up_servicer import FollowUpsServicer
from services.notify.follow_up_store import PostgresFollowUps
from services.notify.guarded_http import GuardedHttp
from services.notify.handlers import FeedHandler, WatchHandler
from services.notify.hub import Hub, HubLimits
from services.notify.planning import AWAY, Plan, Planner, Source
from services.notify.ports import PublishedChange
from services.notify.servicer import NotifyServicer
from services.notify.store import PostgresEndpoints
from services.notify.stream import STREAM, JetStreamScores, published_change
from services.notify.texts import Texts
from services.notify.watch import SnapshotBudget
from services.notify.worker import Follower, Keeper
from services.shared.clock import Clock, SystemClock
from services.shared.db import Database
from services.shared.retrying import until_available
from services.shared.sealing import Seal
from services.shared.service import Service, run
from services.shared.service_keys import ServiceKeys

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
    worker = _add_endpoints(service, config, database, stream, clock)
    conditions = Conditions(CONDITIONS_MAX)
    # The settings require the key.
    facts = ScoringFacts(channel, cast(ServiceKeys, service.service_keys))
    # Automations first: what endpoints are told locks lanes, which are to be locked for as short as can be.
    plans: list[Plan[PublishedChange]] = [
        await _add_automations(service, config, database, facts, worker.nudge),
        EndpointPlan(conditions, clock, worker.nudge),
    ]
    changes = Source(dormancy.SCORES, stream, published_change)
    planner = Planner(database, changes, plans, clock)
    await until_available("position", planner.prepare, AWAY, config.startup_timeout_s)
    service.add_loop("planning", planner.run)
    telling = activations.ActivationPlan(clock, worker.nudge)
    rules = activations.source(service.bus)
    service.add_loop("planning of activations", Planner(database, rules, [telling], clock).run)


def _add_endpoints(
    service: Service,
    config: NotifyConfig,
    database: Database,
    stream: JetStreamScores,
    clock: Clock,
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
        stream,
    )
    webhook_endpoints_service_pb2_grpc.add_WebhookEndpointsServiceServicer_to_server(
        WebhookEndpointsServicer(handlers), service.server
    )
    return worker


async def _add_automations(
    service: Service,
    config: NotifyConfig,
    database: Database,
    facts: ScoringFacts,
    nudge_webhooks: Callable[[], None],
) -> AutomationPlan:
    clock, texts, conditions = SystemClock(), Texts(), AutomationConditions()
    seal = Seal(config.secret_keys.get_secret_value())
    definitions, inside = Definitions(seal), InsideActions(texts)
    doings = await _doings(service, config, texts)
    queue = PostgresAutomationQueue(database, definitions, inside)
    candidates = PostgresCandidates(database, definitions)
    automations = PostgresAutomations(database, definitions)
    endpoints = PostgresEndpoints(database, seal)
    follow_ups = PostgresFollowUps(database)
    occasions = Occasions(facts, follow_ups)
    worker = AutomationWorker(
        candidates,
        queue,
        Looking(candidates, occasions, conditions, clock),
        occasions,
        doings,
        nudge_webhooks,
        clock,
        config.automation_retry_schedule_s,
    )
    service.add_loop("automations", worker.run, worker.stop)
    service.add_loop("sweep of automations", worker.sweep)
    by_clock = AutomationClock(database, definitions, facts, clock)
    service.add_loop("clock of automations", by_clock.run)
    checks = Checks(conditions, texts, doings, endpoints)
    previews = Previews(doings, inside, follow_ups, endpoints, clock)
    servicer = AutomationsServicer(
        AutomationHandlers(automations, checks, worker.nudge, clock),
        AutomationTrial(automations, occasions, facts, conditions, previews, clock),
    )
    automations_service_pb2_grpc.add_AutomationsServiceServicer_to_server(servicer, service.server)
    follow_ups_service_pb2_grpc.add_FollowUpsServiceServicer_to_server(
        FollowUpsServicer(follow_ups, clock), service.server
    )
    return AutomationPlan(definitions, conditions, clock, worker.nudge)


async def _doings(service: Service, config: NotifyConfig, texts: Texts) -> dict[str, Doing[Any]]:
    """What is done outside, by the kind of action."""
    clock, values = SystemClock(), Values()
    await service.bus.ensure_stream(AUTOMATIONS_STREAM, config.startup_timeout_s)
    http = GuardedHttp(
        config.action_timeout_s,
        config.allow_http_targets,
        config.allow_private_targets,
        clock,
        lookup=_lookup(config),
    )
    service.resources.push_async_callback(http.close)
    server = mail.mail_server(config.smtp_url.get_secret_value()) if config.smtp_url else None
    return {
        actions.Email.kind: Emails(server, config.smtp_from, config.smtp_timeout_s, texts, clock),
        actions.Slack.kind: SlackMessages(http, texts),
        actions.HubSpot.kind: Upserts(HubSpotContacts(http, config.hubspot_url), values),
        actions.Salesforce.kind: Upserts(SalesforceRecords(http, clock), values),
        actions.Publish.kind: Publishing(service.bus),
    }


def _lookup(config: NotifyConfig) -> Lookup:
    if not config.nameservers:
        return SystemLookup()
    from services.notify.endpoint_name_servers import NameServerLookup

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
    run("notify", NotifyConfig, build)
