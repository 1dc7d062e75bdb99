"""Edits of a draft: each takes a rule set and gives the next revision of it. Who made the draft and where it is kept is
not here, nor what may be in one (checks.py and its neighbours); how large one may grow is in size.py."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from services.rules.domain import errors
from services.rules.domain.golden import GoldenTest
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
    RuleSet,
    Stage,
    State,
    Velocity,
)
from services.rules.domain.size import check_size


@dataclass(frozen=True, slots=True)
class NoChange:
    """Leaves a field as it is."""


NO_CHANGE = NoChange()


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """New values of a rule's fields."""

    event_type: str | NoChange = NO_CHANGE
    points_milli: int | NoChange = NO_CHANGE
    enabled: bool | NoChange = NO_CHANGE
    description: str | NoChange = NO_CHANGE
    group: str | NoChange = NO_CHANGE
    when: str | NoChange = NO_CHANGE
    limits: tuple[Limit, ...] | NoChange = NO_CHANGE
    standing: bool | NoChange = NO_CHANGE


@dataclass(frozen=True, slots=True)
class RuleSetChanges:
    """New values of a rule set's own fields."""

    description: str | NoChange = NO_CHANGE
    stages: tuple[Stage, ...] | NoChange = NO_CHANGE
    bounds: Bounds | NoChange | None = NO_CHANGE
    groups: tuple[Group, ...] | NoChange = NO_CHANGE
    decay: Decay | NoChange | None = NO_CHANGE
    grading: Grading | NoChange | None = NO_CHANGE
    velocity: Velocity | NoChange | None = NO_CHANGE
    risk: Risk | NoChange | None = NO_CHANGE
    next_actions: tuple[NextAction, ...] | NoChange = NO_CHANGE
    late_events: LateEvents | NoChange = NO_CHANGE
    binding: Binding | NoChange = NO_CHANGE
    tests: tuple[GoldenTest, ...] | NoChange = NO_CHANGE
    engagement_group: str | NoChange = NO_CHANGE


WholeRule = Callable[[Rule], None]
"""Raises where the parts of a rule, each right by itself, do not go together."""


def draft_of(base: RuleSet, version: int, now: datetime) -> RuleSet:
    """A draft that says what `base` says, rules' etags included: who has read them there may edit them here."""
    return replace(
        base, version=version, state=State.DRAFT, revision=0, create_time=now, update_time=now
    )


def check_etag(rule_set: RuleSet, etag: str) -> None:
    """Raises RuleSetChanged unless `etag` is empty or current."""
    if etag and etag != rule_set.etag:
        raise errors.RuleSetChanged(str(rule_set.version))


def add_rule(draft: RuleSet, rule: Rule, now: datetime) -> RuleSet:
    """The draft with the rule at its end. Raises RuleThere, TooManyRules, TooLarge."""
    if any(one.rule_id == rule.rule_id for one in draft.rules):
        raise errors.RuleThere(rule.rule_id)
    edited = _edited(draft, now)
    return _fitting(replace(edited, rules=(*draft.rules, replace(rule, etag=edited.etag))))


def change_rule(
    draft: RuleSet,
    rule_id: str,
    changes: RuleChanges,
    etag: str,
    now: datetime,
    check: WholeRule,
) -> RuleSet:
    """The draft with the rule changed, in its place. Raises RuleMissing, RuleChanged, TooLarge, and what `check`
    raises."""
    found = _find(draft, rule_id, etag)
    edited = _edited(draft, now)
    changed = replace(found, etag=edited.etag, **_new_values(changes))
    check(changed)
    rules = tuple(changed if one.rule_id == rule_id else one for one in draft.rules)
    return _fitting(replace(edited, rules=rules))


def remove_rule(draft: RuleSet, rule_id: str, etag: str, now: datetime) -> RuleSet:
    """The draft without the rule. Raises RuleMissing, RuleChanged."""
    _find(draft, rule_id, etag)
    rules = tuple(one for one in draft.rules if one.rule_id != rule_id)
    return replace(_edited(draft, now), rules=rules)


def change_rule_set(draft: RuleSet, changes: RuleSetChanges, now: datetime) -> RuleSet:
    """The draft with its own fields changed. Raises GroupsInUse, TooLarge."""
    if not isinstance(changes.groups, NoChange):
        _check_groups_leave(draft, changes.groups)
    return _fitting(replace(_edited(draft, now), **_new_values(changes)))


def rewrite(draft: RuleSet, content: Content, now: datetime) -> RuleSet:
    """The draft saying what `content` says, and nothing else. Raises TooManyRules, TooLarge."""
    edited = replace(_edited(draft, now), **content.said())
    rules = tuple(replace(rule, etag=edited.etag) for rule in content.rules)
    return _fitting(replace(edited, rules=rules))


def rule_of(rule_set: RuleSet, rule_id: str) -> Rule:
    """The rule of that id. Raises RuleMissing."""
    for rule in rule_set.rules:
        if rule.rule_id == rule_id:
            return rule
    raise errors.RuleMissing(rule_id)


def _new_values(changes: RuleChanges | RuleSetChanges) -> dict[str, Any]:
    values = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: value for name, value in values.items() if not isinstance(value, NoChange)}


def _find(draft: RuleSet, rule_id: str, etag: str) -> Rule:
    rule = rule_of(draft, rule_id)
    if etag and etag != rule.etag:
        raise errors.RuleChanged(rule_id)
    return rule


def _check_groups_leave(draft: RuleSet, groups: tuple[Group, ...]) -> None:
    """A group goes only when no rule is in it. Rules that wait for a group to be made do not keep others."""
    gone = {group.name for group in draft.groups} - {group.name for group in groups}
    users: dict[str, list[str]] = {}
    for rule in draft.rules:
        if rule.group in gone:
            users.setdefault(rule.group, []).append(rule.rule_id)
    if users:
        raise errors.GroupsInUse(users)


def _edited(draft: RuleSet, now: datetime) -> RuleSet:
    return replace(draft, revision=draft.revision + 1, update_time=now)


def _fitting(rule_set: RuleSet) -> RuleSet:
    check_size(rule_set)
    return rule_set
