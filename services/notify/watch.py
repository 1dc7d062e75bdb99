"""One watch from its opening to its end: snapshot, older changes from the stream, newer ones from the hub's ring, then
the live edge. It is asked for one update at a time, so the reader's pace is the watch's pace, and it holds at most a
page of changes, two of leads, or a queue of changes."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.resume_token import Position
from services.notify.domain.versions import NewestVersions
from services.notify.errors import ResumeTokenExpired, WatchInterrupted
from services.notify.hub import Hub
from services.notify.ports import (
    LeadPage,
    LeadSource,
    Page,
    PublishedChange,
    ScoreStream,
    SnapshotLead,
)
from services.notify.updates import (
    ChangeUpdate,
    HeartbeatUpdate,
    LeadUpdate,
    SnapshotUpdate,
    SumUpdate,
    Update,
    WatchOptions,
)
from services.notify.watcher import Watcher
from services.shared.context import Request
from services.shared.errors import DependencyUnavailable, LimitExceeded

SNAPSHOT_LEADS_MAX = 50_000
"""A bigger snapshot is an export, and would fill the memory with versions."""

CATCH_UP_PAGE = 1_000
"""Older changes read at once: half of a watcher's queue, in some tens of milliseconds."""

CATCH_UP_LEADS_REMEMBERED = 5_000
"""Leads of the last pages whose copies are dropped while catching up."""

READ_AGAIN_AFTER_S = 0.5
"""Pause before a page is asked for again when the broker did not give it."""

T = TypeVar("T")


class SnapshotBudget:
    """Versions of snapshot leads held by all watches of the process."""

    def __init__(self, leads_max: int) -> None:
        self._leads_max = leads_max
        self.held = 0

    def take(self, leads: int) -> None:
        """Raises LimitExceeded when there is no room for so many more."""
        if self.held + leads > self._leads_max:
            raise LimitExceeded(
                "the snapshots that this process has sent hold too many leads", self._leads_max
            )
        self.held += leads

    def give_back(self, leads: int) -> None:
        """They are not held any more."""
        self.held -= leads


