"""The requests of facts: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from scoreline.client.requests import stamp
from scoreline.scoring.v1.facts_pb2 import (
    AdjustScoreRequest,
    EventFilter,
    EventIds,
    MergeLeadsRequest,
    RetractEventsRequest,
    UnmergeLeadsRequest,
)


def adjust(
    lead_id: str,
    points: float,
    reason: str,
    group: str,
    occur_time: datetime | None,
    adjustment_id: str,
) -> AdjustScoreRequest:
    """Points by hand. Always with an id, so that the call can be repeated."""
    return AdjustScoreRequest(
        lead_id=lead_id,
        points=points,
        reason=reason,
        group=group,
        occur_time=stamp(occur_time),
        adjustment_id=adjustment_id or uuid.uuid4().hex,
    )


def retract(
    event_ids: Sequence[str],
    reason: str,
    types: Sequence[str],
    source: str,
    start: datetime | None,
    end: datetime | None,
    lead_id: str,
    validate_only: bool,
) -> RetractEventsRequest:
    """Events by id, or by what they are. Raises ValueError for both, and for neither."""
    like = EventFilter(types=types, source=source, lead_id=lead_id)
    for field, value in (("start_time", start), ("end_time", end)):
        if value is not None:
            getattr(like, field).CopyFrom(stamp(value))
    filtered = bool(like.ByteSize())
    if bool(event_ids) == filtered:
        raise ValueError("events are retracted by their ids or by what they are: give one of both")
    request = RetractEventsRequest(reason=reason, validate_only=validate_only)
    if filtered:
        request.filter.CopyFrom(like)
    else:
        request.event_ids.CopyFrom(EventIds(event_ids=event_ids))
    return request


def merge(lead_id: str, merged_lead_id: str, reason: str) -> MergeLeadsRequest:
    """Two leads that are one."""
    return MergeLeadsRequest(lead_id=lead_id, merged_lead_id=merged_lead_id, reason=reason)


def unmerge(merged_lead_id: str, reason: str) -> UnmergeLeadsRequest:
    """A merge to undo."""
    return UnmergeLeadsRequest(merged_lead_id=merged_lead_id, reason=reason)
