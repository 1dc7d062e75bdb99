"""Simulated events as lines of an NDJSON or CSV file, with broken ones in between on demand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from scoreline.simulator.arrivals import Arrival, arrivals
from scoreline.simulator.draws import source
from scoreline.simulator.plan import Plan

CSV_COLUMNS: Final = (
    "event_id",
    "type",
    "lead_id",
    "email",
    "anonymous_id",
    "external_id",
    "occur_time",
    "source",
    "properties",
)

# Each way to be broken that an import meets: not JSON, not an object, cut off, and events that break one rule each.
_BROKEN_TEXTS: Final = ("not json at all", "[1, 2, 3]", '{"event_id": "cut-off", "type": "page_vi')
_NESTED: Final[dict[str, Any]] = {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}


def ndjson_lines(plan: Plan) -> Iterator[str]:
    """The file's lines, each with its line end."""
    return _strewn(plan, (f"{_json(one.event())}\n" for one in arrivals(plan)), _broken_ndjson)


def csv_lines(plan: Plan) -> Iterator[str]:
    """The file's lines, the header first, each with its line end."""
    yield ",".join(CSV_COLUMNS) + "\n"
    yield from _strewn(plan, map(_csv_row, arrivals(plan)), _broken_csv)


def _strewn(plan: Plan, lines: Iterable[str], broken: Callable[[Plan, int], str]) -> Iterator[str]:
    """The lines with `plan.malformed` broken ones at even distances, drawn a little this way or that."""
    if not plan.malformed:
        yield from lines
        return
    rows = list(lines)
    rng = source(plan.seed, "malformed")
    share = len(rows) / plan.malformed
    places = [int((number + rng.random()) * share) for number in range(plan.malformed)]
    number = 0
    for index, row in enumerate(rows):
        while number < len(places) and places[number] <= index:
            yield broken(plan, number)
            number += 1
        yield row
    for left in range(number, len(places)):
        yield broken(plan, left)


def _broken_events(plan: Plan, number: int) -> list[dict[str, Any]]:
    """Events that break one rule each; none of them is ever accepted."""
    sound = {
        "event_id": f"bad-{plan.run}-{number:04d}",
        "type": "page_view",
        "email": "nobody@broken.example",
        "occur_time": "2026-10-01T09:00:00Z",
    }
    return [
        {**sound, "type": ""},
        {**sound, "lead_id": "two-references"},
        {**sound, "occur_time": "yesterday, after lunch"},
        {**sound, "event_id": "x" * 129},
        {**sound, "occur_time": "2999-01-01T00:00:00Z"},
        {**sound, "type": "1st-visit"},
        {**sound, "email": ""},
        {**sound, "properties": _NESTED},
    ]


def _broken_ndjson(plan: Plan, number: int) -> str:
    events = _broken_events(plan, number)
    kind = number % (len(_BROKEN_TEXTS) + len(events) + 1)
    if kind < len(_BROKEN_TEXTS):
        return _BROKEN_TEXTS[kind] + "\n"
    kind -= len(_BROKEN_TEXTS)
    if kind < len(events):
        return _json(events[kind]) + "\n"
    return _json({**events[0], "type": "page_view", "colour": "blue"}) + "\n"


def _broken_csv(plan: Plan, number: int) -> str:
    events = _broken_events(plan, number)
    kind = number % (len(events) + 2)
    if kind < len(events):
        return _csv_line(_csv_cells(events[kind]))
    if kind == len(events):
        return _csv_line([*_csv_cells(events[0]), "one column too many"])
    return _csv_line([*_csv_cells({**events[0], "type": "page_view"})[:-1], "{not json"])


def _csv_row(arrival: Arrival) -> str:
    return _csv_line(_csv_cells(arrival.event()))


def _csv_cells(event: dict[str, Any]) -> list[str]:
    cells = [str(event.get(column, "")) for column in CSV_COLUMNS[:-1]]
    properties = event.get("properties")
    return [*cells, _json(properties) if properties else ""]


def _csv_line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
