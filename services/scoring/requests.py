"""Checks of what callers send: every violation of a request at once, each with its field and what to do."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from scoreline.scoring.v1 import (
    analytics_service_pb2,
    lead_pb2,
    ledger_pb2,
    scoring_service_pb2,
)
from services.scoring import convert, score_conversion
from services.scoring.domain import model
from services.scoring.domain.identity import SUBJECT_PREFIXES, normal_email
from services.scoring.domain.model import Position
from services.scoring.ports import END_OF_TIME, ChangeFilter, LeadFilter, LeadView
from services.scoring.replay_handlers import ReplayProgress
from services.shared import structs
from services.shared.errors import InvalidFields, Violation, Violations

ID_CHARACTERS_MAX = 128
EMAIL_CHARACTERS_MAX = 254
NAME_CHARACTERS_MAX = 256
QUERY_CHARACTERS_MAX = 128
STAGES_MAX = 32
LEAD_IDS_MAX = 100
REFERENCE_CHARACTERS_MAX = EMAIL_CHARACTERS_MAX + len("anonymous:")

SCORE_MAX = 1e12
"""No score in points comes near; greater limits in a filter are mistakes."""

_WHOLE_MAX = 2**63 - 1
"""What the database holds in a bigint."""

ORDERS = ("lead_id", "score", "last_event_time", "create_time")


def check_reference(field: str, reference: str, violations: Violations) -> None:
    """A lead's id or a reference, in a request that reads."""
    if not reference:
        violations.add(field, "is required: a lead's id, or email:..., anonymous:..., external:...")
    elif len(reference) > REFERENCE_CHARACTERS_MAX or not reference.isprintable():
        violations.add(field, f"must be at most {REFERENCE_CHARACTERS_MAX} printable characters")


def reference(request_field: str, value: str) -> str:
    """The reference, checked. Raises InvalidFields."""
    violations = Violations()
    check_reference(request_field, value, violations)
    violations.raise_if_any()
    return value


def new_lead(lead: lead_pb2.Lead) -> tuple[str, str]:
    """Lead id and normalised e-mail address of a lead to make. Raises InvalidFields."""
    violations = Violations()
    if not lead.lead_id and not lead.email:
        violations.add("lead.lead_id", "is required unless lead.email is given")
    if len(lead.lead_id) > ID_CHARACTERS_MAX or not lead.lead_id.isprintable():
        violations.add("lead.lead_id", f"must be at most {ID_CHARACTERS_MAX} printable characters")
    if lead.lead_id.startswith(SUBJECT_PREFIXES[1:]):
        violations.add("lead.lead_id", "must not begin with email:, anonymous: or external:")
    email = normal_email(lead.email)
    local, _, domain = email.rpartition("@")
    plausible = local and domain and email.isprintable() and " " not in email
    if lead.email and not (plausible and len(email) <= EMAIL_CHARACTERS_MAX):
        violations.add(
            "lead.email", f"must be an e-mail address of at most {EMAIL_CHARACTERS_MAX} characters"
        )
    check_profile(lead, violations)
    violations.raise_if_any()
    return lead.lead_id, email


def check_profile(lead: lead_pb2.Lead, violations: Violations) -> None:
    """The editable fields of a lead."""
    for field in ("display_name", "company"):
        value = getattr(lead, field)
        if len(value) > NAME_CHARACTERS_MAX or (value and not value.isprintable()):
            violations.add(
                f"lead.{field}", f"must be at most {NAME_CHARACTERS_MAX} printable characters"
            )
    problem = structs.problem(lead.attributes)
    if problem:
        violations.add("lead.attributes", problem)


def lead_filter(
    request: scoring_service_pb2.ListLeadsRequest, after: list[Any] | None
) -> LeadFilter:
    """Which leads ListLeads asks for. Raises InvalidFields."""
    violations = Violations()
    which = _which(request, violations)
    last_event_from, last_event_until = stretch(
        request, "last_event_time_from", "last_event_time_until", violations
    )
    order, _, direction = request.order_by.strip().partition(" ")
    order = order or "lead_id"
    if order not in ORDERS or direction.strip() not in ("", "asc", "desc"):
        violations.add("order_by", f"must be one of {', '.join(ORDERS)}, or that and ` desc`")
    violations.raise_if_any()
    return replace(
        which,
        last_event_from=last_event_from,
        last_event_until=last_event_until,
        order=order,
        descending=direction.strip() == "desc",
        after=_after(order, after) if after else None,
    )


def stretch(
    request: Message, from_field: str, until_field: str, violations: Violations
) -> tuple[datetime | None, datetime | None]:
    """A stretch of time in a request, its end not included; None for an end that is absent."""
    start = score_conversion.instant(request, from_field, violations)
    end = score_conversion.instant(request, until_field, violations)
    if start is not None and end is not None and start >= end:
        violations.add(from_field, f"must be before {until_field}")
    return start, end


def check_verify(request: ledger_pb2.VerifyLedgerRequest) -> None:
    """What to verify. Raises InvalidFields."""
    violations = Violations()
    first, last = request.from_position, request.to_position
    if request.lead_id:
        check_reference("lead_id", request.lead_id, violations)
        if first or last:
            violations.add("lead_id", "can't be verified together with a range of positions")
    for field in ("from_position", "to_position"):
        if getattr(request, field) < 0:
            violations.add(field, "must be a position of the ledger: 1, 2, 3 ...")
    if 0 < last < first:
        violations.add("to_position", "must not be before from_position")
    violations.raise_if_any()


