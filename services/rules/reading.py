"""A rule set as the contract has it, into the domain: checked with the domain's checks, every fault noted under its
path. What a request asks to be done with it is in requests.py."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from scoreline.rules.v1 import rule_set_pb2 as pb
from services.rules.conditions import EXPRESSIONS
from services.rules.domain import checks, errors, golden_checks, group_checks, profile_checks
from services.rules.domain.checks import BoundsInput, LimitInput, Problems, StageInput
from services.rules.domain.golden import GoldenTest
from services.rules.domain.golden_checks import (
    ExpectationInput,
    GoldenEventInput,
    GoldenTestInput,
)
from services.rules.domain.group_checks import (
    ContributionInput,
    DecayInput,
    GroupInput,
    HalfLifeInput,
    IdleAmountInput,
    IdleFactorInput,
    UnknownDecayInput,
)
from services.rules.domain.model import (
    Binding,
    Bounds,
    Content,
    Decay,
    Grading,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Risk,
    Rule,
    Stage,
    Velocity,
)
from services.rules.domain.profile_checks import (
    GradeInput,
    GradingInput,
    NextActionInput,
    RiskInput,
    VelocityInput,
)
from services.rules.domain.size import RULES_MAX
from services.shared import structs

_NANOSECONDS = 1_000_000_000
"""In a second."""

LATE_EVENTS = {
    pb.LATE_EVENTS_UNSPECIFIED: LateEvents.REPLAY,
    pb.LATE_EVENTS_REPLAY: LateEvents.REPLAY,
    pb.LATE_EVENTS_APPLY_ON_ARRIVAL: LateEvents.APPLY_ON_ARRIVAL,
    pb.LATE_EVENTS_DISCARD_AND_AUDIT: LateEvents.DISCARD_AND_AUDIT,
}

BINDINGS = {
    pb.BINDING_UNSPECIFIED: Binding.CURRENT,
    pb.BINDING_CURRENT: Binding.CURRENT,
    pb.BINDING_AT_EVENT_TIME: Binding.AT_EVENT_TIME,
    pb.BINDING_AT_PROCESSING: Binding.AT_PROCESSING,
}


def content(written: pb.RuleSet, prefix: str, problems: Problems) -> Content:
    """The whole of a rule set; what is output only is ignored. `prefix` stands before every path. Raises TooManyRules
    before any of them is looked at."""
    if len(written.rules) > RULES_MAX:
        raise errors.TooManyRules(str(RULES_MAX))
    rules = _rules(written, f"{prefix}rules", problems)
    parts = {name: read(written, f"{prefix}{name}", problems) for name, read in PARTS.items()}
    return Content(rules=rules, **parts)


def _rules(written: pb.RuleSet, field: str, problems: Problems) -> tuple[Rule, ...]:
    read: list[Rule] = []
    there: set[str] = set()
    for index, one in enumerate(written.rules):
        path = f"{field}[{index}]."
        rule = new_rule(one, path, problems)
        if rule.rule_id in there:
            derived = "" if one.rule_id else ": give the rule an id of its own"
            problems.note(f"{path}rule_id", f"`{rule.rule_id}` is there already{derived}")
        if rule.rule_id:
            there.add(rule.rule_id)
        read.append(rule)
    return tuple(read)


def new_rule(written: pb.Rule, prefix: str, problems: Problems) -> Rule:
    """A rule, checked as a whole too where its parts are right."""
    before = len(problems.found)
    kind = checks.event_type(written.event_type, f"{prefix}event_type", problems)
    rule = Rule(
        rule_id=checks.rule_id(written.rule_id, kind, f"{prefix}rule_id", problems),
        event_type=kind,
        points_milli=checks.points(written.points, f"{prefix}points", problems),
        enabled=enabled(written),
        description=checks.description(written.description, f"{prefix}description", problems),
        group=checks.group_of_rule(written.group, f"{prefix}group", problems),
        when=when(written, prefix, problems),
        limits=limits(written, prefix, problems),
        standing=written.standing,
    )
    if len(problems.found) == before:
        checks.standing(rule, EXPRESSIONS, prefix, problems)
    return rule


def enabled(written: pb.Rule) -> bool:
    """Whether it applies: a rule that does not say is enabled."""
    return written.enabled if written.HasField("enabled") else True


def when(written: pb.Rule, prefix: str, problems: Problems) -> str:
    """A rule's condition."""
    return checks.expression(written.when, EXPRESSIONS.condition, f"{prefix}when", problems)


def limits(written: pb.Rule, prefix: str, problems: Problems) -> tuple[Limit, ...]:
    """A rule's limits."""
    inputs = [
        LimitInput(limit.count, _optional_ns(limit, "window"), limit.key)
        for limit in written.limits
    ]
    return checks.limits(inputs, EXPRESSIONS, f"{prefix}limits", problems)


def _description(written: pb.RuleSet, field: str, problems: Problems) -> str:
    return checks.description(written.description, field, problems)


def _stages(written: pb.RuleSet, field: str, problems: Problems) -> tuple[Stage, ...]:
    stages = [StageInput(stage.name, stage.min_score) for stage in written.stages]
    return checks.stages(stages, field, problems)


