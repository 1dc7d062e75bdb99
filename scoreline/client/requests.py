"""The requests behind the methods that take more than a message: one place for both clients. Those about rules are in
rule_requests.py, of watches in watch_requests.py. A page size of the listing methods is how many are fetched at a time,
never how many are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.accounts.v1.account_pb2 import ApiKey, Project
from scoreline.accounts.v1.accounts_service_pb2 import (
    CreateApiKeyRequest,
    CreateProjectRequest,
    UpdateApiKeyRequest,
)
from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.score_change_pb2 import ScoreChangeCause
from scoreline.scoring.v1.scoring_service_pb2 import (
    CreateLeadRequest,
    ExplainScoreRequest,
    GetIntelligenceRequest,
    GetScoreRequest,
    ListLeadsRequest,
    ListProjectScoreChangesRequest,
    UpdateLeadRequest,
)

PAGE_SIZE: Final = 500
"""Fetched at a time where the caller does not say: few calls, answers well under a megabyte."""

CHANGES_PAGE_SIZE: Final = 5_000
"""The same of a project's score changes: a page is about a megabyte."""

_CAUSE_PREFIX: Final = "SCORE_CHANGE_CAUSE_"
CAUSES: Final = tuple(
    name.removeprefix(_CAUSE_PREFIX) for name, number in ScoreChangeCause.items() if number
)
"""What makes scores change: `EVENT`, `RULES`, `DECAY` ..."""


def list_leads(
    stages: Sequence[str],
    min_score: float | None,
    max_score: float | None,
    query: str,
    last_event_from: datetime | None,
    last_event_until: datetime | None,
    order_by: str,
    page_size: int,
) -> ListLeadsRequest:
    """The first page."""
    return ListLeadsRequest(
        page_size=page_size,
        stages=stages,
        min_score=min_score,
        max_score=max_score,
        query=query,
        last_event_time_from=stamp(last_event_from),
        last_event_time_until=stamp(last_event_until),
        order_by=order_by,
    )


def list_project_score_changes(
    change_from: datetime | None,
    change_until: datetime | None,
    causes: Sequence[str],
    lead_ids: Sequence[str],
    page_size: int,
) -> ListProjectScoreChangesRequest:
    """The first page. Raises ValueError for a cause that is none."""
    return ListProjectScoreChangesRequest(
        page_size=page_size,
        change_time_from=stamp(change_from),
        change_time_until=stamp(change_until),
        causes=named_causes(causes),
        lead_ids=lead_ids,
    )


def named_causes(causes: Sequence[str]) -> list[str]:
    """Causes as the contract names them. Raises ValueError for one that is none."""
    for cause in causes:
        if cause not in CAUSES:
            raise ValueError(f"{cause!r} is none of the causes {', '.join(CAUSES)}")
    return [_CAUSE_PREFIX + cause for cause in causes]


def create_lead(
    lead_id: str,
    email: str,
    display_name: str,
    company: str,
    attributes: Mapping[str, Any] | None,
) -> CreateLeadRequest:
    """A lead of these fields."""
    lead = Lead(lead_id=lead_id, email=email, display_name=display_name, company=company)
    if attributes is not None:
        lead.attributes.CopyFrom(_struct(attributes))
    return CreateLeadRequest(lead=lead)


def update_lead(
    lead_id: str,
    display_name: str | None,
    company: str | None,
    attributes: Mapping[str, Any] | None,
    etag: str,
) -> UpdateLeadRequest:
    """Changes to what is not None."""
    lead = Lead(lead_id=lead_id, etag=etag)
    paths = []
    if display_name is not None:
        lead.display_name = display_name
        paths.append("display_name")
    if company is not None:
        lead.company = company
        paths.append("company")
    if attributes is not None:
        lead.attributes.CopyFrom(_struct(attributes))
        paths.append("attributes")
    return UpdateLeadRequest(lead=lead, update_mask=mask(paths))


def get_score(lead_id: str, as_of: datetime | None, known_at: datetime | None) -> GetScoreRequest:
    """A score as of and as known at these times; None: now, and all that is known."""
    return GetScoreRequest(lead_id=lead_id, as_of=stamp(as_of), known_at=stamp(known_at))


def get_intelligence(
    lead_id: str, as_of: datetime | None, known_at: datetime | None
) -> GetIntelligenceRequest:
    """Intelligence as of and as known at these times."""
    return GetIntelligenceRequest(lead_id=lead_id, as_of=stamp(as_of), known_at=stamp(known_at))


def explain_score(
    lead_id: str, as_of: datetime | None, known_at: datetime | None, limit: int
) -> ExplainScoreRequest:
    """The same with reasons."""
    return ExplainScoreRequest(
        lead_id=lead_id, as_of=stamp(as_of), known_at=stamp(known_at), limit=limit
    )


def create_api_key(
    display_name: str,
    scopes: Sequence[str],
    allowed_origins: Sequence[str],
    requests_per_minute: int | None,
) -> CreateApiKeyRequest:
    """A key of these scopes: `ingest`, `read`, `admin`, `track`. Raises ValueError for any other."""
    names = [f"SCOPE_{scope.upper()}" for scope in scopes]
    for scope, name in zip(scopes, names, strict=True):
        if name not in scope_pb2.Scope.keys()[1:]:
            raise ValueError(f"no such scope: {scope!r}; there are ingest, read, admin, track")
    key = ApiKey(
        display_name=display_name,
        scopes=names,
        allowed_origins=allowed_origins,
        requests_per_minute=requests_per_minute,
    )
    return CreateApiKeyRequest(api_key=key)


def update_api_key(
    key_id: str,
    display_name: str | None,
    allowed_origins: Sequence[str] | None,
    requests_per_minute: int | None,
) -> UpdateApiKeyRequest:
    """Changes to what is not None; a limit of 0 is the default."""
    key = ApiKey(key_id=key_id)
    paths = []
    if display_name is not None:
        key.display_name = display_name
        paths.append("display_name")
    if allowed_origins is not None:
        key.allowed_origins.extend(allowed_origins)
        paths.append("allowed_origins")
    if requests_per_minute is not None:
        if requests_per_minute:
            key.requests_per_minute = requests_per_minute
        paths.append("requests_per_minute")
    return UpdateApiKeyRequest(api_key=key, update_mask=mask(paths))


def create_project(project_id: str, display_name: str) -> CreateProjectRequest:
    """A project of this id."""
    return CreateProjectRequest(project=Project(project_id=project_id, display_name=display_name))


def stamp(instant: datetime | None) -> Timestamp | None:
    """A time as protobuf has it. Raises ValueError for one without a zone."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("a time needs a time zone, e.g. datetime.now(UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def mask(paths: Sequence[str]) -> FieldMask | None:
    """The mask of these paths."""
    # No mask means "what is set", which can't say "empty this"; so there always is one when anything is named.
    return FieldMask(paths=paths) if paths else None
