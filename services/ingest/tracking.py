"""What pages send: the body of Track, read. It comes from browsers of strangers, with a key that everyone can read."""

from collections.abc import Iterable
from dataclasses import dataclass

from google.api import httpbody_pb2

from scoreline.client.events import MalformedEvent, event_from_json, parse_time
from services.ingest import convert
from services.ingest.domain.events import MICROSECONDS, IncomingEvent, InvalidEvent
from services.ingest.domain.json_values import json_value
from services.shared.errors import InvalidFields, ServiceError, Violation

EVENTS_MAX = 50
"""As the contract says: a page sends what happened since it sent last."""

BODY_BYTES_MAX = 256 * 1024
"""As the contract says: four times what `sendBeacon` takes."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page sent."""

    events: list[IncomingEvent | ServiceError]
    """Each event, or why it is none."""
    sent_us: int | None
    """When it was sent by the browser's clock, in microseconds since 1970; None: not said."""


def parsed(body: httpbody_pb2.HttpBody) -> Page:
    """What a body says, whatever type it is said to have. Raises InvalidFields where it says nothing as a whole."""
    if len(body.data) > BODY_BYTES_MAX:
        raise _invalid("body", f"must be at most {BODY_BYTES_MAX} bytes, has {len(body.data)}")
    try:
        value = json_value(body.data, "body")
    except InvalidEvent as invalid:
        raise _invalid("body", invalid.problems[0].description) from invalid
    # Members it does not know are a newer page's.
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, list):
        raise _invalid("body", 'must be a JSON object with a list of events, {"events": [...]}')
    if not 1 <= len(events) <= EVENTS_MAX:
        raise _invalid("events", f"must be 1 to {EVENTS_MAX} events, has {len(events)}")
    sent_us = _sent_us(value.get("sent_time"))
    return Page([_event(one, index) for index, one in enumerate(events)], sent_us)


def user_agent_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The browser's name for itself; empty when it gives none."""
    for name, value in metadata:
        if name == "user-agent" and isinstance(value, str):
            return value
    return ""


def _event(value: object, index: int) -> IncomingEvent | ServiceError:
    try:
        return convert.incoming(event_from_json(value))
    except MalformedEvent as malformed:
        path = f"events[{index}]"
        field = path if malformed.field == "event" else f"{path}.{malformed.field}"
        return _invalid(field, malformed.description)


def _sent_us(value: object) -> int | None:
    if value is None:
        return None
    try:
        instant = parse_time(value)
    except MalformedEvent as malformed:
        raise _invalid("sent_time", malformed.description) from malformed
    return instant.seconds * MICROSECONDS + instant.nanos // 1000


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields([Violation(field, description)])
