"""One event after the other at a steady rate, whatever becomes of those before, and a watcher of everything beside it.
For each event: how long after the moment it was to be sent it was acknowledged, and how long after that moment the
watcher had its score change. Prints the percentiles in milliseconds."""

import asyncio
import time
from typing import Any

import grpc
import uvloop

from bench.children import say, task
from bench.generators import messages
from bench.stats import percentile, send_times
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest, WatchScoresResponse

INGEST = "/scoreline.ingest.v1.IngestService/IngestEvent"
WATCH = "/scoreline.notify.v1.NotifyService/WatchScores"
WARM_UP_S = 1.0
"""Sent before what counts."""
SEEN_TIMEOUT_S = 30.0


class Times:
    """When events were to be sent, and what became of them."""

    def __init__(self) -> None:
        self.intended: dict[str, float] = {}
        self.acknowledged_ms: list[float] = []
        self.visible_ms: list[float] = []
        self.seen = asyncio.Event()
        self.awaited = 0

    def saw(self, event_id: str) -> None:
        """A watcher has an event's change."""
        if (at := self.intended.pop(event_id, None)) is not None:
            self.visible_ms.append((time.perf_counter() - at) * 1000)
            if len(self.visible_ms) == self.awaited:
                self.seen.set()


async def watch(stub: Any, metadata: Any, times: Times, watching: asyncio.Event) -> None:
    """Read everything for ever. A watch begins with a heartbeat."""
    async for message in stub(WatchScoresRequest(), metadata=metadata):
        watching.set()
        if message.HasField("score_change"):
            times.saw(message.score_change.event_id)


async def run(
    ingest: str, notify: str, api_key: str, run: str, rate: float, seconds: float
) -> dict[str, float]:
    """Send, and wait until all is seen."""
    template, times, watching = messages.unary(run), Times(), asyncio.Event()
    metadata = (("x-api-key", api_key),)
    async with grpc.aio.insecure_channel(ingest) as one, grpc.aio.insecure_channel(notify) as two:
        call: Any = one.unary_unary(INGEST)
        stream = two.unary_stream(
            WATCH, WatchScoresRequest.SerializeToString, WatchScoresResponse.FromString
        )
        watcher = asyncio.create_task(watch(stream, metadata, times, watching))
        await watching.wait()
        begin = time.perf_counter()

        async def send(number: int, at: float, counts: bool) -> None:
            if counts:
                times.intended[template.event_id(number)] = at
            await call(template.number(number), metadata=metadata)
            if counts:
                times.acknowledged_ms.append((time.perf_counter() - at) * 1000)

        due = list(send_times(rate, WARM_UP_S + seconds))
        times.awaited = sum(1 for after in due if after >= WARM_UP_S)
        calls = []
        for number, after in enumerate(due):
            at = begin + after
            if (ahead := at - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            calls.append(asyncio.create_task(send(number, at, after >= WARM_UP_S)))
        await asyncio.gather(*calls)
        async with asyncio.timeout(SEEN_TIMEOUT_S):
            await times.seen.wait()
        watcher.cancel()
    return {
        f"{name}_p{share}_ms": percentile(values, share / 100)
        for name, values in (("ack", times.acknowledged_ms), ("visible", times.visible_ms))
        for share in (50, 99)
    }


if __name__ == "__main__":
    say(**uvloop.run(run(**task())))
