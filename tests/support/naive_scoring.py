"""The scoring model once more, written from its document and the contracts alone: plain, slow, all of history from
scratch for every question, every step of decay looked at one by one. What the real one is compared with; it shares no
code with it but the words of rule sets and entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from services.scoring.domain.decay import (
    Decay,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
)
from services.scoring.domain.model import Entry, Rule, RuleSet

MILLION = 1_000_000
DAY = 24 * 60 * 60 * MILLION


@dataclass
class Contribution:
    """What a rule gave once, and what of it is left."""

    group: str
    at: int
    original: int
    left: int


@dataclass
class Ledger:
    """Every movement of the score, in order: time, group (`*`: the total), milli-points."""

    movements: list[tuple[int, str, int]] = field(default_factory=list)
    reasons: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Event id, rule id, points that counted, why."""

    @property
    def total(self) -> int:
        return sum(points for _, _, points in self.movements)

    def total_at(self, instant: int) -> int:
        """What it was then, behind the newest entry."""
        return sum(points for at, _, points in self.movements if at <= instant)

    def move(self, at: int, group: str, points: int) -> None:
        if points:
            self.movements.append((at, group, points))

    def group(self, name: str) -> int:
        return sum(points for _, group, points in self.movements if group == name)


def evaluate(rules: RuleSet, entries: Iterable[Entry], as_of: int) -> Ledger:
    """Every movement up to `as_of` (microseconds), or up to the newest entry when that is later."""
    ledger = Ledger()
    contributions: list[Contribution] = []
    counted: list[tuple[str, str, int]] = []
    attributes: dict[str, object] = {}
    before: int | None = None
    for entry in sorted(entries, key=lambda one: (one.occurred_at, one.event_id)):
        at = _us(entry.occurred_at)
        if before is not None:
            _fade(rules, ledger, contributions, before, at, newest=before)
        before = at
        if entry.type in ("identify", "lead_updated"):
            attributes = {**attributes, **entry.properties}
        for rule in rules.rules:
            if rule.enabled and rule.event_type in (entry.type, "*"):
                if rule.when is not None and not rule.when(entry, attributes):
                    continue
                _apply(rules, rule, entry, attributes, ledger, contributions, counted)
    if before is not None and as_of > before:
        _fade(rules, ledger, contributions, before, as_of, newest=before)
    return ledger


def stage(rules: RuleSet, score: int) -> str:
    """The last stage whose threshold is reached, the lowest when none is."""
    reached = [one.name for one in rules.stages if one.min_score <= score]
    return (reached or [one.name for one in rules.stages[:1]] or [""])[-1]


def _apply(
    rules: RuleSet,
    rule: Rule,
    entry: Entry,
    attributes: dict[str, object],
    ledger: Ledger,
    contributions: list[Contribution],
    counted: list[tuple[str, str, int]],
) -> None:
    at = _us(entry.occurred_at)
    if rule.limit is not None:
        key = rule.limit.key(entry, attributes) if rule.limit.key else ""
        window = rule.limit.window
        earlier = [
            time
            for rule_id, used_key, time in counted
            if (rule_id, used_key) == (rule.rule_id, key) and (window is None or at - time < window)
        ]
        if len(earlier) >= rule.limit.count:
            ledger.reasons.append((entry.event_id, rule.rule_id, 0, "limited"))
            return
        counted.append((rule.rule_id, key, at))
    points = _allowed(rules, ledger, rule.group, rule.points)
    ledger.move(at, rule.group, points)
    ledger.reasons.append(
        (entry.event_id, rule.rule_id, points, "applied" if points == rule.points else "clipped")
    )
    contributions.append(Contribution(rule.group, at, points, points))


def _fade(
    rules: RuleSet,
    ledger: Ledger,
    contributions: list[Contribution],
    start: int,
    end: int,
    newest: int,
) -> None:
    """Every step later than `start` and not later than `end`."""
    decays = _decays(rules)
    instants: set[int] = set()
    for group, decay in decays:
        instants |= _instants(group, decay, contributions, newest, start, end)
    for instant in sorted(instants):
        if not any(
            _due(rules, ledger, contributions, group, decay, newest, instant)
            for group, decay in decays
        ):
            continue
        for group, decay in decays:
            if isinstance(decay, PerContribution):
                for one in contributions:
                    if one.group == group:
                        wanted = _left(decay, one, instant) - one.left
                        points = _allowed(rules, ledger, group, wanted)
                        one.left += points
                        ledger.move(instant, group, points)
            else:
                wanted = _wanted(ledger, group, decay, newest, instant)
                points = _allowed(rules, ledger, group, wanted)
                ledger.move(instant, group, points)


