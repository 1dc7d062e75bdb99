"""Rule sets that come with a call, and not from the rules service: completed as that would, and held to what the fold
takes for granted. `RulesService.ValidateRuleSet` says much more; this is enough for no rule set to be wrong here, or
endless work. Limits are those of protos/scoreline/rules/v1/rule_set.proto."""

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.rules.v1 import rule_set_pb2
from services.scoring import conditions, rule_conversion
from services.scoring.domain.model import ANY_TYPE, RuleSet
from services.shared import structs
from services.shared.cel import InvalidExpression
from services.shared.cel_budget import LOOK, Spent, overspent
from services.shared.errors import LimitExceeded, Violations

RULES_MAX = 500
TEXT_BYTES_MAX = 512 * 1024
TEXT_CHARACTERS_MAX = 1_024
"""Of any one text: descriptions, conditions and keys are the longest."""

SCORE_MAX = 1_000_000_000
"""Of any amount of points but a rule's."""

POINTS_MAX = 1_000_000

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
LONGEST_S = 3_650 * DAY_S

_COUNTS_MAX = {
    "stages": 32,
    "groups": 32,
    "next_actions": 32,
    "limits": 4,
    "high_event_types": 32,
    "fit_grades": 8,
    "engagement_grades": 8,
    "tests": 50,
    "events": 100,
}
"""Of repeated fields, by name."""

_EVENT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,63}")
_SEPARATORS = re.compile(r"[ _.-]+")
_ANY_EVENT = "any_event"


def event_type(written: str, field: str, violations: Violations) -> str:
    """An event type in the normal form events have (events.v1.Event.type)."""
    if not _EVENT_TYPE.fullmatch(written):
        violations.add(
            field,
            "must be 1 to 64 characters: a letter (a-z) first, then letters, digits, spaces, `_`, `-` or `.`",
        )
        return ""
    return _SEPARATORS.sub("_", written).rstrip("_").lower()


def rule_set(
    message: rule_set_pb2.RuleSet, field: str, violations: Violations
) -> tuple[rule_set_pb2.RuleSet, RuleSet | None]:
    """A rule set as it would be stored, and as the domain has it; None when something is wrong with it, which is noted.
    Raises LimitExceeded."""
    if len(message.rules) > RULES_MAX:
        raise LimitExceeded(f"a rule set has at most {RULES_MAX} rules", RULES_MAX)
    if _text_bytes(message) > TEXT_BYTES_MAX:
        raise LimitExceeded(
            f"the texts of a rule set take at most {TEXT_BYTES_MAX} bytes", TEXT_BYTES_MAX
        )
    found = Violations()
    complete = _completed(message, f"{field}.rules", found)
    _check_values(complete, field, found)
    if not found.found:
        _check_parts(complete, field, found)
    converted = None
    if not found.found:
        try:
            converted = rule_conversion.rule_set(complete)
        except rule_conversion.InvalidRuleSet as error:
            found.add(field, str(error))
        except InvalidExpression:
            _note_faults(complete, field, found)
    if converted is not None:
        for place, problem in overspent(_spent(complete)):
            found.add(f"{field}.{place}", problem)
    violations.found += found.found
    return complete, None if found.found else converted


def _completed(
    message: rule_set_pb2.RuleSet, field: str, violations: Violations
) -> rule_set_pb2.RuleSet:
    complete = rule_set_pb2.RuleSet()
    complete.CopyFrom(message)
    for index, rule in enumerate(complete.rules):
        if rule.event_type != ANY_TYPE:
            rule.event_type = event_type(
                rule.event_type, f"{field}[{index}].event_type", violations
            )
        rule.rule_id = rule.rule_id or (
            _ANY_EVENT if rule.event_type == ANY_TYPE else rule.event_type
        )
        if not rule.HasField("enabled"):
            rule.enabled = True
    return complete


def _text_bytes(message: Message) -> int:
    total = 0
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else (value,):
            if isinstance(one, str):
                total += len(one.encode())
            elif isinstance(one, Struct):
                total += one.ByteSize()
            elif isinstance(one, Message):
                total += _text_bytes(one)
    return total


