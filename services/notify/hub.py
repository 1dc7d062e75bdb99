"""The live edge: every change is decoded once, kept in a ring for a while and handed to the watchers that want it
through a bounded queue each. While nobody watches it is at rest: nothing is read and nothing kept. Everything here runs
on one event loop and nothing but `let_watchers_read` and `awake` waits, so looking at a position and joining there is
one step. Reading the stream is in `worker.py`, a watch in `handlers.py`."""

import asyncio
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.versions import NewestVersions
from services.notify.domain.waiting import Sums, Waiting
from services.notify.errors import ResumeTokenExpired, WatcherTooSlow, WatchInterrupted
from services.notify.ports import PublishedChange
from services.notify.watcher import Offer, Watcher
from services.shared.errors import DependencyUnavailable, LimitExceeded, ServiceError

RING_PAGE = 500
"""Changes looked at together when a watcher catches up from the ring: keeps the event loop's turns short."""

PACE_MAX_S = 0.25
"""Longest pause for watchers that fall behind together, for instance when the broker is back after an outage."""

VERSIONS_REMEMBERED = 100_000
"""Leads whose newest version is remembered, about 200 bytes each: 200 relay batches of different leads."""

OFFERS_PER_TURN = 5_000
"""Changes times watchers looked at before watchers get a turn: some ten milliseconds."""

WAKE_AT_ONCE = 250
"""Watchers woken in one turn of the event loop, each to write a message: again some ten milliseconds. A change that
5,000 want takes twenty turns, and everything else gets its own in between."""

WAKE_MAX_S = 5.0
"""Who comes while the hub is at rest waits for it so long: usually some milliseconds, and as long as a broker takes to
be restarted."""

