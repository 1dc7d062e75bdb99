"""Webhook sources as deliveries need them: in memory, with their mappings compiled. Read again after two seconds; while
the database is away, what was read last serves."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from services.ingest.domain.webhooks.model import Source
from services.ingest.webhook_compiling import compile_mapping
from services.ingest.webhook_mapping import CompiledMapping
from services.ingest.webhook_ports import SourceStore
from services.ingest.webhook_secrets import is_source_id
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable, InvalidFields

log = logs.get("webhook sources")

FRESH_S = 2.0
"""A change is in force after so long, as the contract says."""

UNKNOWN_FRESH_S = 1.0
"""An id that nothing is known by is asked for again only after this: whoever made the source waits no longer."""

READ_TIMEOUT_S = 1.0
"""A delivery of a source that is known waits no longer for a newer reading."""

AWAY_S = 2.0
"""After a reading failed, what is known serves so long before the next try."""

READS_MAX = 4
"""Readings at once: made-up ids shall not take every connection."""

KEPT_MAX = 10_000
"""Sources in memory, ids of none counted too; those not asked for longest go first."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A source, ready for deliveries."""

    source: Source
    mapping: CompiledMapping | None
    """None: it does not compile any more, because what may be in a mapping has changed."""


@dataclass(slots=True)
class _Entry:
    ready: Ready | None
    read_at: float


class SourceCache:
    """Finds sources."""

    def __init__(self, store: SourceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._reading: dict[str, asyncio.Task[Ready | None]] = {}
        self._room = asyncio.Semaphore(READS_MAX)
        self._away_until = 0.0

    async def find(self, source_id: str) -> Ready | None:
        """The source; None when there is none. Raises DependencyUnavailable."""
        if not is_source_id(source_id):
            return None
        now = asyncio.get_running_loop().time()
        entry = self._entries.get(source_id)
        if entry is not None:
            self._entries.move_to_end(source_id)
            fresh_s = FRESH_S if entry.ready else UNKNOWN_FRESH_S
            if now - entry.read_at < fresh_s:
                return entry.ready
        known = entry.ready if entry else None
        if known is not None and now < self._away_until:
            return known
        reading = self._read_soon(source_id)
        if known is None:
            return await asyncio.shield(reading)
        try:
            return await asyncio.wait_for(asyncio.shield(reading), READ_TIMEOUT_S)
        except (TimeoutError, DependencyUnavailable):
            self._away_until = asyncio.get_running_loop().time() + AWAY_S
            return known

    def forget(self, source_id: str) -> None:
        """Read a source again at the next delivery: it has changed."""
        self._entries.pop(source_id, None)

    def _read_soon(self, source_id: str) -> "asyncio.Task[Ready | None]":
        """The one reading of a source that is on its way."""
        reading = self._reading.get(source_id)
        if reading is None:
            reading = asyncio.create_task(self._read(source_id))
            self._reading[source_id] = reading
            reading.add_done_callback(lambda done: self._done(source_id, done))
        return reading

    def _done(self, source_id: str, reading: "asyncio.Task[Ready | None]") -> None:
        del self._reading[source_id]
        # Asked for, so that nobody complains of an error that all who waited have stopped waiting for.
        if not reading.cancelled():
            reading.exception()

    async def _read(self, source_id: str) -> Ready | None:
        async with self._room:
            # From before the reading: what changes meanwhile is read again in time.
            read_at = asyncio.get_running_loop().time()
            source = await self._store.find(source_id, self._clock.now())
        before = self._entries.get(source_id)
        ready = _ready(source, before.ready if before else None) if source else None
        self._entries[source_id] = _Entry(ready, read_at)
        self._entries.move_to_end(source_id)
        while len(self._entries) > KEPT_MAX:
            self._entries.popitem(last=False)
        return ready


def _ready(source: Source, before: Ready | None) -> Ready:
    """Compiled once for each revision."""
    if before is not None and before.source.revision == source.revision:
        return Ready(source, before.mapping)
    try:
        return Ready(source, compile_mapping(source.definition.mapping, "mapping"))
    except InvalidFields as error:
        log.error("mapping does not compile", source=source.source_id, error=str(error))
        return Ready(source, None)
