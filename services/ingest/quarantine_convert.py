"""Protobuf to and from quarantine's records, checked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.ingest.ports import Quarantined, Reason
from services.ingest.quarantine_handlers import Redriven, Selection
from services.ingest.quarantine_ports import ItemFilter, KeptItem, Position, ReasonCount, Seen
from services.shared import paging
from services.shared.errors import InvalidFields, Violation, Violations
from services.shared.times import to_datetime, to_timestamp

FILTER_CHARACTERS_MAX = 128

_REASONS: dict[pb.QuarantineReason, Reason] = {
    pb.QUARANTINE_REASON_UNDECODABLE: Reason.UNDECODABLE,
    pb.QUARANTINE_REASON_CONFLICT: Reason.CONFLICT,
    pb.QUARANTINE_REASON_POISON: Reason.POISON,
    pb.QUARANTINE_REASON_MAPPING_FAILED: Reason.MAPPING_FAILED,
}
_VALUES = {reason: value for value, reason in _REASONS.items()}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Request = pb.RedriveQuarantinedRequest | pb.DiscardQuarantinedRequest


class NotOurs(Exception):
    """A message of the QUARANTINE stream can't be read."""


def item_filter(wanted: pb.QuarantineFilter) -> ItemFilter:
    """Which items. Raises InvalidFields."""
    violations = Violations()
    if wanted.reason and wanted.reason not in _REASONS:
        violations.add("filter.reason", "must be one of QuarantineReason")
    for field in ("source_id", "event_id"):
        if len(getattr(wanted, field)) > FILTER_CHARACTERS_MAX:
            violations.add(f"filter.{field}", f"must be at most {FILTER_CHARACTERS_MAX} characters")
    times: dict[str, datetime | None] = dict.fromkeys(("seen_after", "seen_before"))
    for field in times:
        if wanted.HasField(field):
            try:
                times[field] = to_datetime(getattr(wanted, field))
            except OverflowError:
                violations.add(f"filter.{field}", "must be a time in the years 1 to 9999")
    violations.raise_if_any()
    return ItemFilter(
        reason=_REASONS.get(wanted.reason),
        # No text in Postgres has NUL in it, and no id either.
        source_id=wanted.source_id.replace("\x00", "\ufffd"),
        event_id=wanted.event_id.replace("\x00", "\ufffd"),
        seen_after=times["seen_after"],
        seen_before=times["seen_before"],
    )


def one_or_all(request: Request) -> ItemFilter:
    """The item or the filter that a request names. Raises InvalidFields unless it is one of both."""
    if bool(request.item_id) == request.HasField("filter"):
        problem = "give an item_id or a filter; {} is everything"
        raise InvalidFields([Violation("item_id", problem)])
    if request.item_id:
        return ItemFilter(item_id=item_id(request.item_id))
    return item_filter(request.filter)


def item_id(given: str) -> str:
    """An id to look up. Raises InvalidFields when there is none."""
    if not given:
        raise InvalidFields([Violation("item_id", "is required")])
    return given.replace("\x00", "\ufffd")


def selection(request: pb.RedriveQuarantinedRequest) -> Selection:
    """What to redrive. Raises InvalidFields."""
    which = one_or_all(request)
    position = paging.decode(request.page_token, request, 3)
    if position is None:
        return Selection(which)
    first_seen, last_id, until = position
    return Selection(which, (_instant(first_seen), str(last_id)), _instant(until))


def redriven(
    found: Redriven, request: pb.RedriveQuarantinedRequest
) -> pb.RedriveQuarantinedResponse:
    """What came of redriving."""
    token = ""
    if found.next is not None and found.next.after is not None and found.next.until is not None:
        first_seen, last_id = found.next.after
        token = paging.encode([_micros(first_seen), last_id, _micros(found.next.until)], request)
    return pb.RedriveQuarantinedResponse(
        redriven_count=found.redriven,
        failed_count=found.failed,
        first_failure=found.first_failure,
        next_page_token=token,
    )


def list_position(request: pb.ListQuarantinedRequest) -> Position | None:
    """Where the page before ended. Raises InvalidFields."""
    position = paging.decode(request.page_token, request, 2)
    return None if position is None else (_instant(position[0]), str(position[1]))


def page(
    items: Sequence[KeptItem], size: int, request: pb.ListQuarantinedRequest
) -> pb.ListQuarantinedResponse:
    """A page of items, of which there is one more than it has when another page follows."""
    answer = pb.ListQuarantinedResponse(items=[item(one) for one in items[:size]])
    if len(items) > size:
        last = items[size - 1]
        answer.next_page_token = paging.encode([_micros(last.seen.last), last.item_id], request)
    return answer


def item(kept: KeptItem) -> pb.QuarantinedItem:
    """An item, as much of it as is there."""
    return pb.QuarantinedItem(
        item_id=kept.item_id,
        reason=_VALUES[kept.item.reason],
        detail=kept.item.detail,
        event_id=kept.item.event_id,
        source_id=kept.item.source_id,
        first_seen_time=to_timestamp(kept.seen.first),
        last_seen_time=to_timestamp(kept.seen.last),
        seen_count=kept.seen.count,
        size_bytes=kept.size_bytes,
        payload=kept.item.payload,
        headers=kept.item.headers,
    )


def counts(found: Sequence[ReasonCount]) -> pb.CountQuarantinedResponse:
    """Items by reason."""
    answer = pb.CountQuarantinedResponse()
    for one in found:
        answer.counts.add(
            reason=_VALUES[one.reason],
            item_count=one.items,
            seen_count=one.seen,
            dropped_count=one.dropped,
        )
    return answer


def message(payload: bytes, stored_at: datetime) -> tuple[Quarantined, Seen]:
    """What another service can't process, and when it was seen. Raises NotOurs."""
    try:
        found = QuarantinedMessage.FromString(payload)
    except DecodeError as error:
        raise NotOurs from error
    kind = _REASONS.get(found.reason)
    if not found.project_id or kind is None:
        raise NotOurs
    event = None if kind is Reason.UNDECODABLE else _event(found.payload)
    kept = Quarantined(
        project_id=found.project_id,
        reason=kind,
        detail=found.detail,
        event_id=found.event_id,
        source_id="",
        headers={},
        payload=found.payload,
        stream=found.stream,
        payload_hash=event.payload_hash if event else b"",
        public=event is not None and event.public,
    )
    try:
        last = _time(found.last_seen_time, stored_at)
        first = _time(found.first_seen_time, last)
    except OverflowError as error:
        raise NotOurs from error
    return kept, Seen(first, last, max(found.seen_count, 1))


def subject_of(payload: bytes) -> str | None:
    """Who did what a message of the EVENTS stream says; None when it does not say so."""
    event = _event(payload)
    return event.subject or None if event else None


def _event(payload: bytes) -> AcceptedEvent | None:
    try:
        return AcceptedEvent.FromString(payload)
    except DecodeError:
        return None


def _time(stamp: Timestamp, absent: datetime) -> datetime:
    return to_datetime(stamp) if stamp.ByteSize() else absent


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(micros: object) -> datetime:
    try:
        return _EPOCH + int(str(micros)) * _MICROSECOND
    except (ValueError, OverflowError) as error:
        problem = "is not a token this method has given out"
        raise InvalidFields([Violation("page_token", problem)]) from error
