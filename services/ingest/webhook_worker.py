"""Counters of webhook sources: gathered in memory, added up in the database every few seconds."""

import asyncio
from datetime import datetime

from services.ingest.domain.webhooks.model import Counters
from services.ingest.webhook_ports import SourceStore
from services.shared import logs
from services.shared.errors import DependencyUnavailable

log = logs.get("webhook counters")

FLUSH_S = 2.0
"""So long a count is behind; a process that is killed loses no more than these."""


class DeliveryCounts:
    """Counts deliveries."""

    def __init__(self, store: SourceStore) -> None:
        self._store = store
        self._counted: dict[str, Counters] = {}
        self._stopping = asyncio.Event()

    def rejected(self, source_id: str) -> None:
        """A delivery did not prove itself."""
        self._add(source_id, Counters(rejected=1))

    def quarantined(self, source_id: str, events: int) -> None:
        """A delivery is in quarantine; so many events were made of it nevertheless."""
        self._add(source_id, Counters(quarantined=1, events=events))

    def accepted(self, source_id: str, events: int, now: datetime) -> None:
        """A delivery was made into so many events."""
        self._add(source_id, Counters(accepted=1, events=events, last_accept_time=now))

    def ignored(self, source_id: str) -> None:
        """A delivery was none to make events of."""
        self._add(source_id, Counters(ignored=1))

    async def run(self) -> None:
        """Add up every few seconds, and at last when told to stop."""
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), FLUSH_S)
            except TimeoutError:
                await self.flush()
        await self.flush()

    def stop(self) -> None:
        """Have `run` add up what is left and return."""
        self._stopping.set()

    async def flush(self) -> None:
        """Add up what was counted; it stays counted here where the database is away."""
        counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            await self._store.count(counted)
        except DependencyUnavailable:
            for source_id, counters in counted.items():
                self._add(source_id, counters)
            log.warning("counters wait for the database", sources=len(counted))

    def _add(self, source_id: str, more: Counters) -> None:
        self._counted[source_id] = self._counted.get(source_id, Counters()).plus(more)
