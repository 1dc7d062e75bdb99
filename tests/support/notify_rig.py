"""Notify as a real process on a real broker, with what other services would have put there: the SCORES stream,
credentials, and a stand-in for scoring."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import nats.js.errors
from google.protobuf.duration_pb2 import Duration

from scoreline.accounts.v1.account_pb2 import Credential
from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import notify_service_pb2_grpc
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest, WatchScoresResponse
from scoreline.rules.v1.rule_set_pb2 import Activation
from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2, scoring_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.shared.bus import Bus, subject_token
from services.shared.credentials import BUCKET, KEY_SUBJECT, digest
from services.shared.probe import serving
from services.shared.publishing import (
    DUPLICATE_IN_BATCH,
    OutgoingMessage,
    PublishError,
    PublishRejected,
    publish_batch,
    publish_one,
)
from stack import Stack
from tests.support.eventually import eventually, eventually_async

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN_KEY = "a-key-for-the-tests-of-resume-tokens"
SERVICE_KEY = "a-key-for-the-tests-of-services-that-call-others"
SECRET_KEY = "a-key-for-the-tests-of-endpoint-secrets"
STREAM = "SCORES"
END_TIMEOUT_S = 20.0

STREAM_CONFIG: dict[str, Any] = {
    "name": STREAM,
    "subjects": ["scores.>"],
    "max_age": 7 * 86_400,
    "allow_atomic": True,
    "allow_direct": True,
}
"""As scoring makes it."""

RULES_CONFIG: dict[str, Any] = {
    "name": "RULES",
    "subjects": ["rules.>"],
    "max_msgs_per_subject": 1,
    "allow_direct": True,
}
"""As rules makes it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NotifyProcess:
    """`python -m services.notify`."""

    def __init__(self, servers: Stack, log: Path, scoring_port: int, **settings: object) -> None:
        self.port = free_port()
        self.target = f"127.0.0.1:{self.port}"
        self.log = log
        self._environment = os.environ | {
            "SCORELINE_NOTIFY_LISTEN": self.target,
            "SCORELINE_NOTIFY_NATS_URL": servers.nats_url,
            "SCORELINE_NOTIFY_DATABASE_URL": servers.postgres_url("scoreline_notify"),
            "SCORELINE_NOTIFY_SECRET_KEYS": SECRET_KEY,
            "SCORELINE_NOTIFY_SERVICE_KEY": SERVICE_KEY,
            "SCORELINE_NOTIFY_TOKEN_KEY": TOKEN_KEY,
            "SCORELINE_NOTIFY_SCORING_TARGET": f"127.0.0.1:{scoring_port}",
            **{f"SCORELINE_NOTIFY_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.notify"],
                cwd=ROOT,
                env=self._environment,
                stderr=log,
            )
        if wait:
            eventually(self.serving)

    def serving(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return serving(self.target)

    @property
    def process_id(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; returns the exit status."""
        assert self._process is not None
        return self._process.wait(END_TIMEOUT_S)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)


class Broker:
    """What the test itself does at the broker."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.versions: dict[tuple[str, str], int] = defaultdict(int)

    async def make_streams(self) -> None:
        await self.bus.jetstream.add_stream(**STREAM_CONFIG)
        await self.bus.jetstream.add_stream(**RULES_CONFIG)
        await self.bus.jetstream.create_key_value(bucket=BUCKET)

    async def let_in(self, project_id: str, scope: int = scope_pb2.SCOPE_READ) -> str:
        """An API key of the project, as accounts would publish it."""
        key = f"sl_{project_id}_{len(project_id) * 'x'}_{scope}"
        credential = Credential(project_id=project_id, key_id="k", scopes=[scope])
        await self.bus.jetstream.publish(KEY_SUBJECT + digest(key), credential.SerializeToString())
        return key

    async def shut_out(self, key: str) -> None:
        await self.bus.jetstream.publish(
            KEY_SUBJECT + digest(key), b"", headers={"KV-Operation": "DEL"}
        )

    def change(self, project_id: str, lead_id: str, **fields: Any) -> ScoreChange:
        """The lead's next change."""
        self.versions[project_id, lead_id] += 1
        return ScoreChange(lead_id=lead_id, version=self.versions[project_id, lead_id], **fields)

    async def publish(self, project_id: str, changes: Sequence[ScoreChange]) -> None:
        """Store the changes, all at once."""
        await publish_batch(self.bus, [_message(project_id, change) for change in changes])

    async def publish_surely(self, project_id: str, changes: Sequence[ScoreChange]) -> None:
        """Store the changes once each and in order, as scoring's relay does, however often the broker goes away."""
        messages = [_message(project_id, change) for change in changes]

        async def stored() -> bool:
            try:
                try:
                    await publish_batch(self.bus, messages)
                except PublishRejected as error:
                    if error.code != DUPLICATE_IN_BATCH:
                        raise
                    for message in messages:
                        await publish_one(self.bus, message)
            except PublishError:
                return False
            return True

        await eventually_async(stored, timeout_s=40)

    async def activate(self, project_id: str, number: int, **fields: Any) -> Activation:
        """An activation of rules, as rules would publish it."""
        activation = Activation(number=number, project_id=project_id, **fields)
        activation.rule_set.description = f"rules of {number}"
        subject = f"rules.{project_id}.{number}"
        await self.bus.jetstream.publish(subject, activation.SerializeToString())
        return activation

    async def consumers(self) -> int:
        """How many readers the stream has."""
        info = await self.bus.jetstream.stream_info(STREAM)
        return info.state.consumer_count

    async def stored(self, project_id: str) -> list[tuple[str, int]]:
        """Lead and version of each of the project's changes, read one by one straight from the stream."""
        state = (await self.bus.jetstream.stream_info(STREAM)).state
        found = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            try:
                message = await self.bus.jetstream.get_msg(STREAM, sequence, direct=True)
            except nats.js.errors.NotFoundError:
                continue
            if str(message.subject).startswith(f"scores.{project_id}."):
                change = ScoreChange.FromString(message.data or b"")
                found.append((change.lead_id, change.version))
        return found


def _message(project_id: str, change: ScoreChange) -> OutgoingMessage:
    subject = f"scores.{project_id}.{subject_token(change.lead_id)}"
    return OutgoingMessage(subject, change.SerializeToString(), f"{subject}:{change.version}")


@asynccontextmanager
async def broker(nats_url: str) -> AsyncIterator[Broker]:
    bus = await Bus.connect(nats_url, "test", 20)
    try:
        yield Broker(bus)
    finally:
        await bus.close()


class Client:
    """A watcher's client."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = notify_service_pb2_grpc.NotifyServiceStub(channel)

    def watch(
        self, api_key: str, *, heartbeat_s: float = 60, **fields: Any
    ) -> grpc.aio.UnaryStreamCall[WatchScoresRequest, WatchScoresResponse]:
        interval = Duration()
        interval.FromMilliseconds(round(heartbeat_s * 1000))
        request = WatchScoresRequest(heartbeat_interval=interval, **fields)
        call: grpc.aio.UnaryStreamCall[WatchScoresRequest, WatchScoresResponse]
        call = self._stub.WatchScores(request, metadata=(("x-api-key", api_key),))
        return call


@asynccontextmanager
async def client(target: str) -> AsyncIterator[Client]:
    options = [
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.initial_reconnect_backoff_ms", 50),
        # Keeps the window at 64 KB: what a test does not read stays at the server.
        ("grpc.http2.bdp_probe", 0),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield Client(channel)


async def receive(call: Any) -> WatchScoresResponse:
    """The next message. Raises what the call ended with."""
    async with asyncio.timeout(15):
        message = await call.read()
    if message is grpc.aio.EOF:
        raise AssertionError(f"ended: {await call.code()} {await call.details()}")
    assert isinstance(message, WatchScoresResponse)
    return message


async def receive_changes(call: Any, count: int) -> list[tuple[str, int]]:
    """Lead and version of the next changes; nothing else may come."""
    found = []
    for _ in range(count):
        message = await receive(call)
        assert message.WhichOneof("message") == "score_change", message
        found.append((message.score_change.lead_id, message.score_change.version))
    return found


async def opened(call: Any) -> str:
    """Wait for the heartbeat a watch begins with; returns its token."""
    message = await receive(call)
    assert message.WhichOneof("message") == "heartbeat", message
    return str(message.resume_token)


class FakeScoring(scoring_service_pb2_grpc.ScoringServiceServicer):
    """Leads by API key, in pages of two."""

    def __init__(self) -> None:
        self.leads: dict[str, list[lead_pb2.Lead]] = defaultdict(list)
        self.listing = asyncio.Event()
        """Set when a snapshot is being read."""
        self.release = asyncio.Event()
        """Pages are given when it is set."""
        self.release.set()

    async def ListLeads(
        self, request: scoring_service_pb2.ListLeadsRequest, context: Any
    ) -> scoring_service_pb2.ListLeadsResponse:
        self.listing.set()
        await self.release.wait()
        leads = self.leads[_key(context)]
        start = int(request.page_token or 0)
        wanted = [lead for lead in leads if not request.stages or lead.stage in request.stages]
        return scoring_service_pb2.ListLeadsResponse(
            leads=wanted[start : start + 2],
            next_page_token=str(start + 2) if start + 2 < len(wanted) else "",
        )

    async def GetLead(
        self, request: scoring_service_pb2.GetLeadRequest, context: Any
    ) -> scoring_service_pb2.GetLeadResponse:
        for lead in self.leads[_key(context)]:
            if lead.lead_id == request.lead_id:
                return scoring_service_pb2.GetLeadResponse(lead=lead)
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such lead")
        raise AssertionError

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[None]:
        server = grpc.aio.server()
        scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(self, server)
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)


def _key(context: Any) -> str:
    return str(dict(context.invocation_metadata()).get("x-api-key", ""))
