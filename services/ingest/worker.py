"""Group commit: events of all callers are gathered into atomic batches, so that many acknowledgements share one fsync.
How a batch is stored is in `store.py`.

An event waits for company only while batches are on their way; when none is, it leaves at once. The fate of each event
is its own: a batch refused as a whole is stored event by event. What was stored a moment ago is not stored again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from services.ingest.errors import BatchRefused, IntakeFull
from services.ingest.ports import EventStore, Outcome, Stored
from services.ingest.stored_lately import StoredLately
from services.shared import logs
from services.shared.errors import DependencyUnavailable, ServiceError
from services.shared.publishing import OutgoingMessage

log = logs.get("group commit")

RETRY_INTAKE_S = 1.0
"""A full queue is empty again after less than a second of normal work."""

REMEMBERED_IDS_MAX = 100_000
"""Message ids in each of two generations: some ten megabytes each, and ten seconds and more of full throughput."""

REMEMBERED_S = 60.0
"""How long a generation grows: both together are as old as the broker's own window."""

OUTCOME_UNKNOWN = DependencyUnavailable("the outcome is unknown; send the event again")
"""What an event is told unless something better is known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the group commit may hold and how long. The settings in config.py say why."""

    gather_s_max: float
    batch_events_max: int
    few_events_max: int
    batch_bytes_max: int
    batches_in_flight_max: int
    intake_events_max: int
    intake_bytes_max: int


class _Submission:
    """Events of one caller that wait together."""

    __slots__ = ("_missing", "_outcomes", "done")

    def __init__(self, count: int, done: "asyncio.Future[list[Outcome]]") -> None:
        self.done = done
        self._outcomes: list[Outcome] = [OUTCOME_UNKNOWN] * count
        self._missing = count

    def settle(self, index: int, outcome: Outcome) -> None:
        self._outcomes[index] = outcome
        self._missing -= 1
        if self._missing == 0 and not self.done.done():
            self.done.set_result(self._outcomes)


class _Entry:
    """A message that waits, and who waits for it: more than one when the same event comes again meanwhile."""

    __slots__ = ("key", "message", "size", "waiting")

    def __init__(self, key: str, message: OutgoingMessage) -> None:
        self.key = key
        self.message = message
        self.size = len(message.payload)
        self.waiting: list[tuple[_Submission, int]] = []

    @property
    def abandoned(self) -> bool:
        return all(submission.done.cancelled() for submission, _ in self.waiting)

    def settle(self, outcome: Outcome) -> None:
        for submission, index in self.waiting:
            submission.settle(index, outcome)
            if outcome is Stored.NEW:
                outcome = Stored.DUPLICATE  # for whoever sent the same event a moment later


