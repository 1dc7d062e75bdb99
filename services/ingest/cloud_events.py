"""CloudEvents in the forms they come in: structured, batched and binary over HTTP, and protobuf. What an event is made
of is decided in `domain/cloud_events.py`."""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import unquote

from google.api import httpbody_pb2
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from scoreline.client.events import MalformedEvent, set_properties
from scoreline.events.v1 import cloud_event_pb2, event_pb2
from services.ingest import convert
from services.ingest.domain import cloud_events
from services.ingest.domain.cloud_events import CloudEvent
from services.ingest.domain.events import IncomingEvent, InvalidEvent, Problem
from services.ingest.domain.json_values import json_value
from services.ingest.handlers import require_batch
from services.shared import structs
from services.shared.errors import InvalidFields, ServiceError, Violation

HEADER_PREFIX = "ce-"
"""Attributes in binary mode are headers of this kind."""

JSON = "application/cloudevents+json"
JSON_BATCH = "application/cloudevents-batch+json"
PROTOBUF = "application/cloudevents+protobuf"
PROTOBUF_BATCH = "application/cloudevents-batch+protobuf"

FORMS = (JSON, JSON_BATCH, PROTOBUF, PROTOBUF_BATCH)

Parsed = IncomingEvent | ServiceError
"""One event of a request, or why it is none."""

Metadata = Iterable[tuple[str, str | bytes]]


def received(
    body: httpbody_pb2.HttpBody, metadata: Metadata, type_prefix: str
) -> IncomingEvent | list[Parsed]:
    """The CloudEvent of an HTTP request, or those of a batch. Raises InvalidFields where it is neither."""
    media_type = body.content_type.partition(";")[0].strip().lower()
    if media_type in (JSON_BATCH, PROTOBUF_BATCH):
        return _batch(media_type, body.data, type_prefix)
    try:
        if media_type == JSON:
            event = cloud_events.from_json(json_value(body.data, "body"))
        elif media_type == PROTOBUF:
            event = _from_message(_decoded(cloud_event_pb2.CloudEvent, body.data))
        elif not media_type.startswith("application/cloudevents"):
            event = _from_headers(metadata, body)
        else:
            raise _invalid("content-type", f"must be one of {', '.join(FORMS)}")
    except InvalidEvent as invalid:
        raise _refused(invalid, "event") from invalid
    return _one(event, type_prefix, "event")


def from_messages(messages: Sequence[cloud_event_pb2.CloudEvent], type_prefix: str) -> list[Parsed]:
    """CloudEvents in their protobuf form, each by itself. Raises InvalidFields for a wrong number."""
    require_batch(len(messages))
    return [_each(_from_message, one, type_prefix, index) for index, one in enumerate(messages)]


def _batch(media_type: str, body: bytes, type_prefix: str) -> list[Parsed]:
    if media_type == PROTOBUF_BATCH:
        return from_messages(_decoded(cloud_event_pb2.CloudEventBatch, body).events, type_prefix)
    try:
        values = json_value(body, "body")
    except InvalidEvent as invalid:
        raise _invalid("body", invalid.problems[0].description) from invalid
    if not isinstance(values, list):
        raise _invalid("body", "must be a JSON array of CloudEvents")
    require_batch(len(values))
    return [
        _each(cloud_events.from_json, one, type_prefix, index) for index, one in enumerate(values)
    ]


Form = TypeVar("Form")


def _each(read: Callable[[Form], CloudEvent], form: Form, type_prefix: str, index: int) -> Parsed:
    """One of several, whose errors are its own."""
    path = f"events[{index}]"
    try:
        return _one(read(form), type_prefix, path)
    except InvalidEvent as invalid:
        return _refused(invalid, path)
    except InvalidFields as error:
        return error


def _one(event: CloudEvent, type_prefix: str, path: str) -> IncomingEvent:
    """Raises InvalidFields."""
    try:
        parts = cloud_events.mapped(event, type_prefix)
    except InvalidEvent as invalid:
        raise _refused(invalid, path) from invalid
    holder = event_pb2.Event()
    if parts.properties is not None:
        try:
            set_properties(holder, parts.properties)
        except MalformedEvent as error:
            raise _invalid(f"{path}.data", error.description) from error
    properties, properties_problem = convert.properties_of(holder)
    return IncomingEvent(
        event_id=parts.event_id,
        type=parts.type,
        lead_id=parts.references.get("lead_id", ""),
        email=parts.references.get("email", ""),
        anonymous_id=parts.references.get("anonymous_id", ""),
        external_id=parts.references.get("external_id", ""),
        occur_time=parts.occur_time,
        source=parts.source,
        properties=properties,
        properties_problem=properties_problem,
    )


def _from_headers(metadata: Metadata, body: httpbody_pb2.HttpBody) -> CloudEvent:
    """Binary mode: attributes in headers (percent-encoded), the body is the data. Raises InvalidEvent."""
    attributes = {
        name.removeprefix(HEADER_PREFIX): unquote(value)
        for name, value in metadata
        if name.startswith(HEADER_PREFIX) and isinstance(value, str)
    }
    if not attributes:
        raise _invalid(
            "content-type",
            f"must be one of {', '.join(FORMS)}, or attributes must be in ce-... headers",
        )
    if body.content_type:
        attributes["datacontenttype"] = body.content_type
    return CloudEvent(attributes, cloud_events.data_of(body.data, body.content_type))


def _from_message(message: cloud_event_pb2.CloudEvent) -> CloudEvent:
    """Raises InvalidEvent."""
    attributes = {name: _text(name, value) for name, value in message.attributes.items()}
    attributes.update(
        id=message.id, source=message.source, type=message.type, specversion=message.spec_version
    )
    content_type = attributes.get("datacontenttype", "")
    form = message.WhichOneof("data")
    if form == "binary_data":
        return CloudEvent(attributes, cloud_events.data_of(message.binary_data, content_type))
    if form == "text_data":
        encoded = message.text_data.encode()
        return CloudEvent(attributes, cloud_events.data_of(encoded, content_type or "text/plain"))
    if form == "proto_data":
        struct = Struct()
        try:
            if not message.proto_data.Unpack(struct):
                raise InvalidEvent([Problem("proto_data", "must be a google.protobuf.Struct")])
        except DecodeError as error:
            raise InvalidEvent([Problem("proto_data", "can't be decoded")]) from error
        return CloudEvent(attributes, structs.to_dict(struct))
    return CloudEvent(attributes)


def _text(name: str, value: cloud_event_pb2.CloudEventAttributeValue) -> str:
    """An attribute as it would be in a header. Raises InvalidEvent."""
    kind = value.WhichOneof("attr")
    if kind is None:
        return ""
    content = getattr(value, kind)
    if kind == "ce_boolean":
        return "true" if content else "false"
    if kind == "ce_bytes":
        return base64.b64encode(content).decode()
    if kind == "ce_timestamp":
        try:
            return str(content.ToJsonString())
        except ValueError as error:
            raise InvalidEvent([Problem(name, "is out of range")]) from error
    return str(content)


MessageT = TypeVar("MessageT", bound=Message)


def _decoded(kind: type[MessageT], body: bytes) -> MessageT:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise _invalid("body", f"is no {kind.DESCRIPTOR.name} in protobuf") from error


def _refused(invalid: InvalidEvent, path: str) -> InvalidFields:
    return InvalidFields(
        [
            Violation(f"{path}.{problem.field}" if problem.field else path, problem.description)
            for problem in invalid.problems
        ]
    )


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields([Violation(field, description)])
