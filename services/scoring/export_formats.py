"""Leads as files, written piece by piece: CSV and NDJSON; Parquet is in `export_parquet.py`."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

from services.scoring.analytics_ports import ExportedLead
from services.scoring.domain.model import MILLI

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
        self._writer.writerows([_cell(value) for value in values(lead)] for lead in leads)
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


def values(lead: ExportedLead) -> tuple[Any, ...]:
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
    for name, value in zip(COLUMNS, values(lead), strict=True):
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
    """What makes a file of that format. May take a while the first time."""
    if form is Format.PARQUET:
        # Its library takes 30 MB and time to load, and few exports need it.
        from services.scoring.export_parquet import ParquetEncoder

        return ParquetEncoder()
    return CsvEncoder() if form is Format.CSV else NdjsonEncoder()
