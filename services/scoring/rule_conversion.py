"""Rule sets as the rules service publishes them, to the domain's. The other half of `convert.py`."""

from google.protobuf.duration_pb2 import Duration

from scoreline.rules.v1 import rule_set_pb2
from services.scoring.conditions import condition, key, situation
from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import (
    MILLION,
    Decay,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
)
from services.scoring.domain.model import (
    MILLI,
    Binding,
    Bounds,
    Grade,
    Grading,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Rule,
    RuleSet,
    Stage,
)

_LATE_EVENTS = {
    rule_set_pb2.LATE_EVENTS_REPLAY: LateEvents.REPLAY,
    rule_set_pb2.LATE_EVENTS_APPLY_ON_ARRIVAL: LateEvents.APPLY_ON_ARRIVAL,
    rule_set_pb2.LATE_EVENTS_DISCARD_AND_AUDIT: LateEvents.DISCARD_AND_AUDIT,
}
_BINDINGS = {
    rule_set_pb2.BINDING_CURRENT: Binding.CURRENT,
    rule_set_pb2.BINDING_AT_EVENT_TIME: Binding.AT_EVENT_TIME,
    rule_set_pb2.BINDING_AT_PROCESSING: Binding.AT_PROCESSING,
}


class InvalidRuleSet(ValueError):
    """Rules that can't be applied; the text says where and why."""


def rule_set(message: rule_set_pb2.RuleSet) -> RuleSet:
    """A rule set. Raises InvalidExpression for a condition that does not compile, InvalidRuleSet."""
    return RuleSet(
        version=message.version,
        rules=tuple(_rule(rule) for rule in message.rules),
        stages=tuple(Stage(stage.name, _milli(stage.min_score)) for stage in message.stages),
        bounds=_bounds(message.bounds),
        groups=tuple(
            Group(group.name, _bounds(group.bounds), _decay(group.decay))
            for group in message.groups
        ),
        decay=_decay(message.decay),
        grading=_grading(message.grading) if message.HasField("grading") else None,
        velocity=_velocity(message.velocity) if message.HasField("velocity") else None,
        risk=_risk(message.risk) if message.HasField("risk") else None,
        next_actions=tuple(
            NextAction(one.action, situation(one.when) if one.when else None, one.when)
            for one in message.next_actions
        ),
        late_events=_LATE_EVENTS.get(message.late_events, LateEvents.REPLAY),
        binding=_BINDINGS.get(message.binding, Binding.CURRENT),
        engagement_group=message.engagement_group,
    )


def _rule(message: rule_set_pb2.Rule) -> Rule:
    return Rule(
        rule_id=message.rule_id,
        event_type=message.event_type,
        points=_milli(message.points),
        enabled=message.enabled,
        group=message.group,
        when=condition(message.when) if message.when else None,
        when_source=message.when,
        limits=tuple(_limit(limit) for limit in message.limits),
        standing=message.standing,
    )


def _limit(message: rule_set_pb2.Limit) -> Limit:
    return Limit(
        count=message.count,
        window=_microseconds(message.window) if message.HasField("window") else None,
        key=key(message.key) if message.key else None,
        key_source=message.key,
    )


def _grading(message: rule_set_pb2.Grading) -> Grading:
    if not message.fit_grades or not message.engagement_grades:
        raise InvalidRuleSet("grading: each of the two needs at least one grade")
    return Grading(
        fit_group=message.fit_group,
        fit_grades=tuple(Grade(one.name, _milli(one.min_score)) for one in message.fit_grades),
        engagement_group=message.engagement_group,
        engagement_grades=tuple(
            Grade(one.name, _milli(one.min_score)) for one in message.engagement_grades
        ),
    )


def _velocity(message: rule_set_pb2.Velocity) -> Velocity:
    window = _microseconds(message.window)
    if window <= 0:
        raise InvalidRuleSet("velocity.window must be more than nothing")
    per_event = _milli(message.per_event) if message.HasField("per_event") else None
    when = condition(message.when) if message.when else None
    return Velocity(window, per_event, when, message.when)


def _risk(message: rule_set_pb2.Risk) -> Risk:
    return Risk(
        medium_after=_given(message, "medium_after"),
        high_after=_given(message, "high_after"),
        high_event_types=frozenset(message.high_event_types),
        high_for=_given(message, "high_for"),
    )


def _given(message: rule_set_pb2.Risk, field: str) -> int | None:
    return _microseconds(getattr(message, field)) if message.HasField(field) else None


def _bounds(message: rule_set_pb2.Bounds) -> Bounds:
    return Bounds(
        min_score=_milli(message.min_score) if message.HasField("min_score") else None,
        max_score=_milli(message.max_score) if message.HasField("max_score") else None,
    )


def _decay(message: rule_set_pb2.Decay) -> Decay | None:
    kind = message.WhichOneof("kind")
    if kind == "idle_factor":
        factor = message.idle_factor
        after_idle, every = _microseconds(factor.after_idle), _step(factor.every)
        return IdleFactor(after_idle, every, round(factor.factor * MILLION))
    if kind == "idle_amount":
        amount = message.idle_amount
        after_idle, every = _microseconds(amount.after_idle), _step(amount.every)
        return IdleAmount(after_idle, every, _milli(amount.points), _milli(amount.floor))
    if kind == "contribution":
        each = message.contribution
        gone_after = _microseconds(each.gone_after)
        return PerContribution(_step(each.every), each.percent, gone_after)
    if kind == "half_life":
        if message.half_life.days < 1:
            raise InvalidRuleSet("half_life.days must be at least 1")
        return HalfLife(message.half_life.days)
    return None


def _step(duration: Duration) -> int:
    every = _microseconds(duration)
    if every <= 0:
        raise InvalidRuleSet("every must be more than nothing")
    return every


def _milli(points: float) -> int:
    return round(points * MILLI)


def _microseconds(duration: Duration) -> int:
    return duration.ToMicroseconds()
