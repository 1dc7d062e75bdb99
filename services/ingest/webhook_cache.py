"""Webhook sources as deliveries need them: in memory, with their mappings compiled. Read again after two seconds; while
the database is away, what was read last serves."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from services.ingest.domain.webhooks.model import Source
from services.ingest.webhook_compiling import compile_mapping
from services.ingest.webhook_mapping import CompiledMapping
from services.ingest.webhook_ports import SourceStore
from services.ingest.webhook_secrets import is_source_id
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable, InvalidFields

log = logs.get("webhook sources")

T = TypeVar("T")

FRESH_S = 2.0
"""A change is in force after so long, as the contract says."""

UNKNOWN_FRESH_S = 1.0
"""An id that nothing is known by is asked for again only after this: whoever made the source waits no longer."""

READ_TIMEOUT_S = 1.0
"""A delivery of a source that is known waits no longer for a newer reading."""

AGE_S_MAX = 10.0
"""Unless what is known is older: then it serves only where the database does not answer at all."""

OLD_READ_TIMEOUT_S = 5.0
"""After so long it does not answer at all; senders wait for little more."""

AWAY_S = 2.0
"""After a reading failed or was late, what is known serves so long before the next try."""

READS_MAX = 4
"""Readings at once of sources that are known: they shall not take every connection."""

UNKNOWN_READS_MAX = 2
"""Of ids that may be made up: these have readers of their own, so that they hold up nobody's source."""

UNKNOWN_WAITING_MAX = 200
"""Of those under way or waiting; more are told to try again."""

KEPT_MAX = 10_000
"""Sources in memory, and apart from them, ids of none; those not asked for longest go first."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A source, ready for deliveries."""

    source: Source
    mapping: CompiledMapping | None
    """None: it does not compile any more, because what may be in a mapping has changed."""


@dataclass(slots=True)
class _Entry:
    ready: Ready
    read_at: float
    changed: bool = False
    """By this process: it does not serve any more."""


class SourceCache:
    """Finds sources."""

    def __init__(self, store: SourceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        """Ids of no source, and when they were read."""
        self._reading: dict[str, asyncio.Task[Ready | None]] = {}
        self._room = asyncio.Semaphore(READS_MAX)
        self._unknown_room = asyncio.Semaphore(UNKNOWN_READS_MAX)
        self._unknown_reading = 0
        self._away_until = 0.0
        self._slow_until = 0.0

    async def find(self, source_id: str) -> Ready | None:
        """The source; None when there is none. Raises DependencyUnavailable."""
        if not is_source_id(source_id):
            return None
        now = asyncio.get_running_loop().time()
        entry = self._known.get(source_id)
        if entry is None:
            return await self._find_unknown(source_id, now)
        self._known.move_to_end(source_id)
        if entry.changed:
            return await asyncio.shield(self._read_soon(source_id))
        if now - entry.read_at < FRESH_S:
            return entry.ready
        old = now - entry.read_at >= AGE_S_MAX
        if now < self._away_until or (now < self._slow_until and not old):
            return entry.ready
        timeout_s = OLD_READ_TIMEOUT_S if old else READ_TIMEOUT_S
        try:
            return await asyncio.wait_for(asyncio.shield(self._read_soon(source_id)), timeout_s)
        except (TimeoutError, DependencyUnavailable) as error:
            until = asyncio.get_running_loop().time() + AWAY_S
            if old or isinstance(error, DependencyUnavailable):
                self._away_until = until
            else:
                self._slow_until = until
            return entry.ready

    async def _find_unknown(self, source_id: str, now: float) -> Ready | None:
        read_at = self._unknown.get(source_id)
        if read_at is not None and now - read_at < UNKNOWN_FRESH_S:
            return None
        if source_id not in self._reading and self._unknown_reading >= UNKNOWN_WAITING_MAX:
            raise DependencyUnavailable("too many unknown webhook sources are asked for at once")
        return await asyncio.shield(self._read_soon(source_id))

    def forget(self, source_id: str) -> None:
        """Read a source again at the next delivery: it has changed."""
        self._unknown.pop(source_id, None)
        entry = self._known.get(source_id)
        if entry is not None:
            entry.changed = True

    def _read_soon(self, source_id: str) -> "asyncio.Task[Ready | None]":
        """The one reading of a source that is on its way."""
        reading = self._reading.get(source_id)
        if reading is None:
            known = source_id in self._known
            self._unknown_reading += not known
            reading = asyncio.create_task(self._read(source_id, known))
            self._reading[source_id] = reading
            reading.add_done_callback(lambda done: self._done(source_id, known, done))
        return reading

    def _done(self, source_id: str, known: bool, reading: "asyncio.Task[Ready | None]") -> None:
        del self._reading[source_id]
        self._unknown_reading -= not known
        # Asked for, so that nobody complains of an error that all who waited have stopped waiting for.
        if not reading.cancelled():
            reading.exception()

    async def _read(self, source_id: str, known: bool) -> Ready | None:
        async with self._room if known else self._unknown_room:
            # From before the reading: what changes meanwhile is read again in time.
            read_at = asyncio.get_running_loop().time()
            source = await self._store.find(source_id, self._clock.now())
        before = self._known.get(source_id)
        if source is None:
            self._known.pop(source_id, None)
            _keep(self._unknown, source_id, read_at)
            return None
        self._unknown.pop(source_id, None)
        ready = _ready(source, before.ready if before else None)
        _keep(self._known, source_id, _Entry(ready, read_at))
        return ready


def _keep(kept: OrderedDict[str, T], source_id: str, value: T) -> None:
    kept[source_id] = value
    kept.move_to_end(source_id)
    while len(kept) > KEPT_MAX:
        kept.popitem(last=False)


def _ready(source: Source, before: Ready | None) -> Ready:
    """Compiled once for each revision."""
    if before is not None and before.source.revision == source.revision:
        return Ready(source, before.mapping)
    try:
        return Ready(source, compile_mapping(source.definition.mapping, "mapping"))
    except InvalidFields as error:
        log.error("mapping does not compile", source=source.source_id, error=str(error))
        return Ready(source, None)
