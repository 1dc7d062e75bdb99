"""Protobuf to and from ingest's own records; nothing else touches both. Written for speed: every event passes through
both directions."""

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2
from services.ingest.domain.events import MICROSECONDS, AcceptedEvent, IncomingEvent, Origin
from services.ingest.domain.identity import message_id
from services.ingest.handlers import Receipt, Result
from services.ingest.marking import SUSPECT
from services.ingest.store import SUBJECT_PREFIX
from services.shared import structs
from services.shared.bus import subject_token
from services.shared.errors import to_status
from services.shared.publishing import OutgoingMessage

AnswerT = TypeVar(
    "AnswerT",
    ingest_service_pb2.BatchIngestEventsResponse,
    ingest_service_pb2.ReceiveCloudEventsResponse,
    ingest_service_pb2.BatchIngestCloudEventsResponse,
    ingest_service_pb2.TrackResponse,
)
"""What answers several events at once: all of the same shape."""

_REFERENCE_FIELD = {
    "lead": "lead_id",
    "email": "email",
    "anonymous": "anonymous_id",
    "external": "external_id",
}


def incoming(event: event_pb2.Event) -> IncomingEvent:
    """An event as a caller sent it."""
    occur_time = None
    if event.HasField("occur_time"):
        occur_time = (event.occur_time.seconds, event.occur_time.nanos)
    properties, properties_problem = properties_of(event)
    return IncomingEvent(
        event.event_id,
        event.type,
        event.lead_id,
        event.email,
        event.anonymous_id,
        event.external_id,
        occur_time,
        event.source,
        properties,
        properties_problem,
    )


def properties_of(event: event_pb2.Event) -> tuple[bytes, str | None]:
    """An event's properties in an encoding that is the same for the same content, or what is wrong with them."""
    if not event.HasField("properties"):
        return b"", None
    problem = structs.problem(event.properties)
    if problem is not None:
        return b"", problem
    return event.properties.SerializeToString(deterministic=True), None


def message(origin: Origin, event: AcceptedEvent, accept_us: int) -> OutgoingMessage:
    """The message that carries an accepted event in the EVENTS stream."""
    subject = event.subject
    accepted = event_pb2.AcceptedEvent(
        project_id=origin.project_id,
        subject=subject,
        payload_hash=event.payload_hash,
        request_id=origin.request_id,
        traceparent=origin.traceparent,
        public=origin.public,
    )
    _set(accepted.accept_time, accept_us)
    inner = accepted.event
    inner.event_id = event.event_id
    inner.type = event.type
    setattr(inner, _REFERENCE_FIELD[event.kind], event.reference)
    if event.linked:
        for kind, reference in event.linked:
            setattr(inner, _REFERENCE_FIELD[kind], reference)
        accepted.linked_subjects.extend(event.linked_subjects)
    inner.source = event.source
    _set(inner.occur_time, event.occur_us)
    if event.properties:
        inner.properties.MergeFromString(event.properties)
    if event.suspect:
        inner.properties.fields[SUSPECT].bool_value = True
    return OutgoingMessage(
        f"{SUBJECT_PREFIX}{origin.project_id}.{subject_token(subject)}",
        accepted.SerializeToString(),
        message_id(origin.project_id, event.event_id, event.payload_hash),
    )


def receipt(given: Receipt) -> ingest_service_pb2.EventReceipt:
    """The acknowledgement of an event."""
    answer = ingest_service_pb2.EventReceipt(event_id=given.event_id, duplicate=given.duplicate)
    _set(answer.occur_time, given.occur_us)
    return answer


def batch_response(results: Sequence[Result], answer: AnswerT) -> AnswerT:
    """The answer to several events."""
    for result in results:
        _set_result(answer.results.add(), result)
        if isinstance(result, Receipt):
            answer.accepted_count += 1
        else:
            answer.rejected_count += 1
    return answer


def stream_response(sequence: int, result: Result) -> ingest_service_pb2.StreamEventsResponse:
    """The answer to the `sequence`-th event of a stream."""
    answer = ingest_service_pb2.StreamEventsResponse(sequence=sequence)
    _set_result(answer.result, result)
    return answer


def _set_result(target: ingest_service_pb2.EventResult, result: Result) -> None:
    if isinstance(result, Receipt):
        given = target.receipt
        given.event_id = result.event_id
        given.duplicate = result.duplicate
        _set(given.occur_time, result.occur_us)
    else:
        target.error.CopyFrom(to_status(result))


def _set(target: Timestamp, instant_us: int) -> None:
    target.seconds, microseconds = divmod(instant_us, MICROSECONDS)
    target.nanos = microseconds * 1000
