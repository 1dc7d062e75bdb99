"""What simulations found, to protobuf. What is asked is read in `simulation_requests.py`."""

from datetime import date, timedelta

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from services.scoring.convert import RISKS, points
from services.scoring.domain.comparison import VariantOutcome
from services.scoring.domain.golden import GoldenResult
from services.scoring.domain.simulation import Scored, SimulatedLead
from services.scoring.simulation_handlers import ComparisonEnd, Progress, SimulationEnd
from services.shared.times import to_timestamp

_FIRST_DAY = date(1970, 1, 1)


def progress(found: Progress) -> pb.SimulationProgress:
    """How far it has come."""
    return pb.SimulationProgress(
        lead_count=found.lead_count,
        lead_total=found.lead_total,
        event_count=found.event_count,
    )


def lead(found: SimulatedLead) -> pb.SimulatedLead:
    """A lead under both rule sets."""
    return pb.SimulatedLead(
        lead_id=found.lead_id, before=_scored(found.before), after=_scored(found.after)
    )


def summary(end: SimulationEnd) -> pb.SimulationSummary:
    """What a simulation found."""
    found = end.summary
    return pb.SimulationSummary(
        lead_count=found.lead_count,
        event_count=found.event_count,
        changed_count=found.changed_count,
        stage_changed_count=found.stage_changed_count,
        action_changed_count=found.action_changed_count,
        score_sum_before=points(found.score_sum_before),
        score_sum_after=points(found.score_sum_after),
        migrations=[
            pb.StageMigration(
                from_stage=one.from_stage, to_stage=one.to_stage, lead_count=one.lead_count
            )
            for one in found.migrations
        ],
        stage_flows=[
            pb.StageFlow(
                stage=one.stage,
                before_count=one.before,
                after_count=one.after,
                entering_count=one.entering,
                leaving_count=one.leaving,
            )
            for one in found.flows
        ],
        histogram=[
            pb.HistogramBin(
                min_score=points(one.min_score),
                max_score=points(one.max_score),
                before_count=one.before,
                after_count=one.after,
            )
            for one in found.histogram
        ],
        largest_movers=[lead(one) for one in found.movers],
        changes_per_day=[
            pb.DailyChanges(
                day=(_FIRST_DAY + timedelta(days=one.day)).isoformat(),
                before_count=one.before,
                after_count=one.after,
            )
            for one in found.days
        ],
        as_of=to_timestamp(end.as_of),
        rule_set_version=end.rule_set_version,
    )


def comparison(end: ComparisonEnd) -> pb.ComparisonSummary:
    """What a comparison found."""
    return pb.ComparisonSummary(
        variants=[_variant(name, outcome) for name, outcome in end.variants],
        as_of=to_timestamp(end.as_of),
    )


def golden_result(found: GoldenResult) -> golden_test_pb2.GoldenTestResult:
    """How a golden test came out."""
    actual = found.actual
    return golden_test_pb2.GoldenTestResult(
        name=found.name,
        passed=not found.differences,
        actual=rule_set_pb2.GoldenExpectation(
            score=points(actual.score or 0),
            stage=actual.stage,
            grade=actual.grade,
            velocity=points(actual.velocity or 0),
            risk=actual.risk,
            next_action=actual.next_action,
        ),
        differences=found.differences,
    )


def _scored(found: Scored) -> pb.SimulatedScore:
    return pb.SimulatedScore(
        score=points(found.score),
        stage=found.stage,
        next_action=found.next_action,
        grade=found.grade,
        risk=RISKS[found.risk],
        velocity=points(found.velocity),
    )


def _variant(name: str, outcome: VariantOutcome) -> pb.VariantOutcome:
    share = outcome.discrimination
    return pb.VariantOutcome(
        name=name,
        lead_count=outcome.lead_count,
        converted_count=outcome.converted_count,
        mean_score=points(outcome.mean_score),
        mean_score_converted=points(outcome.mean_score_converted),
        stages=[
            pb.StageOutcome(
                stage=one.stage, lead_count=one.lead_count, converted_count=one.converted_count
            )
            for one in outcome.stages
        ],
        discrimination=None if share is None else float(share),
    )
