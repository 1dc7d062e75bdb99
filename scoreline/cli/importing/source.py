"""A file to import: CSV or NDJSON, compressed or not, read once from front to back in constant memory."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

Format = Literal["ndjson", "csv"]

LINE_BYTES_MAX: Final = 1024 * 1024
"""A longer line is no event (those have 32 KB of properties at most) and is not held in memory."""

_SUFFIXES: Final[dict[str, Format]] = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}
_DIGEST_CHUNK_BYTES = 1024 * 1024
_DIGEST_CHARS = 16


class UnusableFile(Exception):
    """The file can't be read, or not as what it claims to be."""


class SourceFile:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self._compressed = bool(suffixes) and suffixes[-1] == ".gz"
        kind = suffixes[-2:-1] if self._compressed else suffixes[-1:]
        if not kind or kind[0] not in _SUFFIXES:
            raise UnusableFile(
                f"{path}: the name must end in .ndjson, .jsonl or .csv, with .gz after it when compressed"
            )
        self.format: Format = _SUFFIXES[kind[0]]
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise UnusableFile(f"{path}: {error.strerror}") from None
        self._raw: BinaryIO | None = None
        self._digest: str | None = None

    @property
    def position(self) -> int:
        """How much of `size` has been read."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.size

    @property
    def stem(self) -> Path:
        """The path without its format: what a file beside it is named after."""
        path = self.path.with_suffix("") if self._compressed else self.path
        return path.with_suffix("")

    def lines(self) -> Iterator[bytes | None]:
        """Every line with its end; None in the place of one that is too long. Raises UnusableFile."""
        with self._open() as stream:
            while line := self._read(stream):
                if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
                    yield None
                    while (rest := self._read(stream)) and not rest.endswith(b"\n"):
                        pass
                else:
                    yield line

    def digest(self) -> str:
        """Names the content: begins the ids of events that have none. Reads the file once more, the first time."""
        if self._digest is None:
            content = hashlib.sha256()
            with self._opened() as (_, stream):
                while chunk := stream.read(_DIGEST_CHUNK_BYTES):
                    content.update(chunk)
            self._digest = content.hexdigest()[:_DIGEST_CHARS]
        return self._digest

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with self._opened() as (raw, stream):
            self._raw = raw
            yield stream

    @contextmanager
    def _opened(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise UnusableFile(f"{self.path}: {error.strerror}") from None
        with raw:
            if not self._compressed:
                yield raw, raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                yield raw, cast("BinaryIO", stream)

    def _read(self, stream: BinaryIO) -> bytes:
        try:
            return stream.readline(LINE_BYTES_MAX + 1)
        except (OSError, EOFError, zlib.error) as error:
            # gzip says what it can't read in its own words; the rows before that have been read.
            raise UnusableFile(f"{self.path}: {error}") from None