class Watch:
    """Give it to one task, which calls `next` until it raises, and `close` in the end.

    All of the project's changes up to `_read` were offered to the watcher, which keeps what is wanted. Those up to
    `_sequence`, save what goes into sums, were handed out, filtered, or part of the snapshot: the token's position.
    """

    def __init__(
        self,
        hub: Hub,
        stream: ScoreStream,
        leads: LeadSource,
        budget: SnapshotBudget,
        watcher: Watcher,
        request: Request,
        options: WatchOptions,
        position: Position,
    ) -> None:
        self.project_id = watcher.project_id
        self.stream_id = position.stream_id
        self._hub = hub
        self._stream = stream
        self._leads = leads
        self._budget = budget
        self._watcher = watcher
        self._request = request
        self._wanted: ChangeFilter = options.wanted
        self._sequence = watcher.after_sequence = position.sequence
        self._read = min((position.sequence, *position.summed))
        self._ready: deque[Update] = deque()
        self._copies = NewestVersions(CATCH_UP_LEADS_REMEMBERED)
        self._changes_page: asyncio.Task[Page] | None = None
        self._leads_page: asyncio.Task[LeadPage] | None = None
        self._lead_count = 0
        self._included: dict[str, int] = {}
        """Snapshot leads and their versions, until a newer change of theirs is seen."""
        self._heartbeat_interval_s = options.heartbeat_interval_s
        self._in_snapshot = options.include_snapshot
        self._step: Callable[[], bool] = self._catch_up
        if self._in_snapshot:
            self._step = self._snapshot
            watcher.is_news = self._is_news
        else:
            # At once, so that even a watch that sees no change leaves a token behind.
            self._ready.append(HeartbeatUpdate(position.sequence, position.summed))
        self._quiet_until = asyncio.get_running_loop().time() + self._heartbeat_interval_s

    async def next(self) -> Update:
        """The next update; waits for it. Raises what ends the watch."""
        loop = asyncio.get_running_loop()
        watcher = self._watcher
        while True:
            watcher.wake.clear()
            if watcher.ending is not None and not len(watcher.waiting):
                raise watcher.ending
            update, moved = self._take(loop.time()), False
            if update is None:
                moved = self._step()
                update = self._take(loop.time())
            if update is not None:
                self._quiet_until = loop.time() + self._heartbeat_interval_s
                return update
            if moved and loop.time() < self._quiet_until:
                await asyncio.sleep(0)
                continue
            sum_due = watcher.sums.due_at_s() if watcher.sums is not None else None
            until = self._quiet_until if sum_due is None else min(self._quiet_until, sum_due)
            try:
                async with asyncio.timeout_at(until):
                    await watcher.wake.wait()
            except TimeoutError:
                if loop.time() >= self._quiet_until:
                    self._ready.append(self._heartbeat())

    def close(self) -> None:
        """Free what the watch holds. May be called more than once."""
        # A generator that still runs for a moment must not join again.
        self._watcher.end(WatchInterrupted("the watch is closed"), discard_queue=True)
        self._hub.close(self._watcher)
        self._budget.give_back(len(self._included))
        self._included.clear()
        self._ready.clear()
        for task in (self._changes_page, self._leads_page):
            if task is not None:
                task.cancel()
        self._changes_page = self._leads_page = None

    def _take(self, now_s: float) -> Update | None:
        """What can be handed out at once. Moves the position."""
        if self._ready:
            return self._ready.popleft()
        watcher = self._watcher
        found = watcher.sums.take(now_s) if watcher.sums is not None else None
        if found is not None:
            self._settle()
            return SumUpdate(found, self._sequence, self._summed())
        taken = self._hub.take(watcher)
        if taken is None:
            self._settle()
            return None
        published, left_out = taken
        self._sequence = published.sequence
        return ChangeUpdate(published, left_out, self._summed())

    def _settle(self) -> None:
        # Nothing waits, so whatever was offered since was not for this watch.
        if not len(self._watcher.waiting):
            self._sequence = max(self._sequence, self._offered())

    def _offered(self) -> int:
        if self._step != self._live:
            return self._read
        left_at = self._watcher.left_at
        return self._hub.position if left_at is None else left_at

    def _summed(self) -> tuple[int, ...]:
        sums = self._watcher.sums
        return () if sums is None else sums.positions(self._sequence, self._offered())

    def _heartbeat(self) -> HeartbeatUpdate:
        if self._in_snapshot:
            return HeartbeatUpdate(None)
        self._settle()
        return HeartbeatUpdate(self._sequence, self._summed())

    # Each step does what can be done without waiting and says whether it is worth calling again at once.

    def _snapshot(self) -> bool:
        task = self._leads_page
        if task is None:
            self._leads_page = self._begin(self._leads.page(self._request, self._wanted, ""))
            return False
        if not task.done():
            return False
        page = task.result()
        self._lead_count += len(page.leads)
        if self._lead_count > SNAPSHOT_LEADS_MAX:
            raise LimitExceeded(
                f"the snapshot has more than {SNAPSHOT_LEADS_MAX} leads", SNAPSHOT_LEADS_MAX
            )
        self._include(page.leads)
        self._ready.extend(LeadUpdate(lead) for lead in page.leads)
        if page.next_cursor:
            self._leads_page = self._begin(
                self._leads.page(self._request, self._wanted, page.next_cursor)
            )
            return True
        self._leads_page = None
        self._read = self._sequence = self._behind_included()
        self._ready.append(SnapshotUpdate(self._lead_count, self._sequence))
        self._in_snapshot = False
        self._step = self._catch_up
        return True

    def _catch_up(self) -> bool:
        hub = self._hub
        if self._read < hub.floor:
            return self._read_page()
        if self._read < hub.position:
            changes, reached = hub.recent(self.project_id, self._read)
            self._hand_out(changes, reached)
            return True
        hub.join(self._watcher, self._read)
        self._copies.clear()
        self._step = self._live
        return True

    def _read_page(self) -> bool:
        task = self._changes_page
        if task is None:
            self._changes_page = self._begin(self._page(after_s=0))
            return False
        if not task.done():
            return False
        self._changes_page = None
        try:
            page = task.result()
        except DependencyUnavailable:
            # The keeper ends the watch when this goes on for too long.
            self._changes_page = self._begin(self._page(READ_AGAIN_AFTER_S))
            return False
        # Looked at after the reading: what is kept now was kept when it was read.
        if page.state.stream_id != self.stream_id:
            raise ResumeTokenExpired("the changes are in another stream now")
        if page.state.first_sequence > self._read + 1:
            raise ResumeTokenExpired("changes were removed before they could be sent")
        if page.reached <= self._read:
            self._changes_page = self._begin(self._page(READ_AGAIN_AFTER_S))
            return False
        self._hand_out(page.changes, page.reached)
        return True

    def _live(self) -> bool:
        return False

    def _hand_out(self, changes: Iterable[PublishedChange], reached: int) -> None:
        for published in changes:
            if self._copies.advance(published.subject, published.change.version):
                self._watcher.offer(published, CATCH_UP_PAGE)
        self._read = max(self._read, reached)

    def _include(self, leads: Iterable[SnapshotLead]) -> None:
        for lead in leads:
            if lead.version and lead.lead_id not in self._included:
                self._budget.take(1)
                self._included[lead.lead_id] = lead.version

    def _is_news(self, published: PublishedChange) -> bool:
        change = published.change
        known = self._included.get(change.lead_id)
        if known is None:
            return True
        if change.version <= known:
            return False
        del self._included[change.lead_id]
        self._budget.give_back(1)
        return True

    def _behind_included(self) -> int:
        """As far as every change the watch wants is part of the snapshot. A watch that resumes from there has forgotten
        the snapshot's versions, so the fewer changes it finds again the better."""
        if self._read < self._hub.floor:
            return self._read
        changes, reached = self._hub.recent(self.project_id, self._read)
        for published in changes:
            change = published.change
            included = change.version <= self._included.get(change.lead_id, 0)
            if not included and self._wanted.matches(change):
                return published.sequence - 1
        return reached

    async def _page(self, after_s: float) -> Page:
        await asyncio.sleep(after_s)
        return await self._stream.read_page(
            self.project_id, self._wanted, self._read, CATCH_UP_PAGE
        )

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            # Looked at here too, so that the failure of a watch that is closed meanwhile is not reported as forgotten.
            task.exception()
        self._watcher.wake.set()