def _check_values(message: Message, path: str, violations: Violations) -> None:
    """What holds for values by their type, wherever they are."""
    for descriptor, value in message.ListFields():
        field = f"{path}.{descriptor.name}"
        if not descriptor.is_repeated:
            _check_value(value, field, violations)
            continue
        most = _COUNTS_MAX.get(descriptor.name)
        if most is not None and len(value) > most:
            violations.add(field, f"must be at most {most}, are {len(value)}")
            continue
        for index, one in enumerate(value):
            _check_value(one, f"{field}[{index}]", violations)


def _check_value(value: Any, field: str, violations: Violations) -> None:
    if isinstance(value, Duration):
        if not 0 <= _seconds(value) <= LONGEST_S:
            violations.add(field, "must be between 0 and 3,650 days")
    elif isinstance(value, Struct):
        if problem := structs.problem(value):
            violations.add(field, problem)
    elif isinstance(value, Message):
        if not isinstance(value, Timestamp):
            _check_values(value, field, violations)
    elif isinstance(value, float):
        if not (math.isfinite(value) and abs(value) <= SCORE_MAX):
            violations.add(field, f"must be between -{SCORE_MAX:,} and {SCORE_MAX:,}")
    elif isinstance(value, str) and (len(value) > TEXT_CHARACTERS_MAX or "\x00" in value):
        violations.add(field, f"must be at most {TEXT_CHARACTERS_MAX} characters, none of them NUL")


def _check_parts(message: rule_set_pb2.RuleSet, field: str, violations: Violations) -> None:
    """What holds for parts, and between them."""
    groups = [group.name for group in message.groups]
    _check_unique((rule.rule_id for rule in message.rules), f"{field}.rules", violations)
    _check_unique((stage.name for stage in message.stages), f"{field}.stages", violations)
    _check_unique(groups, f"{field}.groups", violations)
    for index, rule in enumerate(message.rules):
        _check_rule(rule, groups, f"{field}.rules[{index}]", violations)
    if any(
        not one.min_score < other.min_score for one, other in itertools.pairwise(message.stages)
    ):
        violations.add(f"{field}.stages", "must be in ascending order of min_score")
    _check_bounds(message.bounds, f"{field}.bounds", violations)
    _check_decay(message, f"{field}.decay", violations)
    for index, group in enumerate(message.groups):
        place = f"{field}.groups[{index}]"
        _check_bounds(group.bounds, f"{place}.bounds", violations)
        if group.bounds.min_score > 0 or (
            group.bounds.HasField("max_score") and group.bounds.max_score < 0
        ):
            violations.add(f"{place}.bounds", "must have 0 within them")
        _check_decay(group, f"{place}.decay", violations)
    if message.HasField("grading"):
        for name in ("fit_grades", "engagement_grades"):
            grades = getattr(message.grading, name)
            descending = all(a.min_score > b.min_score for a, b in itertools.pairwise(grades))
            if not grades or not descending:
                violations.add(
                    f"{field}.grading.{name}", "must be 1 to 8 in descending order of min_score"
                )
    if message.HasField("velocity"):
        _check_velocity(message.velocity, f"{field}.velocity", violations)
    risk = message.risk
    both = risk.HasField("medium_after") and risk.HasField("high_after")
    if both and _seconds(risk.high_after) < _seconds(risk.medium_after):
        violations.add(f"{field}.risk.high_after", "must not be less than medium_after")
    for index, action in enumerate(message.next_actions):
        if not action.action:
            violations.add(f"{field}.next_actions[{index}].action", "is required")


def _check_rule(
    rule: rule_set_pb2.Rule, groups: list[str], field: str, violations: Violations
) -> None:
    if abs(rule.points) > POINTS_MAX:
        violations.add(f"{field}.points", f"must be between -{POINTS_MAX:,} and {POINTS_MAX:,}")
    if rule.group and rule.group not in groups:
        violations.add(f"{field}.group", "is no group of the rule set")
    if rule.standing and (not rule.when or rule.limits or rule.event_type != ANY_TYPE):
        violations.add(
            f"{field}.standing", f"needs a condition, the event type `{ANY_TYPE}` and no limits"
        )
    for index, limit in enumerate(rule.limits):
        if not 1 <= limit.count <= 1_000:
            violations.add(f"{field}.limits[{index}].count", "must be 1 to 1,000")
        if limit.HasField("window") and _seconds(limit.window) < 1:
            violations.add(f"{field}.limits[{index}].window", "must be at least 1 second")


