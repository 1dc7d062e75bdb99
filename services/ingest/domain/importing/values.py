"""What a single cell or JSON value says: an instant, a number, a text that a spreadsheet was kept from taking for a
formula."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

ISO_EXAMPLE = "2026-03-01T09:30:00Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UNIX_TIME = re.compile(r"(\d{9,10})(?:\.(\d{1,9})\d*)?|(\d{12,13})")
"""Seconds from 1973 to 2286, or milliseconds of the same years. Fewer digits could be a date without its hyphens."""

# As JSON writes it, with as many digits as a double holds: what begins with a zero or a plus is an id or a telephone
# number, what is longer an account's.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?")
_TRUTHS = {"true": True, "false": False}
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


class FieldProblem(NamedTuple):
    """A field at fault and why."""

    field: str
    reason: str


class InvalidValue(Exception):
    """A value can't be what it should be; the text says why."""


def instant(value: object) -> tuple[int, int]:
    """Seconds since 1970 and nanoseconds of an RFC 3339 time, a date (its first moment, in UTC), a time without a zone
    (taken as UTC), or Unix seconds or milliseconds. Raises InvalidValue."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidValue(f"must be a time such as {ISO_EXAMPLE}")
    text = value.strip() if isinstance(value, str) else repr(value)
    unix = _UNIX_TIME.fullmatch(text)
    if unix:
        seconds, fraction, milliseconds = unix.groups()
        if milliseconds:
            whole, rest = divmod(int(milliseconds), 1000)
            return whole, rest * 1_000_000
        return int(seconds), int((fraction or "0").ljust(9, "0"))
    try:
        if not isinstance(value, str) or text.isdigit():
            raise ValueError
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            f"{text[:64]!r} is no time such as {ISO_EXAMPLE}, no date, and no Unix time in seconds or milliseconds"
        ) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        since = at - _EPOCH
    except OverflowError:
        raise InvalidValue(f"{text[:64]!r} is out of range") from None
    seconds_since = since // _SECOND
    return seconds_since, (since - seconds_since * _SECOND).microseconds * 1000


def property_value(cell: str) -> Any:
    """A cell as the value of a property: a number or a truth value where it is written as JSON writes them, else text.
    What must stay text goes into the column `properties`."""
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return _TRUTHS.get(cell, cell)


def json_object(cell: str) -> dict[str, Any]:
    """The JSON object in a cell. Raises InvalidValue."""
    try:
        value = json.loads(cell)
    except RecursionError:
        raise InvalidValue("is nested too deeply") from None
    except ValueError as error:
        raise InvalidValue(f"is not JSON ({str(error)[:100]})") from None
    if not isinstance(value, dict):
        raise InvalidValue("must be a JSON object")
    return value


def unguarded(cell: str) -> str:
    """A cell without the `'` that keeps a spreadsheet from taking it for a formula, as exports write it."""
    return cell[1:] if _GUARDED.match(cell) else cell
