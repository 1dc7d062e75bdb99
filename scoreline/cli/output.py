"""How values look: messages as JSON for scripts, points, times and foreign text for people, bars and charts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table
from rich.text import Text

from scoreline.scoring.v1.lead_pb2 import Lead

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_BAR_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_STAGE_STYLES: Final = {
    "cold": "blue",
    "warm": "yellow",
    "hot": "dark_orange",
    "qualified": "bold red",
}


def print_json(value: Message | dict[str, Any]) -> None:
    """One JSON object on a line of its own on stdout, fields named as in the protos."""
    if isinstance(value, Message):
        value = MessageToDict(
            value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(text: str) -> Text:
    """Text of others: shown as it is, without markup and without anything that steers a terminal."""
    return Text("".join(one if one.isprintable() else "\ufffd" for one in text))


def points(value: float, *, sign: bool = False) -> str:
    """Points with as few decimals as they have, at most three."""
    text = f"{value:{'+' if sign else ''}.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "+0") else text


def effect_style(value: float) -> str:
    """Green for more, red for less."""
    return "green" if value > 0 else "red" if value < 0 else "dim"


def stage(name: str) -> Text:
    """A stage in its colour; names nobody foresaw have none."""
    text = plain(name)
    text.stylize(_STAGE_STYLES.get(name, ""))
    return text


def when(stamp: Timestamp) -> str:
    """An instant in local time, to the second; empty when absent."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    return stamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def label(lead: Lead) -> Text:
    """What to call a lead: its name or address where known, else what its sender calls it, else its id."""
    known_as = next((one.value for one in lead.identities), "")
    return plain(lead.display_name or lead.email or known_as or lead.lead_id)


def table_of(*headings: str) -> Table:
    """A table without lines; headings that end with `:r` are aligned right."""
    table = Table(box=None, header_style="bold")
    for heading in headings:
        name = heading.removesuffix(":r")
        table.add_column(name, justify="left" if name == heading else "right", no_wrap=True)
    return table


def bar(value: float, greatest: float, width: int) -> str:
    """A bar as long as the value's share of the greatest, exact to an eighth of a character."""
    if value <= 0 or greatest <= 0:
        return ""
    eighths = max(1, round(min(value / greatest, 1.0) * width * 8))
    return "█" * (eighths // 8) + _BAR_EIGHTHS[eighths % 8].strip()


def area_chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """Lines of a filled chart, top first. More values than columns: each column shows the last of its share."""
    if not values:
        return []
    columns = min(width, len(values))
    shown = [values[(column + 1) * len(values) // columns - 1] for column in range(columns)]
    least, greatest = min(0.0, *shown), max(0.0, *shown)
    span = (greatest - least) or 1.0
    levels = [round((value - least) / span * height * 8) for value in shown]
    return [
        "".join(_EIGHTHS[min(8, max(0, level - row * 8))] for level in levels)
        for row in reversed(range(height))
    ]
