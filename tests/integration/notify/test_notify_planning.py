"""Where planning begins, and what it says when changes were gone before it read them."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from scoreline.common.v1 import scope_pb2
from tests.support.endpoint_rig import SETTINGS, Endpoints, endpoints
from tests.support.eventually import eventually_async
from tests.support.hostile_receiver import Receiver
from tests.support.notify_rig import STREAM, STREAM_CONFIG, Broker, broker

PROJECT = "planning"


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    return _make_rig(**SETTINGS)


async def publish(at: Broker, count: int) -> None:
    for _ in range(count):
        await at.publish(PROJECT, [at.change(PROJECT, "a", delta=1)])


async def told(receiver: Receiver, versions: list[int]) -> None:
    async def arrived() -> bool:
        return receiver.first_receipts("/").get(("a", "score.changed")) == versions

    await eventually_async(arrived)


async def missed(hooks: Endpoints, endpoint_id: str) -> bool:
    return (await hooks.get(endpoint_id)).HasField("changes_missed_time")


@pytest.mark.timeout(120)
async def test_what_was_not_read_in_time_is_said_to_be_missing(rig: Any) -> None:
    async with Receiver().serve() as receiver, broker(rig.stack.nats_url) as at:
        key = await at.let_in(PROJECT, scope_pb2.SCOPE_ADMIN)
        # Before anybody subscribed: nobody is told.
        await publish(at, 1)
        async with endpoints(rig.notify.target, key) as hooks:
            await eventually_async(hooks.known)
            made, _ = await hooks.create(receiver.url("/"))
            await publish(at, 1)
            await told(receiver, [2])
            assert not await missed(hooks, made.endpoint_id)

            # Away for a while: everything is there afterwards.
            rig.notify.signal(signal.SIGKILL)
            rig.notify.ended()
            await publish(at, 2)
            rig.notify.start()
            await told(receiver, [2, 3, 4])
            assert not await missed(hooks, made.endpoint_id)

            # Away for longer than the stream keeps.
            rig.notify.signal(signal.SIGKILL)
            rig.notify.ended()
            await publish(at, 2)
            await at.bus.jetstream.purge_stream(STREAM)
            await publish(at, 1)
            rig.notify.start()
            await told(receiver, [2, 3, 4, 7])
            assert await missed(hooks, made.endpoint_id)
            assert "gone before they were planned" in rig.notify.log.read_text()

            # Another stream of the same name: all that is in it is new.
            rig.notify.signal(signal.SIGTERM)
            assert rig.notify.ended() == 0
            await at.bus.jetstream.delete_stream(STREAM)
            await at.bus.jetstream.add_stream(**STREAM_CONFIG)
            await publish(at, 2)
            rig.notify.start()
            await told(receiver, [2, 3, 4, 7, 8, 9])
            assert "stream replaced" in rig.notify.log.read_text()
