"""Rows of an NDJSON file: an event object a line, fields named as in the protos."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scoreline.cli.importing.row import Row
from scoreline.cli.importing.source import LINE_BYTES_MAX, SourceFile
from scoreline.client.events import MalformedEvent, event_from_json

_BOM = b"\xef\xbb\xbf"


def ndjson_rows(source: SourceFile) -> Iterator[Row]:
    """Every row but blank ones. Raises UnusableFile."""
    for number, line in enumerate(source.lines(), start=1):
        if line is None:
            yield Row(number, "", reason=f"line: is longer than {LINE_BYTES_MAX} bytes")
            continue
        content = line.removeprefix(_BOM) if number == 1 else line
        if content.strip():
            yield _row(source, number, content)


def _row(source: SourceFile, number: int, line: bytes) -> Row:
    text = line.decode("utf-8", errors="replace").rstrip("\r\n")
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Row(number, text, reason="line: is not UTF-8")
    except RecursionError:
        return Row(number, text, reason="line: is nested too deeply")
    except ValueError as error:
        return Row(number, text, reason=f"line: is not JSON ({error})")
    try:
        event = event_from_json(value)
    except MalformedEvent as error:
        return Row(number, text, reason=str(error))
    if isinstance(value, dict) and value.get("event_id", value.get("eventId")) is None:
        event.event_id = f"import-{source.digest()}-{number}"
    return Row(number, text, event)
