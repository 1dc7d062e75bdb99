"""Leads as a Parquet file, written piece by piece. Loaded when somebody asks for one."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.scoring.analytics_ports import ExportedLead
from services.scoring.export_formats import values

ROW_GROUP_LEADS = 5_000
ROW_GROUP_BYTES = 8 * 1024 * 1024
"""A Parquet row group ends with the first lead that makes it so long; its attributes are what may be large."""

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
"""COLUMNS with their types."""


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
        columns = zip(*map(values, self._waiting), strict=True)
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
