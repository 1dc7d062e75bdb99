"""The fold: entries in order, each applied to the state before it. `fold` from nothing and `apply` one by one give the
same state; `trace` gives every step with its effects and what faded before it, which together sum to the score."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from services.scoring.domain.decay import PerContribution
from services.scoring.domain.model import (
    ATTRIBUTE_TYPES,
    Entry,
    Group,
    Rule,
    RuleSet,
    microseconds,
)
from services.scoring.domain.state import EMPTY, Contribution, State

TOTAL = "*"
"""Stands for the total where a group is named."""


class Reason(Enum):
    """Why a rule's points counted as they did."""

    APPLIED = "applied"
    CLIPPED = "clipped"
    """The group's score or the total would have passed its bounds."""
    LIMITED = "limited"
    """The rule had counted as often as it may."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule made of one entry."""

    rule_id: str
    group: str
    rule_points: int
    """Milli-points the rule gives."""
    points: int
    """Milli-points that counted."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Fading:
    """Points that time took."""

    at: int
    """Microseconds."""
    group: str
    """Or TOTAL."""
    points: int
    """Milli-points; negative."""


@dataclass(frozen=True, slots=True)
class Step:
    """An entry, what faded since the one before, what it did, and the state after it."""

    entry: Entry
    fadings: tuple[Fading, ...]
    effects: tuple[Effect, ...]
    state: State


class Fold:
    """A fold under way, from a state on."""

    def __init__(self, rules: RuleSet, state: State = EMPTY) -> None:
        self._rules = rules
        self._scores = dict(state.scores)
        self._total_faded = state.total_faded
        self._total = state.score
        self._event_count = state.event_count
        self._last_position = state.last_position
        self._faded_to = state.faded_to
        self._contributions = list(state.contributions)
        self._uses = dict(state.uses)
        self._attributes = dict(state.attributes)

    @property
    def score(self) -> int:
        """Milli-points."""
        return self._total

    @property
    def state(self) -> State:
        """Where the fold stands."""
        return State(
            scores=dict(self._scores),
            total_faded=self._total_faded,
            event_count=self._event_count,
            last_position=self._last_position,
            faded_to=self._faded_to,
            contributions=tuple(self._contributions),
            uses=dict(self._uses),
            attributes=dict(self._attributes),
        )

    def apply(self, entry: Entry) -> tuple[list[Fading], list[Effect]]:
        """One more entry: first what fades up to it, then every rule for its type, in rule order."""
        at = microseconds(entry.occurred_at)
        fadings = self.fade_to(at)
        if entry.type in ATTRIBUTE_TYPES:
            self._attributes.update(entry.properties)
        effects = [
            self._apply_rule(rule, entry, at)
            for rule in self._rules.rules_for(entry.type)
            if rule.when is None or rule.when(entry, self._attributes)
        ]
        self._event_count += 1
        self._last_position = entry.position
        return fadings, effects

    def fade_to(self, at: int) -> list[Fading]:
        """Apply every step of decay up to an instant; none when it has passed already."""
        fadings: list[Fading] = []
        while (step := self.next_fading()) is not None and step <= at:
            self._fade(step, fadings)
            self._faded_to = step
        self._faded_to = max(self._faded_to, at)
        return fadings

    def next_fading(self) -> int | None:
        """When time alone changes the score next; None when it never does."""
        if self._last_position is None or not self._rules.fades:
            return None
        newest_event = microseconds(self._last_position[0])
        steps: list[int] = []
        for group in self._rules.fading_groups:
            decay = group.decay
            score = self._scores.get(group.name, 0)
            if decay is None:
                continue
            if isinstance(decay, PerContribution):
                found = self._next_contribution_step(decay, group.name)
                if found is not None:
                    steps.append(found)
            elif self._counting(group, decay.faded(score) - score):
                steps.append(decay.next_step(self._faded_to, newest_event))
        total = self._rules.total_decay
        if total is not None and self._within_bounds(total.faded(self._total) - self._total):
            steps.append(total.next_step(self._faded_to, newest_event))
        return min(steps, default=None)

    def worth(self, rule: Rule, at: int) -> int:
        """Milli-points that a rule would count for at an instant not before the last entry, given an event that meets
        its condition and brings a key that its limit has not counted yet."""
        limit = rule.limit
        if limit is not None and limit.key is None:
            oldest = None if limit.window is None else at - limit.window
            times = self._uses.get(rule.rule_id, {}).get("", ())
            if sum(1 for time in times if oldest is None or time > oldest) >= limit.count:
                return 0
        return self._counting(self._rules.group(rule.group), rule.points)

    def _apply_rule(self, rule: Rule, entry: Entry, at: int) -> Effect:
        if rule.limit is not None and not self._use(rule, entry, at):
            return Effect(rule.rule_id, rule.group, rule.points, 0, Reason.LIMITED)
        group = self._rules.group(rule.group)
        points = self._counting(group, rule.points)
        self._add(rule.group, points)
        if points and isinstance(group.decay, PerContribution):
            self._contributions.append(Contribution(rule.group, at, points, points))
        reason = Reason.APPLIED if points == rule.points else Reason.CLIPPED
        return Effect(rule.rule_id, rule.group, rule.points, points, reason)

    def _use(self, rule: Rule, entry: Entry, at: int) -> bool:
        """Count an application of a limited rule; False when there were enough."""
        limit = rule.limit
        assert limit is not None  # noqa: S101 - for the type checker
        key = limit.key(entry, self._attributes) if limit.key else ""
        uses = dict(self._uses.get(rule.rule_id, {}))
        if limit.window is not None:
            oldest = at - limit.window
            live = {k: tuple(t for t in times if t > oldest) for k, times in uses.items()}
            uses = {k: times for k, times in live.items() if times}
        before = uses.get(key, ())
        enough = len(before) >= limit.count
        if not enough:
            uses[key] = (*before, at)
        self._uses[rule.rule_id] = uses
        return not enough

    def _fade(self, step: int, fadings: list[Fading]) -> None:
        newest_event = microseconds(self._last_position[0]) if self._last_position else 0
        for group in self._rules.fading_groups:
            decay = group.decay
            if decay is None:
                continue
            if isinstance(decay, PerContribution):
                points = self._fade_contributions(decay, group, step)
            else:
                score = self._scores.get(group.name, 0)
                due = decay.next_step(step - 1, newest_event) == step
                points = self._counting(group, decay.faded(score) - score) if due else 0
                self._add(group.name, points)
            if points:
                fadings.append(Fading(step, group.name, points))
        total = self._rules.total_decay
        if total is not None and total.next_step(step - 1, newest_event) == step:
            points = self._within_bounds(total.faded(self._total) - self._total)
            self._total_faded += points
            self._total += points
            if points:
                fadings.append(Fading(step, TOTAL, points))

    def _fade_contributions(self, decay: PerContribution, group: Group, step: int) -> int:
        faded = 0
        left: list[Contribution] = []
        for one in self._contributions:
            if one.group != group.name:
                left.append(one)
                continue
            points = self._counting(group, decay.left(one.original, step - one.at) - one.left)
            self._add(group.name, points)
            faded += points
            if one.left + points:
                left.append(Contribution(one.group, one.at, one.original, one.left + points))
        self._contributions = left
        return faded

    def _next_contribution_step(self, decay: PerContribution, group: str) -> int | None:
        steps = (
            decay.next_step(self._faded_to, one.at)
            for one in self._contributions
            if one.group == group
        )
        return min((step for step in steps if step is not None), default=None)

    def _counting(self, group: Group, points: int) -> int:
        """As many of the points as the group's bounds, then the total's, let count."""
        score = self._scores.get(group.name, 0)
        return self._within_bounds(group.bounds.clip(score + points) - score)

    def _within_bounds(self, points: int) -> int:
        """As many of the points as the total's bounds let count."""
        return self._rules.bounds.clip(self._total + points) - self._total

    def _add(self, group: str, points: int) -> None:
        if points:
            self._scores[group] = self._scores.get(group, 0) + points
            self._total += points


def apply(state: State, entry: Entry, rules: RuleSet) -> State:
    """The state after one more entry, which must come after all that were applied."""
    return fold((entry,), rules, state)


def fold(entries: Iterable[Entry], rules: RuleSet, state: State = EMPTY) -> State:
    """The state after all entries, which must be in order of position and come after `state`."""
    machine = Fold(rules, state)
    for entry in entries:
        machine.apply(entry)
    return machine.state


def trace(entries: Iterable[Entry], rules: RuleSet, state: State = EMPTY) -> Iterator[Step]:
    """Every step of the fold, with its effects."""
    machine = Fold(rules, state)
    for entry in entries:
        fadings, effects = machine.apply(entry)
        yield Step(entry, tuple(fadings), tuple(effects), machine.state)


def score_at(state: State, rules: RuleSet, at: int) -> int:
    """The score at a later instant, in milli-points, if nothing but time happens."""
    machine = Fold(rules, state)
    machine.fade_to(at)
    return machine.score
