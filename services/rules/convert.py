"""From the domain to the contracts, and what the RULES stream holds. From requests into the domain: requests.py."""

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules.domain.checks import MILLI, SECOND_US
from services.rules.domain.group_checks import MILLION
from services.rules.domain.model import (
    Activation,
    Bounds,
    Decay,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    Limit,
    PerContribution,
    Rule,
    RuleSet,
    Stage,
    State,
)
from services.rules.domain.presets import Preset
from services.shared.times import to_timestamp

SUBJECT_PREFIX = "rules."

_STATES = {
    State.DRAFT: rule_set_pb2.RULE_SET_STATE_DRAFT,
    State.ACTIVE: rule_set_pb2.RULE_SET_STATE_ACTIVE,
    State.SUPERSEDED: rule_set_pb2.RULE_SET_STATE_SUPERSEDED,
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
        limit=_limit_message(rule.limit),
    )


def rule_set_message(rule_set: RuleSet) -> rule_set_pb2.RuleSet:
    """The rule set as the contract has it."""
    return rule_set_pb2.RuleSet(
        version=rule_set.version,
        state=state(rule_set),
        description=rule_set.description,
        rules=[rule_message(rule) for rule in rule_set.rules],
        stages=[_stage_message(stage) for stage in rule_set.stages],
        bounds=_bounds_message(rule_set.bounds),
        create_time=to_timestamp(rule_set.create_time),
        update_time=to_timestamp(rule_set.update_time),
        etag=rule_set.etag,
        groups=[_group_message(group) for group in rule_set.groups],
        decay=_decay_message(rule_set.decay),
    )


def preset_message(preset: Preset) -> pb.Preset:
    """The preset as the contract has it."""
    return pb.Preset(
        name=preset.name,
        rule_set=rule_set_pb2.RuleSet(
            description=preset.description,
            rules=[rule_message(rule) for rule in preset.rules],
            stages=[_stage_message(stage) for stage in preset.stages],
            bounds=_bounds_message(preset.bounds),
            groups=[_group_message(group) for group in preset.groups],
            decay=_decay_message(preset.decay),
        ),
    )


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
    )


def activation_entry(activation: Activation, rule_set: RuleSet) -> StreamEntry:
    """What tells scoring of an activation. The number is part of the subject, so that no later one takes its place
    before it was read."""
    subject = f"{SUBJECT_PREFIX}{activation.project_id}.{activation.number}"
    payload = activation_message(activation, rule_set).SerializeToString()
    return StreamEntry(subject, 1, payload)


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


def _limit_message(limit: Limit | None) -> rule_set_pb2.Limit | None:
    if limit is None:
        return None
    window = None if limit.window_us is None else _duration_message(limit.window_us)
    return rule_set_pb2.Limit(count=limit.count, window=window, key=limit.key)


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


def _duration_message(microseconds: int) -> Duration:
    seconds, rest = divmod(microseconds, SECOND_US)
    return Duration(seconds=seconds, nanos=rest * 1_000)
