"""The requests behind the methods about rules that take more than a message: one place for both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.client.requests import mask, stamp
from scoreline.rules.v1 import rules_service_pb2
from scoreline.rules.v1.rule_set_pb2 import (
    Binding,
    Bounds,
    Decay,
    GoldenTest,
    Grading,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Risk,
    Rule,
    RuleSet,
    Stage,
    Velocity,
)
from scoreline.rules.v1.rules_service_pb2 import (
    ActivateRuleSetRequest,
    CreateRuleRequest,
    RollbackRuleSetRequest,
    UpdateRuleRequest,
    UpdateRuleSetRequest,
    ValidateRuleSetRequest,
)

Effective: TypeAlias = datetime | Literal["all", "now"] | None
"""From which event time on activated rules score: a time, all history, from now on; None: as the rule set's binding
says."""

_IN_WORDS: dict[str, rules_service_pb2.Effective] = {
    "all": rules_service_pb2.EFFECTIVE_ALL_HISTORY,
    "now": rules_service_pb2.EFFECTIVE_NOW,
}


def create_rule(
    event_type: str,
    points: float,
    rule_id: str,
    enabled: bool,
    description: str,
    group: str,
    when: str,
    limits: Sequence[Limit],
    standing: bool,
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
            limits=limits,
            standing=standing,
        )
    )


def update_rule(rule_id: str, etag: str, changes: Mapping[str, Any]) -> UpdateRuleRequest:
    """Changes to what is not None; an empty list of limits takes the rule's away."""
    rule = Rule(rule_id=rule_id, etag=etag)
    return UpdateRuleRequest(rule=rule, update_mask=mask(_set(rule, changes)))


def update_draft(
    description: str | None,
    stages: Sequence[tuple[str, float]] | None,
    bounds: tuple[float | None, float | None] | None,
    groups: Sequence[Group] | None,
    decay: Decay | None,
    grading: Grading | None,
    velocity: Velocity | None,
    risk: Risk | None,
    next_actions: Sequence[NextAction] | None,
    late_events: LateEvents | None,
    binding: Binding | None,
    tests: Sequence[GoldenTest] | None,
    engagement_group: str | None,
    etag: str,
) -> UpdateRuleSetRequest:
    """Changes to what is not None. An empty message takes the draft's away."""
    rule_set = RuleSet(etag=etag)
    changes: dict[str, Any] = {
        "description": description,
        "stages": None
        if stages is None
        else [Stage(name=name, min_score=least) for name, least in stages],
        "bounds": None if bounds is None else Bounds(min_score=bounds[0], max_score=bounds[1]),
        "groups": groups,
        "grading": grading,
        "velocity": velocity,
        "risk": risk,
        "next_actions": next_actions,
        "late_events": late_events,
        "binding": binding,
        "tests": tests,
        "engagement_group": engagement_group,
        "decay": decay,
    }
    return UpdateRuleSetRequest(rule_set=rule_set, update_mask=mask(_set(rule_set, changes)))


def validate(
    version: int | None, rule_set: RuleSet | None, yaml: str | None
) -> ValidateRuleSetRequest:
    """What to check. Raises ValueError unless it is one thing."""
    if sum(one is not None for one in (version, rule_set, yaml)) > 1:
        raise ValueError("check one of version, rule_set and yaml")
    if rule_set is not None:
        return ValidateRuleSetRequest(rule_set=rule_set)
    if yaml is not None:
        return ValidateRuleSetRequest(yaml=yaml)
    return ValidateRuleSetRequest(version=version or 0)


def activate(version: int, etag: str, effective: Effective) -> ActivateRuleSetRequest:
    """Which version to put in force."""
    time, in_words = _effective(effective)
    return ActivateRuleSetRequest(
        version=version, etag=etag, effective_time=time, effective=in_words
    )


def rollback(version: int, effective: Effective) -> RollbackRuleSetRequest:
    """Which version to put back."""
    time, in_words = _effective(effective)
    return RollbackRuleSetRequest(version=version, effective_time=time, effective=in_words)


def _effective(
    effective: Effective,
) -> tuple[Timestamp | None, rules_service_pb2.Effective | None]:
    if effective is None:
        return None, None
    if isinstance(effective, datetime):
        return stamp(effective), None
    if effective not in _IN_WORDS:
        raise ValueError(f"no such time: {effective!r}; there are all, now and datetimes")
    return None, _IN_WORDS[effective]


def _set(message: Message, changes: Mapping[str, Any]) -> list[str]:
    """Set what is not None; the names of what was."""
    paths = [name for name, value in changes.items() if value is not None]
    for name in paths:
        value = changes[name]
        if message.DESCRIPTOR.fields_by_name[name].is_repeated:
            getattr(message, name).extend(value)
        elif not isinstance(value, Message):
            setattr(message, name, value)
        elif value.ByteSize() or isinstance(value, Bounds):
            getattr(message, name).CopyFrom(value)
    return paths
