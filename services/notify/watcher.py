"""The hub's side of one watch: what it wants, what waits for it, and why it must end. The hub offers it changes, the
watch takes them."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.waiting import EveryChange, Sums, Waiting
from services.notify.ports import PublishedChange
from services.shared.errors import ServiceError


class Offer(Enum):
    """What became of a change that was offered to a watcher."""

    PASSED = auto()
    """It is not for this watcher, or there is nothing to do about it yet."""
    WAITS = auto()
    """It is something to look at."""
    FULL = auto()
    """Too much waits already."""


class Watcher:
    """The hub's side of one watch: what waits for it, and why it must end."""

    def __init__(
        self,
        project_id: str,
        credential: str,
        wanted: ChangeFilter,
        waiting: Waiting[PublishedChange] | None = None,
        sums: Sums | None = None,
    ) -> None:
        self.project_id = project_id
        self.credential = credential
        self.wanted = wanted
        self.waiting: Waiting[PublishedChange] = EveryChange() if waiting is None else waiting
        self.sums = sums
        """Where changes of bulk causes go; None: they wait like all others."""
        self.is_news: Callable[[PublishedChange], bool] | None = None
        """Asked of every change that the filter lets pass."""
        self.after_sequence = 0
        """Changes up to here, save those that go into sums, were handed out before."""
        self.left_at: int | None = None
        """Everything up to here was offered; nothing was after the watcher was cut off there."""
        self.ending: ServiceError | None = None
        """Set when the watch must end, once nothing waits."""
        self.wake = asyncio.Event()
        """Set when there is something to look at: a change, an ending."""

    def offer(self, published: PublishedChange, room: int) -> Offer:
        """Keep the change if it is wanted and news."""
        change = published.change
        sums = self.sums if self.sums is not None and self.sums.covers(change) else None
        if sums is None:
            if published.sequence <= self.after_sequence:
                return Offer.PASSED
        elif sums.is_sent(published):
            return Offer.PASSED
        if not self.wanted.matches(change):
            return Offer.PASSED
        if self.is_news is not None and not self.is_news(published):
            return Offer.PASSED
        if sums is not None:
            return Offer.WAITS if sums.add(published) else Offer.PASSED
        return Offer.WAITS if self.waiting.add(published, room) else Offer.FULL

    def end(self, error: ServiceError, *, discard_queue: bool) -> None:
        """End the watch with this error, at once or after what waits for it. The first ending counts."""
        if self.ending is None:
            self.ending = error
            if discard_queue:
                self.discard()
        self.wake.set()

    def discard(self) -> None:
        """Forget what waits."""
        self.waiting.clear()
        if self.sums is not None:
            self.sums.clear()