MakeError = Callable[[], ServiceError]
Follower = Callable[[PublishedChange], None]


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Sizes of the rooms; `config.py` says what they mean."""

    ring_messages_max: int
    ring_bytes_max: int
    queue_messages_max: int
    watchers_max: int


class Hub:
    """Fans changes out to watchers. `position` is the newest change handed on; the ring holds all after `floor`."""

    def __init__(self, limits: HubLimits) -> None:
        self.stream_id = 0
        self.position = 0
        self.floor = 0
        self._limits = limits
        self._order: deque[PublishedChange] = deque()
        self._order_bytes = 0
        self._rings: dict[str, _ProjectRing] = defaultdict(_ProjectRing)
        self._versions = NewestVersions(VERSIONS_REMEMBERED)
        self._watchers: set[Watcher] = set()
        self._joined: dict[str, set[Watcher]] = defaultdict(set)
        self._followers: dict[str, set[Follower]] = defaultdict(set)
        self._fed: set[Watcher] = set()
        self._offers = 0
        self._relieved = asyncio.Event()
        self._refusal: MakeError | None = None
        self._coming = 0
        self._wanted = asyncio.Event()
        self._begun = asyncio.Event()

    # Reading side (worker.py)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody watches, or is about to."""
        return bool(self._watchers or self._coming)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is read, and `position` is nobody's."""
        return not self._begun.is_set()

    async def wanted(self) -> None:
        """Wait until somebody wants to watch while the hub is at rest: `begin` is due."""
        await self._wanted.wait()

    def rest(self) -> None:
        """Nothing is read any more: forget what was, and let who comes wait until it begins anew. Not while it is
        wanted."""
        if self.is_wanted:
            raise ValueError("somebody watches")
        self.begin(self.stream_id, self.position)
        self._begun.clear()
        self._wanted.clear()

    def begin(self, stream_id: int, position: int) -> None:
        """Start at a position of a stream, with an empty ring."""
        self.stream_id = stream_id
        self.position = self.floor = position
        self._order.clear()
        self._order_bytes = 0
        self._rings.clear()
        self._versions.clear()
        self._begun.set()

    def lose_until(self, sequence: int) -> None:
        """Changes after `position` and before `sequence` were removed before they were read: nobody may go on as if
        nothing had happened."""
        self.begin(self.stream_id, sequence - 1)
        self.end_all(lambda: ResumeTokenExpired("changes were removed before they could be sent"))

    def advance(self, published: PublishedChange) -> None:
        """The stream's next change: keep it, and queue it for who wants it. A copy is dropped."""
        self.position = published.sequence
        if not self._versions.advance(published.subject, published.change.version):
            return
        self._keep(published)
        for follow in tuple(self._followers.get(published.project_id, ())):
            follow(published)
        joined = self._joined.get(published.project_id)
        if not joined:
            return
        room = self._limits.queue_messages_max
        full: list[Watcher] = []
        for watcher in joined:
            offer = watcher.offer(published, room)
            if offer is Offer.WAITS:
                if len(self._fed) < WAKE_AT_ONCE:
                    watcher.wake.set()
                self._fed.add(watcher)
            elif offer is Offer.FULL:
                full.append(watcher)
        self._offers += len(joined)
        for watcher in full:
            # What waits is still sent: it brings the watcher's token nearer to the edge.
            self._leave(watcher)
            watcher.left_at = published.sequence - 1
            watcher.end(WatcherTooSlow(room), discard_queue=False)

    @property
    def turn_is_due(self) -> bool:
        """Whether so much was handed on that watchers, and everything else, should get a turn now."""
        return self._offers >= OFFERS_PER_TURN

    def pass_over(self, sequence: int) -> None:
        """The stream's next message is not a change."""
        self.position = sequence

    async def let_watchers_read(self) -> None:
        """Give watchers a turn, and a pause while most of those that just got something are half full: a backlog read
        in one go would cut off everybody. A few slow ones do not hold the others up."""
        fed, self._fed = self._fed, set()
        self._offers = 0
        for number, watcher in enumerate(tuple(fed), 1):
            watcher.wake.set()
            if number % WAKE_AT_ONCE == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        deadline = asyncio.get_running_loop().time() + PACE_MAX_S
        while 2 * sum(1 for watcher in fed if self._crowded(watcher)) > len(fed):
            self._relieved.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._relieved.wait()
            except TimeoutError:
                return

    # Watching side (handlers.py)

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Have the stream followed: within the block, and after it for as long as there are watchers, all that comes
        behind `position` is handed on. Wakes a hub that is at rest; raises DependencyUnavailable when that can't be
        done in WAKE_MAX_S, or what the hub refuses with."""
        if self._refusal is not None:
            raise self._refusal()
        self._coming += 1
        self._wanted.set()
        try:
            if self.is_at_rest:
                await self._waking()
            yield
        finally:
            self._coming -= 1

    def open(
        self,
        project_id: str,
        credential: str,
        wanted: ChangeFilter,
        waiting: Waiting[PublishedChange] | None = None,
        sums: Sums | None = None,
    ) -> Watcher:
        """A new watcher, which gets nothing before it joins. Raises LimitExceeded, or what the hub refuses with."""
        if self._refusal is not None:
            raise self._refusal()
        if len(self._watchers) >= self._limits.watchers_max:
            raise LimitExceeded(
                "this process has as many watchers as it may have", self._limits.watchers_max
            )
        watcher = Watcher(project_id, credential, wanted, waiting, sums)
        self._watchers.add(watcher)
        return watcher

    def join(self, watcher: Watcher, after_sequence: int) -> None:
        """Queue changes after `after_sequence`, which must not be older than `position`, for the watcher."""
        if after_sequence < self.position:
            raise ValueError(f"joining at {after_sequence} leaves a gap up to {self.position}")
        watcher.after_sequence = max(watcher.after_sequence, after_sequence)
        if watcher.ending is None:
            self._joined[watcher.project_id].add(watcher)

    def take(self, watcher: Watcher) -> tuple[PublishedChange, int] | None:
        """The next change that waits for the watcher, and how many were left out for it."""
        taken = watcher.waiting.take()
        if len(watcher.waiting) == self._limits.queue_messages_max // 2:
            self._relieved.set()
        return taken

    def follow(self, project_id: str, follower: Follower) -> None:
        """Call `follower`, which must be quick and must not fail, with each change of the project from now on."""
        self._followers[project_id].add(follower)

    def unfollow(self, project_id: str, follower: Follower) -> None:
        """Stop that."""
        followers = self._followers[project_id]
        followers.discard(follower)
        if not followers:
            del self._followers[project_id]

    def recent(self, project_id: str, after_sequence: int) -> tuple[Sequence[PublishedChange], int]:
        """Some of the project's changes after a position (not before `floor`) from the ring, and up to where that is
        all of them."""
        ring = self._rings.get(project_id)
        page = ring.after(after_sequence, RING_PAGE) if ring else []
        return page, page[-1].sequence if len(page) == RING_PAGE else self.position

    def close(self, watcher: Watcher) -> None:
        """Forget the watcher."""
        self._leave(watcher)
        self._watchers.discard(watcher)
        self._fed.discard(watcher)
        watcher.discard()
        self._relieved.set()

    # Ending (worker.py, main.py)

    @property
    def watchers(self) -> frozenset[Watcher]:
        """All watchers, joined or still catching up."""
        return frozenset(self._watchers)

    def end(self, watcher: Watcher, error: ServiceError) -> None:
        """End one watch at once."""
        self._leave(watcher)
        watcher.end(error, discard_queue=True)

    def end_all(self, make_error: MakeError) -> None:
        """End every watch at once."""
        for watcher in self.watchers:
            self.end(watcher, make_error())

    def refuse(self, make_error: MakeError | None) -> None:
        """Refuse new watchers, or, with None, take them again."""
        self._refusal = make_error

    async def drain(self) -> None:
        """End every watch and take no new one: the process stops."""
        self.refuse(lambda: WatchInterrupted("the service is stopping"))
        self.end_all(lambda: WatchInterrupted("the service is stopping"))

    async def _waking(self) -> None:
        try:
            async with asyncio.timeout(WAKE_MAX_S):
                await self._begun.wait()
        except TimeoutError:
            raise DependencyUnavailable("score changes can't be read at the moment") from None

    def _keep(self, published: PublishedChange) -> None:
        self._order.append(published)
        self._order_bytes += len(published.encoded)
        self._rings[published.project_id].append(published)
        limits = self._limits
        while (
            len(self._order) > limits.ring_messages_max or self._order_bytes > limits.ring_bytes_max
        ):
            oldest = self._order.popleft()
            self._order_bytes -= len(oldest.encoded)
            self.floor = oldest.sequence
            ring = self._rings[oldest.project_id]
            ring.drop_oldest()
            if not ring:
                del self._rings[oldest.project_id]

    def _crowded(self, watcher: Watcher) -> bool:
        # One that was cut off is not waited for.
        return (
            watcher.ending is None and len(watcher.waiting) > self._limits.queue_messages_max // 2
        )

    def _leave(self, watcher: Watcher) -> None:
        joined = self._joined.get(watcher.project_id)
        if joined is not None:
            joined.discard(watcher)
            if not joined:
                del self._joined[watcher.project_id]


class _ProjectRing:
    """A project's part of the ring, searchable by sequence."""

    COMPACT_AT = 1_024
    """Dropped changes at the front are cut off together, so that dropping one costs nothing."""

    def __init__(self) -> None:
        self._changes: list[PublishedChange | None] = []
        self._sequences: list[int] = []
        self._start = 0

    def __len__(self) -> int:
        return len(self._changes) - self._start

    def append(self, published: PublishedChange) -> None:
        self._changes.append(published)
        self._sequences.append(published.sequence)

    def drop_oldest(self) -> None:
        self._changes[self._start] = None
        self._start += 1
        if self._start >= self.COMPACT_AT and self._start * 2 >= len(self._changes):
            del self._changes[: self._start]
            del self._sequences[: self._start]
            self._start = 0

    def after(self, sequence: int, limit: int) -> list[PublishedChange]:
        begin = bisect_right(self._sequences, sequence, lo=self._start)
        return [found for found in self._changes[begin : begin + limit] if found is not None]
