"""Bodies of deliveries made into values without holding up the event loop: small ones at once, larger ones in a thread,
few at a time."""

import asyncio
from collections import Counter

from services.ingest.domain.webhooks import bodies
from services.ingest.errors import TooBusy

INLINE_BYTES_MAX = 65_536
"""Decoded within a few milliseconds, which everybody else can wait."""

DECODING_MAX = 2
"""At once, of all sources together: each has some fifty times its size in memory, and they share the interpreter."""

DECODING_OF_ONE_MAX = 8
"""Under way or waiting, of one source: a flood to one URL, which may need no signature, leaves others their turn."""


class Decoder:
    """Decodes bodies."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(DECODING_MAX)
        self._under_way: Counter[str] = Counter()

    async def decode(self, source_id: str, content: bytes, content_type: str) -> bodies.Body:
        """As bodies.decode. Raises Unreadable; TooBusy when too many large bodies of the source are under way."""
        if len(content) <= INLINE_BYTES_MAX:
            return bodies.decode(content, content_type)
        if self._under_way[source_id] >= DECODING_OF_ONE_MAX:
            raise TooBusy("too many large deliveries of this source at once: send it again later")
        self._under_way[source_id] += 1
        try:
            async with self._room:
                return await asyncio.to_thread(bodies.decode, content, content_type)
        finally:
            self._under_way[source_id] -= 1
            if not self._under_way[source_id]:
                del self._under_way[source_id]
