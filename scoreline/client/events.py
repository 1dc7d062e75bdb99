"""Events as a sender makes them: from Python values, from a JSON object, and gathered into batches. What a valid event
is, the service decides; here is only what would not survive the way there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.client.settings import BATCH_BYTES_MAX, BATCH_EVENTS, BATCH_EVENTS_MAX
from scoreline.events.v1.event_pb2 import Event

PROPERTIES_DEPTH_MAX: Final = 8
"""Levels of objects and lists that the service takes. Checked here because protobuf refuses a whole batch, with all its
good events, where one event nests deeper than about thirty."""

REFERENCES: Final = ("lead_id", "email", "anonymous_id", "external_id")
"""An event has exactly one of these; one that identifies a lead has all that are known to be the lead's."""

IDENTIFY: Final = "identify"
"""The type of an event that may have several references: they are one lead's from then on."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_FIELDS = ("event_id", "type", *REFERENCES, "source")
# JSON may spell fields as in the protos or in lower camel case, as proto JSON readers must accept both.
_ALIASES = {
    "eventId": "event_id",
    "leadId": "lead_id",
    "anonymousId": "anonymous_id",
    "externalId": "external_id",
    "occurTime": "occur_time",
}


class MalformedEvent(ValueError):
    """What was given can't be made into an event."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


def event(
    type: str,
    *,
    lead_id: str = "",
    email: str = "",
    anonymous_id: str = "",
    external_id: str = "",
    event_id: str = "",
    occur_time: datetime | None = None,
    source: str = "",
    properties: Mapping[str, Any] | None = None,
) -> Event:
    """An event; without an `event_id` it gets a random one, so that sending it again counts once.

    Only an `identify` event may have several references: it says that they are one lead's. `occur_time` must have a
    time zone. Raises MalformedEvent.
    """
    given = [name for name in (lead_id, email, anonymous_id, external_id) if name]
    if len(given) != 1 and not (given and type.strip().lower() == IDENTIFY):
        raise MalformedEvent(
            "event",
            f"needs exactly one of {', '.join(REFERENCES)} (an {IDENTIFY} event may have several); {len(given)} given",
        )
    made = Event()
    _set_text(made, "event_id", event_id or str(uuid.uuid4()))
    _set_text(made, "type", type)
    _set_text(made, "lead_id", lead_id)
    _set_text(made, "email", email)
    _set_text(made, "anonymous_id", anonymous_id)
    _set_text(made, "external_id", external_id)
    _set_text(made, "source", source)
    if occur_time is not None:
        made.occur_time.CopyFrom(_timestamp(occur_time))
    if properties:
        set_properties(made, properties)
    return made


def event_from_json(value: object) -> Event:
    """The event that a JSON object describes, fields named as in the protos. Raises MalformedEvent."""
    if not isinstance(value, dict):
        raise MalformedEvent("event", "must be a JSON object")
    made = Event()
    for key, content in value.items():
        name = _ALIASES.get(key, key)
        if content is None:
            continue
        if name in _TEXT_FIELDS:
            if not isinstance(content, str):
                raise MalformedEvent(name, "must be a text")
            _set_text(made, name, content)
        elif name == "occur_time":
            made.occur_time.CopyFrom(parse_time(content))
        elif name == "properties":
            if not isinstance(content, dict):
                raise MalformedEvent(name, "must be a JSON object")
            set_properties(made, content)
        else:
            raise MalformedEvent(_shown(key), "is no field of an event; put it into `properties`")
    return made


def parse_time(text: object) -> Timestamp:
    """The instant of an RFC 3339 text such as 2026-03-01T09:30:00Z. Raises MalformedEvent."""
    if not isinstance(text, str):
        raise MalformedEvent("occur_time", "must be a text such as 2026-03-01T09:30:00Z")
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MalformedEvent(
            "occur_time", f"{text[:64]!r} is no time such as 2026-03-01T09:30:00Z"
        ) from None
    return _timestamp(instant)


def set_properties(target: Event, properties: Mapping[str, Any]) -> None:
    """Put JSON values into an event. Raises MalformedEvent for what JSON or a Struct can't hold."""
    target.ClearField("properties")
    # An empty object is not the same as none at all.
    target.properties.SetInParent()
    _fill(target.properties, properties, 1)


def batches(
    events: Iterable[Event],
    *,
    events_max: int = BATCH_EVENTS,
    bytes_max: int = BATCH_BYTES_MAX,
) -> Iterator[list[Event]]:
    """The events in order, in lists that fit one call. An event above `bytes_max` comes alone."""
    if not 1 <= events_max <= BATCH_EVENTS_MAX:
        raise ValueError(f"events_max must be 1 to {BATCH_EVENTS_MAX}")
    batch: list[Event] = []
    size = 0
    for one in events:
        weight = encoded_bytes(one)
        if batch and (len(batch) == events_max or size + weight > bytes_max):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += weight
    if batch:
        yield batch


def encoded_bytes(one: Event) -> int:
    """What an event takes in a batch: itself, its tag and its length."""
    return one.ByteSize() + 6


def _set_text(target: Event, name: str, text: str) -> None:
    try:
        setattr(target, name, text)
    except (UnicodeEncodeError, ValueError):
        raise MalformedEvent(name, "is not valid Unicode text") from None


def _shown(name: object) -> str:
    """A name as it may be written down: JSON can have halves of characters, which no encoding has."""
    return str(name)[:64].encode(errors="replace").decode()


def _timestamp(instant: datetime) -> Timestamp:
    if instant.tzinfo is None:
        raise MalformedEvent("occur_time", "needs a time zone: end it with Z or an offset")
    try:
        since: timedelta = instant - _EPOCH
    except OverflowError:
        raise MalformedEvent("occur_time", "is out of range") from None
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def _fill(struct: Struct, values: Mapping[str, Any], depth: int) -> None:
    _check_depth(depth)
    for key, value in values.items():
        if not isinstance(key, str):
            raise MalformedEvent("properties", "keys must be texts")
        try:
            target = struct.fields[key]
        except (UnicodeEncodeError, ValueError):
            raise MalformedEvent("properties", "a key is not valid Unicode text") from None
        _set_value(target, value, depth)


def _set_value(target: Value, value: object, depth: int) -> None:
    if value is None:
        target.null_value = 0  # type: ignore[assignment]  # NULL_VALUE, the enum's only value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        try:
            target.number_value = float(value)
        except OverflowError:
            raise MalformedEvent("properties", "a number is too large") from None
    elif isinstance(value, str):
        try:
            target.string_value = value
        except (UnicodeEncodeError, ValueError):
            raise MalformedEvent("properties", "a text is not valid Unicode") from None
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        _fill(target.struct_value, value, depth + 1)
    elif isinstance(value, list | tuple):
        _check_depth(depth + 1)
        target.list_value.SetInParent()
        for inner in value:
            _set_value(target.list_value.values.add(), inner, depth + 1)
    else:
        raise MalformedEvent("properties", f"{value.__class__.__name__} is no JSON value")


def _check_depth(depth: int) -> None:
    if depth > PROPERTIES_DEPTH_MAX:
        raise MalformedEvent("properties", f"must be at most {PROPERTIES_DEPTH_MAX} levels deep")
