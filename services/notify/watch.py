"""One watch from its opening to its end: snapshot, older changes from the stream, newer ones from the hub's ring, then
the live edge. It is asked for one update at a time, so the reader's pace is the watch's pace, and it holds at most a
page of changes, two of leads, or a queue of changes."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.versions import NewestVersions
from services.notify.errors import ResumeTokenExpired, WatchInterrupted
from services.notify.hub import Hub, Watcher
from services.notify.ports import (
    LeadPage,
    LeadSource,
    Page,
    PublishedChange,
    ScoreStream,
    SnapshotLead,
)
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


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What the caller wants."""

    wanted: ChangeFilter
    include_snapshot: bool
    resume_token: str
    heartbeat_interval_s: float


@dataclass(frozen=True, slots=True)
class ChangeUpdate:
    """A change."""

    published: PublishedChange


@dataclass(frozen=True, slots=True)
class LeadUpdate:
    """A lead of the snapshot."""

    lead: SnapshotLead


@dataclass(frozen=True, slots=True)
class SnapshotUpdate:
    """The snapshot is complete."""

    lead_count: int
    sequence: int


@dataclass(frozen=True, slots=True)
class HeartbeatUpdate:
    """Nothing to say. Without a sequence while there is nothing to resume from: a snapshot is not complete."""

    sequence: int | None


Update = ChangeUpdate | LeadUpdate | SnapshotUpdate | HeartbeatUpdate


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

    `_sequence` is the position behind the last update handed out: all of the project's changes up to there were handed
    out, filtered, or part of the snapshot.
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
        sequence: int,
    ) -> None:
        self.project_id = watcher.project_id
        self.stream_id = hub.stream_id
        self._hub = hub
        self._stream = stream
        self._leads = leads
        self._budget = budget
        self._watcher = watcher
        self._request = request
        self._wanted: ChangeFilter = options.wanted
        self._sequence = sequence
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
        else:
            # At once, so that even a watch that sees no change leaves a token behind.
            self._ready.append(HeartbeatUpdate(sequence))
        self._quiet_until = asyncio.get_running_loop().time() + self._heartbeat_interval_s

    async def next(self) -> Update:
        """The next update; waits for it. Raises what ends the watch."""
        loop = asyncio.get_running_loop()
        watcher = self._watcher
        while True:
            watcher.wake.clear()
            if watcher.ending is not None and not watcher.queue:
                raise watcher.ending
            moved = not self._ready and self._step()
            if self._ready:
                self._quiet_until = loop.time() + self._heartbeat_interval_s
                return self._ready.popleft()
            if moved and loop.time() < self._quiet_until:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout_at(self._quiet_until):
                    await watcher.wake.wait()
            except TimeoutError:
                self._ready.append(HeartbeatUpdate(None if self._in_snapshot else self._sequence))

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
        self._sequence = self._behind_included()
        self._ready.append(SnapshotUpdate(self._lead_count, self._sequence))
        self._in_snapshot = False
        self._step = self._catch_up
        return True

    def _catch_up(self) -> bool:
        hub = self._hub
        if self._sequence < hub.floor:
            return self._read_page()
        if self._sequence < hub.position:
            changes, reached = hub.recent(self.project_id, self._sequence)
            self._hand_out(changes, reached)
            return True
        hub.join(self._watcher, self._sequence)
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
        if page.state.first_sequence > self._sequence + 1:
            raise ResumeTokenExpired("changes were removed before they could be sent")
        if page.reached <= self._sequence:
            self._changes_page = self._begin(self._page(READ_AGAIN_AFTER_S))
            return False
        self._hand_out(page.changes, page.reached)
        return True

    def _live(self) -> bool:
        while published := self._hub.take(self._watcher):
            self._sequence = published.sequence
            if self._is_news(published):
                self._ready.append(ChangeUpdate(published))
                return True
        # Nothing waits, so whatever the hub has passed on since was not for this watch.
        self._sequence = max(self._sequence, self._hub.position)
        return False

    def _hand_out(self, changes: Iterable[PublishedChange], reached: int) -> None:
        for published in changes:
            change = published.change
            fresh = self._copies.advance(published.subject, change.version)
            if fresh and self._wanted.matches(change) and self._is_news(published):
                self._ready.append(ChangeUpdate(published))
        self._sequence = max(self._sequence, reached)

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
        if self._sequence < self._hub.floor:
            return self._sequence
        changes, reached = self._hub.recent(self.project_id, self._sequence)
        for published in changes:
            change = published.change
            included = change.version <= self._included.get(change.lead_id, 0)
            if not included and self._wanted.matches(change):
                return published.sequence - 1
        return reached

    async def _page(self, after_s: float) -> Page:
        await asyncio.sleep(after_s)
        return await self._stream.read_page(
            self.project_id, self._wanted, self._sequence, CATCH_UP_PAGE
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
