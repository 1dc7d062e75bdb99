"""The asyncio client: its connection, its groups of methods, and watching. The groups are in the modules beside this
one; what they share with the blocking client is in calls.py, requests.py, sending.py and watching.py above."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from scoreline.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from scoreline.client import watch_requests, watching
from scoreline.client.aio.analytics import Analytics
from scoreline.client.aio.automations import Automations
from scoreline.client.aio.endpoints import Endpoints
from scoreline.client.aio.facts import Facts
from scoreline.client.aio.follow_ups import FollowUps
from scoreline.client.aio.imports import Imports
from scoreline.client.aio.ingest import Ingest
from scoreline.client.aio.keys import Keys
from scoreline.client.aio.leads import Leads
from scoreline.client.aio.ledger import Ledger
from scoreline.client.aio.quarantine import Quarantine
from scoreline.client.aio.rules import Rules
from scoreline.client.aio.simulations import Simulations
from scoreline.client.aio.webhooks import Webhooks
from scoreline.client.calls import AsyncCalls
from scoreline.client.settings import CALL_TIMEOUT_S, RetryPolicy, Settings, channel_options
from scoreline.ingest.v1.imports_service_pb2_grpc import ImportsServiceStub
from scoreline.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from scoreline.ingest.v1.quarantine_service_pb2_grpc import QuarantineServiceStub
from scoreline.ingest.v1.webhooks_service_pb2_grpc import WebhooksServiceStub
from scoreline.notify.v1.automations_service_pb2_grpc import AutomationsServiceStub
from scoreline.notify.v1.follow_ups_service_pb2_grpc import FollowUpsServiceStub
from scoreline.notify.v1.notify_service_pb2 import (
    WatchActivityResponse,
    WatchLeaderboardResponse,
    WatchScoresResponse,
)
from scoreline.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from scoreline.notify.v1.webhook_endpoints_service_pb2_grpc import WebhookEndpointsServiceStub
from scoreline.rules.v1.rules_service_pb2_grpc import RulesServiceStub
from scoreline.scoring.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from scoreline.scoring.v1.scoring_service_pb2_grpc import ScoringServiceStub
from scoreline.scoring.v1.simulation_service_pb2_grpc import SimulationServiceStub


class AsyncClient:
    """The suite, for programs with an event loop. Make it inside the loop it is used in.

        async with scoreline.AsyncClient("localhost:8080", api_key) as client:
            async with client.ingest.sender() as sender:
                await sender.send(scoreline.event("demo_request", email="ada@example.com"))
            async for message in client.watch():
                print(message.score_change)

    Without arguments it reads SCORELINE_TARGET and SCORELINE_API_KEY. Every call has a deadline (`timeout_s` an
    attempt); those that may happen twice without harm are repeated for as long as `retry` says. All methods raise
    ScorelineError (see scoreline/client/errors.py).
    """

    def __init__(
        self,
        target: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        retry: RetryPolicy | None = None,
        tls: bool | None = None,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        """`channel`, where given, is used as it is and left open by `close`."""
        self.settings = Settings.resolve(target, api_key, tls=tls, timeout_s=timeout_s, retry=retry)
        self._owned = None if channel is not None else _open(self.settings)
        used = channel if channel is not None else self._owned
        assert used is not None  # noqa: S101 - one of the two
        calls = AsyncCalls(self.settings)
        self.ingest = Ingest(calls, IngestServiceStub(used))
        """Events in."""
        self.imports = Imports(calls, ImportsServiceStub(used))
        """Files of events."""
        self.webhooks = Webhooks(calls, WebhooksServiceStub(used))
        """Outside systems that send webhooks."""
        self.endpoints = Endpoints(calls, WebhookEndpointsServiceStub(used))
        """Other systems that are told of changes by webhooks."""
        self.automations = Automations(calls, AutomationsServiceStub(used))
        """Rules that act on leads."""
        self.follow_ups = FollowUps(calls, FollowUpsServiceStub(used))
        """What automations leave to people: tasks, and owners of leads."""
        self.quarantine = Quarantine(calls, QuarantineServiceStub(used))
        """What was accepted and can't be processed."""
        analytics = AnalyticsServiceStub(used)
        self.leads = Leads(calls, ScoringServiceStub(used), analytics)
        """Leads, scores, and where each point came from."""
        self.analytics = Analytics(calls, analytics)
        """What all leads together did and became."""
        self.facts = Facts(calls, ScoringServiceStub(used))
        """Corrections by hand: adjustments, retractions, merges."""
        self.ledger = Ledger(calls, ScoringServiceStub(used))
        """The ledger behind the scores: verify it, replay from it."""
        self.rules = Rules(calls, RulesServiceStub(used))
        """Versioned scoring rules."""
        self.simulations = Simulations(calls, SimulationServiceStub(used))
        """Rule sets tried on the leads' history."""
        self.keys = Keys(calls, AccountsServiceStub(used))
        """API keys and projects."""
        self._notify = NotifyServiceStub(used)

    def watch(
        self,
        *,
        lead_ids: Sequence[str] = (),
        stages: Sequence[str] = (),
        min_delta: float = 0,
        stage_changes_only: bool = False,
        filter: str = "",
        causes: Sequence[str] = (),
        latest_only: bool = False,
        bulk_as_summary: bool = False,
        snapshot: bool = False,
        resume_token: str = "",
        resync: bool = False,
        heartbeats: bool = False,
        heartbeat_s: float = watch_requests.HEARTBEAT_S,
        give_up_after_s: float | None = None,
    ) -> AsyncGenerator[WatchScoresResponse, None]:
        """Score changes as they happen, each once, a lead's in version order. Close the generator to stop.

        Broken connections are opened anew after the last message's `resume_token`, for ever or for `give_up_after_s`
        of outage. With `snapshot` the watched leads come first (`snapshot_lead`, then `snapshot_complete`). When the
        token has expired it raises ResumeTokenExpired, or, with `resync`, goes on with a snapshot. `heartbeats` shows
        heartbeats too: the first says that the stream is open.

        `filter` is a CEL expression over `change` (docs/streaming.md), `causes` are names such as "EVENT". With
        `latest_only` a slow reader gets the newest change of each lead; with `bulk_as_summary` changes by RULES, REPLAY
        and DECAY come added up (`bulk_summary`).
        """
        request = watch_requests.scores(
            lead_ids, stages, min_delta, stage_changes_only, filter, causes, latest_only,
            bulk_as_summary, snapshot, resume_token, heartbeat_s,
        )  # fmt: skip
        messages = watching.watch_async(
            lambda wanted: self._notify.WatchScores(wanted, metadata=self.settings.metadata),
            watching.WatchPosition(request, resync=resync),
            retry=self.settings.retry,
            give_up_after_s=give_up_after_s,
            heartbeat_s=heartbeat_s,
        )
        return messages if heartbeats else _without_heartbeats(messages)

    def watch_leaderboard(
        self,
        *,
        limit: int = watch_requests.PLACES,
        stages: Sequence[str] = (),
        heartbeats: bool = False,
        heartbeat_s: float = watch_requests.HEARTBEAT_S,
        give_up_after_s: float | None = None,
    ) -> AsyncGenerator[WatchLeaderboardResponse, None]:
        """The leaderboard (`board`), then what changes on it (`update`), at most five times a second; LiveBoard puts
        them together. After a broken connection the whole board comes again. Close the generator to stop."""
        messages = watching.watch_async(
            lambda wanted: self._notify.WatchLeaderboard(wanted, metadata=self.settings.metadata),
            watching.FeedPosition(watch_requests.leaderboard(limit, stages, heartbeat_s)),
            retry=self.settings.retry,
            give_up_after_s=give_up_after_s,
            heartbeat_s=heartbeat_s,
        )
        return messages if heartbeats else _without_heartbeats(messages)

    def watch_activity(
        self,
        *,
        types: Sequence[str] = (),
        lead_ids: Sequence[str] = (),
        min_interval_s: float = 0,
        heartbeats: bool = False,
        heartbeat_s: float = watch_requests.HEARTBEAT_S,
        give_up_after_s: float | None = None,
    ) -> AsyncGenerator[WatchActivityResponse, None]:
        """Events as they are scored. Where more come than are read, or than one in `min_interval_s`, the rest is left
        out and counted (`skipped_count`). What happens while a connection is broken is not sent;
        `watch` sends it all."""
        messages = watching.watch_async(
            lambda wanted: self._notify.WatchActivity(wanted, metadata=self.settings.metadata),
            watching.FeedPosition(
                watch_requests.activity(types, lead_ids, min_interval_s, heartbeat_s)
            ),
            retry=self.settings.retry,
            give_up_after_s=give_up_after_s,
            heartbeat_s=heartbeat_s,
        )
        return messages if heartbeats else _without_heartbeats(messages)

    async def close(self) -> None:
        """End all calls and the connection."""
        if self._owned is not None:
            await self._owned.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _open(settings: Settings) -> grpc.aio.Channel:
    if settings.tls:
        credentials = grpc.ssl_channel_credentials()
        return grpc.aio.secure_channel(settings.target, credentials, options=channel_options())
    return grpc.aio.insecure_channel(settings.target, options=channel_options())


async def _without_heartbeats(
    messages: AsyncGenerator[Any, None],
) -> AsyncGenerator[Any, None]:
    async with aclosing(messages):
        async for message in messages:
            if message.WhichOneof("message") != "heartbeat":
                yield message
