"""What an expression of a mapping gives, as a part of an event: texts, times, properties."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from services.shared import structs
from services.shared.times import to_datetime

MILLISECONDS_FROM = 100_000_000_000
"""Seconds since 1970 reach it in the year 5138, milliseconds did in 1973: a number from here on is of milliseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_MAX = 2**53


class NoValue(ValueError):
    """Not a value of the wanted kind; the text says which is, and nothing of what was found."""


def text(value: Any) -> str:
    """A text, or a whole number as one. Raises NoValue."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_MAX:
        return str(int(value))
    raise NoValue("must be a text or a whole number")


def moment(value: Any) -> datetime | None:
    """A timestamp, a text of RFC 3339, or seconds or milliseconds since 1970, which may come as a text too; None for
    an empty text. Raises NoValue."""
    if isinstance(value, str):
        written = value.strip()
        if not written:
            return None
        return _of_number(float(written)) if _is_number(written) else _of_text(written)
    if isinstance(value, datetime):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _of_number(value)
    raise NoValue("must be a timestamp, a text of RFC 3339 or a number since 1970")


def struct(value: Any) -> Struct:
    """A map as properties, null values left out. Raises NoValue."""
    if not isinstance(value, dict):
        raise NoValue("must be a map")
    converted = Struct()
    size = 0
    for name, inner in value.items():
        if not isinstance(name, str):
            raise NoValue("must be a map whose keys are texts")
        if inner is not None:
            plain = _plain(inner, 1)
            size += _size(plain)
            if size > structs.MAX_BYTES:
                raise NoValue(f"must be at most {structs.MAX_BYTES:,} bytes")
            converted.update({name: plain})
    return converted


def _plain(value: Any, depth: int) -> Any:
    """As JSON has it."""
    if depth > structs.MAX_DEPTH:
        raise NoValue(f"must be at most {structs.MAX_DEPTH} levels deep")
    if isinstance(value, datetime):
        stamp = Timestamp()
        stamp.FromDatetime(value)
        return stamp.ToJsonString()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise NoValue("must have maps whose keys are texts")
        return {name: _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise NoValue("must have nothing but what JSON has")


def _size(value: Any) -> int:
    """Bytes that a value takes at least."""
    if isinstance(value, dict):
        return 2 + sum(len(name) + _size(inner) for name, inner in value.items())
    if isinstance(value, list):
        return 2 + sum(map(_size, value))
    return len(value) if isinstance(value, str) else 1


def _is_number(written: str) -> bool:
    return written.replace(".", "", 1).isdigit() and written.isascii()


def _of_number(number: float) -> datetime:
    if not math.isfinite(number):
        raise NoValue("must be a number of this age")
    try:
        if abs(number) >= MILLISECONDS_FROM:
            return _EPOCH + timedelta(milliseconds=number)
        return _EPOCH + timedelta(seconds=number)
    except OverflowError:
        raise NoValue("must be a number of this age") from None


def _of_text(written: str) -> datetime:
    stamp = Timestamp()
    try:
        stamp.FromJsonString(written)
        return to_datetime(stamp)
    except (ValueError, OverflowError, json_format.ParseError):
        pass
    try:
        found = datetime.fromisoformat(written)
        # Without an offset: senders that leave it out mean UTC.
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise NoValue(
            "must be a time as RFC 3339 writes it, such as 2026-01-31T09:30:00Z"
        ) from None
