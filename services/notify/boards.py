"""Leaderboards, live. A board is read from scoring when a change may show on it, once for all watchers of the same
board however many changes come, and each watcher is told what differs from the board it was told of before. So a
watcher holds one board, and a slow one skips boards, never places."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from services.notify.domain.filtering import Change
from services.notify.domain.leaderboard import Board, Difference, Which, difference
from services.notify.errors import FeedInterrupted
from services.notify.hub import WAKE_AT_ONCE, Hub
from services.notify.ports import BoardSource, PublishedChange
from services.notify.updates import HeartbeatUpdate
from services.notify.watcher import Watcher
from services.shared import logs
from services.shared.context import Request
from services.shared.errors import DependencyUnavailable, LimitExceeded
from services.shared.interceptor import CredentialInvalid, ScopeMissing

log = logs.get("boards")

READ_INTERVAL_S = 0.2
"""Between two readings of a board: nobody follows more than five changes a second."""

REFRESH_S = 10.0
"""A board is read again after so long though nothing was heard: names are edited, and new leads made, without a score
change."""

RETRY_S = 0.5
"""Between attempts while scoring does not answer."""

STALE_MAX_S = 15.0
"""Watchers are told UNAVAILABLE when their board could not be read for so long."""

HELD_BACK_MAX = 1_000
"""Changes kept while a board is being read. When there are more, it is read once more, whatever they are."""

BoardUpdate = Board | Difference | HeartbeatUpdate


class Boards:
    """The boards that are watched."""

    def __init__(self, hub: Hub, source: BoardSource, boards_max: int, readers_max: int) -> None:
        self._hub = hub
        self._source = source
        self._boards_max = boards_max
        self._turns = asyncio.Semaphore(readers_max)
        self._feeds: dict[tuple[str, Which], _Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def open(
        self, watcher: Watcher, request: Request, which: Which, heartbeat_interval_s: float
    ) -> "BoardWatch":
        """Watch a board of the watcher's project. Raises LimitExceeded."""
        key = (watcher.project_id, which)
        feed = self._feeds.get(key)
        if feed is None:
            if len(self._feeds) >= self._boards_max:
                raise LimitExceeded(
                    "the watchers of this process have as many different boards as they may have",
                    self._boards_max,
                )
            feed = _Feed(self._hub, self._source, self._turns, *key)
            self._feeds[key] = feed
        feed.members[watcher] = request
        return BoardWatch(self._hub, feed, watcher, heartbeat_interval_s, lambda: self._leave(feed))

    def _leave(self, feed: "_Feed") -> None:
        if not feed.members:
            feed.close()
            self._feeds.pop((feed.project_id, feed.which), None)


class BoardWatch:
    """Give it to one task, which calls `next` until it raises, and `close` in the end."""

    def __init__(
        self,
        hub: Hub,
        feed: "_Feed",
        watcher: Watcher,
        heartbeat_interval_s: float,
        left: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._feed = feed
        self._watcher = watcher
        self._heartbeat_interval_s = heartbeat_interval_s
        self._left = left
        self._told: Board | None = None

    async def next(self) -> BoardUpdate:
        """The board; after that what became of it. Waits for it. Raises what ends the watch."""
        loop = asyncio.get_running_loop()
        quiet_until = loop.time() + self._heartbeat_interval_s
        while True:
            self._watcher.wake.clear()
            if self._watcher.ending is not None:
                raise FeedInterrupted.instead_of(self._watcher.ending)
            self._feed.check(loop.time(), is_new=self._told is None)
            told, self._told = self._told, self._feed.board
            if told is not self._told and self._told is not None:
                if told is None:
                    return self._told
                found = self._feed.difference(told, self._told)
                if found.changes:
                    return found
            try:
                # Whoever has no board yet waits for it: the reading of it ends.
                async with asyncio.timeout_at(None if self._told is None else quiet_until):
                    await self._watcher.wake.wait()
            except TimeoutError:
                return HeartbeatUpdate(None)

    def close(self) -> None:
        """Free what the watch holds. May be called more than once."""
        if self._feed.members.pop(self._watcher, None) is not None:
            self._hub.close(self._watcher)
            self._left()


class _Feed:
    """One board, read for its members in the name of one of them."""

    def __init__(
        self,
        hub: Hub,
        source: BoardSource,
        turns: asyncio.Semaphore,
        project_id: str,
        which: Which,
    ) -> None:
        self.project_id = project_id
        self.which = which
        self.members: dict[Watcher, Request] = {}
        self.board: Board | None = None
        self._hub = hub
        self._source = source
        self._turns = turns
        self._held_back: list[Change] | None = None
        """What was heard while the board is being read, and may not be on it."""
        self._stale = asyncio.Event()
        self._stale.set()
        self._failing_since_s: float | None = None
        self._difference: tuple[Board, Board, Difference] | None = None
        hub.follow(project_id, self._hear)
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def close(self) -> None:
        """Stop reading."""
        self._hub.unfollow(self.project_id, self._hear)
        self._task.cancel()

    def check(self, now_s: float, *, is_new: bool) -> None:
        """Raises DependencyUnavailable when the board can't be read: for long, or for who has none yet."""
        if self._task.done():
            raise FeedInterrupted("the leaderboard is not read any more")
        since_s = self._failing_since_s
        if since_s is not None and (is_new or now_s - since_s > STALE_MAX_S):
            raise DependencyUnavailable("the leaderboard can't be read at the moment")

    def difference(self, before: Board, after: Board) -> Difference:
        """What differs; most watchers ask for the same."""
        known = self._difference
        if known is None or known[0] is not before or known[1] is not after:
            known = self._difference = (before, after, difference(before, after))
        return known[2]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("leaderboard given up", exc_info=failure)
        for watcher in self.members:
            watcher.wake.set()

    def _hear(self, published: PublishedChange) -> None:
        if self._stale.is_set():
            return
        if self._held_back is not None:
            if len(self._held_back) < HELD_BACK_MAX:
                self._held_back.append(published.change)
            else:
                self._stale.set()
        elif self.board is None or self.board.may_differ_after(published.change):
            self._stale.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await self._stale.wait()
            await self._read()
            await asyncio.sleep(RETRY_S if self._failing_since_s is not None else READ_INTERVAL_S)

    async def _read(self) -> None:
        async with self._turns:
            self._stale.clear()
            member = next(iter(self.members), None)
            if member is None:
                return
            self._held_back = []
            try:
                places = await self._source.board(self.members[member], self.which)
            except (CredentialInvalid, ScopeMissing):
                # That one's watch ends soon, as the keeper sees it; the others go on in the name of another.
                self._stale.set()
                request = self.members.pop(member, None)
                if request is not None:
                    self.members[member] = request
                if len(self.members) == 1:
                    self._failed()
                return
            except DependencyUnavailable as error:
                log.info("leaderboard not read", error=str(error))
                self._failed()
                return
            finally:
                held_back, self._held_back = self._held_back, None
        self._failing_since_s = None
        board = Board(self.which, places)
        if any(map(board.may_differ_after, held_back)):
            self._stale.set()
        if self.board is None or self.board.places != board.places:
            self.board = board
            await self._wake()

    def _failed(self) -> None:
        self._stale.set()
        if self._failing_since_s is None:
            self._failing_since_s = asyncio.get_running_loop().time()
        for watcher in self.members:
            watcher.wake.set()

    async def _wake(self) -> None:
        for number, watcher in enumerate(tuple(self.members), 1):
            watcher.wake.set()
            if number % WAKE_AT_ONCE == 0:
                await asyncio.sleep(0)
