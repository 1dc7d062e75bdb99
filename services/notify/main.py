"""Wiring of notify: configuration -> adapters -> hub and handlers -> server."""

from functools import partial

from scoreline.notify.v1 import notify_service_pb2_grpc
from services.notify import leads
from services.notify.boards import Boards
from services.notify.conditions import Conditions
from services.notify.config import NotifyConfig
from services.notify.convert import Responses
from services.notify.domain.resume_token import TokenSigner
from services.notify.handlers import FeedHandler, WatchHandler
from services.notify.hub import Hub, HubLimits
from services.notify.servicer import NotifyServicer
from services.notify.stream import BROKER_ERRORS, STREAM, JetStreamScores
from services.notify.watch import SnapshotBudget
from services.notify.worker import Follower, Keeper
from services.shared import db
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.retrying import until_available
from services.shared.service import Service, run


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


def _signer(config: NotifyConfig) -> TokenSigner:
    previous = config.previous_token_key
    return TokenSigner(
        config.token_key.get_secret_value().encode(),
        previous.get_secret_value().encode() if previous is not None else None,
    )


def main() -> None:
    """Run notify."""
    run("notify", NotifyConfig, build, partial(db.migrate, "notify"))
