"""Webhooks without a process: sources in memory, events that go nowhere, a quarantine to look into."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.ingest import convert, webhook_presets
from services.ingest.domain.events import AcceptedEvent, Origin
from services.ingest.domain.webhooks.model import (
    Counters,
    FailureAnswer,
    Secret,
    Source,
    WebhookMapping,
)
from services.ingest.errors import TooManySources
from services.ingest.handlers import IngestHandlers
from services.ingest.ports import Outcome, Quarantined, Stored
from services.ingest.webhook_cache import SourceCache
from services.ingest.webhook_handlers import Incoming, WebhookHandlers
from services.ingest.webhook_ports import Change, SourcePosition
from services.ingest.webhook_sources import NewSource, Trial, WebhookSources
from services.ingest.webhook_worker import DeliveryCounts
from services.shared.errors import DependencyUnavailable
from services.shared.publishing import OutgoingMessage

PRESETS = webhook_presets.load_all()

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


class FixedClock:
    """Stands still unless told."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant


class MemoryIntake:
    """Takes messages in; those it knows by id are duplicates."""

    def __init__(self) -> None:
        self.messages: dict[str, OutgoingMessage] = {}
        self.outcome: Outcome | None = None
        """What every message meets instead, when set."""

    def submit(self, messages: Sequence[OutgoingMessage]) -> asyncio.Future[list[Outcome]]:
        outcomes: list[Outcome] = []
        for message in messages:
            key = str(message.message_id)
            known = key in self.messages
            outcomes.append(self.outcome or (Stored.DUPLICATE if known else Stored.NEW))
            if self.outcome is None:
                self.messages.setdefault(key, message)
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        done.set_result(outcomes)
        return done


class MemoryQuarantine:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.items: list[Quarantined] = []
        self.away = False

    async def keep(self, item: Quarantined, now: datetime) -> None:
        if self.away:
            raise DependencyUnavailable("away")
        self.items.append(item)


class MemorySources:
    """A webhook_ports.SourceStore."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.away = False
        self.reads = 0

    async def add(self, source: Source, sources_max: int) -> None:
        if sum(one.project_id == source.project_id for one in self.sources.values()) >= sources_max:
            raise TooManySources(sources_max)
        self.sources[source.source_id] = source

    async def find(self, source_id: str, now: datetime) -> Source | None:
        self.reads += 1
        if self.away:
            raise DependencyUnavailable("away")
        return self.sources.get(source_id)

    async def get(self, project_id: str, source_id: str, now: datetime) -> Source | None:
        found = self.sources.get(source_id)
        return found if found and found.project_id == project_id else None

    async def newest(
        self, project_id: str, after: SourcePosition | None, limit: int, now: datetime
    ) -> list[Source]:
        return [one for one in self.sources.values() if one.project_id == project_id][:limit]

    async def change(
        self, project_id: str, source_id: str, change: Change, now: datetime
    ) -> Source | None:
        found = await self.get(project_id, source_id, now)
        if found:
            self.sources[source_id] = change(found)
        return self.sources.get(source_id) if found else None

    async def add_secret(
        self, project_id: str, source_id: str, secret: Secret, expire_time: datetime, now: datetime
    ) -> Source | None:
        found = await self.get(project_id, source_id, now)
        if found is None:
            return None
        before = tuple(replace(one, expire_time=expire_time) for one in found.secrets)
        self.sources[source_id] = replace(
            found, secrets=(secret, *before), revision=found.revision + 1
        )
        return self.sources[source_id]

    async def remove(self, project_id: str, source_id: str) -> bool:
        found = await self.get(project_id, source_id, NOW)
        return found is not None and self.sources.pop(source_id, None) is not None

    async def count(self, counted: Mapping[str, Counters]) -> None:
        if self.away:
            raise DependencyUnavailable("away")
        for source_id, more in counted.items():
            found = self.sources[source_id]
            self.sources[source_id] = replace(found, counters=found.counters.plus(more))


def unmarked(_: Origin, events: list[AcceptedEvent]) -> list[AcceptedEvent]:
    """Suspects nobody."""
    return events


class Rig:
    """Everything about webhooks, wired."""

    def __init__(self, now: datetime = NOW) -> None:
        self.clock = FixedClock(now)
        self.store = MemorySources()
        self.intake = MemoryIntake()
        self.quarantine = MemoryQuarantine()
        self.counts = DeliveryCounts(self.store)
        self.cache = SourceCache(self.store, self.clock)
        events = IngestHandlers(self.intake, convert.message, self.clock, unmarked)
        self.handlers = WebhookHandlers(
            self.cache, events, self.quarantine, self.counts, self.clock
        )
        self.sources = WebhookSources(self.store, self.cache, PRESETS, self.clock)


def new_source(**given: Any) -> NewSource:
    """A source that is asked for, but for what is given."""
    fields: dict[str, Any] = {
        "display_name": "",
        "preset": "",
        "verification": None,
        "mapping": None,
        "disabled": False,
        "failure_answer": FailureAnswer.ACCEPT,
        "event_source": "",
        "secret": "",
        **given,
    }
    return NewSource(**fields)


def trial(**given: Any) -> Trial:
    """A delivery to try, but for what is given."""
    fields: dict[str, Any] = {
        "source_id": "",
        "mapping": None,
        "preset": "",
        "body": "",
        "content_type": "",
        "headers": {},
        **given,
    }
    return Trial(**fields)


def mapping(*events: Mapping[str, str], items: str = "") -> WebhookMapping:
    """A mapping."""
    return WebhookMapping(items, events)


def incoming(content: bytes, headers: Mapping[str, str] | None = None) -> Incoming:
    """A delivery of JSON."""
    return Incoming(headers or {}, "application/json", content, "req", "")
