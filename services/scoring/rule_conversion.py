"""Rule sets as the rules service publishes them, to the domain's. The other half of `convert.py`."""

from google.protobuf.duration_pb2 import Duration

from scoreline.rules.v1 import rule_set_pb2
from services.scoring.conditions import condition, key
from services.scoring.domain.decay import (
    MILLION,
    Decay,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
)
from services.scoring.domain.model import MILLI, Bounds, Group, Limit, Rule, RuleSet, Stage


class InvalidDecay(ValueError):
    """A decay without a time between its steps would never come to an end."""


def rule_set(message: rule_set_pb2.RuleSet) -> RuleSet:
    """A rule set. Raises InvalidExpression for a condition that does not compile, InvalidDecay."""
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
        limit=_limit(message.limit) if message.HasField("limit") else None,
    )


def _limit(message: rule_set_pb2.Limit) -> Limit:
    return Limit(
        count=message.count,
        window=_microseconds(message.window) if message.HasField("window") else None,
        key=key(message.key) if message.key else None,
        key_source=message.key,
    )


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
            raise InvalidDecay("half_life.days must be at least 1")
        return HalfLife(message.half_life.days)
    return None


def _step(duration: Duration) -> int:
    every = _microseconds(duration)
    if every <= 0:
        raise InvalidDecay("every must be more than nothing")
    return every


def _milli(points: float) -> int:
    return round(points * MILLI)


def _microseconds(duration: Duration) -> int:
    return duration.ToMicroseconds()
