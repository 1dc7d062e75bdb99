"""How a lead's score moves on: a snapshot, new entries, other rules or time in; a new snapshot and a change for each
version out. This is where a late entry makes the history be replayed and an entry on time does not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from services.scoring.domain.activity import NO_RISK
from services.scoring.domain.fold import apply, fold, in_order, retracted_in
from services.scoring.domain.measures import Measures, Outlook
from services.scoring.domain.model import (
    ADJUSTMENT,
    RETRACTION,
    Entry,
    RuleSet,
    microseconds,
)
from services.scoring.domain.state import EMPTY, State


class Cause(Enum):
    """What made a score be computed anew."""

    EVENT = "event"
    RULES = "rules"
    DECAY = "decay"
    REPLAY = "replay"
    ADJUSTMENT = "adjustment"
    RETRACTION = "retraction"
    MERGE = "merge"
    UNMERGE = "unmerge"


_CAUSES = {ADJUSTMENT: Cause.ADJUSTMENT, RETRACTION: Cause.RETRACTION}
"""Of versions that facts make."""


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
    """Microseconds: when time alone will change the score by a whole point, or anything else of the measures; None:
    never."""
    velocity: int = 0
    """Thousandths, as of the newest version; as is the risk."""
    risk: str = NO_RISK
    merged_into: str = ""
    """The lead that this one was merged into; it has no entries of its own until it is unmerged."""

    @property
    def measures(self) -> Measures:
        """What the lead comes to."""
        return Measures(self.score, self.stage, self.velocity, self.risk)


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
    previous_velocity: int = 0
    velocity: int = 0
    previous_risk: str = NO_RISK
    risk: str = NO_RISK
    merged_into: str = ""
    """The lead that this one was merged into by it."""


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
    """Whether `advance` must be given the lead's earlier entries: when one arrives late and history is replayed, when
    one says something of others, or when the rules are others."""
    last = snapshot.state.last_position
    if last is None:
        return False
    if snapshot.activation != rules.activation:
        return True
    if any(entry.type == RETRACTION for entry in arrivals):
        return True
    return rules.rule_set.in_event_time and any(entry.position < last for entry in arrivals)


def advance(
    snapshot: Snapshot,
    rules: RulesInForce,
    history: Sequence[Entry],
    arrivals: Sequence[Entry],
    now: int,
) -> Moved:
    """The snapshot after other rules, what has faded up to `now` (microseconds), and new entries.

    `history` holds all of the lead's entries in the ledger; it may be empty when `needs_history` says so. `arrivals`
    holds entries that are not in the ledger yet, in the order in which they will be. Each makes one version, whatever
    it earns; other rules and time make one first, if they change the score or anything else of the measures.
    """
    course = _Course(snapshot, rules, now)
    known = in_order(history, rules.rule_set)
    if snapshot.activation != rules.activation:
        course.under_other_rules(fold(known, rules.rule_set))
    course.faded()
    happened = [entry for entry in arrivals if entry.type != RETRACTION]
    if rules.rule_set.in_event_time:
        _apply_in_event_time(course, rules.rule_set, known, in_order(happened, rules.rule_set))
    else:
        _apply_in_ledger_order(course, rules.rule_set, happened)
    retractions = [entry for entry in arrivals if entry.type == RETRACTION]
    for count, retraction in enumerate(retractions, start=1):
        everything = in_order([*retractions[:count], *known, *happened], rules.rule_set)
        course.entry(retraction, fold(everything, rules.rule_set), late=False)
    return course.end(), course.changes


def refold(snapshot: Snapshot, state: State, rules: RulesInForce, now: int) -> Moved:
    """The snapshot after other rules, given the fold of all of the lead's entries under them."""
    course = _Course(snapshot, rules, now)
    course.under_other_rules(state)
    return course.end(), course.changes


