"""One call after the other at a steady rate, whatever becomes of those before. Prints the p99 of how long after its
time each was answered, in milliseconds."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc
import uvloop

from bench.children import say, task
from bench.stats import percentile, send_times

WARM_UP = 50
"""Calls before what counts."""


async def run(
    target: str, api_key: str, method: str, requests: Sequence[str], rate: float, seconds: float
) -> float:
    """The p99 of calls of a method with these requests (hexadecimal), which take turns."""
    bodies = [bytes.fromhex(one) for one in requests]
    metadata = (("x-api-key", api_key),)
    latencies_ms: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        call: Any = channel.unary_unary(method)
        for number in range(WARM_UP):
            await call(bodies[number % len(bodies)], metadata=metadata)
        begin = time.perf_counter()

        async def ask(body: bytes, at: float) -> None:
            await call(body, metadata=metadata)
            latencies_ms.append((time.perf_counter() - at) * 1000)

        asking = []
        for number, after in enumerate(send_times(rate, seconds)):
            if (ahead := begin + after - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            body = bodies[number % len(bodies)]
            asking.append(asyncio.create_task(ask(body, begin + after)))
        await asyncio.gather(*asking)
    return percentile(latencies_ms, 0.99)


if __name__ == "__main__":
    say(p99_ms=uvloop.run(run(**task())))
