"""Exporting all leads of a project as a file, in pieces: of one consistent view, at the reader's speed. Whatever the
number of leads, no more are in memory than a portion of them (and, for Parquet, a row group)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.scoring.analytics_ports import AnalyticsStore, ExportedLead
from services.scoring.errors import ReaderTooSlow, TooManyExports
from services.scoring.export_formats import Encoder, Format, encoder
from services.scoring.ports import LeadFilter
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
    lead_count: int
    """Leads in the whole file: over HTTP/1.1 nothing else tells a file that broke off from a whole one."""


class Exports:
    """Exports under way in this process."""

    def __init__(self, store: AnalyticsStore) -> None:
        self._store = store
        self._running = 0

    async def export(
        self, project_id: str, which: LeadFilter, form: Format
    ) -> AsyncGenerator[Piece, None]:
        """The file in pieces, at least one, of one consistent view of the leads. Raises TooManyExports,
        ReaderTooSlow."""
        if self._running >= EXPORTS_MAX:
            raise TooManyExports(EXPORTS_MAX, RETRY_AFTER_S)
        self._running += 1
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        room = asyncio.Semaphore(PIECES_WAITING_MAX)
        # In a task of its own: while the reader takes its time, somebody must look at the clock.
        making = asyncio.create_task(self._make(project_id, which, form, pieces, room))
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
        project_id: str,
        which: LeadFilter,
        form: Format,
        pieces: asyncio.Queue[Piece | None],
        room: asyncio.Semaphore,
    ) -> None:
        try:
            async with (
                self._store.reading() as tx,
                aclosing(tx.exported_leads(project_id, which)) as portions,
                aclosing(encoded(portions, encoder(form))) as made,
            ):
                leads = await tx.count_exported(project_id, which)
                empty = True
                async for data in made:
                    await _wait_for(room)
                    pieces.put_nowait(Piece(data, leads))
                    empty = False
                if empty:
                    pieces.put_nowait(Piece(b"", leads))
        finally:
            pieces.put_nowait(None)


async def _wait_for(room: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(STALL_S):
            await room.acquire()
    except TimeoutError:
        raise ReaderTooSlow(int(STALL_S)) from None


async def encoded(
    portions: AsyncGenerator[Sequence[ExportedLead], None], encoder: Encoder
) -> AsyncGenerator[bytes, None]:
    """The file in pieces of a bounded size."""
    async for portion in portions:
        for piece in _pieces(await asyncio.to_thread(encoder.add, portion)):
            yield piece
    for piece in _pieces(await asyncio.to_thread(encoder.end)):
        yield piece


def _pieces(data: bytes) -> Sequence[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
