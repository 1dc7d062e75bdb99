"""google.protobuf.Struct to and from plain Python, and the limits on what may be in one. Several times faster than
`json_format`, which checks a schema that a Struct does not have."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

MAX_BYTES = 32 * 1024
"""Encoded size of one Struct: an event with more is a document, not an event."""

MAX_DEPTH = 8
"""Levels of objects and lists in one Struct, the outermost counted."""


def to_dict(struct: Struct) -> dict[str, Any]:
    """Plain dicts, lists, str, bool, None, and numbers: whole ones as int where a double holds them exactly."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def from_dict(values: Mapping[str, Any]) -> Struct:
    """The Struct of a JSON object."""
    struct = Struct()
    struct.update(values)
    return struct


def problem(struct: Struct) -> str | None:
    """What is wrong with a Struct that a caller sent, as a sentence for the caller; None when it may be kept."""
    if not struct.fields:
        return None
    size = struct.ByteSize()
    if size > MAX_BYTES:
        return f"must be at most {MAX_BYTES} bytes encoded, has {size}"
    return _content_problem(struct, 1)


_EXACT_INT = 2**53


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < _EXACT_INT else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return {key: _plain(inner) for key, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain(inner) for inner in value.list_value.values]
    return None


def _content_problem(struct: Struct, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"must be at most {MAX_DEPTH} levels deep"
    for key, value in struct.fields.items():
        if "\x00" in key:
            return "must not contain NUL characters"
        found = _value_problem(value, depth)
        if found:
            return found
    return None


def _value_problem(value: Value, depth: int) -> str | None:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return "must not contain NUL characters" if "\x00" in value.string_value else None
    if kind == "number_value":
        number = value.number_value
        finite = number - number == 0.0
        return None if finite else "must not contain NaN or infinite numbers"
    if kind == "struct_value":
        return _content_problem(value.struct_value, depth + 1)
    if kind == "list_value":
        if depth + 1 > MAX_DEPTH:
            return f"must be at most {MAX_DEPTH} levels deep"
        for inner in value.list_value.values:
            found = _value_problem(inner, depth + 1)
            if found:
                return found
    return None
