"""A whole file, fed in pieces: what it is, found at its beginning, and its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Protocol

from services.ingest.domain.importing import rows, texts
from services.ingest.domain.importing.csv_records import CsvRecords, delimiter_of
from services.ingest.domain.importing.json_records import JsonArrayRecords, NdjsonRecords
from services.ingest.domain.importing.records import RECORD_CHARS_MAX, Record, UnreadableFile
from services.ingest.domain.importing.rows import CsvRows, ReadRow, Row
from services.ingest.domain.importing.unpacking import Unpacker

HEAD_BYTES = 1024 * 1024
"""What the encoding and the format are told by."""


class Format(Enum):
    """How a file is written; the values are stored."""

    DETECT = ""
    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the sender says about a file."""

    format: Format = Format.DETECT
    columns: Mapping[str, str] = field(default_factory=dict)
    """CSV: what columns are, by their names."""
    default_type: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Nature:
    """What a file was found to be."""

    format: Format
    encoding: str
    delimiter: str
    """Empty where it is no CSV."""


class _Records(Protocol):
    def feed(self, text: str, final: bool = False) -> Iterator[Record]: ...


class FileReader:
    """Reads one file. The iterators must be read to their end before the next call."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._unpacker = Unpacker()
        self._head: bytes | None = b""
        """The beginning, until it is enough to tell what the file is."""
        self._decoder = texts.Decoder(texts.UTF8)
        self._records: _Records | None = None
        self._header = ""
        """Text of a CSV file from its first line on, which is not complete."""
        self._blank_lines = 0
        """Before it."""
        self._row: ReadRow | None = None
        self.nature: Nature | None = None
        """What the file is; None until its beginning was read."""

    def feed(self, data: bytes) -> Iterator[Row | None]:
        """The rows that are complete with these bytes. None again and again, for whoever wants to stop: a few bytes can
        unpack to very many that are no row. Raises UnreadableFile."""
        for piece in self._unpacker.feed(data):
            yield from self._take(piece, final=False)
            yield None

    def finish(self) -> Iterator[Row | None]:
        """The rows that are left. Raises UnreadableFile."""
        yield from self._take(self._unpacker.finish(), final=True)

    def _take(self, data: bytes, final: bool) -> Iterator[Row]:
        if self._head is not None:
            self._head += data
            if len(self._head) < HEAD_BYTES and not final:
                return
            data = self._look_at(self._head)
            self._head = None
        for record in self._split(self._decoder.decode(data, final), final):
            if self._row is None:
                self._row = self._under(record)
            elif not (isinstance(record.value, list) and self._is_blank(record)):
                yield self._row(record)

    def _is_blank(self, record: Record) -> bool:
        return isinstance(self._records, CsvRecords) and rows.is_blank(record)

    def _look_at(self, head: bytes) -> bytes:
        """Tell what the file is by its beginning; the beginning without the encoding's mark."""
        encoding, mark = texts.detect(head[:HEAD_BYTES])
        beginning = texts.Decoder(encoding).decode(head[mark:HEAD_BYTES])
        form = self._options.format
        if form is Format.DETECT:
            form = _format_of(beginning)
        if form is not Format.CSV:
            if encoding == texts.WINDOWS_1252:
                # JSON is Unicode: what is not has bytes at fault, not another encoding.
                encoding = texts.UTF8
            self._records = NdjsonRecords() if form is Format.NDJSON else JsonArrayRecords()
            self._row = rows.json_row
        lone_returns = "\r" in beginning and "\n" not in beginning
        self._decoder = texts.Decoder(encoding, lone_returns)
        self.nature = Nature(form, encoding, "")
        return head[mark:]

    def _split(self, text: str, final: bool) -> Iterator[Record]:
        if self._records is None:
            text = self._header + text
            self._header = text.lstrip("\r\n")
            self._blank_lines += text.count("\n", 0, len(text) - len(self._header))
            line, end, _ = self._header.partition("\n")
            if not end and not final and len(line) <= RECORD_CHARS_MAX:
                return iter(())
            if not line.strip():
                raise UnreadableFile("the file is empty; its first line must name the columns")
            assert self.nature is not None  # noqa: S101 - known before there is any text
            delimiter = delimiter_of(line)
            self.nature = Nature(Format.CSV, self.nature.encoding, delimiter)
            self._records = CsvRecords(delimiter, self._blank_lines + 1)
            text, self._header = self._header, ""
        return chain(self._records.feed(text, final))

    def _under(self, header: Record) -> ReadRow:
        if header.problem:
            raise UnreadableFile(f"the header {header.problem}")
        options = self._options
        return CsvRows(header.value, options.columns, bool(options.default_type)).row


def _format_of(beginning: str) -> Format:
    first = beginning.lstrip()[:1]
    return {"[": Format.JSON, "{": Format.NDJSON}.get(first, Format.CSV)
