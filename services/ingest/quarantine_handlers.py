"""The use cases of quarantine: look, have processed once more, throw away, count."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.ingest.domain.events import Origin
from services.ingest.ports import CannotRedeliver, Reason, Redelivery
from services.ingest.quarantine_ports import (
    CannotRequeue,
    ItemFilter,
    ItemStore,
    KeptItem,
    Position,
    ReasonCount,
    Requeue,
)
from services.shared.clock import Clock
from services.shared.errors import ResourceNotFound, ServiceError

CALL_ITEMS_MAX = 1_000
"""As the contract says: so many items are redriven or discarded in one call."""

REDRIVEN_TOGETHER = 16
"""Items in memory at once: a delivery has up to 5 MB."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items a call is about, and where the call before ended."""

    which: ItemFilter
    after: Position | None = None
    until: datetime | None = None
    """First seen by then; None: by now, for this is the first call."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """What came of redriving."""

    redriven: int
    failed: int
    first_failure: str
    next: Selection | None
    """What the next call is about; None: that was all."""


class QuarantineHandlers:
    """What callers ask of quarantine."""

    def __init__(
        self, store: ItemStore, redelivery: Redelivery, requeue: Requeue, clock: Clock
    ) -> None:
        self._store = store
        self._redelivery = redelivery
        self._requeue = requeue
        self._clock = clock

    async def list_items(
        self, project_id: str, which: ItemFilter, after: Position | None, limit: int
    ) -> list[KeptItem]:
        """Items without their bytes, last seen first."""
        return await self._store.newest(project_id, which, after, limit)

    async def item(self, project_id: str, item_id: str) -> KeptItem:
        """One item, whole. Raises ResourceNotFound."""
        found = await self._store.items(project_id, [item_id])
        if not found:
            raise _no_such(item_id)
        return found[0]

    async def counts(self, project_id: str) -> list[ReasonCount]:
        """How many items there are, by reason."""
        return await self._store.counts(project_id)

    async def discard(self, project_id: str, which: ItemFilter) -> tuple[int, bool]:
        """Throw items away; how many, and whether there are more. Raises ResourceNotFound for a single one."""
        discarded = await self._store.discard(project_id, which, CALL_ITEMS_MAX)
        if which.item_id:
            if not discarded:
                raise _no_such(which.item_id)
            return discarded, False
        return discarded, bool(await self._store.newest(project_id, which, None, 1))

    async def redrive(self, origin: Origin, chosen: Selection) -> Redriven:
        """Have items processed once more. Raises ResourceNotFound for a single one that is not there, and ServiceError
        where trying later may help: what went on its way until then is gone from here."""
        until = chosen.until or self._clock.now()
        places = await self._store.oldest(
            origin.project_id, chosen.which, chosen.after, until, CALL_ITEMS_MAX + 1
        )
        if chosen.which.item_id and not places:
            raise _no_such(chosen.which.item_id)
        now, more = places[:CALL_ITEMS_MAX], len(places) > CALL_ITEMS_MAX
        redriven, failures = 0, list[str]()
        for start in range(0, len(now), REDRIVEN_TOGETHER):
            item_ids = [item_id for _, item_id in now[start : start + REDRIVEN_TOGETHER]]
            done, failed = await self._redrive_some(origin, item_ids)
            redriven += done
            failures += failed
        following = Selection(chosen.which, now[-1], until) if more else None
        return Redriven(redriven, len(failures), failures[0] if failures else "", following)

    async def _redrive_some(self, origin: Origin, item_ids: Sequence[str]) -> tuple[int, list[str]]:
        """How many went on their way, and why others can't."""
        items = await self._store.items(origin.project_id, item_ids)
        outcomes = await asyncio.gather(*(self._redrive_one(origin, item) for item in items))
        done = {
            item.item_id: item.seen.count
            for item, outcome in zip(items, outcomes, strict=True)
            if outcome is None
        }
        # Only now that they are durable elsewhere.
        await self._store.redriven(origin.project_id, done, self._clock.now())
        for outcome in outcomes:
            if isinstance(outcome, ServiceError):
                raise outcome
        return len(done), [outcome for outcome in outcomes if isinstance(outcome, str)]

    async def _redrive_one(self, origin: Origin, kept: KeptItem) -> str | ServiceError | None:
        """None when it went on its way; else why it can't, or why not now."""
        try:
            if kept.item.reason is Reason.MAPPING_FAILED:
                await self._redelivery.redeliver(origin, kept.item, kept.seen.first)
            else:
                await self._requeue.requeue(kept)
        except (CannotRedeliver, CannotRequeue) as error:
            return str(error)
        except ServiceError as error:
            return error
        return None


def _no_such(item_id: str) -> ResourceNotFound:
    return ResourceNotFound("quarantined_item", item_id)
