"""Scores at any time, verification and replay to and from protobuf. The other half of `convert.py`."""

from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.scoring.v1 import intelligence_pb2, ledger_pb2, scoring_service_pb2
from services.scoring import convert
from services.scoring.convert import points
from services.scoring.domain import model
from services.scoring.domain.explanation import (
    Contribution,
    Explanation,
    GroupTotal,
    NextStage,
    RuleTotal,
)
from services.scoring.domain.intelligence import Trend
from services.scoring.domain.verification import Kind, Mismatch
from services.scoring.ledger_handlers import Progress
from services.scoring.replay_handlers import ReplayedLead, ReplayProgress
from services.scoring.score_handlers import IntelligenceAt, ScoreAt
from services.shared import paging
from services.shared.errors import Violations
from services.shared.times import to_datetime, to_timestamp

RESUME_FIELD = "resume_token"

_KINDS = {
    Kind.ENTRY: ledger_pb2.LEDGER_MISMATCH_KIND_ENTRY,
    Kind.MISSING_ENTRY: ledger_pb2.LEDGER_MISMATCH_KIND_MISSING_ENTRY,
    Kind.BLOCK: ledger_pb2.LEDGER_MISMATCH_KIND_BLOCK,
    Kind.HEAD: ledger_pb2.LEDGER_MISMATCH_KIND_HEAD,
    Kind.NO_LEAD: ledger_pb2.LEDGER_MISMATCH_KIND_NO_LEAD,
    Kind.SNAPSHOT: ledger_pb2.LEDGER_MISMATCH_KIND_SNAPSHOT,
}


_TRENDS = {
    Trend.NONE: intelligence_pb2.TREND_UNSPECIFIED,
    Trend.INCREASING: intelligence_pb2.TREND_INCREASING,
    Trend.STEADY: intelligence_pb2.TREND_STEADY,
    Trend.DECREASING: intelligence_pb2.TREND_DECREASING,
}


def instant(request: Message, field: str, violations: Violations) -> datetime | None:
    """A time in a request; None where it is absent."""
    if not request.HasField(field):
        return None
    stamp: Timestamp = getattr(request, field)
    try:
        return to_datetime(stamp)
    except OverflowError:
        violations.add(field, "must be in the years 1 to 9999")
        return None


def score(found: ScoreAt) -> scoring_service_pb2.GetScoreResponse:
    """A score."""
    return scoring_service_pb2.GetScoreResponse(
        lead_id=found.lead_id,
        score=points(found.state.score),
        stage=found.stage,
        rule_set_version=found.rule_set_version,
        event_count=found.state.event_count,
        last_event_time=_stamp(found.state.activity.newest),
        group_scores=[
            scoring_service_pb2.GroupScore(group=group, score=points(milli))
            for group, milli in found.group_scores
        ],
        as_of=to_timestamp(found.as_of),
        known_at=to_timestamp(found.known_at) if found.known_at else None,
    )


def explanation(found: ScoreAt, why: Explanation) -> scoring_service_pb2.ExplainScoreResponse:
    """A score with its reasons."""
    return scoring_service_pb2.ExplainScoreResponse(
        score=score(found),
        contributions=[_contribution(one) for one in why.contributions],
        contribution_count=why.contribution_count,
        fadings=[convert.fading(one) for one in why.fadings],
        fading_count=why.fading_count,
        group_totals=[_group_total(one) for one in why.groups],
        rule_totals=[_rule_total(one) for one in why.rules],
        next_stage=_next_stage(why.next_stage) if why.next_stage else None,
    )


def intelligence(found: IntelligenceAt) -> intelligence_pb2.Intelligence:
    """A lead's intelligence."""
    what, activity = found.intelligence, found.intelligence.activity
    message = intelligence_pb2.Intelligence(
        lead_id=found.lead_id,
        as_of=to_timestamp(found.as_of),
        score=points(what.measures.score),
        stage=what.measures.stage,
        grade=what.grade,
        fit_grade=what.fit_grade,
        engagement_grade=what.engagement_grade,
        velocity=points(what.measures.velocity),
        trend=_TRENDS[what.trend],
        recent_points=points(what.recent_points),
        earlier_points=points(what.earlier_points),
        risk=convert.RISKS[what.measures.risk],
        inactivity_index=what.inactivity_index,
        next_action=what.next_action,
        first_event_time=_stamp(activity.first),
        last_event_time=_stamp(activity.newest),
        rule_set_version=found.rule_set_version,
    )
    if what.engagement_tenths is not None:
        message.engagement_score = what.engagement_tenths / 10
    if found.transition is not None:
        then = found.transition.measures
        message.next_transition.time.CopyFrom(to_timestamp(model.instant(found.transition.at)))
        message.next_transition.score = points(then.score)
        message.next_transition.stage = then.stage
        message.next_transition.velocity = points(then.velocity)
        message.next_transition.risk = convert.RISKS[then.risk]
    return message


