"""JSON as callers write it: what is none is said to be at fault, whatever is wrong with it."""

import json
from typing import Any, NoReturn

from services.ingest.domain.events import InvalidEvent, Problem

SEPARATORS_MAX = 250_000
"""Commas and opening brackets, those within texts too: 250 for each event of a full batch. Whoever sends more makes
values of it that take far longer to build and to throw away than they took to send."""

_SEPARATORS = (b",", b"[", b"{")


def json_value(body: bytes, field: str) -> Any:
    """The JSON value of a text. Whole numbers are of any length, as in JSON; as properties they become doubles. Raises
    InvalidEvent, which names `field`."""
    if sum(map(body.count, _SEPARATORS)) > SEPARATORS_MAX:
        too_many = f"must have at most {SEPARATORS_MAX:,} commas and opening brackets"
        raise InvalidEvent([Problem(field, too_many)])
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent([Problem(field, "must be JSON")]) from error


def _refuse(name: str) -> NoReturn:
    # NaN and the infinities, which Python reads and nobody else.
    raise ValueError(f"{name} is no JSON")