def _decays(rules: RuleSet) -> list[tuple[str, Decay]]:
    """What fades, in order: rules' points outside of groups, the groups, the total. A total whose contributions fade
    one by one is groups whose contributions do, where they don't fade in a way of their own."""
    found: list[tuple[str, Decay]] = []
    each = rules.decay if isinstance(rules.decay, PerContribution) else None
    if each:
        found.append(("", each))
    for group in rules.groups:
        decay = group.decay or each
        if decay:
            found.append((group.name, decay))
    if rules.decay and not each:
        found.append(("*", rules.decay))
    return found


def _instants(
    group: str, decay: Decay, contributions: list[Contribution], newest: int, start: int, end: int
) -> set[int]:
    if isinstance(decay, IdleFactor | IdleAmount):
        candidates = list(range(newest + decay.after_idle + decay.every, end + 1, decay.every))
    elif isinstance(decay, HalfLife):
        candidates = [day * DAY for day in range(start // DAY, end // DAY + 1)]
    else:
        candidates = [
            step
            for one in contributions
            if one.group == group and one.original
            for step in _steps(decay, one)
        ]
    return {instant for instant in candidates if start < instant <= end}


def _steps(decay: PerContribution, one: Contribution) -> list[int]:
    """When a contribution loses something, the end included."""
    on_the_way = range(one.at + decay.every, one.at + decay.gone_after, decay.every)
    return [*on_the_way, one.at + decay.gone_after]


def _due(
    rules: RuleSet,
    ledger: Ledger,
    contributions: list[Contribution],
    group: str,
    decay: Decay,
    newest: int,
    instant: int,
) -> bool:
    """Whether the instant is a step: a living contribution's, or one that changes a score. At a step, everything is
    brought to where it should be, also what a bound held back before."""
    if isinstance(decay, PerContribution):
        return any(
            instant in _steps(decay, one)
            for one in contributions
            if one.group == group and one.left
        )
    return _allowed(rules, ledger, group, _wanted(ledger, group, decay, newest, instant)) != 0


def _wanted(ledger: Ledger, group: str, decay: Decay, newest: int, instant: int) -> int:
    score = ledger.total if group == "*" else ledger.group(group)
    if isinstance(decay, HalfLife):
        return _product(score, _daily_factor(decay.days)) - score if instant % DAY == 0 else 0
    assert isinstance(decay, IdleFactor | IdleAmount)
    beyond = instant - newest - decay.after_idle
    if beyond <= 0 or beyond % decay.every:
        return 0
    if isinstance(decay, IdleFactor):
        return _product(score, decay.factor) - score
    return -min(decay.points, score - decay.floor) if score > decay.floor else 0


def _left(decay: PerContribution, one: Contribution, instant: int) -> int:
    age = instant - one.at
    if age >= decay.gone_after:
        return 0
    percent = max(0, 100 - decay.percent * (age // decay.every))
    return round(Fraction(one.original * percent, 100))


def _product(score: int, millionths: int) -> int:
    return round(Fraction(score * millionths, MILLION))


def _daily_factor(days: int) -> int:
    """The millionths nearest to the `days`-th root of a half: the first f with (f + 1/2)^days beyond it."""
    low, high = 0, MILLION
    while low < high:
        middle = (low + high) // 2
        if 2 * (2 * middle + 1) ** days > (2 * MILLION) ** days:
            high = middle
        else:
            low = middle + 1
    return low


def _allowed(rules: RuleSet, ledger: Ledger, name: str, points: int) -> int:
    """Points that pass neither the group's bounds nor the total's: no score ever does, whatever moves it."""
    for group in rules.groups:
        if group.name == name:
            score = ledger.group(name)
            clipped = _clipped(score + points, group.bounds.min_score, group.bounds.max_score)
            points = clipped - score
    total = ledger.total
    return _clipped(total + points, rules.bounds.min_score, rules.bounds.max_score) - total


def _clipped(score: int, least: int | None, most: int | None) -> int:
    if least is not None:
        score = max(score, least)
    return score if most is None else min(score, most)


def _us(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def newest(entries: Sequence[Entry]) -> int:
    """Microseconds of the newest entry."""
    return max(_us(one.occurred_at) for one in entries)
