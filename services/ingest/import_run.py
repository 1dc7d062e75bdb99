"""One import on its way: its file is read, its rows become events slice by slice, and after each slice its rows are
counted in one transaction. Whoever starts over reads from the beginning and passes over the rows that are counted."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, field

import grpc
import tenacity

from services.ingest import import_convert as convert
from services.ingest.domain.events import EVENT_ID_CHARS_MAX, IncomingEvent, Origin
from services.ingest.domain.importing.reading import FileReader, Nature
from services.ingest.domain.importing.records import UnreadableFile
from services.ingest.domain.importing.rows import Row
from services.ingest.handlers import Receipt, Result
from services.ingest.import_ports import AcceptEvents, Import, ImportWork, KeptRow, Progress, State
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable, ServiceError
from services.shared.tasks import cancel

SLICE_ROWS = 500
"""What one atomic batch holds."""

SLICE_BYTES = 1024 * 1024
"""A slice of large rows ends earlier: memory is bounded whatever rows are like."""

LOOK_EVERY_S = 1.0
"""How soon it is seen that an import was cancelled while nothing of its file is a row."""

PASSED_OVER_AT_ONCE = 20_000
"""Rows that are counted already, between two looks at whether to go on."""

IN_FLIGHT_MAX = 4
"""Slices on their way: reading goes on while the broker writes."""

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 5.0
"""Waits while events find no room or no broker: they grow and never end, since no row is at fault."""

REASON_CHARS_MAX = 500

DUPLICATE_REASON = "the broker had this event within the last two minutes"

_PLACE = re.compile(r"^events\[\d+\]\.?")


class Lost(Exception):
    """The import is not this run's any more: it was cancelled, or another process has it."""


