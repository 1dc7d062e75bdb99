"""The requests behind the methods that take more than a message: one place for both clients. A page size of the
listing methods is how many are fetched at a time, never how many are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.accounts.v1.account_pb2 import ApiKey, Project
from scoreline.accounts.v1.accounts_service_pb2 import CreateApiKeyRequest, CreateProjectRequest
from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest
from scoreline.rules.v1.rule_set_pb2 import Bounds, Decay, Group, Limit, Rule, RuleSet, Stage
from scoreline.rules.v1.rules_service_pb2 import (
    CreateRuleRequest,
    UpdateRuleRequest,
    UpdateRuleSetRequest,
)
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.scoring_service_pb2 import (
    CreateLeadRequest,
    ExplainScoreRequest,
    GetIntelligenceRequest,
    GetScoreRequest,
    ListLeadsRequest,
    UpdateLeadRequest,
)

PAGE_SIZE: Final = 500
"""Fetched at a time where the caller does not say: few calls, answers well under a megabyte."""

HEARTBEAT_S: Final = 15.0
"""A watch is never silent for longer."""


def list_leads(
    stages: Sequence[str],
    min_score: float | None,
    max_score: float | None,
    query: str,
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
        order_by=order_by,
    )


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
    return UpdateLeadRequest(lead=lead, update_mask=_mask(paths))


def create_rule(
    event_type: str,
    points: float,
    rule_id: str,
    enabled: bool,
    description: str,
    group: str,
    when: str,
    limit: Limit | None,
) -> CreateRuleRequest:
    """A rule of these fields."""
    return CreateRuleRequest(
        rule=Rule(
            rule_id=rule_id,
            event_type=event_type,
            points=points,
            enabled=enabled,
            description=description,
            group=group,
            when=when,
            limit=limit,
        )
    )


def update_rule(
    rule_id: str,
    event_type: str | None,
    points: float | None,
    enabled: bool | None,
    description: str | None,
    group: str | None,
    when: str | None,
    limit: Limit | None,
    etag: str,
) -> UpdateRuleRequest:
    """Changes to what is not None. An empty limit takes the rule's away."""
    rule = Rule(rule_id=rule_id, etag=etag)
    paths = []
    if event_type is not None:
        rule.event_type = event_type
        paths.append("event_type")
    if points is not None:
        rule.points = points
        paths.append("points")
    if enabled is not None:
        rule.enabled = enabled
        paths.append("enabled")
    if description is not None:
        rule.description = description
        paths.append("description")
    if group is not None:
        rule.group = group
        paths.append("group")
    if when is not None:
        rule.when = when
        paths.append("when")
    if limit is not None:
        if limit.ByteSize():
            rule.limit.CopyFrom(limit)
        paths.append("limit")
    return UpdateRuleRequest(rule=rule, update_mask=_mask(paths))


def update_draft(
    description: str | None,
    stages: Sequence[tuple[str, float]] | None,
    bounds: tuple[float | None, float | None] | None,
    groups: Sequence[Group] | None,
    decay: Decay | None,
    etag: str,
) -> UpdateRuleSetRequest:
    """Changes to what is not None. A decay without a kind takes the draft's away."""
    rule_set = RuleSet(etag=etag)
    paths = []
    if description is not None:
        rule_set.description = description
        paths.append("description")
    if stages is not None:
        rule_set.stages.extend(Stage(name=name, min_score=least) for name, least in stages)
        paths.append("stages")
    if bounds is not None:
        rule_set.bounds.CopyFrom(Bounds(min_score=bounds[0], max_score=bounds[1]))
        paths.append("bounds")
    if groups is not None:
        rule_set.groups.extend(groups)
        paths.append("groups")
    if decay is not None:
        if decay.WhichOneof("kind"):
            rule_set.decay.CopyFrom(decay)
        paths.append("decay")
    return UpdateRuleSetRequest(rule_set=rule_set, update_mask=_mask(paths))


def get_score(lead_id: str, as_of: datetime | None, known_at: datetime | None) -> GetScoreRequest:
    """A score as of and as known at these times; None: now, and all that is known."""
    return GetScoreRequest(lead_id=lead_id, as_of=_stamp(as_of), known_at=_stamp(known_at))


def get_intelligence(
    lead_id: str, as_of: datetime | None, known_at: datetime | None
) -> GetIntelligenceRequest:
    """Intelligence as of and as known at these times."""
    return GetIntelligenceRequest(lead_id=lead_id, as_of=_stamp(as_of), known_at=_stamp(known_at))


def explain_score(
    lead_id: str, as_of: datetime | None, known_at: datetime | None, limit: int
) -> ExplainScoreRequest:
    """The same with reasons."""
    return ExplainScoreRequest(
        lead_id=lead_id, as_of=_stamp(as_of), known_at=_stamp(known_at), limit=limit
    )


def create_api_key(display_name: str, scopes: Sequence[str]) -> CreateApiKeyRequest:
    """A key of these scopes: `ingest`, `read`, `admin`. Raises ValueError for any other."""
    names = [f"SCOPE_{scope.upper()}" for scope in scopes]
    for scope, name in zip(scopes, names, strict=True):
        if name not in scope_pb2.Scope.keys()[1:]:
            raise ValueError(f"no such scope: {scope!r}; there are ingest, read, admin")
    return CreateApiKeyRequest(api_key=ApiKey(display_name=display_name, scopes=names))


def create_project(project_id: str, display_name: str) -> CreateProjectRequest:
    """A project of this id."""
    return CreateProjectRequest(project=Project(project_id=project_id, display_name=display_name))


def watch(
    lead_ids: Sequence[str],
    stages: Sequence[str],
    min_delta: float,
    stage_changes_only: bool,
    snapshot: bool,
    resume_token: str,
    heartbeat_s: float,
) -> WatchScoresRequest:
    """The first request of a watch. Raises ValueError for both a snapshot and a token."""
    if snapshot and resume_token:
        raise ValueError("a watch begins with a snapshot or after a resume_token, not with both")
    interval = Duration()
    interval.FromMilliseconds(round(heartbeat_s * 1000))
    return WatchScoresRequest(
        lead_ids=lead_ids,
        stages=stages,
        min_delta=min_delta,
        stage_changes_only=stage_changes_only,
        include_snapshot=snapshot,
        resume_token=resume_token,
        heartbeat_interval=interval,
    )


def _stamp(instant: datetime | None) -> Timestamp | None:
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


def _mask(paths: Sequence[str]) -> FieldMask | None:
    # No mask means "what is set", which can't say "empty this"; so there always is one when anything is named.
    return FieldMask(paths=paths) if paths else None
