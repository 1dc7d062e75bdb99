"""A StreamReader reads every message once, also those that were lost on the way and that nothing follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from services.shared import consuming
from services.shared.bus import Bus
from services.shared.consuming import StreamReader
from stack import Stack
from tests.support.eventually import eventually_async

STREAM = "READER"


class Wire:
    """A connection to the broker that can swallow what the broker sends, and break."""

    def __init__(self, host: str, port: int) -> None:
        self._broker = (host, port)
        self._writers: list[asyncio.StreamWriter] = []
        self.swallow = False
        self.swallowed = 0
        self.connections = 0

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(*self._broker)
        self._writers += [writer, to_broker]
        self.connections += 1
        await asyncio.gather(
            self._pump(reader, to_broker, swallows=False),
            self._pump(from_broker, writer, swallows=True),
        )
        for end in (writer, to_broker):
            with suppress(OSError):
                await end.wait_closed()
        self.connections -= 1

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, swallows: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if swallows and self.swallow:
                    self.swallowed += len(data)
                    continue
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def wired(nats_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = urlsplit(nats_url)
    assert url.hostname
    assert url.port
    wire = Wire(url.hostname, url.port)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield wire, f"nats://{url.username}:{url.password}@127.0.0.1:{port}"
    finally:
        server.close()

        async def all_closed() -> bool:
            wire.cut()
            return wire.connections == 0

        await eventually_async(all_closed)


@pytest.mark.parametrize("cut", [True, False], ids=["reconnect", "same connection"])
async def test_the_last_message_is_read_although_it_was_lost_on_the_way(
    servers: Stack, cut: bool
) -> None:
    async with wired(servers.nats_url) as (wire, url):
        direct = await Bus.connect(servers.nats_url, "test", 20)
        await direct.jetstream.add_stream(name=STREAM, subjects=["reader.>"])
        await direct.jetstream.purge_stream(STREAM)
        bus = await Bus.connect(url, "test-reader", 20)
        first = (await direct.jetstream.publish("reader.a", b"1")).seq
        reader = StreamReader(bus, STREAM, "reader.>", first - 1)
        assert [message.data for message, _ in await reader.take(10)] == [b"1"]

        wire.swallow = True
        await direct.jetstream.publish("reader.a", b"2")

        async def lost() -> bool:
            return wire.swallowed > 0

        await eventually_async(lost)
        wire.swallow = False
        if cut:
            wire.cut()
        async with asyncio.timeout(20):
            assert [message.data for message, _ in await reader.take(10)] == [b"2"]
        assert reader.openings == 2
        await reader.close()
        await bus.close()
        await direct.close()


async def test_a_reader_cancelled_while_it_starts_leaves_no_consumer(servers: Stack) -> None:
    bus = await Bus.connect(servers.nats_url, "test", 20)
    await bus.jetstream.add_stream(name="CANCELLED", subjects=["cancelled.>"])
    for turns in range(40):
        reader = StreamReader(bus, "CANCELLED", "cancelled.>", 0)
        starting = asyncio.create_task(reader.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait({starting})
        await reader.close()

    async def none_left() -> bool:
        return (await bus.jetstream.stream_info("CANCELLED")).state.consumer_count == 0

    await eventually_async(none_left)
    await bus.close()


async def test_large_messages_come_in_smaller_windows(
    servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "PULL_BYTES_MAX", 10_000)
    bus = await Bus.connect(servers.nats_url, "test", 20)
    await bus.jetstream.add_stream(name="LARGE", subjects=["large.>"])
    sizes = [4_000, 9_000, 1, 9_000, 9_000, *[100] * 300]
    for size in sizes:
        await bus.jetstream.publish("large.a", b"x" * size)
    reader = StreamReader(bus, "LARGE", "large.>", 0, window=200)
    waiting = await reader.start()
    # The second does not fit beside the first.
    found = await reader.take(1_000)
    assert len(found) < waiting == len(sizes)
    async with asyncio.timeout(20):
        while len(found) < len(sizes):
            found += await reader.take(1_000)
    assert [len(message.data) for message, _ in found] == sizes
    assert reader.openings == 1
    await reader.close()
    await bus.close()
