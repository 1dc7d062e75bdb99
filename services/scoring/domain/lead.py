"""How a lead's score moves on: a snapshot, new entries, other rules or time in; a new snapshot and a change for each
version out. This is where a late entry makes the history be replayed and an entry on time does not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from services.scoring.domain.fold import Fold, apply, fold
from services.scoring.domain.model import MILLI, Entry, RuleSet
from services.scoring.domain.state import EMPTY, State


class Cause(Enum):
    """What made a score be computed anew."""

    EVENT = "event"
    RULES = "rules"
    DECAY = "decay"
    REPLAY = "replay"


OUTDATED = -1
"""Activation of a snapshot whose state has an older form: it makes the lead be folded anew, as other rules do."""

UNREADABLE = -2
"""Activation of a snapshot whose state can't be read: likewise."""


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """A rule set and the number of the activation that put it in force."""

    activation: int
    """0 before the first activation."""
    rule_set: RuleSet


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lead as of its newest version: the fold of its ledger under one activation, and what that is worth."""

    state: State
    """As of the newest entry."""
    score: int
    """Milli-points as of the instant the newest version was made."""
    stage: str
    version: int
    """Number of score changes so far."""
    activation: int
    rule_set_version: int
    next_transition: int | None = None
    """Microseconds: when time alone will change the score by a whole point, or the stage; None: never."""


@dataclass(frozen=True, slots=True)
class Change:
    """One version of a lead's score."""

    version: int
    cause: Cause
    entry: Entry | None
    """The entry, where it is the cause."""
    previous_score: int
    score: int
    previous_stage: str
    stage: str
    rule_set_version: int
    late: bool


Moved = tuple[Snapshot, list[Change]]
"""A snapshot that has moved on, and the versions it made on the way."""


def new_snapshot(rules: RulesInForce) -> Snapshot:
    """A lead nobody has heard of: no entries, no versions."""
    return Snapshot(
        state=EMPTY,
        score=EMPTY.score,
        stage=rules.rule_set.stage_of(EMPTY.score),
        version=0,
        activation=rules.activation,
        rule_set_version=rules.rule_set.version,
    )


def needs_history(snapshot: Snapshot, rules: RulesInForce, arrivals: Sequence[Entry]) -> bool:
    """Whether `advance` must be given the lead's earlier entries: when one arrives late, or the rules are others."""
    last = snapshot.state.last_position
    if last is None:
        return False
    if snapshot.activation != rules.activation:
        return True
    return any(entry.position < last for entry in arrivals)


def advance(
    snapshot: Snapshot,
    rules: RulesInForce,
    history: Sequence[Entry],
    arrivals: Sequence[Entry],
    now: int,
) -> Moved:
    """The snapshot after other rules, what has faded up to `now` (microseconds), and new entries.

    `history` holds all of the lead's entries in the ledger in order of position; it may be empty when `needs_history`
    says so. `arrivals` holds entries that are not in the ledger yet, in any order. Each makes one version, whatever it
    earns; other rules and time make one first, if they change the score or the stage.
    """
    course = _Course(snapshot, rules, now)
    if snapshot.activation != rules.activation:
        course.under_other_rules(fold(history, rules.rule_set))
    course.faded()
    ordered = sorted(arrivals, key=lambda entry: entry.position)
    last = snapshot.state.last_position
    late = [entry for entry in ordered if last is not None and entry.position < last]
    for entry, state in _replays(rules.rule_set, history, late):
        course.entry(entry, state, late=True)
    for entry in ordered[len(late) :]:
        course.entry(entry, apply(course.snapshot.state, entry, rules.rule_set), late=False)
    return course.end(), course.changes


def refold(snapshot: Snapshot, state: State, rules: RulesInForce, now: int) -> Moved:
    """The snapshot after other rules, given the fold of all of the lead's entries under them."""
    course = _Course(snapshot, rules, now)
    course.under_other_rules(state)
    return course.end(), course.changes


