"""What ingest's use cases and its group commit need from outside."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from services.ingest.domain.events import AcceptedEvent, Origin
from services.shared.errors import ServiceError
from services.shared.publishing import OutgoingMessage


class Stored(Enum):
    """How an event came to be durable."""

    NEW = 0
    DUPLICATE = 1
    """The stream had it already."""


Outcome = Stored | ServiceError
"""What became of one event: durable, or why not."""


class EventStore(Protocol):
    """Where events are made durable."""

    @property
    def reachable(self) -> bool:
        """Whether storing may be tried right now."""
        ...

    async def append_all(self, messages: Sequence[OutgoingMessage]) -> None:
        """Store all or none. Raises BatchRefused, IntakeFull, or DependencyUnavailable when the outcome is unknown."""
        ...

    async def append(self, message: OutgoingMessage) -> Stored:
        """Store one. Raises IntakeFull or DependencyUnavailable."""
        ...


class Intake(Protocol):
    """Takes messages in and says later what became of each."""

    def submit(self, messages: Sequence[OutgoingMessage]) -> "asyncio.Future[list[Outcome]]":
        """Take messages in at once, one at least; the outcomes come in the same order. Cancelling the future gives up
        on these messages only."""
        ...


class Reason(Enum):
    """Why something is in quarantine; the names of the contract's QuarantineReason, in lower case."""

    UNDECODABLE = "undecodable"
    CONFLICT = "conflict"
    POISON = "poison"
    MAPPING_FAILED = "mapping_failed"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something that was accepted and can't be processed."""

    project_id: str
    reason: Reason
    detail: str
    """More about why; for people, without personal data."""
    event_id: str
    """Empty where it is not known."""
    source_id: str
    """The webhook source it came through; empty: none."""
    headers: Mapping[str, str]
    """What a delivery's mapping may read besides the body, its content type among it."""
    payload: bytes
    """A delivery's body, or an AcceptedEvent as it was in the stream."""
    stream: str = ""
    """The stream a message was in; empty for a delivery."""
    payload_hash: bytes = b""
    """Of an accepted event, what its sender said: the same, sent again, differs in its other bytes. Empty for anything
    else."""
    public: bool = False
    """An event that came with a key that everyone can read."""


class Quarantine(Protocol):
    """Where it is kept."""

    async def keep(self, item: Quarantined, now: datetime) -> None:
        """Keep a delivery, or count it once more. Raises DependencyUnavailable, and QuarantineFull: nothing was kept
        then, and the sender should try again later."""
        ...


class CannotRedeliver(Exception):
    """A delivery can't be made into events now either; the text says why."""


class Redelivery(Protocol):
    """Has a delivery from quarantine processed as its source is now."""

    async def redeliver(self, origin: Origin, item: Quarantined, first_seen: datetime) -> int:
        """How many events it gave; they are durable. Raises CannotRedeliver, and ServiceError where trying later may
        help."""
        ...


Judge = Callable[[Origin, list[AcceptedEvent]], list[AcceptedEvent]]
"""Marks those of events accepted together that look suspect."""

Encode = Callable[[Origin, AcceptedEvent, int], OutgoingMessage]
"""The message for an event accepted at a time in microseconds since 1970."""
