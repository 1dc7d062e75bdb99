"""The use cases around imports: receiving a file, looking at imports, ending one, its report. What happens to the rows
is in `import_worker.py`."""

import asyncio
import csv
import hashlib
import io
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from services.ingest.domain.importing.reading import ReadOptions
from services.ingest.errors import FileTooLarge, ImportEnded, UploadStalled
from services.ingest.import_ports import (
    CHUNK_BYTES,
    ENDED,
    KEPT_ROWS_MAX,
    Import,
    ImportStore,
    KeptRow,
    State,
)
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import (
    DependencyUnavailable,
    InvalidFields,
    ResourceNotFound,
    Violation,
)

log = logs.get("imports")

FILE_BYTES_MAX = 2 * 1024**3
STALL_S = 60.0
"""A caller who sends nothing for so long is gone or stuck: its half of a file must not wait."""

TOUCH_EVERY = timedelta(minutes=1)
"""A file that comes slowly says so: a chunk of it may take longer than what is taken for broken off."""

WATCH_EVERY_S = 0.5
"""As the contract says: at most twice a second."""

FIRST_REJECTED = 100
"""Rejected rows that are shown with the import."""

REPORT_PORTION_ROWS = 1_000

REPORT_COLUMNS = ("line", "status", "event_id", "column", "reason")

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 24
_ID = re.compile(f"imp_[{_ID_ALPHABET}]{{{_ID_LENGTH}}}")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Upload:
    """What the caller says about a file."""

    file_name: str
    options: ReadOptions
    request_id: str
    """Empty: none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An import with the first of its rejected rows."""

    found: Import
    first_rejected: tuple[KeptRow, ...]


