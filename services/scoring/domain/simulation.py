"""What other rules would make of leads: each lead's fold under one rule set, and the tally of many leads under two.
Nothing here grows with the number of leads."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.scoring.domain.decay import DAY
from services.scoring.domain.histogram import Bin, Histogram
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.model import Entry, RuleSet
from services.scoring.domain.values import value

MOVERS_MAX = 20
"""Leads whose scores differ most that a summary names."""


@value(frozen=True, slots=True)
class Scored:
    """What a rule set makes of a lead. Score and velocity in thousandths."""

    score: int
    stage: str
    next_action: str
    grade: str
    risk: str
    velocity: int


@value(frozen=True, slots=True)
class SimulatedLead:
    """A lead under the rules in force, and under others."""

    lead_id: str
    before: Scored
    after: Scored

    @property
    def moved(self) -> int:
        """Milli-points that the other rules give more, or less."""
        return self.after.score - self.before.score

    @property
    def changed(self) -> bool:
        """Whether score, stage or next action differ."""
        before, after = self.before, self.after
        return (
            self.moved != 0
            or before.stage != after.stage
            or before.next_action != after.next_action
        )


class SimulatedFold:
    """A lead's fold under one rule set, which also notes on which days events moved the lead to another stage."""

    def __init__(self, rules: RuleSet, first_day: int) -> None:
        self.event_count = 0
        self.stage_changes: list[int] = []
        """A day (number since 1970) for each change of stage that an event made which happened on it; none before the
        first day asked for."""
        self.rules = rules
        self._since = first_day * DAY
        self._observation = Observation(rules)

    def apply(self, entry: Entry) -> None:
        """One more entry, in order."""
        outcome = self._observation.apply(entry)
        if entry.is_fact:
            return
        self.event_count += 1
        if entry.at < self._since:
            return
        given = sum(effect.points for effect in outcome.effects)
        if not given:
            return
        score = self._observation.fold.score
        if self.rules.stage_of(score - given) != self.rules.stage_of(score):
            self.stage_changes.append(entry.at // DAY)

    def scored(self, as_of: int) -> Scored:
        """What it comes to at an instant (microseconds) not before the last entry."""
        found = self._observation.intelligence(as_of)
        return Scored(
            score=found.measures.score,
            stage=found.measures.stage,
            next_action=found.next_action,
            grade=found.grade,
            risk=found.measures.risk,
            velocity=found.measures.velocity,
        )


@dataclass(frozen=True, slots=True)
class Migration:
    """Leads that come from one stage to another, or stay."""

    from_stage: str
    to_stage: str
    lead_count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A stage's gains and losses."""

    stage: str
    before: int
    after: int
    entering: int
    leaving: int


@dataclass(frozen=True, slots=True)
class DayChanges:
    """Changes of stage that the events of a day made."""

    day: int
    """Number since 1970, UTC."""
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a simulation found. Scores are milli-points."""

    lead_count: int
    event_count: int
    changed_count: int
    stage_changed_count: int
    action_changed_count: int
    score_sum_before: int
    score_sum_after: int
    migrations: tuple[Migration, ...]
    """By stage before, then after, in the order of the rule sets' stages; only those that occur."""
    flows: tuple[Flow, ...]
    histogram: tuple[Bin, ...]
    movers: tuple[SimulatedLead, ...]
    """The greatest difference first; equal ones by lead id."""
    days: tuple[DayChanges, ...]
    """Oldest first."""


class Tally:
    """Counts leads as they come."""

    def __init__(self, before: RuleSet, after: RuleSet, days: range) -> None:
        """`days` are those of which changes of stage are counted."""
        names = dict.fromkeys(stage.name for rules in (before, after) for stage in rules.stages)
        self._stages = list(names)
        self._days = days
        self._lead_count = self._event_count = 0
        self._changed = self._action_changed = 0
        self._sums = [0, 0]
        self._migrations: Counter[tuple[str, str]] = Counter()
        self._histogram = Histogram()
        self._day_counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        self._movers: list[tuple[int, _Backwards, SimulatedLead]] = []

    def add(self, lead: SimulatedLead, before: SimulatedFold, after: SimulatedFold) -> None:
        """One more lead, with the folds that its scores come from."""
        self._lead_count += 1
        self._event_count += before.event_count
        self._changed += lead.moved != 0
        self._action_changed += lead.before.next_action != lead.after.next_action
        self._sums[0] += lead.before.score
        self._sums[1] += lead.after.score
        self._migrations[(lead.before.stage, lead.after.stage)] += 1
        self._histogram.add(lead.before.score, lead.after.score)
        self._day_counts[0].update(before.stage_changes)
        self._day_counts[1].update(after.stage_changes)
        if lead.moved:
            mover = (abs(lead.moved), _Backwards(lead.lead_id), lead)
            keep = heapq.heappush if len(self._movers) < MOVERS_MAX else heapq.heappushpop
            keep(self._movers, mover)

    @property
    def lead_count(self) -> int:
        """Leads so far."""
        return self._lead_count

    @property
    def event_count(self) -> int:
        """Their events."""
        return self._event_count

    def summary(self) -> Summary:
        """What it came to."""
        stayed = sum(n for (one, other), n in self._migrations.items() if one == other)
        return Summary(
            lead_count=self._lead_count,
            event_count=self._event_count,
            changed_count=self._changed,
            stage_changed_count=self._lead_count - stayed,
            action_changed_count=self._action_changed,
            score_sum_before=self._sums[0],
            score_sum_after=self._sums[1],
            migrations=tuple(self._ordered_migrations()),
            flows=tuple(self._flow(stage) for stage in self._named_stages()),
            histogram=tuple(self._histogram.bins()),
            movers=tuple(lead for _, _, lead in sorted(self._movers, reverse=True)),
            days=tuple(
                DayChanges(day, *(counts[day] for counts in self._day_counts)) for day in self._days
            ),
        )

    def _named_stages(self) -> Sequence[str]:
        """The stages of both rule sets; the empty name too where one has none."""
        return [*self._stages, *([""] if any("" in pair for pair in self._migrations) else [])]

    def _ordered_migrations(self) -> Iterable[Migration]:
        places = {name: place for place, name in enumerate(self._named_stages())}
        ordered = sorted(self._migrations, key=lambda pair: (places[pair[0]], places[pair[1]]))
        return (Migration(*pair, self._migrations[pair]) for pair in ordered)

    def _flow(self, stage: str) -> Flow:
        pairs = self._migrations.items()
        stayed = self._migrations.get((stage, stage), 0)
        before = sum(n for (one, _), n in pairs if one == stage)
        after = sum(n for (_, one), n in pairs if one == stage)
        return Flow(stage, before, after, after - stayed, before - stayed)


class _Backwards(str):
    """A text that comes before those that it would come behind: of leads that moved as far, the first ids stay."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def last_days(as_of: int, count: int) -> range:
    """So many days, the last of which has the instant (microseconds) in it."""
    last = as_of // DAY
    return range(last - count + 1, last + 1)
