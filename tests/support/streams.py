"""What is in a JetStream stream right now."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from services.shared.bus import Bus
from services.shared.consuming import StreamReader

CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Stored:
    """A message as the stream keeps it."""

    sequence: int
    subject: str
    payload: bytes


async def stored(nats_url: str, stream: str, subject_filter: str) -> list[Stored]:
    """All messages on the subjects, in stream order."""
    async with AsyncExitStack() as resources:
        bus = await Bus.connect(nats_url, "test-streams", CONNECT_TIMEOUT_S)
        resources.push_async_callback(bus.close)
        reader = StreamReader(bus, stream, subject_filter, 0)
        resources.push_async_callback(reader.close)
        waiting = await reader.start()
        found: list[Stored] = []
        while len(found) < waiting:
            for message, place in await reader.take(waiting - len(found)):
                found.append(Stored(place.stream_sequence, message.subject, message.data))
        return found