@dataclass(slots=True)
class _Slice:
    """Rows that are settled together."""

    lines: list[int] = field(default_factory=list)
    rows: list[IncomingEvent | KeptRow] = field(default_factory=list)
    """Of each line the event that it is, or why it is none."""
    bytes: int = 0
    read_bytes: int = 0
    """How much of the file was read for it and all before."""
    nature: Nature | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is time for the next one."""
        return len(self.lines) >= SLICE_ROWS or self.bytes >= SLICE_BYTES


class ImportRun:
    """Works on one import."""

    def __init__(
        self,
        which: Import,
        store: ImportWork,
        events: AcceptEvents,
        clock: Clock,
        thread: Executor,
    ) -> None:
        """`thread` is where files are read."""
        self._import = which
        self._store = store
        self._events = events
        self._clock = clock
        self._thread = thread
        self._origin = Origin(which.project_id, which.import_id, "")
        self._read_bytes = 0
        self._settled = which.settled
        self._to_pass_over = which.settled
        self._reader = FileReader(which.options)
        self._failure = ""
        self._stopping = False
        self._in_flight: deque[tuple[_Slice, asyncio.Task[list[Result]]]] = deque()

    def stop(self) -> None:
        """Read no further and settle what is on its way; `run` then returns False."""
        self._stopping = True

    async def run(self) -> bool:
        """Whether the import has ended. Raises Lost, DependencyUnavailable."""
        try:
            async with aclosing(self._slices()) as slices:
                async for rows in slices:
                    while len(self._in_flight) >= IN_FLIGHT_MAX:
                        await self._settle_oldest()
                    self._in_flight.append((rows, asyncio.create_task(self._accepted(rows))))
            while self._in_flight:
                await self._settle_oldest()
        finally:
            await cancel(task for _, task in self._in_flight)
        if self._stopping:
            return False
        state = State.FAILED if self._failure else State.SUCCEEDED
        if not await self._store.end(
            self._import.import_id, self._settled, state, self._failure, self._clock.now()
        ):
            raise Lost
        return True

    async def _slices(self) -> AsyncGenerator[_Slice, None]:
        loop = asyncio.get_running_loop()
        made = _Slice()
        looked = loop.time()
        ended = False
        while not ended and not self._stopping:
            piece = await self._store.piece(self._import.import_id, self._read_bytes)
            if not piece and self._read_bytes < self._import.size_bytes:
                # Somebody ended the import and dropped its file.
                raise Lost
            self._read_bytes += len(piece)
            rows = self._reader.feed(piece) if piece else self._reader.finish()
            # In a thread: reading a slice takes milliseconds, in which calls would wait.
            while await loop.run_in_executor(self._thread, self._fill, made, rows):
                if made.is_full:
                    yield self._dated(made)
                    made = _Slice()
                if self._stopping:
                    return
                if loop.time() - looked > LOOK_EVERY_S:
                    looked = loop.time()
                    if not await self._store.is_running(self._import.import_id):
                        raise Lost
            ended = not piece or bool(self._failure)
        if ended and made.lines:
            yield self._dated(made)

    def _dated(self, made: _Slice) -> _Slice:
        made.read_bytes = self._read_bytes
        made.nature = self._reader.nature
        return made

    def _fill(self, made: _Slice, rows: Iterator[Row | None]) -> bool:
        """Add the next rows to a slice; whether there may be more of them."""
        passed_over = 0
        while not made.is_full and passed_over < PASSED_OVER_AT_ONCE:
            try:
                row = next(rows)
            except StopIteration:
                return False
            except UnreadableFile as error:
                self._failure = _clean(str(error))
                return False
            if row is None:
                return True
            if self._to_pass_over:
                self._to_pass_over -= 1
                passed_over += 1
                continue
            made.lines.append(row.line)
            if row.problem is not None:
                made.rows.append(_kept(row.line, "", row.problem.field, row.problem.reason))
                continue
            event = convert.incoming(row, self._import.options, self._import.sha256)
            made.rows.append(event)
            made.bytes += len(event.properties) + sum(map(len, row.texts.values()))
        return True

    async def _accepted(self, rows: _Slice) -> list[Result]:
        """What became of each event of a slice, sent again for as long as it finds no room or no broker."""
        events = [row for row in rows.rows if isinstance(row, IncomingEvent)]
        results: list[Result | None] = [None] * len(events)
        left = list(range(len(events)))

        async def attempt() -> bool:
            nonlocal left
            found = await self._events.accept_batch(self._origin, [events[at] for at in left])
            for at, result in zip(left, found, strict=True):
                results[at] = result
            left = [at for at in left if _may_pass(results[at])]
            if left and not await self._store.is_running(self._import.import_id):
                raise Lost
            return bool(left)

        if events:
            await tenacity.AsyncRetrying(
                retry=tenacity.retry_if_result(bool)
                | tenacity.retry_if_exception_type(DependencyUnavailable),
                wait=tenacity.wait_exponential_jitter(multiplier=RETRY_FIRST_S, max=RETRY_MAX_S),
            )(attempt)
        return [result for result in results if result is not None]

    async def _settle_oldest(self) -> None:
        rows, task = self._in_flight[0]
        results = iter(await task)
        accepted = duplicate = rejected = 0
        kept: list[KeptRow] = []
        for line, row in zip(rows.lines, rows.rows, strict=True):
            result = row if isinstance(row, KeptRow) else next(results)
            if isinstance(result, Receipt) and not result.duplicate:
                accepted += 1
                continue
            kept.append(_not_accepted(line, row, result))
            if kept[-1].is_duplicate:
                duplicate += 1
            else:
                rejected += 1
        progress = Progress(accepted, duplicate, rejected, rows.read_bytes, rows.nature)
        if not await self._store.settle(
            self._import.import_id, self._settled, progress, kept, self._clock.now()
        ):
            raise Lost
        self._settled += len(rows.lines)
        self._in_flight.popleft()


def _may_pass(result: Result | None) -> bool:
    return isinstance(result, ServiceError) and result.code is not grpc.StatusCode.INVALID_ARGUMENT


def _not_accepted(line: int, row: IncomingEvent | KeptRow, result: Result | KeptRow) -> KeptRow:
    if isinstance(result, KeptRow):
        return result
    event_id = row.event_id
    if isinstance(result, Receipt):
        return KeptRow(line, True, _clean(event_id), "", DUPLICATE_REASON)
    named = [
        (_PLACE.sub("", violation.field), violation.description) for violation in result.violations
    ]
    if not named:
        return _kept(line, event_id, "", result.message)
    column, reason = named[0]
    others = [f"{name or 'event'}: {description}" for name, description in named[1:]]
    return _kept(line, event_id, column, "; ".join([reason, *others]))


def _kept(line: int, event_id: str, column: str, reason: str) -> KeptRow:
    return KeptRow(line, False, _clean(event_id), _clean(column), _clean(reason))


def _clean(text: str) -> str:
    """Short, and without what the database can't hold: NUL, and halves of characters."""
    short = text[: max(EVENT_ID_CHARS_MAX, REASON_CHARS_MAX)]
    return short.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
