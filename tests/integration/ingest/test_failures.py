"""What callers are told when the broker dies, is full or comes back, and when ingest is told to stop: never that an
event is safe when it is not."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from nats.aio.msg import Msg

from stack import Stack, StackConfig
from tests.integration.ingest.conftest import SERVICES
from tests.integration.ingest.support import Client, StoredEvents, accepted, connected, event
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import Refusal, refused

pytestmark = pytest.mark.xdist_group("mortal ingest")

CALLERS = 16
EVENTS_BYTES_MAX = 65_536
"""The smallest EVENTS stream that can be set."""


class Load:
    """Callers that send one event after the other and remember what they were told."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stop = asyncio.Event()
        self._tag = uuid.uuid4().hex
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.refusals: list[Refusal] = []

    async def run(self) -> None:
        """Send until told to stop."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._call())

    def stop(self) -> None:
        """No new events."""
        self._stop.set()

    async def acknowledges(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        target = len(self.acknowledged) + more

        async def reached() -> bool:
            return len(self.acknowledged) >= target

        await eventually_async(reached)

    async def is_refused(self) -> None:
        """Wait for a refusal."""

        async def reached() -> bool:
            return bool(self.refusals)

        await eventually_async(reached)

    async def _call(self) -> None:
        while not self._stop.is_set():
            event_id = f"{self._tag}-{len(self.sent)}"
            self.sent.append(event_id)
            try:
                receipt = await self._client.send(event(event_id))
            except grpc.aio.AioRpcError as error:
                self.refusals.append(Refusal(error))
            else:
                self.acknowledged.append(receipt.event_id)


async def test_what_was_acknowledged_survives_kill_9_of_the_broker(mortal: Stack) -> None:
    async with connected(mortal) as client:
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.acknowledges(200)
        await asyncio.to_thread(mortal.kill, "nats")
        await load.is_refused()
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as said:
            await client.send(event("while-down"))
        assert said[0].retry_after
        answer = await client.send_batch([event("b-1"), event("b-2")])
        assert answer.accepted_count == 0
        assert {retry_info_of(one.error) for one in answer.results} == {True}
        await asyncio.to_thread(mortal.restart, "nats")
        await load.acknowledges(200)
        load.stop()
        await running
    assert {one.code for one in load.refusals} == {grpc.StatusCode.UNAVAILABLE}
    assert all(one.retry_after for one in load.refusals)
    async with StoredEvents.of(mortal) as stored:
        found = Counter(stored_ids(await stored.messages(load.acknowledged)))
    assert set(found) == set(load.acknowledged)
    assert set(found.values()) == {1}


async def test_a_full_stream_refuses_and_keeps_what_it_has() -> None:
    env = {"SCORELINE_INGEST_EVENTS_BYTES_MAX": str(EVENTS_BYTES_MAX)}
    with Stack(StackConfig(services=SERVICES, envoy=False, env=env)) as stack:
        async with connected(stack) as client, StoredEvents.of(stack) as stored:
            kept = [f"kept-{number}" for number in range(20)]
            assert (await client.send_batch(event(id_) for id_ in kept)).accepted_count == 20
            large = [event(f"large-{number}", source="x" * 64) for number in range(10)]
            for one in large:
                one.properties.update({"text": "y" * 10_000})
            answer = await client.send_batch(large)
            # All or none of a batch: nothing of it is stored, and nobody is told that it is.
            assert answer.accepted_count == 0
            assert all(retry_info_of(one.error) for one in answer.results)
            assert await stored.count(one.event_id for one in large) == 0
            with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "INTAKE_FULL") as said:
                for one in large:
                    await client.send(one)
            assert said[0].retry_after
            assert await stored.count(kept) == 20


async def test_told_to_stop_it_answers_what_it_took(mortal: Stack) -> None:
    async with connected(mortal) as client:
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.acknowledges(100)
        code = await asyncio.to_thread(mortal.terminate, "ingest")
        await load.is_refused()
        load.stop()
        await running
    assert code == 0
    # CANCELLED is what gRPC tells calls that had arrived but not begun (grpc/grpc#41785).
    told = {one.code for one in load.refusals}
    assert told <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    async with StoredEvents.of(mortal) as stored:
        found = stored_ids(await stored.messages(load.sent))
    # Drained: what was stored was also acknowledged, and the other way round.
    assert sorted(found) == sorted(load.acknowledged)


async def test_killed_itself_it_loses_nothing_it_acknowledged(mortal: Stack) -> None:
    async with connected(mortal) as client:
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.acknowledges(100)
        await asyncio.to_thread(mortal.kill, "ingest")
        await load.is_refused()
        await asyncio.to_thread(mortal.restart, "ingest")
        await load.acknowledges(100)
        load.stop()
        await running
    async with StoredEvents.of(mortal) as stored:
        found = stored_ids(await stored.messages(load.acknowledged))
    assert sorted(found) == sorted(load.acknowledged)


def stored_ids(messages: Iterable[Msg]) -> list[str]:
    """The event ids of messages."""
    return [accepted(one).event.event_id for one in messages]


def retry_info_of(status: status_pb2.Status) -> bool:
    """Whether an error says when to try again."""
    return any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)
