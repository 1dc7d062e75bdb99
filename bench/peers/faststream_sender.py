"""Sends events to the FastStream peer and sees what it publishes: first as fast as the broker takes them, then at a
steady rate."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from bench.children import say, task, wait_for_go
from bench.peers.faststream_leads import SCORES, STREAM, Event, Score
from bench.peers.pacing import Seen, send_paced
from bench.workload import Happening, happenings

UNACKNOWLEDGED_MAX = 500
"""Events on their way to the broker at once."""


async def publish(jetstream: JetStreamContext, one: Happening) -> None:
    """One event, durable when it returns."""
    payload = Event(**asdict(one)).model_dump_json().encode()
    await jetstream.publish("peer.events", payload, headers={"Nats-Msg-Id": one.event_id})


async def throughput(jetstream: JetStreamContext, events: Sequence[Happening], seen: Seen) -> float:
    """Events a second from the first that is sent to the last score that is published."""
    began = time.perf_counter()
    room = asyncio.Semaphore(UNACKNOWLEDGED_MAX)

    async def send(one: Happening) -> None:
        async with room:
            seen.intend(one.event_id, time.perf_counter())
            await publish(jetstream, one)

    await asyncio.gather(*(send(one) for one in events))
    await seen.all()
    return len(events) / (time.perf_counter() - began)


async def run(
    nats_url: str, run: str, events: int, leads: int, rate: float, paced_s: float
) -> dict[str, Any]:
    """Both figures."""
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    await jetstream.add_stream(StreamConfig(name=STREAM, subjects=["peer.events"]))
    await jetstream.add_stream(StreamConfig(name=SCORES, subjects=["peer.scores"]))
    say(ready=True)
    wait_for_go()
    made = list(happenings(events, leads, run))
    paced = list(happenings(int(rate * paced_s), leads, f"{run}-paced", duplicates=0))
    seen = Seen(made)

    async def saw(message: Msg) -> None:
        seen.saw(Score.model_validate_json(message.data).event_id)

    await client.subscribe("peer.scores", cb=saw)
    eps = await throughput(jetstream, made, seen)
    seen = Seen(paced)
    await send_paced(paced, rate, seen, lambda one: publish(jetstream, one))
    return {"eps": eps, "p99_ms": seen.p99_ms}


if __name__ == "__main__":
    say(**uvloop.run(run(**task())))
