"""Requests into the domain. They are checked with the domain's checks: every fault of a request is said at once."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules.conditions import EXPRESSIONS
from services.rules.domain import checks, group_checks
from services.rules.domain.checks import BoundsInput, LimitInput, Problems, StageInput
from services.rules.domain.editing import NO_CHANGE, RuleChanges, RuleSetChanges
from services.rules.domain.group_checks import (
    ContributionInput,
    DecayInput,
    GroupInput,
    HalfLifeInput,
    IdleAmountInput,
    IdleFactorInput,
    UnknownDecayInput,
)
from services.rules.domain.model import Bounds, Decay, Limit, Rule
from services.shared.errors import InvalidFields, Violation

RULE_FIELDS = ("event_type", "points", "enabled", "description", "group", "when", "limit")
"""What UpdateRule changes."""

RULE_SET_FIELDS = ("description", "stages", "bounds", "groups", "decay")
"""What UpdateRuleSet changes."""

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

_NANOSECONDS = 1_000_000_000
"""In a second."""


def new_rule(request: pb.CreateRuleRequest) -> Rule:
    """The rule to add. Raises InvalidFields."""
    written = request.rule
    problems = Problems()
    kind = checks.event_type(written.event_type, "rule.event_type", problems)
    rule = Rule(
        rule_id=checks.rule_id(written.rule_id, kind, "rule.rule_id", problems),
        event_type=kind,
        points_milli=checks.points(written.points, "rule.points", problems),
        enabled=_enabled(written),
        description=checks.description(written.description, "rule.description", problems),
        group=checks.group_of_rule(written.group, "rule.group", problems),
        when=_when(written, problems),
        limit=_limit(written, problems),
    )
    _raise_if_any(problems)
    return rule


def rule_changes(request: pb.UpdateRuleRequest) -> RuleChanges:
    """What to change in the rule. Raises InvalidFields."""
    written = request.rule
    problems = Problems()
    if not written.rule_id:
        problems.note("rule.rule_id", "is required")
    set_fields = {
        "event_type": bool(written.event_type),
        "points": bool(written.points),
        "enabled": written.HasField("enabled"),
        "description": bool(written.description),
        "group": bool(written.group),
        "when": bool(written.when),
        "limit": written.HasField("limit"),
    }
    chosen = _chosen(request.update_mask, RULE_FIELDS, set_fields, problems)
    changes = RuleChanges(
        event_type=(
            checks.event_type(written.event_type, "rule.event_type", problems)
            if "event_type" in chosen
            else None
        ),
        points_milli=(
            checks.points(written.points, "rule.points", problems) if "points" in chosen else None
        ),
        enabled=_enabled(written) if "enabled" in chosen else None,
        description=(
            checks.description(written.description, "rule.description", problems)
            if "description" in chosen
            else None
        ),
        group=(
            checks.group_of_rule(written.group, "rule.group", problems)
            if "group" in chosen
            else None
        ),
        when=_when(written, problems) if "when" in chosen else None,
        limit=_limit(written, problems) if "limit" in chosen else NO_CHANGE,
    )
    _raise_if_any(problems)
    return changes


def rule_set_changes(request: pb.UpdateRuleSetRequest) -> RuleSetChanges:
    """What to change in the draft. Raises InvalidFields."""
    written = request.rule_set
    problems = Problems()
    set_fields = {
        "description": bool(written.description),
        "stages": bool(written.stages),
        "bounds": written.HasField("bounds"),
        "groups": bool(written.groups),
        "decay": written.HasField("decay"),
    }
    chosen = _chosen(request.update_mask, RULE_SET_FIELDS, set_fields, problems)
    stages = [StageInput(stage.name, stage.min_score) for stage in written.stages]
    groups = [_group_input(group) for group in written.groups]
    changes = RuleSetChanges(
        description=(
            checks.description(written.description, "rule_set.description", problems)
            if "description" in chosen
            else None
        ),
        stages=(checks.stages(stages, "rule_set.stages", problems) if "stages" in chosen else None),
        bounds=_new_bounds(written, problems) if "bounds" in chosen else NO_CHANGE,
        groups=(
            group_checks.groups(groups, "rule_set.groups", problems) if "groups" in chosen else None
        ),
        decay=_new_decay(written, problems) if "decay" in chosen else NO_CHANGE,
    )
    _raise_if_any(problems)
    return changes


def version(number: int, field: str) -> int:
    """A version a caller asks for; 0 is the newest. Raises InvalidFields."""
    if number < 0:
        raise InvalidFields([Violation(field, "must be 0 (the newest) or a version's number")])
    return number


def _enabled(written: rule_set_pb2.Rule) -> bool:
    return written.enabled if written.HasField("enabled") else True


def _when(written: rule_set_pb2.Rule, problems: Problems) -> str:
    return checks.expression(written.when, EXPRESSIONS.condition, "rule.when", problems)


def _limit(written: rule_set_pb2.Rule, problems: Problems) -> Limit | None:
    if not written.HasField("limit"):
        return None
    limit = written.limit
    window_ns = _nanoseconds(limit.window) if limit.HasField("window") else None
    return checks.limit(
        LimitInput(limit.count, window_ns, limit.key), EXPRESSIONS, "rule.limit", problems
    )


def _new_bounds(written: rule_set_pb2.RuleSet, problems: Problems) -> Bounds | None:
    if not written.HasField("bounds"):
        return None
    return checks.bounds(_bounds_input(written.bounds), "rule_set.bounds", problems)


def _new_decay(written: rule_set_pb2.RuleSet, problems: Problems) -> Decay | None:
    decay = _decay_input(written.decay) if written.HasField("decay") else None
    return group_checks.decay(decay, "rule_set.decay", problems)


def _bounds_input(bounds: rule_set_pb2.Bounds) -> BoundsInput:
    return BoundsInput(
        bounds.min_score if bounds.HasField("min_score") else None,
        bounds.max_score if bounds.HasField("max_score") else None,
    )


def _group_input(group: rule_set_pb2.Group) -> GroupInput:
    return GroupInput(
        group.name,
        _bounds_input(group.bounds) if group.HasField("bounds") else None,
        _decay_input(group.decay) if group.HasField("decay") else None,
    )


def _decay_input(decay: rule_set_pb2.Decay) -> DecayInput:
    match decay.WhichOneof("kind"):
        case "idle_factor":
            factor = decay.idle_factor
            return IdleFactorInput(
                _nanoseconds(factor.after_idle), _nanoseconds(factor.every), factor.factor
            )
        case "idle_amount":
            amount = decay.idle_amount
            return IdleAmountInput(
                _nanoseconds(amount.after_idle),
                _nanoseconds(amount.every),
                amount.points,
                amount.floor,
            )
        case "contribution":
            contribution = decay.contribution
            return ContributionInput(
                _nanoseconds(contribution.every),
                contribution.percent,
                _nanoseconds(contribution.gone_after),
            )
        case "half_life":
            return HalfLifeInput(decay.half_life.days)
        case _:
            return UnknownDecayInput()


def _nanoseconds(duration: Duration) -> int:
    return duration.seconds * _NANOSECONDS + duration.nanos


def _chosen(
    mask: FieldMask, known: Sequence[str], set_fields: dict[str, bool], problems: Problems
) -> set[str]:
    """The fields to change: those of the mask, or without one those that are set."""
    paths = set(mask.paths)
    if not paths:
        chosen = {field for field, is_set in set_fields.items() if is_set}
        if not chosen:
            problems.note("update_mask", f"says nothing to change: name any of {_names(known)}")
        return chosen
    if paths == {EVERYTHING}:
        return set(known)
    for path in sorted(paths - set(known)):
        problems.note("update_mask", f"{path!r} can't be changed; what can is {_names(known)}")
    return paths & set(known)


def _names(fields: Sequence[str]) -> str:
    return ", ".join(f"`{field}`" for field in fields)


def _raise_if_any(problems: Problems) -> None:
    if problems.found:
        raise InvalidFields([Violation(field, text) for field, text in problems.found])
