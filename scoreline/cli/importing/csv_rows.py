"""Rows of a CSV file: a header, then an event a row. Columns named like an event's fields are those; `properties` holds
a JSON object; any other column (with or without `properties.` before its name) is a property, as text. Empty cells are
absent."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any, Final

from scoreline.cli.importing.row import Row
from scoreline.cli.importing.source import SourceFile, UnusableFile
from scoreline.client.events import REFERENCES, MalformedEvent, event_from_json

REJECTED_COLUMNS: Final = ("rejected_line", "rejected_reason")
"""What a file of rejected rows has before the original columns; skipped here, so that it can be mended and imported."""

_FIELDS: Final = ("event_id", "type", *REFERENCES, "occur_time", "source")
_PREFIX = "properties."


class CsvRows:
    """The rows of one file."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._lines = self._texts()
        self._reader = csv.reader(self._lines)
        try:
            self._header = [name.strip() for name in next(self._reader)]
        except StopIteration:
            raise UnusableFile(
                f"{source.path}: is empty; the first line must name the columns"
            ) from None
        except csv.Error as error:
            raise UnusableFile(f"{source.path}: the header can't be read ({error})") from None
        self._check_header()
        mended = tuple(self._header[: len(REJECTED_COLUMNS)]) == REJECTED_COLUMNS
        self._skipped = len(REJECTED_COLUMNS) if mended else 0

    @property
    def columns(self) -> list[str]:
        """The columns that are about the event."""
        return self._header[self._skipped :]

    def __iter__(self) -> Iterator[Row]:
        """Every row but blank ones. Raises UnusableFile."""
        while True:
            begins = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(begins, [], reason=f"row: can't be read ({error})")
                continue
            if any(cells):
                yield self._row(begins, cells)

    def _row(self, line: int, cells: list[str]) -> Row:
        shown = [_readable(cell) for cell in cells[self._skipped :]]
        if len(cells) != len(self._header):
            reason = f"row: has {len(cells)} columns, the header {len(self._header)}"
            return Row(line, shown, reason=reason)
        try:
            event = event_from_json(self._values(cells[self._skipped :]))
        except MalformedEvent as error:
            return Row(line, shown, reason=str(error))
        if not event.event_id:
            event.event_id = f"import-{self._source.digest()}-{line}"
        return Row(line, shown, event)

    def _values(self, cells: list[str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, cell in zip(self.columns, cells, strict=True):
            if not cell:
                continue
            if name in _FIELDS:
                values[name] = cell
            elif name == "properties":
                properties = {**_json_object(cell), **properties}
            else:
                properties[name.removeprefix(_PREFIX)] = cell
        if properties:
            values["properties"] = properties
        return values

    def _check_header(self) -> None:
        path, header = self._source.path, self._header
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            raise UnusableFile(
                f"{path}: the header names {', '.join(sorted(twice))} more than once"
            )
        if "" in header:
            raise UnusableFile(f"{path}: column {header.index('') + 1} of the header has no name")
        if "type" not in header or not any(name in header for name in REFERENCES):
            raise UnusableFile(
                f"{path}: the header must name `type` and at least one of {', '.join(REFERENCES)}"
            )

    def _texts(self) -> Iterator[str]:
        for number, line in enumerate(self._source.lines()):
            # What is not UTF-8 is carried on as surrogates, which the event's fields then refuse.
            text = (line or b"").decode("utf-8", "surrogateescape")
            yield text.removeprefix("\ufeff") if number == 0 else text


def _readable(cell: str) -> str:
    """The cell with a mark in the place of what is not UTF-8."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _json_object(cell: str) -> dict[str, Any]:
    try:
        value = json.loads(cell)
    except RecursionError:
        raise MalformedEvent("properties", "is nested too deeply") from None
    except ValueError as error:
        raise MalformedEvent("properties", f"is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise MalformedEvent("properties", "must be a JSON object")
    return value