class ImportHandlers:
    """Imports of files."""

    def __init__(self, store: ImportStore, clock: Clock, received: Callable[[], None]) -> None:
        """`received` is told when there is something to work on."""
        self._store = store
        self._clock = clock
        self._received = received
        self._looks: dict[tuple[str, str], asyncio.Task[Shown]] = {}
        """What was read of imports that are watched, by project and import."""

    async def receive(
        self, project_id: str, upload: Upload, pieces: AsyncIterator[bytes]
    ) -> Import:
        """Keep a file and have it imported; nothing is kept when the pieces break off. Raises InvalidFields,
        TooManyImports, ImportsTooLarge, FileTooLarge, UploadStalled, UploadGivenUp, DependencyUnavailable."""
        if upload.request_id:
            made = await self._store.of_request(project_id, upload.request_id)
            if made is not None:
                return made
        import_id = "imp_" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        now = self._clock.now()
        await self._store.begin(project_id, import_id, upload.file_name, upload.options, now)
        try:
            size, sha256 = await self._keep(import_id, pieces)
            completed = await self._store.complete(
                import_id, upload.request_id, size, sha256, self._clock.now()
            )
        except BaseException:
            # Also when the caller has hung up, and although the call is being cancelled. What can't be forgotten now
            # is swept up later.
            await asyncio.shield(asyncio.create_task(self._discard(import_id)))
            raise
        if completed is None:
            await self._discard(import_id)
            made = await self._store.of_request(project_id, upload.request_id)
            if made is None:
                raise DependencyUnavailable("the same request is being answered: try again")
            return made
        log.info("file received", import_id=import_id, bytes=size)
        self._received()
        return completed

    async def get(self, project_id: str, import_id: str) -> Shown:
        """One import. Raises ResourceNotFound."""
        found = await self._found(project_id, import_id)
        rejected: list[KeptRow] = []
        if found.rejected:
            rejected = await self._store.kept_rows(import_id, 0, FIRST_REJECTED, rejected_only=True)
        return Shown(found, tuple(rejected))

    async def newest(
        self, project_id: str, before: tuple[datetime, str] | None, limit: int
    ) -> list[Import]:
        """Imports, newest first."""
        return await self._store.newest(project_id, before, limit)

    async def watch(self, project_id: str, import_id: str) -> AsyncGenerator[Shown, None]:
        """The import whenever it has changed, until it has ended. Raises ResourceNotFound."""
        last: Import | None = None
        while True:
            shown = await self._latest(project_id, import_id)
            if shown.found != last:
                last = shown.found
                yield shown
            if last.state in ENDED:
                return
            await asyncio.sleep(WATCH_EVERY_S)

    async def cancel(self, project_id: str, import_id: str) -> Shown:
        """End an import. Raises ResourceNotFound, ImportEnded."""
        _check_id(import_id)
        if not await self._store.cancel(project_id, import_id, self._clock.now()):
            found = await self._found(project_id, import_id)
            if found.state is not State.CANCELLED:
                raise ImportEnded(import_id, found.state.value)
        return await self.get(project_id, import_id)

    async def report(self, project_id: str, import_id: str) -> AsyncGenerator[bytes, None]:
        """The rows that were not accepted, as CSV in pieces. Raises ResourceNotFound."""
        await self._found(project_id, import_id)
        yield _csv([REPORT_COLUMNS])
        line = 0
        kept = 0
        while rows := await self._store.kept_rows(import_id, line, REPORT_PORTION_ROWS):
            yield _csv(map(_report_row, rows))
            kept += len(rows)
            line = rows[-1].line
        found = await self._found(project_id, import_id)
        more = found.duplicate + found.rejected - kept
        if kept >= KEPT_ROWS_MAX and more > 0:
            yield _csv([("", "", "", "", f"{more} more rows were not accepted and are not listed")])

    async def _latest(self, project_id: str, import_id: str) -> Shown:
        """As `get`, read once in WATCH_EVERY_S for all who watch it."""
        key = project_id, import_id
        look = self._looks.get(key)
        if look is None:
            look = asyncio.create_task(self.get(project_id, import_id))
            self._looks[key] = look
            look.add_done_callback(partial(self._forget_later, key))
        return await asyncio.shield(look)

    def _forget_later(self, key: tuple[str, str], look: asyncio.Task[Shown]) -> None:
        # Asked for, so that a failure whose watchers have all gone is none that nobody saw.
        failed = look.cancelled() or look.exception() is not None
        loop = asyncio.get_running_loop()
        loop.call_later(0 if failed else WATCH_EVERY_S, self._looks.pop, key)

    async def _found(self, project_id: str, import_id: str) -> Import:
        _check_id(import_id)
        found = await self._store.find(project_id, import_id)
        if found is None:
            raise ResourceNotFound("import", import_id)
        return found

    async def _keep(self, import_id: str, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        """Keep the file chunk by chunk; its size and SHA-256."""
        digest = hashlib.sha256()
        waiting = bytearray()
        size = number = 0
        touched = self._clock.now()
        while (piece := await _next(pieces)) is not None:
            size += len(piece)
            if size > FILE_BYTES_MAX:
                raise FileTooLarge(FILE_BYTES_MAX)
            digest.update(piece)
            waiting += piece
            while len(waiting) >= CHUNK_BYTES:
                chunk = bytes(waiting[:CHUNK_BYTES])
                del waiting[:CHUNK_BYTES]
                touched = self._clock.now()
                await self._store.add_chunk(import_id, number, chunk, touched)
                number += 1
            if self._clock.now() - touched >= TOUCH_EVERY:
                touched = self._clock.now()
                await self._store.touch(import_id, touched)
        if not size:
            raise InvalidFields([Violation("content", "must be a file of at least one byte")])
        if waiting:
            await self._store.add_chunk(import_id, number, bytes(waiting), self._clock.now())
        return size, digest.hexdigest()

    async def _discard(self, import_id: str) -> None:
        try:
            await self._store.discard(import_id)
        except DependencyUnavailable:
            log.warning("file that broke off is left to be swept up", import_id=import_id)


def _check_id(import_id: str) -> None:
    """What is no id is nothing that the database should be asked about, and could not always be."""
    if not _ID.fullmatch(import_id):
        raise ResourceNotFound("import", import_id.replace("\0", "?")[:_ID_LENGTH])


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(STALL_S):
            return await anext(pieces, None)
    except TimeoutError:
        raise UploadStalled(int(STALL_S)) from None


def _report_row(row: KeptRow) -> tuple[str, ...]:
    status = "duplicate" if row.is_duplicate else "rejected"
    return str(row.line), status, _cell(row.event_id), _cell(row.column), _cell(row.reason)


def _cell(text: str) -> str:
    """Not to be taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