def _bounds(written: pb.RuleSet, field: str, problems: Problems) -> Bounds | None:
    if not written.HasField("bounds"):
        return None
    return checks.bounds(_bounds_input(written.bounds), field, problems)


def _groups(written: pb.RuleSet, field: str, problems: Problems) -> tuple[Group, ...]:
    groups = [
        GroupInput(
            group.name,
            _bounds_input(group.bounds) if group.HasField("bounds") else None,
            _decay_input(group.decay) if group.HasField("decay") else None,
        )
        for group in written.groups
    ]
    return group_checks.groups(groups, field, problems)


def _decay(written: pb.RuleSet, field: str, problems: Problems) -> Decay | None:
    decay = _decay_input(written.decay) if written.HasField("decay") else None
    return group_checks.decay(decay, field, problems)


def _grading(written: pb.RuleSet, field: str, problems: Problems) -> Grading | None:
    if not written.HasField("grading"):
        return None
    grading = written.grading
    made = GradingInput(
        grading.fit_group,
        [GradeInput(grade.name, grade.min_score) for grade in grading.fit_grades],
        grading.engagement_group,
        [GradeInput(grade.name, grade.min_score) for grade in grading.engagement_grades],
    )
    return profile_checks.grading(made, field, problems)


def _velocity(written: pb.RuleSet, field: str, problems: Problems) -> Velocity | None:
    if not written.HasField("velocity"):
        return None
    velocity = written.velocity
    made = VelocityInput(
        _nanoseconds(velocity.window),
        velocity.per_event if velocity.HasField("per_event") else None,
        velocity.saturating if velocity.HasField("saturating") else None,
        velocity.when,
    )
    return profile_checks.velocity(made, EXPRESSIONS, field, problems)


def _risk(written: pb.RuleSet, field: str, problems: Problems) -> Risk | None:
    if not written.HasField("risk"):
        return None
    risk = written.risk
    made = RiskInput(
        _optional_ns(risk, "medium_after"),
        _optional_ns(risk, "high_after"),
        risk.high_event_types,
        _optional_ns(risk, "high_for"),
    )
    return profile_checks.risk(made, field, problems)


def _next_actions(written: pb.RuleSet, field: str, problems: Problems) -> tuple[NextAction, ...]:
    made = [NextActionInput(one.when, one.action) for one in written.next_actions]
    return profile_checks.next_actions(made, EXPRESSIONS, field, problems)


def _late_events(written: pb.RuleSet, field: str, problems: Problems) -> LateEvents:
    if written.late_events not in LATE_EVENTS:
        problems.note(field, "is not a policy for late events there is")
    return LATE_EVENTS.get(written.late_events, LateEvents.REPLAY)


def _binding(written: pb.RuleSet, field: str, problems: Problems) -> Binding:
    if written.binding not in BINDINGS:
        problems.note(field, "is not a binding there is")
    return BINDINGS.get(written.binding, Binding.CURRENT)


def _tests(written: pb.RuleSet, field: str, problems: Problems) -> tuple[GoldenTest, ...]:
    made = [
        GoldenTestInput(
            test.name,
            [
                GoldenEventInput(
                    event.type,
                    _optional_ns(event, "at"),
                    structs.to_dict(event.properties),
                    structs.problem(event.properties),
                    event.event_id,
                )
                for event in test.events
            ],
            _optional_ns(test, "after"),
            _expectation_input(test.expected),
        )
        for test in written.tests
    ]
    return golden_checks.tests(made, field, problems)


def _engagement_group(written: pb.RuleSet, field: str, problems: Problems) -> str:
    return checks.group_of_rule(written.engagement_group, field, problems)


PARTS: dict[str, Callable[[pb.RuleSet, str, Problems], Any]] = {
    "description": _description,
    "stages": _stages,
    "bounds": _bounds,
    "groups": _groups,
    "decay": _decay,
    "grading": _grading,
    "velocity": _velocity,
    "risk": _risk,
    "next_actions": _next_actions,
    "late_events": _late_events,
    "binding": _binding,
    "tests": _tests,
    "engagement_group": _engagement_group,
}
"""How each part of a rule set but its rules is read, by its name in the contract and in the domain."""


def _bounds_input(bounds: pb.Bounds) -> BoundsInput:
    return BoundsInput(
        bounds.min_score if bounds.HasField("min_score") else None,
        bounds.max_score if bounds.HasField("max_score") else None,
    )


def _decay_input(decay: pb.Decay) -> DecayInput:
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


def _expectation_input(expected: pb.GoldenExpectation) -> ExpectationInput:
    names: Sequence[str] = ("score", "stage", "grade", "velocity", "risk", "next_action")
    return ExpectationInput(
        **{name: getattr(expected, name) if expected.HasField(name) else None for name in names}
    )


def _optional_ns(message: Message, field: str) -> int | None:
    return _nanoseconds(getattr(message, field)) if message.HasField(field) else None


def _nanoseconds(duration: Duration) -> int:
    return duration.seconds * _NANOSECONDS + duration.nanos
