"""The fold: entries in order, each applied to the state before it. `fold` from nothing and `apply` one by one give the
same state; `trace` gives every step with its effects and what faded before it, which together sum to the score."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from services.scoring.domain.attributes import Attributes
from services.scoring.domain.balance import Balance, Fading
from services.scoring.domain.deeds import Deeds
from services.scoring.domain.identity import email_of
from services.scoring.domain.model import (
    ADJUSTMENT,
    ATTRIBUTE_TYPES,
    EMAIL,
    NO_GROUP,
    RETRACTION,
    Entry,
    LateEvents,
    Rule,
    RuleSet,
)
from services.scoring.domain.state import EMPTY, State
from services.scoring.domain.uses import Uses
from services.scoring.domain.values import value


class Reason(Enum):
    """Why a rule's points counted as they did."""

    APPLIED = "applied"
    CLIPPED = "clipped"
    """The group's score or the total would have passed its bounds."""
    LIMITED = "limited"
    """The rule had counted as often as it may."""
    TAKEN_BACK = "taken_back"
    """A standing rule's condition holds no more. Bounds may have kept some of the points."""
    ADJUSTED = "adjusted"
    """Given or taken by hand."""
    RETRACTED = "retracted"
    """The event was retracted."""
    DISCARDED = "discarded"
    """The event came late, under rules that discard late events."""
    SUSPECT = "suspect"
    """The event says of itself that no person did it."""
    LEFT_OUT = "left_out"
    """The lead has as many attributes as one may: some of what the event says was left out."""


IGNORED = frozenset({Reason.RETRACTED, Reason.DISCARDED, Reason.SUSPECT})
"""Of effects that say that an event counts for nothing."""

REMARKS = IGNORED | {Reason.LEFT_OUT}
"""Of effects that no rule made, nor anybody by hand."""


@value(frozen=True, slots=True)
class Effect:
    """What one rule made of one entry; or that the entry counts for nothing."""

    rule_id: str
    """Empty where it is no rule's: an adjustment by hand, an event that counts for nothing."""
    group: str
    rule_points: int
    """Milli-points the rule gives."""
    points: int
    """Milli-points that counted."""
    reason: Reason


