"""The requests of analytics and exports: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scoreline.client.requests import stamp
from scoreline.scoring.v1.analytics_service_pb2 import (
    INTERVAL_DAY,
    INTERVAL_HOUR,
    ExportEventsRequest,
    ExportFormat,
    ExportLeadsRequest,
    GetActivityRequest,
    GetCohortsRequest,
    GetFunnelRequest,
    GetRuleImpactRequest,
    GetScoreTrendRequest,
)
from scoreline.scoring.v1.intelligence_pb2 import RISK_LEVEL_HIGH, RISK_LEVEL_MEDIUM
from scoreline.scoring.v1.movers_pb2 import GetMoversRequest

_FORMAT_PREFIX = "EXPORT_FORMAT_"

EXPORT_FORMATS = tuple(
    name.removeprefix(_FORMAT_PREFIX).lower() for name in ExportFormat.keys()[1:]
)
"""`csv`, `ndjson`, `parquet`."""

RISKS_AT_LEAST = {"medium": RISK_LEVEL_MEDIUM, "high": RISK_LEVEL_HIGH}
"""What the least risk of a list may be."""

EVENT_FORMATS = ("csv", "ndjson")
"""What can be imported again."""


def activity(
    start: datetime | None,
    end: datetime | None,
    hourly: bool,
    types: Sequence[str],
    lead_id: str,
) -> GetActivityRequest:
    """Events by hour or day."""
    return GetActivityRequest(
        start_time=stamp(start),
        end_time=stamp(end),
        interval=INTERVAL_HOUR if hourly else INTERVAL_DAY,
        types=types,
        lead_id=lead_id,
    )


def score_trend(start: datetime | None, end: datetime | None, lead_id: str) -> GetScoreTrendRequest:
    """Scores by day."""
    return GetScoreTrendRequest(start_time=stamp(start), end_time=stamp(end), lead_id=lead_id)


def movers(
    start: datetime | None,
    end: datetime | None,
    limit: int,
    stages: Sequence[str],
    qualified_stages: Sequence[str],
    at_risk_min: str,
) -> GetMoversRequest:
    """Whose score moved between. Raises ValueError for a risk there is not."""
    if at_risk_min not in RISKS_AT_LEAST:
        raise ValueError(f"no such least risk: {at_risk_min!r}; there are medium, high")
    return GetMoversRequest(
        from_time=stamp(start),
        until_time=stamp(end),
        page_size=limit,
        stages=stages,
        qualified_stages=qualified_stages,
        at_risk_min=RISKS_AT_LEAST[at_risk_min],
    )


def funnel(start: datetime | None, end: datetime | None) -> GetFunnelRequest:
    """The funnel of leads first seen then."""
    return GetFunnelRequest(start_time=stamp(start), end_time=stamp(end))


def cohorts(start: datetime | None, end: datetime | None, stage: str) -> GetCohortsRequest:
    """Leads by week of their first event."""
    return GetCohortsRequest(start_time=stamp(start), end_time=stamp(end), stage=stage)


def rule_impact(start: datetime | None, end: datetime | None) -> GetRuleImpactRequest:
    """What rules gave for events of that time."""
    return GetRuleImpactRequest(start_time=stamp(start), end_time=stamp(end))


def export_leads(
    form: str, stages: Sequence[str], min_score: float | None, max_score: float | None
) -> ExportLeadsRequest:
    """Leads as a file. Raises ValueError for a format there is not."""
    if form not in EXPORT_FORMATS:
        raise ValueError(f"no such format: {form!r}; there are {', '.join(EXPORT_FORMATS)}")
    return ExportLeadsRequest(
        format=_FORMAT_PREFIX + form.upper(),
        stages=stages,
        min_score=min_score,
        max_score=max_score,
    )


def export_events(
    form: str, type_: str, lead_id: str, start: datetime | None, end: datetime | None
) -> ExportEventsRequest:
    """Events as a file. Raises ValueError for a format there is not."""
    if form not in EVENT_FORMATS:
        raise ValueError(f"no such format: {form!r}; there are {', '.join(EVENT_FORMATS)}")
    return ExportEventsRequest(
        format=_FORMAT_PREFIX + form.upper(),
        type=type_,
        lead_id=lead_id,
        start_time=stamp(start),
        end_time=stamp(end),
    )
