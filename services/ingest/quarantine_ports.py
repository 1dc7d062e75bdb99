"""What the use cases of quarantine and its consumer need from outside. What other doors need to put something there is
in `ports.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.ports import Quarantined, Reason


@dataclass(frozen=True, slots=True)
class Seen:
    """When something came, and how often."""

    first: datetime
    last: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item in quarantine."""

    item_id: str
    item: Quarantined
    """Without headers and payload in a list."""
    seen: Seen
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items of a project. All that is set must fit."""

    item_id: str = ""
    reason: Reason | None = None
    source_id: str = ""
    event_id: str = ""
    seen_after: datetime | None = None
    """Last seen at or after."""
    seen_before: datetime | None = None
    """Last seen before."""


Position = tuple[datetime, str]
"""A time and an item id: where a page ends."""


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A project's items of a reason."""

    reason: Reason
    items: int
    seen: int
    dropped: int
    """Messages that found no room."""


class ItemStore(Protocol):
    """The items. All raise DependencyUnavailable."""

    async def keep_messages(self, items: Sequence[tuple[Quarantined, Seen]]) -> list[Quarantined]:
        """Keep messages, or count them once more; gives back those that found no room, which are counted as dropped."""
        ...

    async def newest(
        self, project_id: str, which: ItemFilter, after: Position | None, limit: int
    ) -> list[KeptItem]:
        """Items without headers and payload, last seen first; behind a position of that order."""
        ...

    async def oldest(
        self,
        project_id: str,
        which: ItemFilter,
        after: Position | None,
        until: datetime,
        limit: int,
    ) -> list[Position]:
        """Where items are in the order in which they were first seen, behind a position, up to a time."""
        ...

    async def items(self, project_id: str, item_ids: Sequence[str]) -> list[KeptItem]:
        """Those of the items that are there, whole."""
        ...

    async def redriven(self, project_id: str, seen: Mapping[str, int], now: datetime) -> None:
        """Items, seen so often when they were read, went on their way: they are gone, unless they came again since.
        Should one come back within a day it is counted on."""
        ...

    async def discard(self, project_id: str, which: ItemFilter, limit: int) -> int:
        """Remove items for good; how many."""
        ...

    async def counts(self, project_id: str) -> list[ReasonCount]:
        """Reasons that have items, or dropped some."""
        ...

    async def forget_redriven(self, before: datetime, limit: int) -> int:
        """Forget items that were redriven before a time and did not come back; how many."""
        ...


class CannotRequeue(Exception):
    """A message can't go back where it was; the text says why."""


class Requeue(Protocol):
    """Puts a message back where it was."""

    async def requeue(self, item: KeptItem) -> None:
        """It is durable there when this returns. Raises CannotRequeue, and ServiceError where trying later may help."""
        ...
