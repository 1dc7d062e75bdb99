"""From the domain to the contracts, and what the RULES stream holds. The other way: requests.py and reading.py."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules.domain.checks import MILLI, SECOND_US
from services.rules.domain.differences import Difference, Kind
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenResult, GoldenTest
from services.rules.domain.group_checks import MILLION
from services.rules.domain.inspection import Finding
from services.rules.domain.model import (
    Activation,
    Binding,
    Bounds,
    Content,
    Decay,
    Grade,
    Grading,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    LateEvents,
    Limit,
    PerContribution,
    Risk,
    Rule,
    RuleSet,
    Stage,
    State,
    Velocity,
)
from services.rules.domain.presets import Preset
from services.rules.yaml_writing import one_line
from services.shared import structs
from services.shared.times import to_timestamp

SUBJECT_PREFIX = "rules."

_STATES = {
    State.DRAFT: rule_set_pb2.RULE_SET_STATE_DRAFT,
    State.ACTIVE: rule_set_pb2.RULE_SET_STATE_ACTIVE,
    State.SUPERSEDED: rule_set_pb2.RULE_SET_STATE_SUPERSEDED,
}

_LATE_EVENTS = {
    LateEvents.REPLAY: rule_set_pb2.LATE_EVENTS_REPLAY,
    LateEvents.APPLY_ON_ARRIVAL: rule_set_pb2.LATE_EVENTS_APPLY_ON_ARRIVAL,
    LateEvents.DISCARD_AND_AUDIT: rule_set_pb2.LATE_EVENTS_DISCARD_AND_AUDIT,
}

_BINDINGS = {
    Binding.CURRENT: rule_set_pb2.BINDING_CURRENT,
    Binding.AT_EVENT_TIME: rule_set_pb2.BINDING_AT_EVENT_TIME,
    Binding.AT_PROCESSING: rule_set_pb2.BINDING_AT_PROCESSING,
}


_DIFFERENCE_KINDS = {
    Kind.ADDED: pb.DIFFERENCE_KIND_ADDED,
    Kind.REMOVED: pb.DIFFERENCE_KIND_REMOVED,
    Kind.CHANGED: pb.DIFFERENCE_KIND_CHANGED,
    Kind.MOVED: pb.DIFFERENCE_KIND_MOVED,
}


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A message for the RULES stream."""

    subject: str
    version: int
    """1, 2, 3 ... on its subject."""
    payload: bytes


def rule_message(rule: Rule) -> rule_set_pb2.Rule:
    """The rule as the contract has it."""
    return rule_set_pb2.Rule(
        rule_id=rule.rule_id,
        event_type=rule.event_type,
        points=rule.points_milli / MILLI,
        enabled=rule.enabled,
        description=rule.description,
        etag=rule.etag,
        group=rule.group,
        when=rule.when,
        limits=[_limit_message(limit) for limit in rule.limits],
        standing=rule.standing,
    )


def content_message(content: Content) -> rule_set_pb2.RuleSet:
    """What a rule set says, as the contract has it: no version, state, times or etag."""
    return rule_set_pb2.RuleSet(
        description=content.description,
        rules=[rule_message(rule) for rule in content.rules],
        stages=[_stage_message(stage) for stage in content.stages],
        bounds=_bounds_message(content.bounds),
        groups=[_group_message(group) for group in content.groups],
        decay=_decay_message(content.decay),
        grading=_grading_message(content.grading),
        velocity=_velocity_message(content.velocity),
        risk=_risk_message(content.risk),
        next_actions=[
            rule_set_pb2.NextAction(when=one.when, action=one.action)
            for one in content.next_actions
        ],
        late_events=_LATE_EVENTS[content.late_events],
        binding=_BINDINGS[content.binding],
        tests=[_test_message(test) for test in content.tests],
        engagement_group=content.engagement_group,
    )


def rule_set_message(rule_set: RuleSet) -> rule_set_pb2.RuleSet:
    """The rule set as the contract has it."""
    message = content_message(rule_set)
    message.version = rule_set.version
    message.state = state(rule_set)
    message.create_time.CopyFrom(to_timestamp(rule_set.create_time))
    message.update_time.CopyFrom(to_timestamp(rule_set.update_time))
    message.etag = rule_set.etag
    return message


def preset_message(preset: Preset) -> pb.Preset:
    """The preset as the contract has it."""
    return pb.Preset(name=preset.name, rule_set=content_message(preset))


def state(rule_set: RuleSet) -> rule_set_pb2.RuleSetState:
    """Where in its life the rule set is, as the contract has it."""
    return _STATES[rule_set.state]


def activation_message(
    activation: Activation, rule_set: RuleSet | None = None
) -> rule_set_pb2.Activation:
    """The activation as the contract has it, with or without the rule set as activated."""
    return rule_set_pb2.Activation(
        number=activation.number,
        project_id=activation.project_id,
        version=activation.version,
        activate_time=to_timestamp(activation.activate_time),
        actor=activation.actor,
        rule_set=rule_set_message(rule_set) if rule_set else None,
        effective_time=to_timestamp(activation.effective_time),
    )


def activation_entry(activation: Activation, rule_set: RuleSet) -> StreamEntry:
    """What tells scoring of an activation. The number is part of the subject, so that no later one takes its place
    before it was read."""
    subject = f"{SUBJECT_PREFIX}{activation.project_id}.{activation.number}"
    payload = activation_message(activation, rule_set).SerializeToString()
    return StreamEntry(subject, 1, payload)


def result_message(result: GoldenResult) -> golden_test_pb2.GoldenTestResult:
    """How a golden test came out, as the contract has it."""
    return golden_test_pb2.GoldenTestResult(
        name=result.name,
        passed=result.passed,
        actual=_expectation_message(result.actual),
        differences=result.differences,
    )