@value(frozen=True, slots=True)
class Outcome:
    """What became of an entry."""

    at: int
    """Microseconds: the time it was applied at."""
    version: int
    """Of the rule set whose rules it met."""
    fadings: tuple[Fading, ...] = ()
    """Since the entry before."""
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An entry, what became of it, and the state after it."""

    entry: Entry
    outcome: Outcome
    state: State


class Fold:
    """A fold under way, from a state on. Events count for nothing whose ids are in `retracted`, or in the retractions
    among the entries, which come first."""

    def __init__(
        self, rules: RuleSet, state: State = EMPTY, retracted: frozenset[str] = frozenset()
    ) -> None:
        self._rules = rules
        self._retracted = retracted
        self._balance = Balance(rules, state)
        self._event_count = state.event_count
        self._last_position = state.last_position
        self._uses = Uses(state.uses)
        self._learned = Attributes(state.attributes)
        self._attributes = self._learned.known
        self._standing = dict(state.standing)
        self.deeds = Deeds(rules, state.activity)
        """What the lead did."""

    @property
    def score(self) -> int:
        """Milli-points."""
        return self._balance.total

    @property
    def faded_to(self) -> int:
        """The newest time applied, in microseconds."""
        return self._balance.faded_to

    @property
    def standing(self) -> frozenset[str]:
        """Ids of the standing rules whose points stand."""
        return frozenset(self._standing)

    @property
    def state(self) -> State:
        """Where the fold stands."""
        balance = self._balance
        return State(
            scores=dict(balance.scores),
            total_faded=balance.total_faded,
            event_count=self._event_count,
            last_position=self._last_position,
            faded_to=balance.faded_to,
            activity=self.deeds.all(),
            contributions=balance.contributions.all(),
            uses=self._uses.all(),
            attributes=dict(self._attributes),
            standing=dict(self._standing),
        )

    def apply(self, entry: Entry) -> Outcome:
        """One more entry: first what fades up to it, then every rule for its type, in rule order."""
        rules = self._rules
        source = rules.bound_to(entry) if rules.activations else rules
        kind = entry.type
        if kind == RETRACTION:
            self._retracted |= retracted_in([entry])
            return Outcome(self._balance.faded_to, source.version)
        position = entry.position
        if self._last_position is None or position > self._last_position:
            self._last_position = position
        self._event_count += not entry.is_fact
        at = self._place(entry)
        if isinstance(at, Reason):
            return Outcome(entry.at, source.version, (), (Effect("", NO_GROUP, 0, 0, at),))
        fadings = tuple(self._balance.fade_to(at, self.deeds.last))
        if kind == ADJUSTMENT:
            return Outcome(at, source.version, fadings, (self._adjust(entry, at),))
        effects = self._learn(entry)
        for rule in source.rules_for(kind):
            effect = self._apply_rule(rule, entry, at)
            if effect is not None:
                effects.append(effect)
        self.deeds.add(entry, at, self._attributes)
        return Outcome(at, source.version, fadings, tuple(effects))

    def copy(self) -> "Fold":
        """Another fold from here on."""
        return Fold(self._rules, self.state, self._retracted)

    def score_at(self, at: int) -> int:
        """The score at a later instant, in milli-points, if nothing but time happens."""
        return self._balance.total_at(at, self.deeds.last)

    def fade_to(self, at: int) -> Sequence[Fading]:
        """Apply every step of decay up to an instant; none when it has passed already."""
        return self._balance.fade_to(at, self.deeds.last)

    def next_fading(self) -> int | None:
        """When time alone changes the score next; None when it never does."""
        return self._balance.next_fading(self.deeds.last)

    def worth(self, rule: Rule, at: int) -> int:
        """Milli-points that a rule would count for at an instant not before the last entry, given an event that meets
        its condition and brings keys that its limits have not counted yet."""
        if rule.standing and rule.rule_id in self._standing:
            return 0
        for name, limit in rule.named_limits:
            if limit.key is None and self._uses.count(name, "", limit.window, at) >= limit.count:
                return 0
        return self._balance.countable(self._rules.group(rule.group), rule.points)

    def _place(self, entry: Entry) -> int | Reason:
        """When an entry applies; or why it does not."""
        if entry.event_id in self._retracted:
            return Reason.RETRACTED
        if entry.is_suspect:
            return Reason.SUSPECT
        if self._rules.in_event_time:
            return entry.at
        newest = self.deeds.newest
        discards = self._rules.late_events is LateEvents.DISCARD_AND_AUDIT and not entry.is_fact
        if discards and newest is not None and entry.at < newest:
            return Reason.DISCARDED
        return max(entry.at, self._balance.faded_to)

    def _learn(self, entry: Entry) -> list[Effect]:
        """What an event says of the lead; and the address it came under, as long as none has said another."""
        whole = True
        if EMAIL not in self._attributes and (address := email_of(entry.subject)):
            whole = self._learned.learn({EMAIL: address})
        if entry.type in ATTRIBUTE_TYPES:
            whole = self._learned.learn(entry.properties) and whole
        return [] if whole else [Effect("", NO_GROUP, 0, 0, Reason.LEFT_OUT)]

    def _apply_rule(self, rule: Rule, entry: Entry, at: int) -> Effect | None:
        """What a rule makes of an entry of its type; None: nothing."""
        holds = rule.when is None or rule.when(entry, self._attributes)
        if rule.standing:
            return self._stand(rule, holds, at)
        if not holds:
            return None
        if rule.limits and not self._use(rule, entry, at):
            return Effect(rule.rule_id, rule.group, rule.points, 0, Reason.LIMITED)
        return self._give(rule, at)

    def _stand(self, rule: Rule, holds: bool, at: int) -> Effect | None:
        """Give a standing rule's points, or take them back."""
        given = self._standing.get(rule.rule_id)
        if holds and given is None:
            effect = self._give(rule, at)
            self._standing[rule.rule_id] = effect.points
            return effect
        if not holds and given is not None:
            del self._standing[rule.rule_id]
            back = self._balance.add(self._rules.group(rule.group), -given, at)
            return Effect(rule.rule_id, rule.group, -given, back, Reason.TAKEN_BACK)
        return None

    def _give(self, rule: Rule, at: int) -> Effect:
        counted = self._balance.add(self._rules.group(rule.group), rule.points, at)
        reason = Reason.APPLIED if counted == rule.points else Reason.CLIPPED
        return Effect(rule.rule_id, rule.group, rule.points, counted, reason)

    def _adjust(self, entry: Entry, at: int) -> Effect:
        points, group = entry.properties["points"], entry.properties["group"]
        counted = self._balance.add(self._rules.group(group), points, at)
        reason = Reason.ADJUSTED if counted == points else Reason.CLIPPED
        return Effect("", group, points, counted, reason)

    def _use(self, rule: Rule, entry: Entry, at: int) -> bool:
        """Count an application of a limited rule against all of its limits; False when one had enough, or as many keys
        as are kept."""
        counted: list[tuple[str, str, int | None]] = []
        for name, limit in rule.named_limits:
            key = limit.key(entry, self._attributes) if limit.key else ""
            kept = self._rules.kept_for(name, limit)
            if self._uses.count(name, key, limit.window, at) >= limit.count:
                return False
            if not self._uses.lets(name, key, kept, at):
                return False
            counted.append((name, key, kept))
        for name, key, kept in counted:
            self._uses.add(name, key, kept, at)
        return True


def retracted_in(entries: Iterable[Entry]) -> frozenset[str]:
    """Ids of the events that are retracted by entries of the same lead."""
    found: Iterable[Any] = (
        event_id
        for entry in entries
        if entry.type == RETRACTION
        for event_id in entry.properties["event_ids"]
    )
    return frozenset(found)


def in_order(entries: Iterable[Entry], rules: RuleSet) -> list[Entry]:
    """Entries in the order in which they apply: retractions first, since they are true from the beginning; those that
    are being recorded after all others of the ledger where that gives the order."""
    entries = list(entries)
    if len(entries) < 2:
        return entries
    if rules.in_event_time:
        return sorted(entries, key=lambda entry: (entry.type != RETRACTION, entry.position))
    # Stable: entries that are being recorded stay in the order in which they are.
    return sorted(
        entries, key=lambda e: (e.type != RETRACTION, e.sequence is None, e.sequence or 0)
    )


def apply(state: State, entry: Entry, rules: RuleSet) -> State:
    """The state after one more entry, which must come after all that were applied."""
    return fold((entry,), rules, state)


def fold(
    entries: Iterable[Entry],
    rules: RuleSet,
    state: State = EMPTY,
    retracted: frozenset[str] = frozenset(),
) -> State:
    """The state after all entries, which must be in order and come after `state`."""
    machine = Fold(rules, state, retracted)
    for entry in entries:
        machine.apply(entry)
    return machine.state


def trace(entries: Iterable[Entry], rules: RuleSet, state: State = EMPTY) -> Iterator[Step]:
    """Every step of the fold, with its effects."""
    machine = Fold(rules, state)
    for entry in entries:
        outcome = machine.apply(entry)
        yield Step(entry, outcome, machine.state)


def score_at(state: State, rules: RuleSet, at: int) -> int:
    """The score at a later instant, in milli-points, if nothing but time happens."""
    return Fold(rules, state).score_at(at)
