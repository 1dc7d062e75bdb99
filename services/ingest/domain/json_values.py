"""JSON as callers write it: what is none is said to be at fault, whatever is wrong with it."""

import json
from typing import Any, NoReturn

from services.ingest.domain.events import InvalidEvent, Problem


def json_value(body: bytes | str, field: str) -> Any:
    """The JSON value of a text. Raises InvalidEvent, which names `field`."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent([Problem(field, "must be JSON")]) from error


def _refuse(name: str) -> NoReturn:
    # NaN and the infinities, which Python reads and nobody else.
    raise ValueError(f"{name} is no JSON")