def _check_bounds(bounds: rule_set_pb2.Bounds, field: str, violations: Violations) -> None:
    both = bounds.HasField("min_score") and bounds.HasField("max_score")
    if both and bounds.min_score > bounds.max_score:
        violations.add(field, "must have a min_score that is not greater than max_score")


def _check_decay(
    owner: rule_set_pb2.RuleSet | rule_set_pb2.Group, field: str, violations: Violations
) -> None:
    """Steps are walked one by one: an hour is the least between two of them."""
    if not owner.HasField("decay"):
        return
    kind = owner.decay.WhichOneof("kind")
    if kind is None:
        violations.add(field, "needs a kind")
        return
    decay, place = getattr(owner.decay, kind), f"{field}.{kind}"
    if kind != "half_life" and _seconds(decay.every) < HOUR_S:
        violations.add(f"{place}.every", "must be at least 1 hour")
    if kind == "half_life" and not 1 <= decay.days <= 3_650:
        violations.add(f"{place}.days", "must be 1 to 3,650")
    if kind == "idle_factor" and not 0 <= decay.factor < 1:
        violations.add(f"{place}.factor", "must be from 0 to less than 1")
    if kind == "idle_amount" and decay.points < 0.001:
        violations.add(f"{place}.points", "must be at least 0.001")
    if kind == "contribution":
        if not 1 <= decay.percent <= 100:
            violations.add(f"{place}.percent", "must be 1 to 100")
        if _seconds(decay.gone_after) < _seconds(decay.every):
            violations.add(f"{place}.gone_after", "must not be less than every")


def _check_velocity(velocity: rule_set_pb2.Velocity, field: str, violations: Violations) -> None:
    if not HOUR_S <= _seconds(velocity.window) <= 30 * DAY_S:
        violations.add(f"{field}.window", "must be between 1 hour and 30 days")
    kind = velocity.WhichOneof("measure")
    if kind == "per_event" and not 0.001 <= velocity.per_event <= 1_000:
        violations.add(f"{field}.per_event", "must be between 0.001 and 1,000")
    if kind is None or (kind == "saturating" and not velocity.saturating):
        violations.add(field, "needs a measure: per_event, or saturating")


def _check_unique(names: Iterator[str] | list[str], field: str, violations: Violations) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            violations.add(f"{field}[{index}]", "needs a name")
        elif name in seen:
            violations.add(f"{field}[{index}]", f"has the same name as another: {name}")
        seen.add(name)


def _note_faults(message: rule_set_pb2.RuleSet, field: str, violations: Violations) -> None:
    """Which expressions don't compile, and why."""
    for place, _, kind, source in _expressions(message):
        try:
            kind.compiled(source)
        except InvalidExpression as error:
            violations.add(f"{field}.{place}", str(error))


def _spent(message: rule_set_pb2.RuleSet) -> Iterator[Spent]:
    for place, event_type, kind, source in _expressions(message):
        yield Spent(place, event_type, kind.cost(source))


def _expressions(
    message: rule_set_pb2.RuleSet,
) -> Iterator[tuple[str, str, conditions.Kind, str]]:
    """Path, event type (LOOK for next actions), kind and source of each."""
    for index, rule in enumerate(message.rules):
        if rule.when:
            yield f"rules[{index}].when", rule.event_type, conditions.CONDITION, rule.when
        for number, limit in enumerate(rule.limits):
            if limit.key:
                path = f"rules[{index}].limits[{number}].key"
                yield path, rule.event_type, conditions.KEY, limit.key
    if message.velocity.when:
        yield "velocity.when", ANY_TYPE, conditions.CONDITION, message.velocity.when
    for index, action in enumerate(message.next_actions):
        if action.when:
            yield f"next_actions[{index}].when", LOOK, conditions.SITUATION, action.when


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1_000_000_000
