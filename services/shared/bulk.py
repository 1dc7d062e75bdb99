"""Many values for Postgres at once, as text: arrays, and rows for COPY. What the driver does value by value is done
here to a whole column at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

Value = str | int | datetime | None

# They stand for what COPY's text has between columns, between rows and for null, until the values are escaped.
_COLUMN, _ROW, _NULL = "\x01", "\x02", "\x03"
# The backslash first: the codes of the others have one.
_CODES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_IN_TEXT = str.maketrans(_CODES)


def array(values: Sequence[Value]) -> str:
    """The text of an array, to be cast to its type: `%s::text[]`. A string with a NUL in it keeps that, and is refused
    by the driver as it is elsewhere."""
    types = set(map(type, values))
    if types == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if types == {str}:
        joined = "\0".join(values)  # type: ignore[arg-type] # they are strings
        if joined.count("\0") == len(values) - 1:
            return '{"' + _quoted(joined).replace("\0", '","') + '"}'
    return "{" + ",".join(map(_element, values)) + "}"


def copy_text(rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows, each of as many values, as COPY FROM reads them in its text format."""
    if not rows:
        return b""
    columns = [_texts(column) for column in zip(*rows, strict=True)]
    joined = _ROW.join(map(_COLUMN.join, zip(*columns, strict=True)))
    signs = (joined.count(_ROW), joined.count(_COLUMN), joined.count(_NULL))
    nulls = sum(row.count(None) for row in rows)
    if signs != (len(rows) - 1, (len(columns) - 1) * len(rows), nulls):
        # A value has one of the signs in it that stand for something.
        lines = ("\t".join(map(_field, row)) for row in rows)
        return ("\n".join(lines) + "\n").encode()
    escaped = joined
    for plain, code in _CODES.items():
        escaped = escaped.replace(plain, code)
    text = escaped.replace(_NULL, "\\N").replace(_COLUMN, "\t").replace(_ROW, "\n")
    return (text + "\n").encode()


def _texts(column: Sequence[Any]) -> Sequence[str]:
    types = set(map(type, column))
    if types == {str}:
        return column
    if types == {int}:
        return list(map(str, column))
    return [_NULL if value is None else _text(value) for value in column]


def _field(value: Any) -> str:
    return "\\N" if value is None else _text(value).translate(_IN_TEXT)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _element(value: Value) -> str:
    if value is None:
        return "NULL"
    return str(value) if type(value) is int else f'"{_quoted(str(value))}"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
