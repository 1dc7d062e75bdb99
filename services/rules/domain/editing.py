"""Edits of a draft: each takes a rule set and gives the next revision of it. Who made the draft and where it is kept is
not here."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.rules.domain import errors
from services.rules.domain.model import (
    Bounds,
    Decay,
    Group,
    Limit,
    Rule,
    RuleSet,
    Stage,
    State,
)
from services.rules.domain.presets import Preset

RULES_MAX = 500

TEXT_BYTES_MAX = 512 * 1024
"""Text of a rule set, in UTF-8: with everything around it a rule set stays below the broker's 1 MB for a message."""

_RULE_OVERHEAD_BYTES = 128
"""What a rule, a stage or a group takes besides its text, at most."""


@dataclass(frozen=True, slots=True)
class NoChange:
    """Leaves a field as it is where None is a value."""


NO_CHANGE = NoChange()


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """New values of a rule's fields; None (for the limit NO_CHANGE) leaves a field as it is."""

    event_type: str | None = None
    points_milli: int | None = None
    enabled: bool | None = None
    description: str | None = None
    group: str | None = None
    when: str | None = None
    limit: Limit | NoChange | None = NO_CHANGE


@dataclass(frozen=True, slots=True)
class RuleSetChanges:
    """New values of a rule set's own fields; None (for bounds and decay NO_CHANGE) leaves a field as it is."""

    description: str | None = None
    stages: tuple[Stage, ...] | None = None
    bounds: Bounds | NoChange | None = NO_CHANGE
    groups: tuple[Group, ...] | None = None
    decay: Decay | NoChange | None = NO_CHANGE


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
    if len(draft.rules) >= RULES_MAX:
        raise errors.TooManyRules(str(RULES_MAX))
    edited = _edited(draft, now)
    return _fitting(replace(edited, rules=(*draft.rules, replace(rule, etag=edited.etag))))


def change_rule(
    draft: RuleSet, rule_id: str, changes: RuleChanges, etag: str, now: datetime
) -> RuleSet:
    """The draft with the rule changed, in its place. Raises RuleMissing, RuleChanged, TooLarge."""
    found = _find(draft, rule_id, etag)
    edited = _edited(draft, now)
    changed = Rule(
        rule_id=rule_id,
        event_type=found.event_type if changes.event_type is None else changes.event_type,
        points_milli=found.points_milli if changes.points_milli is None else changes.points_milli,
        enabled=found.enabled if changes.enabled is None else changes.enabled,
        description=found.description if changes.description is None else changes.description,
        etag=edited.etag,
        group=found.group if changes.group is None else changes.group,
        when=found.when if changes.when is None else changes.when,
        limit=found.limit if isinstance(changes.limit, NoChange) else changes.limit,
    )
    rules = tuple(changed if one.rule_id == rule_id else one for one in draft.rules)
    return _fitting(replace(edited, rules=rules))


def remove_rule(draft: RuleSet, rule_id: str, etag: str, now: datetime) -> RuleSet:
    """The draft without the rule. Raises RuleMissing, RuleChanged."""
    _find(draft, rule_id, etag)
    rules = tuple(one for one in draft.rules if one.rule_id != rule_id)
    return replace(_edited(draft, now), rules=rules)


def change_rule_set(draft: RuleSet, changes: RuleSetChanges, now: datetime) -> RuleSet:
    """The draft with its own fields changed. Raises GroupsInUse, TooLarge."""
    if changes.groups is not None:
        _check_groups_leave(draft, changes.groups)
    bounds = draft.bounds if isinstance(changes.bounds, NoChange) else changes.bounds
    decay = draft.decay if isinstance(changes.decay, NoChange) else changes.decay
    return _fitting(
        replace(
            _edited(draft, now),
            description=draft.description if changes.description is None else changes.description,
            stages=draft.stages if changes.stages is None else changes.stages,
            bounds=bounds,
            groups=draft.groups if changes.groups is None else changes.groups,
            decay=decay,
        )
    )


def apply_preset(draft: RuleSet, preset: Preset, now: datetime) -> RuleSet:
    """The draft saying what the preset says, and nothing else. Raises TooLarge."""
    edited = _edited(draft, now)
    return _fitting(
        replace(
            edited,
            description=preset.description,
            rules=tuple(replace(rule, etag=edited.etag) for rule in preset.rules),
            stages=preset.stages,
            bounds=preset.bounds,
            groups=preset.groups,
            decay=preset.decay,
        )
    )


def rules_without_their_group(rule_set: RuleSet) -> list[tuple[int, Rule]]:
    """Rules, and their places, that name a group which the rule set does not have."""
    there = {group.name for group in rule_set.groups}
    return [
        (place, rule)
        for place, rule in enumerate(rule_set.rules)
        if rule.group and rule.group not in there
    ]


def rule_of(rule_set: RuleSet, rule_id: str) -> Rule:
    """The rule of that id. Raises RuleMissing."""
    for rule in rule_set.rules:
        if rule.rule_id == rule_id:
            return rule
    raise errors.RuleMissing(rule_id)


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
    texts = [rule_set.description]
    for rule in rule_set.rules:
        texts += [rule.rule_id, rule.event_type, rule.description, rule.group, rule.when]
        texts.append(rule.limit.key if rule.limit else "")
    texts += [stage.name for stage in rule_set.stages]
    texts += [group.name for group in rule_set.groups]
    parts = len(rule_set.rules) + len(rule_set.stages) + len(rule_set.groups)
    size = sum(len(text.encode()) for text in texts) + parts * _RULE_OVERHEAD_BYTES
    if size > TEXT_BYTES_MAX:
        raise errors.TooLarge(str(TEXT_BYTES_MAX))
    return rule_set