def become(
    snapshot: Snapshot,
    state: State,
    rules: RulesInForce,
    cause: Cause,
    now: int,
    merged_into: str = "",
) -> Moved:
    """The snapshot of a lead that was merged or unmerged, given the fold of all entries that are its own now. It makes
    a version, whatever that changes."""
    course = _Course(replace(snapshot, merged_into=merged_into), rules, now)
    course.became(state, cause)
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
        self._newest: tuple[State, Outlook] | None = None
        """Of the state that was looked at last."""

    def under_other_rules(self, state: State) -> None:
        self._refolded(state)
        measures = self._worth(state)
        if measures != self.snapshot.measures:
            self._version(Cause.RULES, measures)

    def replayed(self, state: State, score_stands: bool) -> None:
        self._refolded(state)
        if not score_stands:
            self._version(Cause.REPLAY, self._worth(state))

    def became(self, state: State, cause: Cause) -> None:
        self._refolded(state)
        self._version(cause, self._worth(state))

    def faded(self) -> None:
        due = self.snapshot.next_transition
        if due is not None and due <= self._now:
            measures = self._worth(self.snapshot.state)
            if self.snapshot.measures.differs(measures):
                self._version(Cause.DECAY, measures)

    def entry(self, entry: Entry, state: State, late: bool) -> None:
        cause = _CAUSES.get(entry.type, Cause.EVENT)
        self._version(cause, self._worth(state), entry, late, state)

    def end(self) -> Snapshot:
        snapshot = self.snapshot
        due = self._outlook(snapshot.state).next_transition(snapshot.measures)
        if due == snapshot.next_transition:
            return snapshot
        return replace(snapshot, next_transition=due)

    def _version(
        self,
        cause: Cause,
        measures: Measures,
        entry: Entry | None = None,
        late: bool = False,
        state: State | None = None,
    ) -> None:
        before = self.snapshot
        self.snapshot = replace(
            before,
            state=before.state if state is None else state,
            score=measures.score,
            stage=measures.stage,
            velocity=measures.velocity,
            risk=measures.risk,
            version=before.version + 1,
        )
        self.changes.append(
            Change(
                version=self.snapshot.version,
                cause=cause,
                entry=entry,
                previous_score=before.score,
                score=measures.score,
                previous_stage=before.stage,
                stage=measures.stage,
                rule_set_version=before.rule_set_version,
                late=late,
                previous_velocity=before.velocity,
                velocity=measures.velocity,
                previous_risk=before.risk,
                risk=measures.risk,
                merged_into=before.merged_into,
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

    def _worth(self, state: State) -> Measures:
        return self._outlook(state).measures

    def _outlook(self, state: State) -> Outlook:
        if self._newest is None or self._newest[0] is not state:
            self._newest = (state, Outlook(state, self._rules.rule_set, self._now))
        return self._newest[1]


def _apply_in_event_time(
    course: _Course, rules: RuleSet, known: Sequence[Entry], ordered: Sequence[Entry]
) -> None:
    """Each entry where it belongs in time. What lies before a late one is folded once for all of them; what lies behind
    it is folded for each."""
    last = course.snapshot.state.last_position
    late = [entry for entry in ordered if last is not None and entry.position < last]
    retracted = retracted_in(known)
    history = [entry for entry in known if entry.type != RETRACTION]
    before, index = EMPTY, 0
    for entry in late:
        first = index
        while index < len(history) and history[index].position < entry.position:
            index += 1
        before = fold([*history[first:index], entry], rules, before, retracted)
        course.entry(entry, fold(history[index:], rules, before, retracted), late=True)
    for entry in ordered[len(late) :]:
        course.entry(entry, apply(course.snapshot.state, entry, rules), late=False)


def _apply_in_ledger_order(course: _Course, rules: RuleSet, arrivals: Sequence[Entry]) -> None:
    """Each entry as it comes."""
    for entry in arrivals:
        state = course.snapshot.state
        newest = state.activity.newest
        late = newest is not None and microseconds(entry.occurred_at) < newest
        course.entry(entry, apply(state, entry, rules), late)
