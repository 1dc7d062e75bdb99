"""A lead's points while a fold is under way: by group, within bounds, fading with time. What gives them is fold.py's
business."""

from collections.abc import Sequence
from copy import copy

from services.scoring.domain.contributions import Contributions
from services.scoring.domain.decay import HalfLife, PerContribution, SteppedDecay
from services.scoring.domain.model import Group, RuleSet
from services.scoring.domain.state import Contribution, State
from services.scoring.domain.values import value

TOTAL = "*"
"""Stands for the total where a group is named."""


@value(frozen=True, slots=True)
class Fading:
    """Points that time took."""

    at: int
    """Microseconds."""
    group: str
    """Or TOTAL."""
    points: int
    """Milli-points; negative."""


class Balance:
    """Points by group. Times are microseconds, points milli-points."""

    def __init__(self, rules: RuleSet, state: State) -> None:
        self._rules = rules
        self.scores = dict(state.scores)
        self.total_faded = state.total_faded
        self.total = state.score
        self.faded_to = state.faded_to
        self.contributions = Contributions(state.contributions)
        self._next: tuple[int | None, int | None] | None = None
        """What `next_fading` found, and for whom, as long as nothing has changed it."""

    def add(self, group: Group, points: int, at: int) -> int:
        """Give points, as many of them as the bounds let count; how many did."""
        name = group.name
        score = self.scores.get(name, 0)
        counted = self._within_bounds(group.bounds.clip(score + points) - score)
        if not counted:
            return 0
        self.scores[name] = score + counted
        self.total += counted
        self._next = None
        if isinstance(group.decay, PerContribution):
            one = Contribution(name, at, counted, counted)
            self.contributions.add(group.decay, one, self.faded_to)
        return counted

    def countable(self, group: Group, points: int) -> int:
        """As many of the points as the group's bounds, then the total's, let count."""
        score = self.scores.get(group.name, 0)
        return self._within_bounds(group.bounds.clip(score + points) - score)

    def fade_to(self, at: int, idle_since: int | None) -> Sequence[Fading]:
        """Apply every step of decay up to an instant; none when it has passed already."""
        if not self._rules.fades:
            self.faded_to = max(self.faded_to, at)
            return ()
        fadings: list[Fading] = []
        while (step := self.next_fading(idle_since)) is not None and step <= at:
            self._fade(step, idle_since, fadings)
            self.faded_to = step
        self.faded_to = max(self.faded_to, at)
        return fadings

    def total_at(self, at: int, idle_since: int | None) -> int:
        """What the total will have faded to at an instant, with this left as it is."""
        if at <= self.faded_to:
            return self.total
        step = self.next_fading(idle_since)
        if step is None or step > at:
            return self.total
        then = copy(self)
        then.scores = dict(self.scores)
        then.contributions = Contributions(self.contributions.all())
        then.fade_to(at, idle_since)
        return then.total

    def next_fading(self, idle_since: int | None) -> int | None:
        """When time alone changes the score next; None when it never does. `idle_since` is when the newest event
        happened; without one the lead is not idle."""
        if not self._rules.fades:
            return None
        if self._next is None or self._next[0] != idle_since:
            self._next = (idle_since, self._find_next(idle_since))
        return self._next[1]

    def _find_next(self, idle_since: int | None) -> int | None:
        steps: list[int] = []
        for group in self._rules.fading_groups:
            decay = group.decay
            score = self.scores.get(group.name, 0)
            if decay is None:
                continue
            if isinstance(decay, PerContribution):
                found = self.contributions.next_step(decay, group.name, self.faded_to)
                if found is not None:
                    steps.append(found)
            elif _works(decay, idle_since) and self.countable(group, decay.faded(score) - score):
                steps.append(decay.next_step(self.faded_to, idle_since or 0))
        total = self._rules.total_decay
        if (
            total is not None
            and _works(total, idle_since)
            and self._within_bounds(total.faded(self.total) - self.total)
        ):
            steps.append(total.next_step(self.faded_to, idle_since or 0))
        return min(steps, default=None)

    def _fade(self, step: int, idle_since: int | None, fadings: list[Fading]) -> None:
        self._next = None
        for group in self._rules.fading_groups:
            decay = group.decay
            if decay is None:
                continue
            if isinstance(decay, PerContribution):
                points = self._fade_contributions(decay, group, step)
            else:
                score = self.scores.get(group.name, 0)
                due = _due(decay, step, idle_since)
                points = self.countable(group, decay.faded(score) - score) if due else 0
                self._add(group.name, points)
            if points:
                fadings.append(Fading(step, group.name, points))
        total = self._rules.total_decay
        if total is not None and _due(total, step, idle_since):
            points = self._within_bounds(total.faded(self.total) - self.total)
            self.total_faded += points
            self.total += points
            if points:
                fadings.append(Fading(step, TOTAL, points))

    def _fade_contributions(self, decay: PerContribution, group: Group, step: int) -> int:
        faded = 0
        for number, wanted in self.contributions.due(decay, group.name, self.faded_to, step):
            points = self.countable(group, wanted)
            self._add(group.name, points)
            self.contributions.faded(number, wanted, points)
            faded += points
        return faded

    def _within_bounds(self, points: int) -> int:
        """As many of the points as the total's bounds let count."""
        return self._rules.bounds.clip(self.total + points) - self.total

    def _add(self, group: str, points: int) -> None:
        if points:
            self.scores[group] = self.scores.get(group, 0) + points
            self.total += points


def _works(decay: SteppedDecay, idle_since: int | None) -> bool:
    return idle_since is not None or isinstance(decay, HalfLife)


def _due(decay: SteppedDecay, step: int, idle_since: int | None) -> bool:
    """Whether an instant is one of a decay's steps."""
    return _works(decay, idle_since) and decay.next_step(step - 1, idle_since or 0) == step
