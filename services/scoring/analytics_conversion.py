"""Requests and answers of AnalyticsService: checks of what callers send, and protobuf to and from what the handlers
take and give."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import intelligence_pb2, movers_pb2
from services.scoring import requests
from services.scoring.analytics_handlers import Cohort, Impacts, Movers, TrendPoint
from services.scoring.analytics_ports import ActivityCount, Companies, Mover, StageReach
from services.scoring.convert import RISKS, points
from services.scoring.domain.activity import HIGH, MEDIUM
from services.scoring.event_ports import EventFilter
from services.scoring.export_formats import Format
from services.scoring.ports import LeadFilter
from services.scoring.score_conversion import instant
from services.shared.errors import Violations
from services.shared.times import to_timestamp

TYPES_MAX = 32
TYPE_CHARACTERS_MAX = 64

COMPANIES = (50, 1_000)
"""Companies listed: default and maximum."""

Times = tuple[datetime | None, datetime | None]
"""`start_time` and `end_time`; None where absent."""

_RISKS_FROM = {
    intelligence_pb2.RISK_LEVEL_UNSPECIFIED: (HIGH,),
    intelligence_pb2.RISK_LEVEL_MEDIUM: (HIGH, MEDIUM),
    intelligence_pb2.RISK_LEVEL_HIGH: (HIGH,),
}
"""The risks from one up, the highest first."""

_FORMATS = {
    pb.EXPORT_FORMAT_UNSPECIFIED: Format.CSV,
    pb.EXPORT_FORMAT_CSV: Format.CSV,
    pb.EXPORT_FORMAT_NDJSON: Format.NDJSON,
    pb.EXPORT_FORMAT_PARQUET: Format.PARQUET,
}


def times(request: Message, violations: Violations) -> Times:
    """The stretch of time in a request."""
    return instant(request, "start_time", violations), instant(request, "end_time", violations)


def check_lead(lead_id: str, violations: Violations) -> None:
    """The one lead that is asked for; empty for all."""
    if lead_id:
        requests.check_reference("lead_id", lead_id, violations)


def check_activity(request: pb.GetActivityRequest, violations: Violations) -> None:
    """Which activity, apart from times."""
    check_lead(request.lead_id, violations)
    if request.interval not in pb.Interval.values():
        violations.add("interval", "must be INTERVAL_HOUR or INTERVAL_DAY")
    if len(request.types) > TYPES_MAX:
        violations.add("types", f"must be at most {TYPES_MAX}")
    for number, name in enumerate(request.types):
        if not 1 <= len(name) <= TYPE_CHARACTERS_MAX or not name.isprintable():
            violations.add(
                f"types[{number}]", f"must be 1 to {TYPE_CHARACTERS_MAX} printable characters"
            )


def check_stage(stage: str, violations: Violations) -> None:
    """The stage of GetCohorts."""
    if not stage.isprintable():
        violations.add("stage", "must be a stage of the rules in force")


def company_limit(limit: int) -> int:
    """How many companies. Raises InvalidFields."""
    default, maximum = COMPANIES
    if not 0 <= limit <= maximum:
        violations = Violations()
        violations.add("limit", f"must be 0 (for {default}) to {maximum}")
        violations.raise_if_any()
    return limit or default


def export(request: pb.ExportLeadsRequest) -> tuple[Format, LeadFilter]:
    """What to export. Raises InvalidFields."""
    violations = Violations()
    if request.format not in _FORMATS:
        violations.add("format", "must be EXPORT_FORMAT_CSV, _NDJSON or _PARQUET")
    which = requests.score_filter(request, violations)
    violations.raise_if_any()
    return _FORMATS[request.format], which


def export_events(request: pb.ExportEventsRequest) -> tuple[Format, EventFilter]:
    """Which events to export. Raises InvalidFields."""
    violations = Violations()
    form = _FORMATS.get(request.format)
    if form is None or form is Format.PARQUET:
        violations.add("format", "must be EXPORT_FORMAT_CSV or _NDJSON: files that can be imported")
    if request.type and (len(request.type) > TYPE_CHARACTERS_MAX or not request.type.isprintable()):
        violations.add("type", f"must be at most {TYPE_CHARACTERS_MAX} printable characters")
    check_lead(request.lead_id, violations)
    start, end = times(request, violations)
    violations.raise_if_any()
    return form or Format.CSV, EventFilter(request.type, start, end)


def activity(found: Sequence[ActivityCount]) -> pb.GetActivityResponse:
    """Counts, which are in order of time and frequency, gathered by time; and their totals."""
    response = pb.GetActivityResponse()
    totals: dict[str, int] = {}
    at: datetime | None = None
    for one in found:
        if one.at != at:
            at = one.at
            point = response.points.add(time=to_timestamp(one.at))
        point.event_count += one.event_count
        point.types.add(type=one.type, event_count=one.event_count)
        totals[one.type] = totals.get(one.type, 0) + one.event_count
    for name, count in sorted(totals.items(), key=lambda total: (-total[1], total[0])):
        response.totals.add(type=name, event_count=count)
    return response


def score_trend(found: Sequence[TrendPoint]) -> pb.GetScoreTrendResponse:
    """The trend."""
    return pb.GetScoreTrendResponse(
        points=[
            pb.ScoreTrendPoint(
                time=to_timestamp(one.day),
                lead_count=one.lead_count,
                score_sum=points(one.score_sum),
                change_count=one.change_count,
            )
            for one in found
        ]
    )


def movers_asked(
    request: movers_pb2.GetMoversRequest,
) -> tuple[datetime | None, datetime | None, Sequence[str]]:
    """Which time, and which risks, the highest first. Raises InvalidFields."""
    violations = Violations()
    start, end = requests.stretch(request, "from_time", "until_time", violations)
    requests.check_stages(request.stages, violations)
    requests.check_stages(request.qualified_stages, violations, "qualified_stages")
    risks = _RISKS_FROM.get(request.at_risk_min, ())
    if not risks:
        violations.add("at_risk_min", "must be RISK_LEVEL_MEDIUM or RISK_LEVEL_HIGH")
    violations.raise_if_any()
    return start, end, risks


def movers(found: Movers) -> movers_pb2.GetMoversResponse:
    """Who moved, is newly qualified, is at risk."""
    response = movers_pb2.GetMoversResponse(
        up=map(_mover, found.moves.up),
        down=map(_mover, found.moves.down),
        up_count=found.moves.up_count,
        down_count=found.moves.down_count,
        newly_qualified_count=found.newly_qualified_count,
        at_risk_count=found.at_risk_count,
        from_time=to_timestamp(found.span.start),
        until_time=to_timestamp(found.span.end),
    )
    for new in found.newly_qualified:
        response.newly_qualified.add(
            lead_id=new.lead_id,
            email=new.email,
            display_name=new.display_name,
            company=new.company,
            score=points(new.score),
            stage=new.stage,
            enter_time=to_timestamp(new.entered_at),
        )
    for one in found.at_risk:
        response.at_risk.add(
            lead_id=one.lead_id,
            email=one.email,
            display_name=one.display_name,
            company=one.company,
            score=points(one.score),
            stage=one.stage,
            risk=RISKS[one.risk],
            last_event_time=None if one.last_event_at is None else to_timestamp(one.last_event_at),
        )
    return response


def _mover(one: Mover) -> movers_pb2.Mover:
    return movers_pb2.Mover(
        lead_id=one.lead_id,
        email=one.email,
        display_name=one.display_name,
        company=one.company,
        score_before=points(one.score_before),
        score_after=points(one.score_after),
        delta=points(one.delta),
        stage_before=one.stage_before,
        stage_after=one.stage_after,
    )


def funnel(leads: int, stages: Sequence[tuple[str, StageReach]]) -> pb.GetFunnelResponse:
    """The funnel, with the share of leads that went on to each stage."""
    response = pb.GetFunnelResponse(lead_count=leads)
    before: int | None = None
    for name, reach in stages:
        share = 1.0 if before is None else reach.reached_count / before if before else 0.0
        stage = response.stages.add(
            stage=name,
            reached_count=reach.reached_count,
            current_count=reach.current_count,
            conversion=share,
        )
        if before is not None and reach.median is not None:
            stage.median_time.CopyFrom(_duration(reach.median))
        before = reach.reached_count
    return response


def cohorts(stage: str, found: Sequence[Cohort]) -> pb.GetCohortsResponse:
    """The cohorts."""
    return pb.GetCohortsResponse(
        stage=stage,
        cohorts=[
            pb.Cohort(
                week=to_timestamp(one.week),
                lead_count=one.lead_count,
                reached_count=one.reached_count,
                active_counts=one.active_counts,
            )
            for one in found
        ],
    )


def companies(found: Companies) -> pb.GetCompanyDistributionResponse:
    """The companies."""
    return pb.GetCompanyDistributionResponse(
        company_count=found.company_count,
        unknown_count=found.unknown_count,
        companies=[
            pb.CompanyShare(
                company=one.company,
                lead_count=one.lead_count,
                mean_score=points(mean(one.score_sum, one.lead_count)),
                max_score=points(one.max_score),
            )
            for one in found.companies
        ],
    )


def rule_impact(found: Impacts) -> pb.GetRuleImpactResponse:
    """What the rules gave."""
    return pb.GetRuleImpactResponse(
        rules=[
            pb.RuleImpact(
                rule_id=one.rule_id,
                event_count=one.event_count,
                lead_count=one.lead_count,
                clipped_count=one.clipped_count,
                limited_count=one.limited_count,
                points=points(one.points),
            )
            for one in found.rules
        ],
        rule_set_version=found.rule_set_version,
        faded_points=points(found.faded),
        adjusted_points=points(found.adjusted),
    )


def mean(total: int, count: int) -> int:
    """The mean of whole numbers as a whole number, half to even."""
    whole, rest = divmod(total, count)
    return whole + (2 * rest > count or (2 * rest == count and whole % 2 == 1))


def _duration(microseconds: int) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(microseconds)
    return duration
