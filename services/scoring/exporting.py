"""Exporting all leads or events of a project as a file, in pieces: of one consistent view, at the reader's speed.
Whatever their number, no more are in memory than a portion of them (and, for Parquet, a row group)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.scoring.analytics_ports import AnalyticsTransaction
from services.scoring.domain.identity import subject_of
from services.scoring.errors import LeadNotFound, ReaderTooSlow, TooManyExports
from services.scoring.event_formats import event_encoder
from services.scoring.event_ports import EventFilter, EventTransaction
from services.scoring.export_formats import Format, encoder
from services.scoring.export_grades import graded_leads
from services.scoring.ports import LeadFilter, LeadKey
from services.shared.tasks import cancel

PIECE_BYTES = 256 * 1024
"""Bytes in one message: well below what any gRPC client takes."""

PIECES_WAITING_MAX = 4
"""Pieces made ahead of the reader."""

STALL_S = 60.0
"""A reader that takes nothing for so long is cut off: its export holds a connection and an old view of the database."""

EXPORTS_MAX = 2
"""At once in a process, for the same reason."""

RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file."""

    data: bytes
    row_count: int
    """Leads or events in the whole file."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file will hold."""

    row_count: int
    made: AsyncGenerator[bytes, None]


class ExportTransaction(AnalyticsTransaction, EventTransaction, Protocol):
    """A transaction that reads leads and events."""


class ExportStore(Protocol):
    """Where they are read from."""

    def reading(self) -> AbstractAsyncContextManager[ExportTransaction]:
        """A transaction that changes nothing and sees everything as it is at its first read."""
        ...


OpenContent = Callable[[ExportTransaction], Awaitable[Content]]

RowT = TypeVar("RowT")
RowT_contra = TypeVar("RowT_contra", contravariant=True)


class Encodes(Protocol[RowT_contra]):
    """Makes a file. Its methods take CPU time, so they run in a thread of their own."""

    def add(self, rows: Sequence[RowT_contra], /) -> bytes:
        """The next bytes of the file; may be none yet."""
        ...

    def end(self) -> bytes:
        """The last bytes."""
        ...


class Exports:
    """Exports under way in this process."""

    def __init__(self, store: ExportStore) -> None:
        self._store = store
        self._running = 0

    def export(
        self, project_id: str, which: LeadFilter, form: Format
    ) -> AsyncGenerator[Piece, None]:
        """Leads as a file in pieces, at least one, of one consistent view. Raises TooManyExports, ReaderTooSlow."""

        async def leads(tx: ExportTransaction) -> Content:
            count = await tx.count_exported(project_id, which)
            made = await asyncio.to_thread(encoder, form)
            return Content(count, encoded(graded_leads(tx, project_id, which), made))

        return self._export(leads)

    def export_events(
        self, project_id: str, which: EventFilter, reference: str, form: Format
    ) -> AsyncGenerator[Piece, None]:
        """Events likewise; of one lead where there is a reference. Raises LeadNotFound besides."""

        async def events(tx: ExportTransaction) -> Content:
            lead: LeadKey | None = None
            if reference:
                found = await tx.find_lead(project_id, subject_of(reference))
                if found is None:
                    raise LeadNotFound(reference)
                lead = (project_id, found.profile.lead_id)
            count = await tx.count_events(project_id, which, lead)
            portions = tx.exported_events(project_id, which, lead)
            return Content(count, encoded(portions, event_encoder(form)))

        return self._export(events)

    async def _export(self, open_content: OpenContent) -> AsyncGenerator[Piece, None]:
        if self._running >= EXPORTS_MAX:
            raise TooManyExports(EXPORTS_MAX, RETRY_AFTER_S)
        self._running += 1
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        room = asyncio.Semaphore(PIECES_WAITING_MAX)
        # In a task of its own: while the reader takes its time, somebody must look at the clock.
        making = asyncio.create_task(self._make(open_content, pieces, room))
        try:
            while (piece := await pieces.get()) is not None:
                room.release()
                yield piece
            await making
        finally:
            await cancel([making])
            if not making.cancelled():
                # Whoever left has nobody to tell why it would have ended.
                making.exception()
            self._running -= 1

    async def _make(
        self,
        open_content: OpenContent,
        pieces: asyncio.Queue[Piece | None],
        room: asyncio.Semaphore,
    ) -> None:
        try:
            async with self._store.reading() as tx:
                content = await open_content(tx)
                async with aclosing(content.made) as made:
                    empty = True
                    async for data in made:
                        await _wait_for(room)
                        pieces.put_nowait(Piece(data, content.row_count))
                        empty = False
                if empty:
                    pieces.put_nowait(Piece(b"", content.row_count))
        finally:
            pieces.put_nowait(None)


async def _wait_for(room: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(STALL_S):
            await room.acquire()
    except TimeoutError:
        raise ReaderTooSlow(int(STALL_S)) from None


async def encoded(
    portions: AsyncGenerator[Sequence[RowT], None], encoder: Encodes[RowT]
) -> AsyncGenerator[bytes, None]:
    """The file in pieces of a bounded size."""
    async with aclosing(portions):
        async for portion in portions:
            for piece in _pieces(await asyncio.to_thread(encoder.add, portion)):
                yield piece
    for piece in _pieces(await asyncio.to_thread(encoder.end)):
        yield piece


def _pieces(data: bytes) -> Sequence[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
