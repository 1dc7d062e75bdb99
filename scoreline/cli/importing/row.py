"""One row of a file on its way in."""

from __future__ import annotations

from dataclasses import dataclass

from scoreline.events.v1.event_pb2 import Event


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the event it is, or why it is none."""

    line: int
    """Where it begins, from 1."""
    original: str | list[str]
    """As it was: the text of an NDJSON line, the cells of a CSV row."""
    event: Event | None = None
    reason: str = ""
