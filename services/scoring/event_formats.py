"""Events as a file that ImportEvents takes: CSV and NDJSON, written piece by piece."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from services.scoring.event_ports import ExportedEvent
from services.scoring.export_formats import Format, rfc3339

COLUMNS = (
    "event_id",
    "type",
    "lead_id",
    "external_id",
    "email",
    "anonymous_id",
    "occur_time",
    "source",
    "properties",
    "record_time",
)

_FIELDS = {
    "lead": "lead_id",
    "external": "external_id",
    "email": "email",
    "anonymous": "anonymous_id",
}
_BY_STRENGTH = tuple(_FIELDS)
"""An `identify` event is kept under the first of these that it has."""

# What a spreadsheet takes for a formula, also behind a `'` of its own: imports take one `'` away from these.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


class EventCsv:
    """RFC 4180, UTF-8, a header line. Text that a spreadsheet would take for a formula has a `'` before it."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(COLUMNS)

    def add(self, events: Sequence[ExportedEvent]) -> bytes:
        """The next bytes of the file."""
        for event in events:
            fields = _fields(event)
            self._writer.writerow(_cell(fields.get(name, "")) for name in COLUMNS)
        return self.end()

    def end(self) -> bytes:
        """The last bytes."""
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()


class EventNdjson:
    """A JSON object a line, properties as an object in it."""

    def add(self, events: Sequence[ExportedEvent]) -> bytes:
        """The next bytes of the file."""
        return "".join(_line(event) for event in events).encode()

    def end(self) -> bytes:
        """The last bytes."""
        return b""


def event_encoder(form: Format) -> EventCsv | EventNdjson:
    """What makes a file of that format, which is a text."""
    return EventCsv() if form is Format.CSV else EventNdjson()


def _fields(event: ExportedEvent) -> dict[str, str]:
    """Texts by the names of fields, those that are not empty."""
    fields = {"event_id": event.event_id, "type": event.type}
    for subject in (event.subject, *_linked(event)):
        fields[_FIELDS[_kind(subject)]] = subject.partition(":")[2]
    fields["occur_time"] = rfc3339(event.occurred_at)
    if event.source:
        fields["source"] = event.source
    if event.properties != "{}":
        fields["properties"] = event.properties
    fields["record_time"] = rfc3339(event.recorded_at)
    return fields


def _linked(event: ExportedEvent) -> Iterator[str]:
    """References that became one lead's through the event, one of each kind that may have been sent with it: those
    that say less than the one it is kept under. The ledger has what moved; where that says nothing of the lead which
    stayed, any reference of it does as well as the one that was sent, since in the end they all are one lead's."""
    if event.link is None:
        return
    moved: list[str] = json.loads(event.link)["subjects"]
    weaker = _BY_STRENGTH[_BY_STRENGTH.index(_kind(event.subject)) + 1 :]
    left = list(weaker)
    for kind in weaker:
        found = sorted(one for one in moved if _kind(one) == kind)
        if found:
            left.remove(kind)
            yield found[0]
    if event.subject in moved:
        stayed = [one for one in event.references or () if _kind(one) in left and one not in moved]
        yield from sorted(stayed, key=lambda one: (-left.index(_kind(one)), one))[:1]


def _kind(subject: str) -> str:
    return subject.partition(":")[0]


def _line(event: ExportedEvent) -> str:
    fields: dict[str, Any] = dict(_fields(event))
    if "properties" in fields:
        fields["properties"] = json.loads(event.properties)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def _cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
