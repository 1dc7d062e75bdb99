"""How a CloudEvent 1.0 becomes an event: its identity, its time, whose it is and what of it are properties. Which forms
it comes in is known to `../cloud_events.py`, its JSON form and data included here because they are plain values.

Specification: https://github.com/cloudevents/spec/tree/v1.0.2
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.ingest.domain import references
from services.ingest.domain.events import (
    EVENT_ID_CHARS_MAX,
    SOURCE_CHARS_MAX,
    InvalidEvent,
    Problem,
)
from services.ingest.domain.json_values import json_value

SPEC_VERSION = "1.0"

EXTENSIONS = {
    "leadid": "lead_id",
    "externalid": "external_id",
    "email": "email",
    "anonymousid": "anonymous_id",
}
"""Extension attributes that say whose event it is, and what they are in an event."""

SUBJECT_FIELDS = {
    "lead": "lead_id",
    "external": "external_id",
    "email": "email",
    "anonymous": "anonymous_id",
}
"""The same as prefixes of `subject`."""

DATA = "data"
"""The property that data are which are no JSON object."""

SOURCE = "cloudevent_source"
"""The property that a source is which is too long for an event's."""

_SHORTENED_CHARS = 47
_SHORTENED_HEX_DIGITS = 16

_NAME = re.compile(r"[a-z0-9]+")
_JSON_TYPE = re.compile(r"application/json|text/json|[^/]+/[^/]+\+json")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A CloudEvent as plain values, whatever form it came in."""

    attributes: Mapping[str, str]
    """Required, optional and extension attributes, as texts."""
    data: Any = None
    """A JSON value; None: no data."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What an event is made of."""

    event_id: str
    type: str
    references: Mapping[str, str]
    """Fields of an event that say whose it is, and their values."""
    occur_time: tuple[int, int] | None
    """Seconds since 1970 and nanoseconds."""
    source: str
    properties: Mapping[str, Any] | None


def from_json(value: object) -> CloudEvent:
    """The CloudEvent that a JSON value is. Raises InvalidEvent."""
    if not isinstance(value, dict):
        raise InvalidEvent(
            [Problem("", "must be a JSON object with the attributes of a CloudEvent")]
        )
    attributes: dict[str, str] = {}
    problems: list[Problem] = []
    for name, content in value.items():
        if name in ("data", "data_base64") or content is None:
            continue
        if isinstance(content, bool):
            attributes[name] = "true" if content else "false"
        elif isinstance(content, str | int):
            attributes[name] = str(content)
        else:
            problems.append(Problem(_shown(name), "must be a text, a whole number or a boolean"))
    data = value.get("data")
    if value.get("data_base64") is not None:
        if data is not None:
            problems.append(Problem("data_base64", "must not stand beside data"))
        encoded = value["data_base64"]
        try:
            raw = base64.b64decode(encoded, validate=True)
            data = data_of(raw, attributes.get("datacontenttype", ""))
        except (TypeError, ValueError, binascii.Error):
            problems.append(Problem("data_base64", "must be a text in Base64"))
        except InvalidEvent as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidEvent(problems)
    return CloudEvent(attributes, data)


def data_of(body: bytes, content_type: str) -> Any:
    """The data that bytes of a content type are, as a JSON value: JSON (also what has no type) as it is, text as a
    text, anything else in Base64; None when there are none. Raises InvalidEvent."""
    if not body:
        return None
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type or _JSON_TYPE.fullmatch(media_type):
        return json_value(body, "data")
    if media_type.startswith("text/"):
        try:
            return body.decode()
        except UnicodeDecodeError:
            return base64.b64encode(body).decode()
    return base64.b64encode(body).decode()


def mapped(event: CloudEvent, type_prefix: str) -> Mapped:
    """What an event is to be made of; its values are checked when it is accepted. Raises InvalidEvent for what makes it
    no CloudEvent."""
    attributes = event.attributes
    problems = [
        Problem(name, "is required")
        for name in ("id", "source", "type")
        if not attributes.get(name)
    ]
    if attributes.get("specversion") != SPEC_VERSION:
        problems.append(Problem("specversion", f"must be {SPEC_VERSION}"))
    for name in attributes:
        if not _NAME.fullmatch(name):
            found = "is no attribute: their names are of lower-case letters and digits"
            problems.append(Problem(_shown(name), found))
    time = attributes.get("time")
    occur_time = None if time is None else _instant(time)
    if time is not None and occur_time is None:
        problems.append(Problem("time", "must be a time of RFC 3339, e.g. 2026-03-01T09:30:00Z"))
    if problems:
        raise InvalidEvent(problems)
    type_ = attributes["type"]
    if type_prefix and type_ != type_prefix:
        type_ = type_.removeprefix(type_prefix)
    source = attributes["source"]
    properties = _properties(event.data)
    if not _fits_event(source):
        properties = {SOURCE: _clean(source), **(properties or {})}
        source = _shortened(source)
    return Mapped(
        event_id(attributes["source"], attributes["id"]),
        type_,
        _references(attributes),
        occur_time,
        source,
        properties,
    )


def event_id(source: str, id_: str) -> str:
    """The id of an event for what identifies a CloudEvent: `ce:<source> <id>` where that is an id and can be read back
    (a source, being a URI, has no space), else `ce-sha256:` and a hash of both. No two pairs have the same."""
    readable = f"ce:{source} {id_}"
    if " " not in source and not references.text_problem(readable, EVENT_ID_CHARS_MAX):
        return readable
    parts = [part.encode(errors="surrogatepass") for part in (source, id_)]
    whole = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return f"ce-sha256:{hashlib.sha256(whole).hexdigest()}"


def _references(attributes: Mapping[str, str]) -> dict[str, str]:
    named = {
        field: attributes[extension]
        for extension, field in EXTENSIONS.items()
        if attributes.get(extension)
    }
    subject = attributes.get("subject", "")
    if named or not subject:
        return named
    kind, colon, reference = subject.partition(":")
    if colon and kind in SUBJECT_FIELDS:
        return {SUBJECT_FIELDS[kind]: reference}
    try:
        references.normalise("email", subject)
    except references.InvalidReference:
        return {"external_id": subject}
    return {"email": subject}


def _properties(data: Any) -> dict[str, Any] | None:
    if data is None:
        return None
    return data if isinstance(data, dict) else {DATA: data}


def _fits_event(source: str) -> bool:
    return len(source) <= SOURCE_CHARS_MAX and source.isprintable()


def _shortened(source: str) -> str:
    digest = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()
    return f"{_clean(source)[:_SHORTENED_CHARS]}~{digest[:_SHORTENED_HEX_DIGITS]}"


def _clean(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _shown(name: object) -> str:
    """An attribute's name for an error: what a caller sent, cut to a length that can be read."""
    return _clean(str(name))[:64] or "(empty)"


def _instant(text: str) -> tuple[int, int] | None:
    """Seconds since 1970 and nanoseconds of an RFC 3339 time; None for anything else."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    date, clock, fraction, zone = parts.groups()
    try:
        instant = datetime.fromisoformat(f"{date}T{clock}{zone.upper()}")
        seconds = (instant - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    return seconds, int((fraction or "0").ljust(9, "0"))
