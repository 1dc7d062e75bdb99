"""What ingest's use cases and its group commit need from outside."""

import asyncio
from collections.abc import Callable, Sequence
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


Encode = Callable[[Origin, AcceptedEvent, int], OutgoingMessage]
"""The message for an event accepted at a time in microseconds since 1970."""
