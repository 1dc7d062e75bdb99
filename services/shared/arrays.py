"""Arrays for Postgres as text: what the driver does element by element, for thousands of values at once."""

from collections.abc import Sequence
from datetime import datetime

Element = str | int | datetime | None


def array(values: Sequence[Element]) -> str:
    """The text of an array, to be cast to its type: `%s::text[]`. A string with a NUL in it keeps that, and is refused
    by the driver as it is elsewhere."""
    types = set(map(type, values))
    if types == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if types == {str}:
        joined = "\0".join(values)  # type: ignore[arg-type] # they are strings
        if joined.count("\0") == len(values) - 1:
            return '{"' + _escaped(joined).replace("\0", '","') + '"}'
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Element) -> str:
    if value is None:
        return "NULL"
    return str(value) if type(value) is int else f'"{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
