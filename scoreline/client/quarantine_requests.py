"""The requests of quarantine and of identities: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from datetime import datetime

from scoreline.client.requests import PAGE_SIZE, stamp
from scoreline.ingest.v1.quarantine_service_pb2 import (
    DiscardQuarantinedRequest,
    DiscardQuarantinedResponse,
    ListQuarantinedRequest,
    QuarantineFilter,
    RedriveQuarantinedRequest,
    RedriveQuarantinedResponse,
)
from scoreline.scoring.v1.facts_pb2 import ListIdentityConflictsRequest

REASON_PREFIX = "QUARANTINE_REASON_"


def which(
    reason: str,
    source_id: str,
    event_id: str,
    seen_after: datetime | None,
    seen_before: datetime | None,
) -> QuarantineFilter:
    """A filter; `reason` is one of undecodable, conflict, poison and mapping_failed. Raises ValueError for others."""
    name = REASON_PREFIX + reason.upper() if reason else None
    wanted = QuarantineFilter(reason=name, source_id=source_id, event_id=event_id)
    for field, value in (("seen_after", seen_after), ("seen_before", seen_before)):
        if value is not None:
            getattr(wanted, field).CopyFrom(stamp(value))
    return wanted


def list_items(wanted: QuarantineFilter, page_size: int) -> ListQuarantinedRequest:
    """A page of items."""
    return ListQuarantinedRequest(filter=wanted, page_size=page_size)


def redrive(item_id: str, wanted: QuarantineFilter, everything: bool) -> RedriveQuarantinedRequest:
    """One item, or those of a filter."""
    _require_one(item_id, wanted, everything)
    if item_id:
        return RedriveQuarantinedRequest(item_id=item_id)
    return RedriveQuarantinedRequest(filter=wanted)


def discard(item_id: str, wanted: QuarantineFilter, everything: bool) -> DiscardQuarantinedRequest:
    """One item, or those of a filter."""
    _require_one(item_id, wanted, everything)
    if item_id:
        return DiscardQuarantinedRequest(item_id=item_id)
    return DiscardQuarantinedRequest(filter=wanted)


def add_redriven(total: RedriveQuarantinedResponse, part: RedriveQuarantinedResponse) -> None:
    """Take what came of one call into what came of all."""
    total.redriven_count += part.redriven_count
    total.failed_count += part.failed_count
    total.first_failure = total.first_failure or part.first_failure


def add_discarded(total: DiscardQuarantinedResponse, part: DiscardQuarantinedResponse) -> None:
    """Take what came of one call into what came of all."""
    total.discarded_count += part.discarded_count


def conflicts(lead_id: str, page_size: int = PAGE_SIZE) -> ListIdentityConflictsRequest:
    """A page of contradictions."""
    return ListIdentityConflictsRequest(lead_id=lead_id, page_size=page_size)


def _require_one(item_id: str, wanted: QuarantineFilter, everything: bool) -> None:
    """Everything must be said: no filter is more likely a mistake."""
    if [bool(item_id), bool(wanted.ByteSize()), everything].count(True) != 1:
        raise ValueError("give an item's id, a filter, or `everything`: one of them")
