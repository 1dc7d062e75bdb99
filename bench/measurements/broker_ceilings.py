"""What JetStream does at most with nats-py and nothing else: atomic batches in, pull and acknowledge out."""

import asyncio
import json
import time
from collections.abc import Iterator

import nats
import uvloop
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from bench.run import Run, Samples
from stack import Stack, StackConfig

KEYS = ("js_atomic_publish_eps", "js_pull_ack_eps")

STREAM = "BENCH"
BATCH = 500
BATCHES_IN_FLIGHT = 4
"""As ingest has by default."""
PAYLOAD_BYTES = 300
"""About an accepted event."""
FETCH_TIMEOUT_S = 10.0


def measure(run: Run) -> Samples:
    """Both, since what is read has to be written before."""
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        for _ in run.repeat("JetStream ceilings"):
            published, pulled = uvloop.run(_once(stack.nats_url, run.sizes.broker_events))
            yield "js_atomic_publish_eps", published
            yield "js_pull_ack_eps", pulled


async def _once(url: str, events: int) -> tuple[float, float]:
    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.add_stream(
        StreamConfig(name=STREAM, subjects=["bench.>"], storage=StorageType.FILE, allow_atomic=True)
    )
    began = time.perf_counter()
    numbers = iter(range(events // BATCH))
    await asyncio.gather(*(_publish(client, numbers) for _ in range(BATCHES_IN_FLIGHT)))
    published = events / (time.perf_counter() - began)
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=20_000)
    subscription = await jetstream.pull_subscribe(
        "bench.>", durable="bench", stream=STREAM, config=config
    )
    began, pulled = time.perf_counter(), 0
    while pulled < events:
        for message in await subscription.fetch(BATCH, timeout=FETCH_TIMEOUT_S):
            await message.ack()
            pulled += 1
    await client.flush()
    pulled_eps = events / (time.perf_counter() - began)
    await jetstream.delete_stream(STREAM)
    await client.close()
    return published, pulled_eps


async def _publish(client: Client, numbers: Iterator[int]) -> None:
    payload = b"x" * PAYLOAD_BYTES
    for number in numbers:
        for sequence in range(1, BATCH + 1):
            headers = {
                "Nats-Batch-Id": f"batch-{number}",
                "Nats-Batch-Sequence": str(sequence),
                "Nats-Msg-Id": f"{number:028d}{sequence:04d}",
            }
            subject = f"bench.{sequence % 97:032d}"
            if sequence < BATCH:
                await client.publish(subject, payload, headers=headers)
        answer = await client.request(
            subject, payload, headers=headers | {"Nats-Batch-Commit": "1"}, timeout=FETCH_TIMEOUT_S
        )
        if json.loads(answer.data).get("count") != BATCH:
            raise RuntimeError(answer.data.decode())
