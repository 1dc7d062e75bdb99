"""The scoring model once more, written from its document and the contracts alone: plain, slow, all of history from
scratch for every question. What the real one is compared with; it shares no code with it but the words of rule sets and
entries. How points fade is in naive_decay.py, what a history says besides its score in naive_intelligence.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.scoring.domain.model import (
    Activated,
    Binding,
    Entry,
    LateEvents,
    Limit,
    Rule,
    RuleSet,
)
from tests.support import naive_decay
from tests.support.naive_account import Account, Applied, Contribution, Verdict, us

NOTHING = RuleSet(version=0)
"""Before any activation."""

KEYS_MAX = 10_000
"""Of a limit of one lead, as far as uses are kept."""

ATTRIBUTES_MAX = 256
ATTRIBUTES_BYTES_MAX = 65_536
"""Of one lead."""


def only(rules: RuleSet) -> list[Activated]:
    """The activations of a project in which these rules were always in force."""
    return [Activated(number=1, rule_set=rules, effective_from=0, recorded_at=0)]


def evaluate(activations: Sequence[Activated], entries: Iterable[Entry], until: int) -> Account:
    """All that these entries came to at `until` (microseconds), or at the newest of them when that is later."""
    rules = newest_rules(activations)
    account = Account(rules, giving=_giving(activations))
    entries = list(entries)
    account.event_count = sum(1 for one in entries if not one.type.startswith("$"))
    retracted = {
        event_id
        for one in entries
        if one.type == "$retraction"
        for event_id in one.properties["event_ids"]
    }
    for entry in in_order(rules, entries):
        if entry.type == "$retraction":
            continue
        version = bound_rules(activations, entry)
        account.versions[entry.event_id] = version.version
        if entry.event_id in retracted:
            account.fates[entry.event_id] = "retracted"
        elif entry.properties.get("suspect") is True and not entry.type.startswith("$"):
            account.fates[entry.event_id] = "suspect"
        elif _discarded(account, entry):
            account.fates[entry.event_id] = "discarded"
        else:
            account.fates[entry.event_id] = "applied"
            _apply(account, entry, version)
    if account.clock is not None and until > account.clock:
        naive_decay.fade(account, account.clock, until)
    account.at = max(until, account.clock or 0)
    return account


def evaluate_then(
    activations: Sequence[Activated], entries: Iterable[Entry], as_of: int, known_at: int
) -> Account:
    """What was true as of one instant as far as it was known at another."""
    activations = [one for one in activations if one.recorded_at <= known_at]
    known = [one for one in entries if one.recorded_at is None or us(one.recorded_at) <= known_at]
    then = [one for one in known if one.type == "$retraction" or us(one.occurred_at) <= as_of]
    return evaluate(activations, then, as_of)


def newest_rules(activations: Sequence[Activated]) -> RuleSet:
    """Whose groups, bounds, decay, stages, policies and so on hold."""
    return max(activations, key=lambda one: one.number).rule_set if activations else NOTHING


def bound_rules(activations: Sequence[Activated], entry: Entry) -> RuleSet:
    """Whose rules give the entry its points."""
    by_number = sorted(activations, key=lambda one: one.number)
    if newest_rules(activations).binding is Binding.AT_PROCESSING:
        in_force = [
            one
            for one in by_number
            if entry.recorded_at is None or one.recorded_at <= us(entry.recorded_at)
        ]
        return (in_force[-1:] or by_number[:1] or only(NOTHING))[0].rule_set
    in_force = [one for one in by_number if one.effective_from <= us(entry.occurred_at)]
    return (in_force[-1:] or only(NOTHING))[0].rule_set


def _giving(activations: Sequence[Activated]) -> list[RuleSet]:
    """The versions whose rules give points to some entry or other."""
    found: list[RuleSet] = []
    for one in sorted(activations, key=lambda one: one.number, reverse=True):
        found.append(one.rule_set)
        if found[0].binding is not Binding.AT_PROCESSING and one.effective_from <= 0:
            break
    return found


def in_order(rules: RuleSet, entries: Iterable[Entry]) -> list[Entry]:
    """In event time, or in the order of the ledger, whose end is what it has not recorded yet."""
    if rules.late_events is LateEvents.REPLAY:
        return sorted(entries, key=lambda one: (one.occurred_at, one.event_id))
    recorded = [one for one in entries if one.sequence is not None]
    being_recorded = [one for one in entries if one.sequence is None]
    return sorted(recorded, key=lambda one: one.sequence or 0) + being_recorded


def stage(rules: RuleSet, score: int) -> str:
    """The last stage whose threshold is reached, the lowest when none is."""
    reached = [one.name for one in rules.stages if one.min_score <= score]
    return (reached or [one.name for one in rules.stages[:1]] or [""])[-1]


def newest(entries: Sequence[Entry]) -> int:
    """Microseconds of the newest entry."""
    return max(us(one.occurred_at) for one in entries)


def _discarded(account: Account, entry: Entry) -> bool:
    if account.rules.late_events is not LateEvents.DISCARD_AND_AUDIT or entry.type[0] == "$":
        return False
    return any(us(entry.occurred_at) < us(one.entry.occurred_at) for one in account.applied)


def _apply(account: Account, entry: Entry, version: RuleSet) -> None:
    at = us(entry.occurred_at)
    if account.rules.late_events is not LateEvents.REPLAY and account.clock is not None:
        at = max(at, account.clock)
    if account.clock is not None:
        naive_decay.fade(account, account.clock, at)
    account.clock = at
    if entry.type == "$adjustment":
        points, group = entry.properties["points"], entry.properties["group"]
        _give(account, entry, at, "", group, points, "adjusted")
        return
    whole = True
    if entry.subject.startswith("email:") and "email" not in account.attributes:
        whole = _learn(account, {"email": entry.subject[len("email:") :]})
    if entry.type in ("identify", "lead_updated"):
        whole = _learn(account, entry.properties) and whole
    if not whole:
        account.verdicts.append(Verdict(entry.event_id, "", "", 0, 0, "left_out", at))
    for rule in version.rules:
        if rule.enabled and rule.event_type in (entry.type, "*"):
            if rule.standing:
                _apply_standing(account, entry, at, rule)
            else:
                _apply_rule(account, entry, at, rule)
    velocity = account.rules.velocity
    counts = velocity is not None and (
        velocity.when is None or velocity.when(entry, account.attributes)
    )
    account.applied.append(Applied(entry, at, counts))


def _learn(account: Account, said: Mapping[str, Any]) -> bool:
    """Attribute by attribute in the order of their keys, each of which must fit."""
    whole = True
    for key, value in sorted(said.items()):
        then = {**account.attributes, key: value}
        size = sum(
            len(json.dumps(pair, ensure_ascii=False, separators=(",", ":")).encode())
            for pair in then.items()
        )
        fits = size <= ATTRIBUTES_BYTES_MAX
        if fits and (key in account.attributes or len(then) <= ATTRIBUTES_MAX):
            account.attributes = then
        else:
            whole = False
    return whole


def _apply_rule(account: Account, entry: Entry, at: int, rule: Rule) -> None:
    if rule.when is not None and not rule.when(entry, account.attributes):
        return
    keys = [limit.key(entry, account.attributes) if limit.key else "" for limit in rule.limits]
    if any(
        _uses(account, rule, number, keys[number], limit, at) >= limit.count
        or not _kept(account, rule, number, keys[number], at)
        for number, limit in enumerate(rule.limits)
    ):
        verdict = Verdict(entry.event_id, rule.rule_id, rule.group, rule.points, 0, "limited", at)
        account.verdicts.append(verdict)
        return
    for number, key in enumerate(keys):
        account.uses.append((rule.rule_id, number, key, at))
    _give(account, entry, at, rule.rule_id, rule.group, rule.points, "applied")


def _uses(account: Account, rule: Rule, number: int, key: str, limit: Limit, at: int) -> int:
    return sum(
        1
        for rule_id, used_number, used_key, time in account.uses
        if (rule_id, used_number, used_key) == (rule.rule_id, number, key)
        and (limit.window is None or time > at - limit.window)
    )


def _kept(account: Account, rule: Rule, number: int, key: str, at: int) -> bool:
    """Whether uses with a key can be kept: as many keys are as may be, of uses as far back as any version looks."""
    windows = [
        own.limits[number].window
        for version in account.giving
        for own in version.rules
        if own.rule_id == rule.rule_id and len(own.limits) > number
    ]
    back = None if None in windows else max(one for one in windows if one is not None)
    known = {
        used_key
        for rule_id, used_number, used_key, time in account.uses
        if (rule_id, used_number) == (rule.rule_id, number) and (back is None or time > at - back)
    }
    return key in known or len(known) < KEYS_MAX


def _apply_standing(account: Account, entry: Entry, at: int, rule: Rule) -> None:
    if entry.type not in ("identify", "lead_updated"):
        return
    holds = rule.when is None or rule.when(entry, account.attributes)
    given = account.given.get(rule.rule_id)
    if holds and given is None:
        counted = _give(account, entry, at, rule.rule_id, rule.group, rule.points, "applied")
        account.given[rule.rule_id] = counted
    elif not holds and given is not None:
        del account.given[rule.rule_id]
        _give(account, entry, at, rule.rule_id, rule.group, -given, "taken_back")


def _give(
    account: Account, entry: Entry, at: int, rule_id: str, group: str, points: int, why: str
) -> int:
    counted = account.allowed(group, points)
    account.move(at, group, counted)
    account.contributions.append(Contribution(group, at, counted, counted))
    reason = why if counted == points or why == "taken_back" else "clipped"
    gives = why == "applied"
    account.verdicts.append(
        Verdict(entry.event_id, rule_id, group, points, counted, reason, at, gives)
    )
    return counted
