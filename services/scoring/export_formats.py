"""Leads as files: CSV, NDJSON and Parquet, written piece by piece."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from services.scoring.analytics_ports import ExportedLead
from services.scoring.domain.model import MILLI

ROW_GROUP_LEADS = 5_000
ROW_GROUP_BYTES = 8 * 1024 * 1024
"""A Parquet row group ends with the first lead that makes it so long; its attributes are what may be large."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes text that begins so for a formula."""


class Format(Enum):
    """Formats of an export: content type and what a file's name ends with."""

    CSV = ("text/csv; charset=utf-8", "csv")
    NDJSON = ("application/x-ndjson", "ndjson")
    PARQUET = ("application/vnd.apache.parquet", "parquet")

    @property
    def content_type(self) -> str:
        """As HTTP says it."""
        return self.value[0]

    @property
    def suffix(self) -> str:
        """Without the dot."""
        return self.value[1]


COLUMNS = (
    "lead_id",
    "email",
    "display_name",
    "company",
    "score",
    "stage",
    "grade",
    "risk",
    "velocity",
    "version",
    "event_count",
    "rule_set_version",
    "first_event_time",
    "last_event_time",
    "create_time",
    "update_time",
    "attributes",
    "event_attributes",
)
"""In the order of the fields of ExportedLead; points and velocity as decimal numbers."""

_TIME = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("email", pa.string(), nullable=False),
        pa.field("display_name", pa.string(), nullable=False),
        pa.field("company", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("grade", pa.string(), nullable=False),
        pa.field("risk", pa.string(), nullable=False),
        pa.field("velocity", pa.float64(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("event_count", pa.int32(), nullable=False),
        pa.field("rule_set_version", pa.int32(), nullable=False),
        pa.field("first_event_time", _TIME),
        pa.field("last_event_time", _TIME),
        pa.field("create_time", _TIME, nullable=False),
        pa.field("update_time", _TIME, nullable=False),
        pa.field("attributes", pa.string(), nullable=False),
        pa.field("event_attributes", pa.string(), nullable=False),
    ]
)
"""Of a Parquet file."""


class Encoder(Protocol):
    """Makes a file of leads. Its methods take CPU time, so they run in a thread of their own."""

    def add(self, leads: Sequence[ExportedLead]) -> bytes:
        """The next bytes of the file; may be none yet."""
        ...

    def end(self) -> bytes:
        """The last bytes."""
        ...


class CsvEncoder:
    """RFC 4180, UTF-8, a header line. Text that a spreadsheet would take for a formula has a `'` before it."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(COLUMNS)

    def add(self, leads: Sequence[ExportedLead]) -> bytes:
        """See Encoder."""
        self._writer.writerows([_cell(value) for value in _values(lead)] for lead in leads)
        return self.end()

    def end(self) -> bytes:
        """See Encoder."""
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()


class NdjsonEncoder:
    """A JSON object a line, attributes as an object in it."""

    def add(self, leads: Sequence[ExportedLead]) -> bytes:
        """See Encoder."""
        return "".join(_json_line(lead) for lead in leads).encode()

    def end(self) -> bytes:
        """See Encoder."""
        return b""


class ParquetEncoder:
    """Row groups, each given away as soon as it is full."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, SCHEMA, compression="zstd")
        self._waiting: list[ExportedLead] = []
        self._bytes = 0

    def add(self, leads: Sequence[ExportedLead]) -> bytes:
        """See Encoder."""
        for lead in leads:
            self._waiting.append(lead)
            self._bytes += len(lead.attributes) + len(lead.event_attributes)
            if len(self._waiting) >= ROW_GROUP_LEADS or self._bytes >= ROW_GROUP_BYTES:
                self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        """See Encoder."""
        if self._waiting:
            self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        columns = zip(*map(_values, self._waiting), strict=True)
        arrays = [pa.array(one, field.type) for one, field in zip(columns, SCHEMA, strict=True)]
        group = pa.Table.from_arrays(arrays, schema=SCHEMA)
        self._writer.write_table(group, row_group_size=len(self._waiting))
        self._waiting = []
        self._bytes = 0


class _Sink(io.RawIOBase):
    """A file that gives up what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._written.append(chunk)
        self._length += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        """What was written since the last time."""
        found = b"".join(self._written)
        self._written = []
        return found


def _values(lead: ExportedLead) -> tuple[Any, ...]:
    """In the order of COLUMNS."""
    return tuple(
        getattr(lead, name) / MILLI if name in ("score", "velocity") else getattr(lead, name)
        for name in _FIELDS
    )


_FIELDS = tuple(one.name for one in fields(ExportedLead))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    if isinstance(value, datetime):
        return rfc3339(value)
    return "" if value is None else _number(value)


def _json_line(lead: ExportedLead) -> str:
    line: dict[str, Any] = {}
    for name, value in zip(COLUMNS, _values(lead), strict=True):
        if isinstance(value, datetime):
            value = rfc3339(value)
        line[name] = json.loads(value) if name.endswith("attributes") else value
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def _number(value: float) -> str:
    return (
        str(int(value))
        if isinstance(value, int) or value.is_integer()
        else f"{value:.3f}".rstrip("0")
    )


def rfc3339(at: datetime) -> str:
    """An instant as files have it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def encoder(form: Format) -> Encoder:
    """What makes a file of that format."""
    made: dict[Format, type[Encoder]] = {
        Format.CSV: CsvEncoder,
        Format.NDJSON: NdjsonEncoder,
        Format.PARQUET: ParquetEncoder,
    }
    return made[form]()
