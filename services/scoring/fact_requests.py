"""Checks of what callers say about leads, and its way into the domain."""

import math
from datetime import UTC, datetime

from scoreline.scoring.v1 import facts_pb2 as pb
from services.scoring import score_conversion
from services.scoring.domain.identity import SUBJECT_PREFIXES
from services.scoring.domain.model import MILLI
from services.scoring.fact_handlers import FACT_EVENTS_MAX
from services.scoring.fact_ports import EventsLike
from services.scoring.facts import Adjustment, Said
from services.scoring.requests import ID_CHARACTERS_MAX, check_reference
from services.shared import context as call_context
from services.shared.errors import Violations

REASON_CHARACTERS_MAX = 1_024
POINTS_MAX = 1_000_000
ADJUSTMENT_ID_CHARACTERS_MAX = 64
GROUP_CHARACTERS_MAX = 64
TYPES_MAX = 32
TYPE_CHARACTERS_MAX = 64
SOURCE_CHARACTERS_MAX = 64

_ADJUSTMENT_ID_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)
_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def adjustment(request: pb.AdjustScoreRequest) -> Adjustment:
    """What to give or take. Raises InvalidFields."""
    violations = Violations()
    check_reference("lead_id", request.lead_id, violations)
    _check_points(request.points, violations)
    _check_reason(request.reason, violations, required=True)
    if len(request.group) > GROUP_CHARACTERS_MAX or not request.group.isprintable():
        violations.add("group", f"must be at most {GROUP_CHARACTERS_MAX} printable characters")
    unique = request.adjustment_id
    if len(unique) > ADJUSTMENT_ID_CHARACTERS_MAX or set(unique) - _ADJUSTMENT_ID_CHARACTERS:
        violations.add(
            "adjustment_id",
            f"must be at most {ADJUSTMENT_ID_CHARACTERS_MAX} letters, digits, `-` and `_`",
        )
    occurred_at = score_conversion.instant(request, "occur_time", violations)
    if occurred_at is not None and occurred_at < _EPOCH:
        violations.add("occur_time", "must not be before 1970")
    violations.raise_if_any()
    return Adjustment(
        points=round(request.points * MILLI),
        group=request.group,
        said=_said(request.reason),
        occurred_at=occurred_at,
        adjustment_id=unique,
    )


def retraction(request: pb.RetractEventsRequest) -> tuple[list[str] | EventsLike, Said]:
    """Which events to retract, and why. Raises InvalidFields."""
    violations = Violations()
    _check_reason(request.reason, violations, required=True)
    kind = request.WhichOneof("events")
    which: list[str] | EventsLike = []
    if kind == "event_ids":
        which = list(request.event_ids.event_ids)
        _check_event_ids(which, violations)
    elif kind == "filter":
        which = _filter(request.filter, violations)
    else:
        violations.add("event_ids", "or filter is required")
    violations.raise_if_any()
    return which, _said(request.reason)


def merge(request: pb.MergeLeadsRequest) -> Said:
    """Why two leads are one. Raises InvalidFields."""
    violations = Violations()
    check_reference("lead_id", request.lead_id, violations)
    check_reference("merged_lead_id", request.merged_lead_id, violations)
    _check_reason(request.reason, violations, required=False)
    violations.raise_if_any()
    return _said(request.reason)


def unmerge(request: pb.UnmergeLeadsRequest) -> Said:
    """Why a merge is undone. Raises InvalidFields."""
    violations = Violations()
    lead_id = request.merged_lead_id
    check_reference("merged_lead_id", lead_id, violations)
    if lead_id.startswith(SUBJECT_PREFIXES[1:]):
        violations.add("merged_lead_id", "must be the id that the lead had, not a reference")
    _check_reason(request.reason, violations, required=False)
    violations.raise_if_any()
    return _said(request.reason)


def _said(reason: str) -> Said:
    return Said(reason, call_context.caller().key_id)


def _check_points(points: float, violations: Violations) -> None:
    if not math.isfinite(points) or not 0 < abs(points) <= POINTS_MAX:
        violations.add("points", f"must be between -{POINTS_MAX} and {POINTS_MAX}, and not 0")
    elif round(points * MILLI) / MILLI != points:
        violations.add("points", "must be a multiple of 0.001")


def _check_reason(reason: str, violations: Violations, required: bool) -> None:
    if required and not reason.strip():
        violations.add("reason", "is required: it is kept with the fact")
    elif len(reason) > REASON_CHARACTERS_MAX or not reason.isprintable():
        violations.add("reason", f"must be at most {REASON_CHARACTERS_MAX} printable characters")


def _check_event_ids(event_ids: list[str], violations: Violations) -> None:
    if not 1 <= len(event_ids) <= FACT_EVENTS_MAX:
        violations.add("event_ids.event_ids", f"must be 1 to {FACT_EVENTS_MAX} ids")
    for number, one in enumerate(event_ids[:FACT_EVENTS_MAX]):
        if not one or len(one) > ID_CHARACTERS_MAX or not one.isprintable():
            violations.add(
                f"event_ids.event_ids[{number}]",
                f"must be 1 to {ID_CHARACTERS_MAX} printable characters",
            )


def _filter(asked: pb.EventFilter, violations: Violations) -> EventsLike:
    if len(asked.types) > TYPES_MAX:
        violations.add("filter.types", f"must be at most {TYPES_MAX}")
    for number, one in enumerate(asked.types[:TYPES_MAX]):
        if not one or len(one) > TYPE_CHARACTERS_MAX or set(one) - _TYPE_CHARACTERS:
            violations.add(f"filter.types[{number}]", "must be a type as stored, e.g. page_view")
    if len(asked.source) > SOURCE_CHARACTERS_MAX or not asked.source.isprintable():
        violations.add(
            "filter.source", f"must be at most {SOURCE_CHARACTERS_MAX} printable characters"
        )
    of_times = Violations()
    start = score_conversion.instant(asked, "start_time", of_times)
    end = score_conversion.instant(asked, "end_time", of_times)
    for found in of_times.found:
        violations.add(f"filter.{found.field}", found.description)
    if start is not None and end is not None and start >= end:
        violations.add("filter.end_time", "must be after start_time")
    if asked.lead_id:
        check_reference("filter.lead_id", asked.lead_id, violations)
    which = EventsLike(tuple(asked.types), asked.source, start, end, asked.lead_id)
    if which == EventsLike():
        violations.add("filter", "must say something: types, source, a time or a lead")
    return which
