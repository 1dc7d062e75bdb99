"""How a lead's score moves on: a snapshot, new entries, other rules or time in; a new snapshot and a change for each
version out. This is where a late entry makes the history be replayed and an entry on time does not. The history passes
by once, entry by entry; what comes of it does not depend on how long it is kept in memory, which is not at all."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.scoring.domain.fold import Fold, in_order
from services.scoring.domain.lead import (
    OUTDATED,
    UNREADABLE,
    Cause,
    Change,
    Moved,
    RulesInForce,
    Snapshot,
)
from services.scoring.domain.measures import Measures, Outlook, measure, measures_at
from services.scoring.domain.model import ADJUSTMENT, RETRACTION, Entry
from services.scoring.domain.state import State

VERSION_ENTRIES_MAX = 20_000
"""Entries folded, besides one fold of all, to tell what each of several late entries or retractions has changed that
come together. Where that is not enough, some of them say that nothing has changed and the last of them says all."""

_CAUSES = {ADJUSTMENT: Cause.ADJUSTMENT, RETRACTION: Cause.RETRACTION}
"""Of versions that facts make."""


def needs_history(snapshot: Snapshot, rules: RulesInForce, arrivals: Sequence[Entry]) -> bool:
    """Whether a course must be shown the lead's earlier entries: when one arrives late and history is replayed, when
    one says something of others, or when the rules are others."""
    last = snapshot.state.last_position
    if last is None:
        return False
    if snapshot.activation != rules.activation:
        return True
    in_event_time = rules.rule_set.in_event_time
    return any(
        entry.type == RETRACTION or (in_event_time and entry.position < last) for entry in arrivals
    )


class Course:
    """The snapshot of a lead on its way past other rules, what has faded up to `now` (microseconds), and new entries.

    `arrivals` holds entries that are not in the ledger yet, in the order in which they will be. Each makes one version,
    whatever it earns; other rules and time make one first, if they change the score or anything else of the measures.
    With a cause given, it is what has made other entries the lead's own, and makes a version, whatever that changes.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        rules: RulesInForce,
        arrivals: Sequence[Entry],
        now: int,
        became: Cause | None = None,
    ) -> None:
        self._before = snapshot
        self._rules = rules.rule_set
        self._now = now
        self._became = became
        self._others = became is not None or snapshot.activation != rules.activation
        due = snapshot.next_transition
        self._due = due is not None and due <= now
        self.needs_history = became is not None or needs_history(snapshot, rules, arrivals)
        self._versions = _Versions(snapshot, rules)

        happened = [entry for entry in arrivals if entry.type != RETRACTION]
        retractions = [entry for entry in arrivals if entry.type == RETRACTION]
        self._happened = in_order(happened, self._rules)
        self._retractions = retractions
        self._lane = _Lane(self._start(()), self._happened)
        self._retracting = {
            count: _Lane(self._start(retractions[:count]), self._happened)
            for count in self._told_apart(len(retractions))
        }
        self._asked = bool(self._others or self._due or happened or not retractions)
        """Whether what was before the retractions is of any interest."""
        told = self._told_apart(self._late_max()) | ({0} if self._others or self._due else set())
        self._told = told
        self._forks: dict[int, Fold] = {}
        """Folds of the history and so many of the arrivals, as far as they are to be told apart."""

    def earlier(self, entry: Entry) -> None:
        """One of the lead's entries in the ledger, in the order in which they apply: all of them where the course needs
        the history, none where it does not."""
        while self._rules.in_event_time and self._lane.precedes(entry):
            if self._lane.arrived in self._told:
                self._forks[self._lane.arrived] = self._lane.fold.copy()
            self._lane.arrive()
        for fold in (self._lane.fold, *self._forks.values()) if self._asked else ():
            fold.apply(entry)
        for lane in self._retracting.values():
            while self._rules.in_event_time and lane.precedes(entry):
                lane.arrive()
            lane.fold.apply(entry)

    def go(self) -> Iterator[None]:
        """Make the versions; everybody else may have a turn at each step."""
        versions, lane = self._versions, self._lane
        late = lane.arrived
        base = self._forks.get(0, lane.fold)
        if self._others:
            versions.others(self._measures(base), self._became)
        if self._due:
            versions.faded(self._measures(base))
        yield
        for count, entry in enumerate(self._happened[:late], start=1):
            fold = lane.fold if count == late else self._forks.get(count)
            versions.entry(entry, self._measures(fold) if fold else None, late=True)
            yield
        for entry in self._happened[late:]:
            newest = lane.fold.deeds.newest
            behind = newest is not None and entry.at < newest
            lane.arrive()
            out_of_order = behind and not self._rules.in_event_time
            versions.entry(entry, self._measures(lane.fold), out_of_order)
            yield
        for count, entry in enumerate(self._retractions, start=1):
            retracting = self._retracting.get(count)
            if retracting is not None:
                retracting.finish()
            measures = self._measures(retracting.fold) if retracting else None
            versions.entry(entry, measures, late=False)
            yield

    def moved(self) -> Moved:
        """The snapshot at its end, and the versions that were made. To be asked once."""
        last = self._retracting.get(len(self._retractions), self._lane)
        return self._versions.end(last.fold, self._now)

    def _start(self, retractions: Sequence[Entry]) -> Fold:
        anew = self.needs_history or self._others
        fold = Fold(self._rules) if anew else Fold(self._rules, self._before.state)
        for entry in retractions:
            fold.apply(entry)
        return fold

    def _measures(self, fold: Fold) -> Measures:
        return measures_at(fold, self._rules, self._now)

    def _late_max(self) -> int:
        """How many of the arrivals may come before entries of the ledger."""
        last = self._before.state.last_position
        known = self._became is None and self._before.activation not in (OUTDATED, UNREADABLE)
        if not self._rules.in_event_time or not self.needs_history:
            return 0
        if last is None or not known:
            return len(self._happened)
        return sum(1 for entry in self._happened if entry.position < last)

    def _told_apart(self, count: int) -> set[int]:
        """After which of so many entries it is to be known what they have changed; the last is always one."""
        if not count:
            return set()
        # Each is a copy of what was folded before it, arrivals too.
        folds = VERSION_ENTRIES_MAX // (self._before.state.event_count + count)
        if self._became is not None:
            folds = 1  # how many entries are its own now nobody has counted
        parts = max(1, min(count, folds))
        return {count * part // parts for part in range(1, parts + 1)} - {0}


class _Lane:
    """A fold, and arrivals that it has yet to come past."""

    def __init__(self, fold: Fold, arrivals: Sequence[Entry]) -> None:
        self.fold = fold
        self.arrived = 0
        self._waiting = deque(arrivals)

    def precedes(self, entry: Entry) -> bool:
        """Whether the next arrival comes before an entry of the ledger; retractions come before everything."""
        first = self._waiting[0] if self._waiting else None
        return first is not None and entry.type != RETRACTION and first.position < entry.position

    def arrive(self) -> None:
        """Apply the next arrival."""
        self.fold.apply(self._waiting.popleft())
        self.arrived += 1

    def finish(self) -> None:
        """Apply all that are left."""
        while self._waiting:
            self.arrive()


class _Versions:
    """The versions that a lead makes on its way, and the snapshot as of the newest."""

    def __init__(self, snapshot: Snapshot, rules: RulesInForce) -> None:
        self._before = snapshot
        self._rules = rules
        self._measures = snapshot.measures
        self._version = snapshot.version
        self._activation = snapshot.activation
        self._rule_set_version = snapshot.rule_set_version
        self._changes: list[Change] = []

    def others(self, measures: Measures, cause: Cause | None) -> None:
        """Other rules, or other entries for a cause."""
        self._activation = self._rules.activation
        self._rule_set_version = self._rules.rule_set.version
        if cause is not None or measures != self._measures:
            self.make(cause or Cause.RULES, measures)

    def faded(self, measures: Measures) -> None:
        """Time has passed."""
        if self._measures.differs(measures):
            self.make(Cause.DECAY, measures)

    def entry(self, entry: Entry, measures: Measures | None, late: bool) -> None:
        """One more entry; None: what has changed is said with a later one."""
        cause = _CAUSES.get(entry.type, Cause.EVENT)
        self.make(cause, measures or self._measures, entry, late)

    def make(
        self, cause: Cause, measures: Measures, entry: Entry | None = None, late: bool = False
    ) -> None:
        """A version."""
        before, self._measures = self._measures, measures
        self._version += 1
        self._changes.append(
            Change(
                version=self._version,
                cause=cause,
                entry=entry,
                previous_score=before.score,
                score=measures.score,
                previous_stage=before.stage,
                stage=measures.stage,
                rule_set_version=self._rule_set_version,
                late=late,
                previous_velocity=before.velocity,
                velocity=measures.velocity,
                previous_risk=before.risk,
                risk=measures.risk,
                merged_into=self._before.merged_into,
            )
        )

    def end(self, fold: Fold, now: int) -> Moved:
        """The snapshot at the end of a fold, which goes on, and the versions."""
        measures, state = self._measures, fold.state
        snapshot = Snapshot(
            state=state,
            score=measures.score,
            stage=measures.stage,
            version=self._version,
            activation=self._activation,
            rule_set_version=self._rule_set_version,
            next_transition=Outlook(fold, self._rules.rule_set, now).next_transition(measures),
            velocity=measures.velocity,
            risk=measures.risk,
            merged_into=self._before.merged_into,
        )
        return snapshot, self._changes


def advance(
    snapshot: Snapshot,
    rules: RulesInForce,
    history: Sequence[Entry],
    arrivals: Sequence[Entry],
    now: int,
    became: Cause | None = None,
) -> Moved:
    """A whole course at once. `history` holds all of the lead's entries in the ledger; it may be empty when
    `needs_history` says so."""
    course = Course(snapshot, rules, arrivals, now, became)
    if course.needs_history:
        for entry in in_order(history, rules.rule_set):
            course.earlier(entry)
    for _ in course.go():
        pass
    return course.moved()


def refold(snapshot: Snapshot, state: State, rules: RulesInForce, now: int) -> Moved:
    """The snapshot after other rules, given the fold of all of the lead's entries under them."""
    versions = _Versions(snapshot, rules)
    versions.others(measure(state, rules.rule_set, now), None)
    return versions.end(Fold(rules.rule_set, state), now)


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
    activation, number = rules.activation, rules.rule_set.version
    right = replace(snapshot, version=version, activation=activation, rule_set_version=number)
    versions = _Versions(right, rules)
    if not score_stands:
        versions.make(Cause.REPLAY, measure(state, rules.rule_set, now))
    return versions.end(Fold(rules.rule_set, state), now)
