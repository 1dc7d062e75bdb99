"""Gzip, recognised by its first bytes and unpacked in small pieces, so that a small file that unpacks to a huge one
takes time but no memory."""

import zlib
from collections.abc import Iterator

from services.ingest.domain.importing.records import UnreadableFile

MAGIC = b"\x1f\x8b"

PIECE_BYTES_MAX = 256 * 1024
"""Unpacked at a time."""

UNPACKED_BYTES_MAX = 20 * 1024**3
"""More is refused: ten times the largest file that is taken, as CSV usually packs."""

RATIO_MAX = 200
RATIO_FROM_BYTES = 64 * 1024**2
"""Beyond so many bytes no more than RATIO_MAX times what was packed: what people export packs to a tenth, seldom to a
fiftieth; what packs to a thousandth was made to keep us busy."""

_GZIP = 31
"""zlib's `wbits` for a gzip header and trailer."""


class Unpacker:
    """Passes bytes on, unpacked when they are gzip."""

    def __init__(
        self, bytes_max: int = UNPACKED_BYTES_MAX, ratio_from_bytes: int = RATIO_FROM_BYTES
    ) -> None:
        self._bytes_max = bytes_max
        self._ratio_from_bytes = ratio_from_bytes
        self._packed_bytes = 0
        self._bytes = 0
        self._begin = b""
        """The first bytes, until they tell what the file is."""
        self._told = False
        self._inflating: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes that `data` stands for, in pieces. Raises UnreadableFile."""
        self._packed_bytes += len(data)
        if not self._told:
            self._begin += data
            if len(self._begin) < len(MAGIC):
                return
            data, self._begin, self._told = self._begin, b"", True
            if data.startswith(MAGIC):
                self._inflating = zlib.decompressobj(wbits=_GZIP)
        if self._inflating is None:
            yield from (
                data[at : at + PIECE_BYTES_MAX] for at in range(0, len(data), PIECE_BYTES_MAX)
            )
        else:
            yield from _gathered(self._unpacked(data))

    def finish(self) -> bytes:
        """What is left. Raises UnreadableFile when a gzip file is cut off."""
        if self._inflating is not None and not self._inflating.eof:
            raise UnreadableFile("the gzip file is cut off")
        return self._begin

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        while data and self._inflating is not None:
            if self._inflating.eof:
                # Another member, as `cat a.gz b.gz` makes; tapes fill up with zeros.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inflating = zlib.decompressobj(wbits=_GZIP)
            try:
                piece = self._inflating.decompress(data, PIECE_BYTES_MAX)
            except zlib.error as error:
                raise UnreadableFile(f"the gzip file is damaged ({error})") from None
            self._bytes += len(piece)
            if self._bytes > self._bytes_max:
                raise UnreadableFile(
                    f"the gzip file unpacks to more than {self._bytes_max:,} bytes"
                )
            if self._bytes > max(self._ratio_from_bytes, RATIO_MAX * self._packed_bytes):
                raise UnreadableFile(
                    f"the gzip file unpacks to more than {RATIO_MAX} times its size: send it unpacked, or split it"
                )
            data = self._inflating.unused_data or self._inflating.unconsumed_tail
            if piece:
                yield piece


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Small pieces put together: whoever takes them begins anew with what was left of the one before. A file may have
    a gzip member for each of its bytes."""
    waiting: list[bytes] = []
    size = 0
    failure: UnreadableFile | None = None
    try:
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES_MAX:
                yield b"".join(waiting)
                waiting, size = [], 0
    except UnreadableFile as error:
        # What came before it stays.
        failure = error
    if waiting:
        yield b"".join(waiting)
    if failure is not None:
        raise failure
