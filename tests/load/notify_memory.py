"""python -m tests.load.notify_memory [--watchers N] [--cycles N]: what watchers cost a process of notify. Memory of
each, how fast a change reaches all of them and how long others wait meanwhile, and memory after many came and went. Not
a test: its figures are the machine's."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack import Stack, StackConfig
from tests.support import service_database
from tests.support.notify_rig import Broker, Client, NotifyProcess, broker, free_port, opened

STREAMS_PER_CONNECTION = 90
"""Below what servers allow by default."""

AT_ONCE = 200
FILTERS = ("", "change.score > 5.0", 'change.stage == "hot" || change.delta >= 0.0')
SETTLE_S = 60.0


def resident_kb(process_id: int) -> int:
    """Memory of a process."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


class Load:
    """Watchers of one notify."""

    def __init__(self, at: Broker, notify: NotifyProcess, key: str) -> None:
        self.at = at
        self.notify = notify
        self.key = key
        self._life = AsyncExitStack()
        self._connections: list[grpc.aio.Channel] = []
        self.calls: list[Any] = []

    @property
    def memory_kb(self) -> int:
        """Of notify."""
        return resident_kb(self.notify.process_id)

    async def client(self, number: int) -> Client:
        """A connection of its own for every so many watchers."""
        index = number // STREAMS_PER_CONNECTION
        while len(self._connections) <= index:
            options = [("scoreline.load.connection", len(self._connections))]
            channel = grpc.aio.insecure_channel(self.notify.target, options=options)
            self._connections.append(await self._life.enter_async_context(channel))
        return Client(self._connections[index])

    async def open(self, count: int) -> None:
        """Open watches until there are so many."""
        while len(self.calls) < count:
            first = len(self.calls)
            numbers = range(first, min(first + AT_ONCE, count))
            calls = [
                (await self.client(n)).watch(self.key, filter=FILTERS[n % len(FILTERS)])
                for n in numbers
            ]
            await asyncio.gather(*map(opened, calls))
            self.calls += calls

    async def publish(self, number: int) -> None:
        """So many changes at once, which all filters let pass."""
        await self.at.publish(
            "load",
            [
                self.at.change("load", f"lead-{n % 50}", score=50.0, delta=1.0)
                for n in range(number)
            ],
        )

    async def fan_out(self, number: int) -> dict[str, float]:
        """Publish, and wait until every watcher has all. Meanwhile, ask how the service is."""
        begun, over = threading.Event(), threading.Event()
        asking = asyncio.create_task(asyncio.to_thread(self._ask, begun, over))
        await asyncio.to_thread(begun.wait)

        async def read(call: Any) -> None:
            for _ in range(number):
                await call.read()

        begin = time.perf_counter()
        await self.publish(number)
        await asyncio.gather(*map(read, self.calls))
        took_s = time.perf_counter() - begin
        over.set()
        waits = await asking
        return {
            "messages": number * len(self.calls),
            "seconds": round(took_s, 2),
            "messages_per_s": round(number * len(self.calls) / took_s),
            "health_check_ms_max": round(max(waits) * 1000),
        }

    def _ask(self, begun: threading.Event, over: threading.Event) -> list[float]:
        # Not in the event loop, which has all the watchers to read.
        waits = []
        with grpc.insecure_channel(self.notify.target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            stub.Check(health_pb2.HealthCheckRequest())
            begun.set()
            while not over.is_set():
                begin = time.perf_counter()
                stub.Check(health_pb2.HealthCheckRequest())
                waits.append(time.perf_counter() - begin)
        return waits

    async def close(self) -> None:
        """End all watches."""
        for call in self.calls:
            call.cancel()
        self.calls.clear()
        await self._life.aclose()
        self._connections.clear()

    async def cycle(self, count: int) -> None:
        """So many watches come, see a change or none, and go."""
        for first in range(0, count, AT_ONCE):
            self.calls = []
            await self.open(min(AT_ONCE, count - first))
            await self.publish(1)
            await asyncio.gather(*(call.read() for call in self.calls[: AT_ONCE // 2]))
            for call in self.calls:
                call.cancel()


async def measure(stack: Stack, notify: NotifyProcess, watchers: int, cycles: int) -> None:
    """Print the figures, one a line."""
    async with broker(stack.nats_url) as at:
        await at.make_streams()
        key = await at.let_in("load")
        notify.start()
        load = Load(at, notify, key)
        await load.open(1)
        await load.fan_out(10)
        empty_kb = load.memory_kb
        await load.open(watchers)
        opened_kb = load.memory_kb
        say("watchers", count=watchers, kb_each=round((opened_kb - empty_kb) / watchers, 1))
        for number in (1, 20):
            say(f"fan-out of {number}", **await load.fan_out(number))
        say("memory", before_mb=empty_kb // 1024, after_fan_out_mb=load.memory_kb // 1024)
        await load.close()
        for done in range(0, cycles, cycles // 10):
            await load.cycle(cycles // 10)
            say("cycles", done=done + cycles // 10, memory_mb=round(load.memory_kb / 1024, 1))
        await load.close()


def say(what: str, **figures: object) -> None:
    """A line of figures."""
    print(what, json.dumps(figures), flush=True)


def main() -> None:
    """Run it on servers of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=5_000)
    parser.add_argument("--cycles", type=int, default=10_000)
    asked = parser.parse_args()
    with (
        Stack(StackConfig(services=(), envoy=False)) as stack,
        tempfile.TemporaryDirectory() as directory,
    ):
        service_database.migrate(stack, "notify")
        notify = NotifyProcess(stack, Path(directory) / "notify.log", free_port())
        try:
            asyncio.run(measure(stack, notify, asked.watchers, asked.cycles))
        finally:
            notify.stop()


if __name__ == "__main__":
    main()
