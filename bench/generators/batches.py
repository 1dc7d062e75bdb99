"""Events in batches, all of them serialised before the first is sent, a few batches in flight. Prints `ready`, waits
to be let go, then prints when the first call was made and when the last was answered."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import grpc
import uvloop

from bench.children import say, task, wait_for_go
from bench.generators import messages
from bench.workload import DUPLICATES, happenings
from scoreline.ingest.v1.ingest_service_pb2 import BatchIngestEventsResponse

BATCH_EVENTS = 500
METHOD = "/scoreline.ingest.v1.IngestService/BatchIngestEvents"


async def run(
    target: str,
    api_key: str,
    run: str,
    events: int,
    leads: int,
    in_flight: int,
    duplicates: float = DUPLICATES,
    before: int = 0,
) -> dict[str, float]:
    """Send them all. Raises RuntimeError when one is refused."""
    made = list(happenings(events, leads, run, duplicates, before))
    unique = len({one.event_id for one in made})
    requests = iter(messages.batches(made, BATCH_EVENTS))
    metadata = (("x-api-key", api_key),)
    async with grpc.aio.insecure_channel(target) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(
            METHOD, response_deserializer=BatchIngestEventsResponse.FromString
        )
        say(ready=True, events=len(made), unique=unique)
        wait_for_go()
        started = time.time()

        async def send(own: Iterator[bytes]) -> None:
            for request in own:
                answer = await call(request, metadata=metadata)
                if answer.rejected_count:
                    raise RuntimeError(f"{answer.rejected_count} events were refused: {answer}")

        await asyncio.gather(*(send(requests) for _ in range(in_flight)))
    return {"started": started, "ended": time.time()}


if __name__ == "__main__":
    say(**uvloop.run(run(**task())))