class GroupCommit:
    """Gathers messages and stores them in batches, several of them at once."""

    def __init__(self, store: EventStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._gathered: list[_Entry] = []
        self._gathered_bytes = 0
        self._unsettled: dict[str, _Entry] = {}
        """By message id: gathered and on their way."""
        self._unsettled_bytes = 0
        self._arrived = asyncio.Event()
        self._due = asyncio.Event()
        """Set when what is gathered should not wait for more."""
        self._free_slots = asyncio.Semaphore(limits.batches_in_flight_max)
        self._commits: set[asyncio.Task[None]] = set()
        self._lately = StoredLately(REMEMBERED_IDS_MAX, REMEMBERED_S)
        self._stopping = False

    def submit(self, messages: Sequence[OutgoingMessage]) -> "asyncio.Future[list[Outcome]]":
        """Take messages in, one at least, each with a message id; the outcomes come in the same order once all are
        known."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Outcome]] = loop.create_future()
        submission = _Submission(len(messages), done)
        now_s = loop.time()
        for index, message in enumerate(messages):
            key = message.message_id
            if key is None:
                raise ValueError("without a message id a repetition can't be told")
            if self._lately.has(key, now_s):
                submission.settle(index, Stored.DUPLICATE)
                continue
            entry = self._unsettled.get(key)
            if entry is None:
                refusal = self._refusal(message)
                if refusal:
                    submission.settle(index, refusal)
                    continue
                entry = self._unsettled[key] = _Entry(key, message)
                self._unsettled_bytes += entry.size
                self._gathered.append(entry)
                self._gathered_bytes += entry.size
            entry.waiting.append((submission, index))
        if self._gathered:
            self._arrived.set()
        if self._full_batch_gathered:
            self._due.set()
        return done

    async def run(self) -> None:
        """Store what comes, until `stop` and everything taken in is settled."""
        try:
            while True:
                await self._arrived.wait()
                if not self._gathered and self._stopping:
                    break
                await self._gather()
                await self._free_slots.acquire()
                self._start_commit(self._take())
            if self._commits:
                await asyncio.wait(self._commits)
        finally:
            for commit in self._commits:
                commit.cancel()

    def stop(self) -> None:
        """Have `run` finish what was taken in and return. Nobody may submit any more."""
        self._stopping = True
        self._due.set()
        self._arrived.set()

    @property
    def _full_batch_gathered(self) -> bool:
        return (
            len(self._gathered) >= self._limits.batch_events_max
            or self._gathered_bytes >= self._limits.batch_bytes_max
        )

    def _refusal(self, message: OutgoingMessage) -> ServiceError | None:
        if not self._store.reachable:
            return DependencyUnavailable("the broker can't be reached; nothing was stored")
        if (
            len(self._unsettled) >= self._limits.intake_events_max
            or self._unsettled_bytes + len(message.payload) > self._limits.intake_bytes_max
        ):
            return IntakeFull("too many events wait to be stored", RETRY_INTAKE_S)
        return None

    async def _gather(self) -> None:
        """Wait for company: one turn of the event loop when nothing is on its way, else until a batch is full, the last
        one on its way is back, or the longest wait is over."""
        if not self._commits:
            await asyncio.sleep(0)
            return
        if self._full_batch_gathered or self._stopping:
            return
        self._due.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.gather_s_max):
                await self._due.wait()

    def _take(self) -> list[_Entry]:
        """The oldest of what is gathered, as much as fits into a batch, without what nobody waits for any more."""
        batch: list[_Entry] = []
        size = 0
        taken = 0
        for entry in self._gathered:
            size += entry.size
            full = len(batch) == self._limits.batch_events_max
            if full or (batch and size > self._limits.batch_bytes_max):
                break
            taken += 1
            self._gathered_bytes -= entry.size
            if entry.abandoned:
                self._forget(entry)
            else:
                batch.append(entry)
        del self._gathered[:taken]
        if not self._gathered and not self._stopping:
            self._arrived.clear()
        return batch

    def _start_commit(self, batch: list[_Entry]) -> None:
        if not batch:
            self._free_slots.release()
            return
        commit = asyncio.create_task(self._commit(batch))
        self._commits.add(commit)
        commit.add_done_callback(self._committed)

    def _committed(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        self._free_slots.release()
        if not commit.cancelled() and (error := commit.exception()):
            log.error("commit failed", exc_info=error)
        if not self._commits:
            self._due.set()

    async def _commit(self, batch: list[_Entry]) -> None:
        try:
            if len(batch) <= self._limits.few_events_max:
                await self._commit_singly(batch)
            else:
                await self._commit_together(batch)
        finally:
            # Whatever went wrong, nobody waits for ever and nobody is told that his event is safe.
            left = [entry for entry in batch if self._unsettled.get(entry.key) is entry]
            self._settle_all(left, OUTCOME_UNKNOWN)

    async def _commit_together(self, batch: list[_Entry]) -> None:
        try:
            await self._store.append_all([entry.message for entry in batch])
        except BatchRefused as refused:
            log.info("batch refused, storing singly", events=len(batch), reason=str(refused))
            await self._commit_singly(batch)
        except ServiceError as error:
            self._settle_all(batch, error)
        else:
            self._settle_all(batch, Stored.NEW)

    async def _commit_singly(self, batch: list[_Entry]) -> None:
        async def store(entry: _Entry) -> None:
            try:
                outcome: Outcome = await self._store.append(entry.message)
            except ServiceError as error:
                outcome = error
            self._settle(entry, outcome)

        if len(batch) == 1:
            await store(batch[0])
            return
        for failure in await asyncio.gather(*map(store, batch), return_exceptions=True):
            if failure is not None:
                raise failure

    def _settle_all(self, entries: Sequence[_Entry], outcome: Outcome) -> None:
        for entry in entries:
            self._settle(entry, outcome)

    def _settle(self, entry: _Entry, outcome: Outcome) -> None:
        self._forget(entry)
        if isinstance(outcome, Stored):
            self._lately.add(entry.key, asyncio.get_running_loop().time())
        entry.settle(outcome)

    def _forget(self, entry: _Entry) -> None:
        del self._unsettled[entry.key]
        self._unsettled_bytes -= entry.size
