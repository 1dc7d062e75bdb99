"""Unary gRPC calls in a closed loop: so many in flight all the time. Prints the calls a second that were answered."""

import asyncio
import time
from itertools import count
from typing import Any

import grpc
import uvloop

from bench.children import say, task
from bench.generators import messages

WARM_UP_S = 1.0
METHOD = "/scoreline.ingest.v1.IngestService/IngestEvent"


async def run(target: str, api_key: str, run: str, seconds: float, in_flight: int) -> float:
    """Calls answered a second after the warm-up. Any failure ends it."""
    template, numbers, answered = messages.unary(run), count(), 0
    metadata = (("x-api-key", api_key),)
    async with grpc.aio.insecure_channel(target) as channel:
        call: Any = channel.unary_unary(METHOD)
        begin = time.perf_counter() + WARM_UP_S
        end = begin + seconds

        async def ask() -> None:
            nonlocal answered
            while (now := time.perf_counter()) < end:
                await call(template.number(next(numbers)), metadata=metadata)
                answered += begin <= now

        await asyncio.gather(*(ask() for _ in range(in_flight)))
    return answered / seconds


if __name__ == "__main__":
    say(rps=uvloop.run(run(**task())))