def _stamp(microseconds: int | None) -> Timestamp | None:
    return None if microseconds is None else to_timestamp(model.instant(microseconds))


def verify_progress(progress: Progress) -> ledger_pb2.VerifyLedgerResponse:
    """How far a verification has come; its outcome when it is done."""
    if progress.done:
        return ledger_pb2.VerifyLedgerResponse(
            summary=ledger_pb2.VerifySummary(
                entry_count=progress.entry_count,
                block_count=progress.block_count,
                lead_count=progress.lead_count,
                outdated_count=progress.outdated_count,
                mismatch_count=progress.mismatch_count,
                last_position=progress.last_position,
                last_hash=progress.last_hash,
            )
        )
    return ledger_pb2.VerifyLedgerResponse(
        progress=ledger_pb2.VerifyProgress(
            entry_count=progress.entry_count,
            entry_total=progress.entry_total,
            lead_count=progress.lead_count,
            lead_total=progress.lead_total,
        )
    )


def mismatch(found: Mismatch) -> ledger_pb2.VerifyLedgerResponse:
    """One thing that is not as it should be."""
    return ledger_pb2.VerifyLedgerResponse(
        mismatch=ledger_pb2.LedgerMismatch(
            kind=_KINDS[found.kind],
            position=found.position,
            event_id=found.event_id,
            lead_id=found.lead_id,
            field=found.field,
            expected=found.expected,
            found=found.found,
        )
    )


def replay_progress(
    progress: ReplayProgress, request: ledger_pb2.ReplayLeadsRequest
) -> ledger_pb2.ReplayLeadsResponse:
    """How far a replay has come, with the token that continues it."""
    position = [
        progress.cursor,
        progress.lead_count,
        progress.changed_count,
        progress.mended_count,
        progress.updated_count,
    ]
    return ledger_pb2.ReplayLeadsResponse(
        resume_token=paging.encode(position, request, RESUME_FIELD),
        lead_count=progress.lead_count,
        lead_total=progress.lead_total,
        changed_count=progress.changed_count,
        mended_count=progress.mended_count,
        updated_count=progress.updated_count,
        changed_leads=[_replayed(one, progress.replayed_at) for one in progress.changed],
        done=progress.done,
    )


def _contribution(one: Contribution) -> scoring_service_pb2.Contribution:
    return scoring_service_pb2.Contribution(
        event_id=one.entry.event_id,
        event_type=one.entry.type,
        occur_time=to_timestamp(one.entry.occurred_at),
        effect=convert.effect(one.effect, one.version),
    )


def _group_total(total: GroupTotal) -> scoring_service_pb2.GroupTotal:
    return scoring_service_pb2.GroupTotal(
        group=total.group,
        rule_points=points(total.rule_points),
        clipped_points=points(total.clipped),
        limited_points=points(total.limited),
        faded_points=points(total.faded),
        score=points(total.score),
    )


def _rule_total(total: RuleTotal) -> scoring_service_pb2.RuleTotal:
    return scoring_service_pb2.RuleTotal(
        rule_id=total.rule_id,
        group=total.group,
        event_count=total.event_count,
        clipped_count=total.clipped_count,
        limited_count=total.limited_count,
        rule_points=points(total.rule_points),
        points=points(total.points),
    )


def _next_stage(found: NextStage) -> scoring_service_pb2.NextStage:
    message = scoring_service_pb2.NextStage(
        stage=found.stage.name,
        min_score=points(found.stage.min_score),
        missing_points=points(found.missing),
    )
    if found.step is not None:
        rule = found.step.rule
        message.step.rule_id = rule.rule_id
        message.step.event_type = rule.event_type
        message.step.points = points(found.step.points)
        message.step.sufficient = found.step.sufficient
        message.step.when = rule.when_source
    return message


def _replayed(one: ReplayedLead, at: datetime | None) -> ledger_pb2.ReplayedLead:
    change = one.change
    return ledger_pb2.ReplayedLead(
        lead_id=one.lead_id,
        version=change.version,
        previous_score=points(change.previous_score),
        score=points(change.score),
        previous_stage=change.previous_stage,
        stage=change.stage,
        replay_time=to_timestamp(at) if at else None,
    )
