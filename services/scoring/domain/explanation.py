"""Where a score comes from: every point an event gave, what was clipped, limited and faded, in sums that add up to the
score exactly, and the way to the next stage. The fold does the reckoning; here it is only kept account of."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.scoring.domain.balance import TOTAL, Fading
from services.scoring.domain.fold import REMARKS, Effect, Fold, Outcome, Reason
from services.scoring.domain.model import NO_GROUP, Entry, Rule, RuleSet, Stage
from services.scoring.domain.state import State
from services.scoring.domain.values import value

T = TypeVar("T")


@value(frozen=True, slots=True)
class Contribution:
    """What one rule made of one event."""

    entry: Entry
    effect: Effect
    version: int
    """Of the rule set that the rule is of."""


@dataclass(slots=True)
class GroupTotal:
    """What a group came to. All milli-points; `points` that counted and `faded` sum to `score`."""

    group: str
    rule_points: int = 0
    points: int = 0
    clipped: int = 0
    limited: int = 0
    faded: int = 0

    @property
    def score(self) -> int:
        """What is left: the group's part of the score."""
        return self.points + self.faded


@dataclass(slots=True)
class RuleTotal:
    """What a rule came to."""

    rule_id: str
    group: str
    event_count: int = 0
    clipped_count: int = 0
    limited_count: int = 0
    rule_points: int = 0
    points: int = 0


@dataclass(frozen=True, slots=True)
class RuleStep:
    """What one more event would count for."""

    rule: Rule
    points: int
    sufficient: bool


@dataclass(frozen=True, slots=True)
class NextStage:
    """The way to the next stage."""

    stage: Stage
    missing: int
    step: RuleStep | None
    """None when no rule would count for anything."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it."""

    state: State
    contributions: tuple[Contribution, ...]
    """The newest, oldest first."""
    contribution_count: int
    fadings: tuple[Fading, ...]
    """The newest, oldest first."""
    fading_count: int
    groups: tuple[GroupTotal, ...]
    rules: tuple[RuleTotal, ...]
    next_stage: NextStage | None


class _Newest(Generic[T]):
    """The newest of many, and how many there were."""

    def __init__(self, limit: int) -> None:
        self.kept: deque[T] = deque(maxlen=limit)
        self.count = 0

    def add(self, one: T) -> None:
        self.kept.append(one)
        self.count += 1


class Account:
    """Keeps account of a fold while it runs. Holds no more than `limit` contributions and fadings."""

    def __init__(self, rules: RuleSet, limit: int) -> None:
        self._rules = rules
        self._fold = Fold(rules)
        self._contributions = _Newest[Contribution](limit)
        self._fadings = _Newest[Fading](limit)
        self._groups: dict[str, GroupTotal] = {}
        self._by_rule: dict[tuple[str, str], RuleTotal] = {}

    def apply(self, entry: Entry) -> Outcome:
        """One more entry, in order."""
        outcome = self._fold.apply(entry)
        self._faded(outcome.fadings)
        for effect in outcome.effects:
            self._contributions.add(Contribution(entry, effect, outcome.version))
            if effect.reason not in REMARKS:
                self._count(effect)
        return outcome

    def explain(self, as_of: int) -> Explanation:
        """What the entries came to at an instant (microseconds) not before the last of them."""
        self._faded(self._fold.fade_to(as_of))
        state = self._fold.state
        # Adjustments by hand, which are no rule's, come first; rules that are in force no more last.
        order = {"": -1} | {rule.rule_id: n for n, rule in enumerate(self._rules.rules)}
        last = len(order)
        return Explanation(
            state=state,
            contributions=tuple(self._contributions.kept),
            contribution_count=self._contributions.count,
            fadings=tuple(self._fadings.kept),
            fading_count=self._fadings.count,
            groups=tuple(self._group(name) for name in group_names(self._rules, state)),
            rules=tuple(
                sorted(
                    self._by_rule.values(),
                    key=lambda total: (order.get(total.rule_id, last), total.rule_id, total.group),
                )
            ),
            next_stage=next_stage(self._rules, self._fold, as_of),
        )

    def _count(self, effect: Effect) -> None:
        group = self._group(effect.group)
        key = (effect.rule_id, effect.group)
        rule = self._by_rule.get(key)
        if rule is None:
            rule = self._by_rule[key] = RuleTotal(*key)
        lost = effect.rule_points - effect.points
        rule.event_count += 1
        rule.rule_points += effect.rule_points
        rule.points += effect.points
        group.rule_points += effect.rule_points
        group.points += effect.points
        if effect.reason is Reason.LIMITED:
            rule.limited_count += 1
            group.limited += lost
        elif lost:
            rule.clipped_count += 1
            group.clipped += lost

    def _faded(self, fadings: Iterable[Fading]) -> None:
        for fading in fadings:
            self._fadings.add(fading)
            self._group(fading.group).faded += fading.points

    def _group(self, name: str) -> GroupTotal:
        found = self._groups.get(name)
        if found is None:
            found = self._groups[name] = GroupTotal(name)
        return found


def group_names(rules: RuleSet, state: State) -> Iterator[str]:
    """The parts of a score in the rule set's order: no group where a rule names none, the groups, any other that has
    points, and the decay of the total where there is one."""
    named = [group.name for group in rules.groups]
    if state.scores.get(NO_GROUP) or any(rule.group == NO_GROUP for rule in rules.rules):
        yield NO_GROUP
    yield from named
    yield from sorted(state.scores.keys() - {NO_GROUP, *named})
    if state.total_faded or rules.total_decay is not None:
        yield TOTAL


def group_scores(rules: RuleSet, state: State) -> list[tuple[str, int]]:
    """The parts of a score, which sum to it."""
    return [
        (name, state.total_faded if name == TOTAL else state.scores.get(name, 0))
        for name in group_names(rules, state)
    ]


def next_stage(rules: RuleSet, fold: Fold, at: int) -> NextStage | None:
    """The stage with the lowest threshold above the score, and the cheapest single rule that would reach it at an
    instant: of those that would count for what is missing the one that counts for the least, else the one that counts
    for the most; by rule order where several do."""
    stage = next((one for one in rules.stages if one.min_score > fold.score), None)
    if stage is None:
        return None
    missing = stage.min_score - fold.score
    found = [(fold.worth(rule, at), rule) for rule in rules.rules if rule.enabled]
    enough = [pair for pair in found if pair[0] >= missing]
    if not any(points > 0 for points, _ in found):
        return NextStage(stage, missing, None)
    choice = min if enough else max
    points, rule = choice(enough or found, key=lambda pair: pair[0])
    return NextStage(stage, missing, RuleStep(rule, points, points >= missing))