REPLAY_PARTS = 5
"""Parts of a replay's position: where it is, and four counts."""


def replay(
    request: ledger_pb2.ReplayLeadsRequest, position: list[Any] | None
) -> tuple[LeadFilter, ReplayProgress]:
    """Which leads to replay, and how far that has come. Raises InvalidFields."""
    violations = Violations()
    which = _which(request, violations)
    if request.lead_id:
        check_reference("lead_id", request.lead_id, violations)
        if which != LeadFilter():
            violations.add("lead_id", "can't be replayed together with filters")
    violations.raise_if_any()
    if position is None:
        return which, ReplayProgress()
    cursor, leads, changed, mended, updated = position
    return which, ReplayProgress(
        cursor=_text(cursor, "resume_token"),
        lead_count=_whole(leads, "resume_token"),
        changed_count=_whole(changed, "resume_token"),
        mended_count=_whole(mended, "resume_token"),
        updated_count=_whole(updated, "resume_token"),
    )


def _which(
    request: scoring_service_pb2.ListLeadsRequest | ledger_pb2.ReplayLeadsRequest,
    violations: Violations,
) -> LeadFilter:
    which = score_filter(request, violations)
    if len(request.query) > QUERY_CHARACTERS_MAX or not request.query.isprintable():
        violations.add("query", f"must be at most {QUERY_CHARACTERS_MAX} printable characters")
    return replace(which, query=request.query)


def score_filter(
    request: scoring_service_pb2.ListLeadsRequest
    | ledger_pb2.ReplayLeadsRequest
    | analytics_service_pb2.ExportLeadsRequest,
    violations: Violations,
) -> LeadFilter:
    """Which leads by stage and score."""
    check_stages(request.stages, violations)
    limits: dict[str, int | None] = {}
    for field in ("min_score", "max_score"):
        value = getattr(request, field)
        given = request.HasField(field)
        if given and not (math.isfinite(value) and abs(value) <= SCORE_MAX):
            violations.add(field, f"must be between -{SCORE_MAX:.0f} and {SCORE_MAX:.0f}")
        limits[field] = convert.milli(value) if given and math.isfinite(value) else None
    return LeadFilter(
        stages=tuple(request.stages),
        min_score=limits["min_score"],
        max_score=limits["max_score"],
    )


def order_value(view: LeadView, order: str) -> Any:
    """Where a lead stands in an order, as a JSON value for a page token."""
    if order == "score":
        return view.snapshot.score
    if order == "create_time":
        return view.profile.created_at.isoformat()
    if order == "last_event_time":
        newest = view.snapshot.state.activity.newest
        return None if newest is None else model.instant(newest).isoformat()
    return view.profile.lead_id


def timeline_position(position: list[Any] | None) -> Position | None:
    """Where the page of a timeline before this one ended. Raises InvalidFields."""
    if position is None:
        return None
    occurred_at, event_id = position
    return _instant(occurred_at), _text(event_id)


def version(position: list[Any] | None) -> int:
    """The version at which the page of score changes before this one ended. Raises InvalidFields."""
    return _whole(position[0]) if position else 0


CHANGES_PARTS = 4
"""Parts of the position in a project's changes: before when all of them were made, and the last change's place."""


def change_filter(
    request: scoring_service_pb2.ListProjectScoreChangesRequest, position: list[Any] | None
) -> ChangeFilter:
    """Which changes ListProjectScoreChanges asks for, apart from the leads. Raises InvalidFields."""
    violations = Violations()
    since, until = stretch(request, "change_time_from", "change_time_until", violations)
    causes = []
    for number, asked in enumerate(request.causes):
        cause = convert.cause(asked)
        if cause is None:
            violations.add(f"causes[{number}]", "must be a cause of score changes")
        else:
            causes.append(cause)
    if len(request.lead_ids) > LEAD_IDS_MAX:
        violations.add("lead_ids", f"must be at most {LEAD_IDS_MAX}")
    else:
        for number, one in enumerate(request.lead_ids):
            check_reference(f"lead_ids[{number}]", one, violations)
    violations.raise_if_any()
    which = ChangeFilter(since, until or END_OF_TIME, causes)
    if position is None:
        return which
    bound, changed_at, lead_id, last = position
    place = (_instant(changed_at), _text(lead_id), _whole(last))
    return replace(which, until=_instant(bound), after=place)


def _after(order: str, position: list[Any]) -> tuple[Any, str]:
    value, lead_id = position
    if order == "score":
        return _whole(value), _text(lead_id)
    if order == "lead_id":
        return _text(value), _text(lead_id)
    never = value is None and order == "last_event_time"
    return None if never else _instant(value), _text(lead_id)


# The parts of a page token are from outside, like everything in a request.


def _whole(value: Any, field: str = "page_token") -> int:
    if type(value) is not int or abs(value) > _WHOLE_MAX:
        raise _not_given_out(field)
    return value


def _text(value: Any, field: str = "page_token") -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise _not_given_out(field)
    return value


def _instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(_text(value))
    except ValueError:
        raise _not_given_out() from None
    if instant.tzinfo is None:
        raise _not_given_out()
    return instant


def _not_given_out(field: str = "page_token") -> InvalidFields:
    return InvalidFields([Violation(field, "is not a token this method has given out")])


def check_stages(stages: Iterable[str], violations: Violations, field: str = "stages") -> None:
    """The stages of a filter."""
    names = list(stages)
    if len(names) > STAGES_MAX or not all(name.isprintable() for name in names):
        violations.add(field, f"must be at most {STAGES_MAX} names")