def findings(found: Sequence[Finding]) -> list[pb.RuleSetFault]:
    """Faults or warnings as the contract has them."""
    return [pb.RuleSetFault(field=field, description=text) for field, text in found]


def difference_messages(found: Sequence[Difference]) -> list[pb.RuleSetDifference]:
    """Differences as the contract has them, values as YAML on one line."""
    return [
        pb.RuleSetDifference(
            kind=_DIFFERENCE_KINDS[one.kind],
            path=one.path,
            before="" if one.before is None else one_line(one.before),
            after="" if one.after is None else one_line(one.after),
        )
        for one in found
    ]


def _bounds_message(bounds: Bounds | None) -> rule_set_pb2.Bounds | None:
    if bounds is None:
        return None
    lowest, highest = bounds.min_score_milli, bounds.max_score_milli
    return rule_set_pb2.Bounds(
        min_score=None if lowest is None else lowest / MILLI,
        max_score=None if highest is None else highest / MILLI,
    )


def _stage_message(stage: Stage) -> rule_set_pb2.Stage:
    return rule_set_pb2.Stage(name=stage.name, min_score=stage.min_score_milli / MILLI)


def _limit_message(limit: Limit) -> rule_set_pb2.Limit:
    return rule_set_pb2.Limit(
        count=limit.count, window=_optional_duration(limit.window_us), key=limit.key
    )


def _group_message(group: Group) -> rule_set_pb2.Group:
    return rule_set_pb2.Group(
        name=group.name,
        bounds=_bounds_message(group.bounds),
        decay=_decay_message(group.decay),
    )


def _decay_message(decay: Decay | None) -> rule_set_pb2.Decay | None:
    match decay:
        case None:
            return None
        case IdleFactor():
            factor = rule_set_pb2.IdleFactorDecay(
                after_idle=_duration_message(decay.after_idle_us),
                every=_duration_message(decay.every_us),
                factor=decay.factor_millionths / MILLION,
            )
            return rule_set_pb2.Decay(idle_factor=factor)
        case IdleAmount():
            amount = rule_set_pb2.IdleAmountDecay(
                after_idle=_duration_message(decay.after_idle_us),
                every=_duration_message(decay.every_us),
                points=decay.points_milli / MILLI,
                floor=decay.floor_milli / MILLI,
            )
            return rule_set_pb2.Decay(idle_amount=amount)
        case PerContribution():
            contribution = rule_set_pb2.ContributionDecay(
                every=_duration_message(decay.every_us),
                percent=decay.percent,
                gone_after=_duration_message(decay.gone_after_us),
            )
            return rule_set_pb2.Decay(contribution=contribution)
        case HalfLife():
            return rule_set_pb2.Decay(half_life=rule_set_pb2.HalfLifeDecay(days=decay.days))


def _grading_message(grading: Grading | None) -> rule_set_pb2.Grading | None:
    if grading is None:
        return None
    return rule_set_pb2.Grading(
        fit_group=grading.fit_group,
        fit_grades=[_grade_message(grade) for grade in grading.fit_grades],
        engagement_group=grading.engagement_group,
        engagement_grades=[_grade_message(grade) for grade in grading.engagement_grades],
    )


def _grade_message(grade: Grade) -> rule_set_pb2.Grade:
    return rule_set_pb2.Grade(name=grade.name, min_score=grade.min_score_milli / MILLI)


def _velocity_message(velocity: Velocity | None) -> rule_set_pb2.Velocity | None:
    if velocity is None:
        return None
    window = _duration_message(velocity.window_us)
    if velocity.per_event_milli is None:
        return rule_set_pb2.Velocity(window=window, saturating=True, when=velocity.when)
    per_event = velocity.per_event_milli / MILLI
    return rule_set_pb2.Velocity(window=window, per_event=per_event, when=velocity.when)


def _risk_message(risk: Risk | None) -> rule_set_pb2.Risk | None:
    if risk is None:
        return None
    return rule_set_pb2.Risk(
        medium_after=_optional_duration(risk.medium_after_us),
        high_after=_optional_duration(risk.high_after_us),
        high_event_types=risk.high_event_types,
        high_for=_optional_duration(risk.high_for_us),
    )


def _test_message(test: GoldenTest) -> rule_set_pb2.GoldenTest:
    return rule_set_pb2.GoldenTest(
        name=test.name,
        events=[_event_message(event) for event in test.events],
        after=_optional_duration(test.after_us),
        expected=_expectation_message(test.expected),
    )


def _event_message(event: GoldenEvent) -> rule_set_pb2.GoldenEvent:
    return rule_set_pb2.GoldenEvent(
        type=event.type,
        at=_optional_duration(event.at_us),
        properties=structs.from_dict(event.properties) if event.properties else None,
        event_id=event.event_id,
    )


def _expectation_message(expected: Expectation) -> rule_set_pb2.GoldenExpectation:
    score, velocity = expected.score_milli, expected.velocity_milli
    return rule_set_pb2.GoldenExpectation(
        score=None if score is None else score / MILLI,
        stage=expected.stage,
        grade=expected.grade,
        velocity=None if velocity is None else velocity / MILLI,
        risk=expected.risk,
        next_action=expected.next_action,
    )


def _optional_duration(microseconds: int | None) -> Duration | None:
    return None if microseconds is None else _duration_message(microseconds)


def _duration_message(microseconds: int) -> Duration:
    seconds, rest = divmod(microseconds, SECOND_US)
    return Duration(seconds=seconds, nanos=rest * 1_000)