def mend(
    snapshot: Snapshot,
    state: State,
    rules: RulesInForce,
    version: int,
    score_stands: bool,
    now: int,
) -> Moved:
    """A snapshot that is not what the ledger gives, made so: given the fold of all of the lead's entries, its newest
    version, and whether score and stage are right. When they are not, there is a version with the cause REPLAY."""
    course = _Course(replace(snapshot, version=version), rules, now)
    course.replayed(state, score_stands)
    return course.end(), course.changes


class _Course:
    """The snapshot as it moves on, and the versions that it makes on the way."""

    def __init__(self, snapshot: Snapshot, rules: RulesInForce, now: int) -> None:
        self.snapshot = snapshot
        self.changes: list[Change] = []
        self._rules = rules
        self._now = now

    def under_other_rules(self, state: State) -> None:
        self._refolded(state)
        score = self._worth(state)
        if score != self.snapshot.score or self._stage(score) != self.snapshot.stage:
            self._version(Cause.RULES, score)

    def replayed(self, state: State, score_stands: bool) -> None:
        self._refolded(state)
        if not score_stands:
            self._version(Cause.REPLAY, self._worth(state))

    def faded(self) -> None:
        due = self.snapshot.next_transition
        if due is not None and due <= self._now:
            score = self._worth(self.snapshot.state)
            if _differs(self.snapshot, score, self._stage(score)):
                self._version(Cause.DECAY, score)

    def entry(self, entry: Entry, state: State, late: bool) -> None:
        self._version(Cause.EVENT, self._worth(state), entry, late, state)

    def end(self) -> Snapshot:
        due = next_transition(self.snapshot, self._rules, self._now)
        if due == self.snapshot.next_transition:
            return self.snapshot
        return replace(self.snapshot, next_transition=due)

    def _version(
        self,
        cause: Cause,
        score: int,
        entry: Entry | None = None,
        late: bool = False,
        state: State | None = None,
    ) -> None:
        before = self.snapshot
        self.snapshot = replace(
            before,
            state=before.state if state is None else state,
            score=score,
            stage=self._stage(score),
            version=before.version + 1,
        )
        self.changes.append(
            Change(
                version=self.snapshot.version,
                cause=cause,
                entry=entry,
                previous_score=before.score,
                score=score,
                previous_stage=before.stage,
                stage=self.snapshot.stage,
                rule_set_version=before.rule_set_version,
                late=late,
            )
        )

    def _refolded(self, state: State) -> None:
        rules = self._rules
        self.snapshot = replace(
            self.snapshot,
            state=state,
            activation=rules.activation,
            rule_set_version=rules.rule_set.version,
        )

    def _worth(self, state: State) -> int:
        if not self._rules.rule_set.fades:
            return state.score
        machine = Fold(self._rules.rule_set, state)
        machine.fade_to(self._now)
        return machine.score

    def _stage(self, score: int) -> str:
        return self._rules.rule_set.stage_of(score)


def next_transition(snapshot: Snapshot, rules: RulesInForce, now: int) -> int | None:
    """When, after `now`, time alone makes the score differ from the snapshot's by a whole point, or the stage: found by
    walking through the exact steps of decay, of which there are finitely many."""
    if not rules.rule_set.fades:
        return None
    machine = Fold(rules.rule_set, snapshot.state)
    machine.fade_to(now)
    while (step := machine.next_fading()) is not None:
        machine.fade_to(step)
        if _differs(snapshot, machine.score, rules.rule_set.stage_of(machine.score)):
            return step
    return None


def _differs(snapshot: Snapshot, score: int, stage: str) -> bool:
    return abs(score - snapshot.score) >= MILLI or stage != snapshot.stage


def _replays(
    rule_set: RuleSet, history: Sequence[Entry], late: Sequence[Entry]
) -> list[tuple[Entry, State]]:
    """Each late entry, in order, with the state of the whole history up to and with it. What lies before an entry is
    folded once for all of them; what lies behind it is folded for each."""
    found: list[tuple[Entry, State]] = []
    before = EMPTY
    index = 0
    for entry in late:
        while index < len(history) and history[index].position < entry.position:
            before = apply(before, history[index], rule_set)
            index += 1
        before = apply(before, entry, rule_set)
        found.append((entry, fold(history[index:], rule_set, before)))
    return found
