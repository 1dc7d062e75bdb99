"""Requests into the domain. They are checked with the domain's checks: every fault of a request is said at once. How
the parts of a rule set are read is in reading.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import convert, errors, reading, yaml_reading
from services.rules.conditions import EXPRESSIONS, costly
from services.rules.domain import activation, checks
from services.rules.domain.activation import Effective
from services.rules.domain.checks import Problems
from services.rules.domain.editing import RuleChanges, RuleSetChanges
from services.rules.domain.errors import LIMITS, EditRefused
from services.rules.domain.inspection import Finding
from services.rules.domain.model import ALL_HISTORY, Content, Rule
from services.shared.errors import InvalidFields, Violation
from services.shared.times import to_datetime

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

_RULE_PARTS: dict[str, tuple[str, Callable[[rule_set_pb2.Rule, Problems], Any]]] = {
    "event_type": (
        "event_type",
        lambda rule, problems: checks.event_type(rule.event_type, "rule.event_type", problems),
    ),
    "points": (
        "points_milli",
        lambda rule, problems: checks.points(rule.points, "rule.points", problems),
    ),
    "enabled": ("enabled", lambda rule, _: reading.enabled(rule)),
    "description": (
        "description",
        lambda rule, problems: checks.description(rule.description, "rule.description", problems),
    ),
    "group": (
        "group",
        lambda rule, problems: checks.group_of_rule(rule.group, "rule.group", problems),
    ),
    "when": ("when", lambda rule, problems: reading.when(rule, "rule.", problems)),
    "limits": ("limits", lambda rule, problems: reading.limits(rule, "rule.", problems)),
    "standing": ("standing", lambda rule, _: rule.standing),
}
"""What UpdateRule changes: each field's name in the domain, and how it is read."""


def new_rule(request: pb.CreateRuleRequest) -> Rule:
    """The rule to add. Raises InvalidFields."""
    problems = Problems()
    rule = reading.new_rule(request.rule, "rule.", problems)
    _raise_if_any(problems)
    return rule


def rule_changes(request: pb.UpdateRuleRequest) -> RuleChanges:
    """What to change in the rule. Raises InvalidFields."""
    written = request.rule
    problems = Problems()
    if not written.rule_id:
        problems.note("rule.rule_id", "is required")
    chosen = _chosen(request.update_mask, tuple(_RULE_PARTS), written, problems)
    changes = RuleChanges(
        **{
            name: read(written, problems)
            for field, (name, read) in _RULE_PARTS.items()
            if field in chosen
        }
    )
    _raise_if_any(problems)
    return changes


def check_whole_rule(rule: Rule) -> None:
    """Raises InvalidFields where the parts of a changed rule do not go together."""
    problems = Problems()
    checks.standing(rule, EXPRESSIONS, "rule.", problems)
    _raise_if_any(problems)


def rule_set_changes(request: pb.UpdateRuleSetRequest) -> RuleSetChanges:
    """What to change in the draft. Raises InvalidFields."""
    written = request.rule_set
    problems = Problems()
    chosen = _chosen(request.update_mask, tuple(reading.PARTS), written, problems)
    changes = RuleSetChanges(
        **{
            name: read(written, f"rule_set.{name}", problems)
            for name, read in reading.PARTS.items()
            if name in chosen
        }
    )
    _raise_if_any(problems)
    return changes


def whole_rule_set(request: pb.CreateRuleSetRequest) -> Content:
    """What the draft is to say. Raises InvalidFields, LimitExceeded."""
    problems = Problems()
    with errors.for_the_caller():
        content = reading.content(request.rule_set, "rule_set.", problems)
    _raise_if_any(problems)
    _check_cost(content, "rule_set.")
    return content


def imported_rule_set(request: pb.ImportRuleSetRequest) -> Content:
    """What the draft is to say. Raises InvalidFields, with paths in the text; LimitExceeded."""
    problems = Problems()
    with errors.for_the_caller():
        _, content = yaml_reading.content(request.yaml, problems)
    _raise_if_any(problems)
    _check_cost(content, "")
    return content


@dataclass(frozen=True, slots=True)
class Read:
    """A rule set as it was read to be validated."""

    message: rule_set_pb2.RuleSet | None
    """None where it could not be read."""
    content: Content
    """Of what could not be read, nothing."""
    faults: Sequence[Finding] = ()


def to_validate(request: pb.ValidateRuleSetRequest) -> Read:
    """The rule set that was sent, with its faults: they are an answer here. Raises InvalidFields where nothing was."""
    problems = Problems()
    message: rule_set_pb2.RuleSet | None = None
    try:
        match request.WhichOneof("source"):
            case "rule_set":
                message = request.rule_set
                content = reading.content(message, "", problems)
            case "yaml":
                message, content = yaml_reading.content(request.yaml, problems)
            case _:
                problems.note("source", "is required: one of version, rule_set and yaml")
                _raise_if_any(problems)
    except EditRefused as error:
        content = Content()
        problems.note("rules", LIMITS[type(error)].format(limit=str(error)))
    if not problems.found:
        message = convert.content_message(content)
    return Read(message, content, problems.found)


def version(number: int, field: str) -> int:
    """A version a caller asks for; 0 is the newest. Raises InvalidFields."""
    if number < 0:
        raise InvalidFields([Violation(field, "must be 0 (the newest) or a version's number")])
    return number


def effective(request: pb.ActivateRuleSetRequest | pb.RollbackRuleSetRequest) -> Effective:
    """From when on the rules are to score. Raises InvalidFields."""
    wanted = request.effective
    if request.HasField("effective_time"):
        if wanted != pb.EFFECTIVE_UNSPECIFIED:
            raise InvalidFields([Violation("effective", "must be absent beside effective_time")])
        return Effective(_effective_time(request))
    if wanted == pb.EFFECTIVE_ALL_HISTORY:
        return activation.ALL
    if wanted == pb.EFFECTIVE_NOW:
        return activation.NOW
    if wanted != pb.EFFECTIVE_UNSPECIFIED:
        raise InvalidFields([Violation("effective", "is not a value there is")])
    return activation.AS_BOUND


_NANOS_MAX = 999_999_999


def _effective_time(request: pb.ActivateRuleSetRequest | pb.RollbackRuleSetRequest) -> datetime:
    stamp = request.effective_time
    latest = datetime.max.replace(tzinfo=UTC)
    in_range = ALL_HISTORY.timestamp() <= stamp.seconds <= latest.timestamp()
    if not in_range or not 0 <= stamp.nanos <= _NANOS_MAX:
        raise InvalidFields([Violation("effective_time", "must be between 1970 and 9999")])
    return to_datetime(stamp)


def _chosen(
    mask: FieldMask, known: Sequence[str], written: Message, problems: Problems
) -> set[str]:
    """The fields to change: those of the mask, or without one those that are set."""
    paths = set(mask.paths)
    if not paths:
        chosen = {field.name for field, _ in written.ListFields()} & set(known)
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


def _check_cost(content: Content, prefix: str) -> None:
    found = costly(content)
    if found:
        raise InvalidFields([Violation(f"{prefix}{field}", text) for field, text in found])


def _raise_if_any(problems: Problems) -> None:
    if problems.found:
        raise InvalidFields([Violation(field, text) for field, text in problems.found])
