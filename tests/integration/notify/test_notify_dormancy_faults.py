"""The broker or notify is killed around the moment at which somebody comes who wants score changes, the first one. Who
was let in, or was told that the endpoint is there, misses nothing of what is published afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from tests.integration.notify.test_notify_watch_scores import key_of
from tests.support.endpoint_rig import SETTINGS, Endpoints, endpoints
from tests.support.eventually import eventually, eventually_async
from tests.support.hostile_receiver import Receiver
from tests.support.notify_rig import Broker, Client, broker, client, receive

PROJECT = "dormant"
ROUNDS = [
    ("nats", "at once"),
    ("notify", "at once"),
    ("nats", "let in"),
    ("notify", "made"),
    ("both", "at once"),
]
"""What is killed, and when: when the two come, when the watcher was let in, when the endpoint was made."""

CHANGES = 6
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}
"""UNAUTHENTICATED while a process has not read the keys yet."""


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    return _make_rig(**SETTINGS, broker_silence_max_s=7)


class Watching:
    """A watcher that comes back until it is cancelled."""

    def __init__(self) -> None:
        self.token = ""
        self.seen: list[int] = []
        self.opened = asyncio.Event()

    async def run(self, notify: Client, key: str) -> None:
        while True:
            call = notify.watch(key, resume_token=self.token, heartbeat_s=1)
            try:
                while True:
                    message = await receive(call)
                    if message.WhichOneof("message") == "score_change":
                        self.seen.append(message.score_change.version)
                    self.token = message.resume_token
                    self.opened.set()
            except grpc.aio.AioRpcError as error:
                if error.code() not in PASSING:
                    raise
            finally:
                call.cancel()


async def made_at_last(hooks: Endpoints, url: str) -> None:
    """Make an endpoint; one whose creation was not acknowledged may be there, too."""

    async def made() -> bool:
        try:
            await hooks.create(url)
        except grpc.aio.AioRpcError as error:
            if error.code() not in PASSING:
                raise
            return False
        return True

    await eventually_async(made)


async def publish(at: Broker) -> list[int]:
    """The versions of some changes, one after the other."""
    changes = [at.change(PROJECT, "a", delta=1) for _ in range(CHANGES)]
    for change in changes:
        await at.publish_surely(PROJECT, [change])
    return [change.version for change in changes]


@pytest.mark.timeout(240)
async def test_killed_around_the_waking_nothing_is_missed(rig: Any) -> None:
    async with (
        Receiver().serve() as receiver,
        broker(rig.stack.nats_url) as at,
        client(rig.notify.target) as notify,
        endpoints(rig.notify.target, await at.let_in(PROJECT, scope_pb2.SCOPE_ADMIN)) as hooks,
    ):
        key = await key_of(at, notify, PROJECT)
        for number, (victim, moment) in enumerate(ROUNDS):
            # Begun anew, with nobody there, it reads nothing.
            rig.notify.signal(signal.SIGTERM)
            await asyncio.to_thread(rig.notify.ended)
            await asyncio.to_thread(rig.notify.start)
            await eventually_async(hooks.known)
            await publish(at)
            path = f"/{number}"
            watching, made = Watching(), asyncio.Event()
            waiting = {"let in": watching.opened.wait, "made": made.wait}.get(moment)
            killing = asyncio.create_task(kill(rig, victim, waiting))
            running = asyncio.create_task(watching.run(notify, key))
            await made_at_last(hooks, receiver.url(path))
            made.set()
            # Whatever is still to be killed is killed while this goes on.
            told = await publish(at)
            await watching.opened.wait()
            seen = await publish(at)
            await killing

            async def whole(
                path: str = path,
                told: list[int] = told + seen,
                seen: list[int] = seen,
                watching: Watching = watching,
                running: asyncio.Task[None] = running,
            ) -> bool:
                assert not running.done() or running.exception() is None
                got = receiver.first_receipts(path).get(("a", "score.changed"), [])
                return got[-len(told) :] == told and watching.seen[-len(seen) :] == seen

            await eventually_async(whole)
            # Each once, and none left out since the first.
            first = watching.seen[0]
            assert watching.seen == list(range(first, seen[-1] + 1))
            running.cancel()
            for found in await all_of(hooks):
                await hooks.call("DeleteWebhookEndpoint", found)


async def all_of(hooks: Endpoints) -> list[Any]:
    listed = await hooks.call("ListWebhookEndpoints", pb.ListWebhookEndpointsRequest())
    return [
        pb.DeleteWebhookEndpointRequest(endpoint_id=one.endpoint_id)
        for one in listed.webhook_endpoints
    ]


async def kill(rig: Any, victim: str, waiting: Callable[[], Awaitable[Any]] | None) -> None:
    """Kill the broker, notify or both, and start them again."""
    if waiting is not None:
        await waiting()
    if victim in ("nats", "both"):
        await asyncio.to_thread(rig.stack.kill, "nats")
    if victim in ("notify", "both"):
        rig.notify.signal(signal.SIGKILL)
        await asyncio.to_thread(rig.notify.ended)
        rig.notify.start(wait=False)
    if victim in ("nats", "both"):
        await asyncio.to_thread(rig.stack.restart, "nats")
    await asyncio.to_thread(eventually, rig.notify.serving)
