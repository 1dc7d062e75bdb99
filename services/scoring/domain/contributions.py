"""Contributions that fade one by one, and which of them are due. Looking at all of them at every step would take time
that grows with the square of a lead's history."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from services.scoring.domain.decay import PerContribution
from services.scoring.domain.state import Contribution


@dataclass(slots=True)
class _Queue:
    """Of one group."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    """A heap of when each contribution fades next, with its number; the first is of one that is there."""
    withheld: set[int] = field(default_factory=set)
    """Contributions of which bounds have kept what should have faded: it is made up for at the next step."""


class Contributions:
    """Those of a lead, in the order in which they were made."""

    def __init__(self, kept: Iterable[Contribution]) -> None:
        self._kept = dict(enumerate(kept))
        self._made = len(self._kept)
        self._queues: dict[str, _Queue] = {}
        """By group, of groups that were asked about."""

    def all(self) -> tuple[Contribution, ...]:
        """What is left of them."""
        return tuple(self._kept.values())

    def add(self, decay: PerContribution, one: Contribution, faded_to: int) -> None:
        """One more."""
        self._kept[self._made] = one
        queue = self._queues.get(one.group)
        step = decay.next_step(faded_to, one.at)
        if queue is not None and step is not None:
            heappush(queue.steps, (step, self._made))
        self._made += 1

    def next_step(self, decay: PerContribution, group: str, faded_to: int) -> int | None:
        """When one of a group fades next; None when all are gone."""
        steps = self._queue(decay, group, faded_to).steps
        return steps[0][0] if steps else None

    def due(
        self, decay: PerContribution, group: str, faded_to: int, step: int
    ) -> Iterator[tuple[int, int]]:
        """At a step, the number of each contribution of a group that is not what it should be, and the points it should
        lose, as `faded` is told before the next is asked for."""
        queue = self._queue(decay, group, faded_to)
        numbers = set(queue.withheld)
        while queue.steps and queue.steps[0][0] <= step:
            _, number = heappop(queue.steps)
            if number in self._kept:
                numbers.add(number)
                following = decay.next_step(step, self._kept[number].at)
                if following is not None:
                    heappush(queue.steps, (following, number))
        for number in sorted(numbers):
            one = self._kept[number]
            yield number, decay.left(one.original, step - one.at) - one.left
        while queue.steps and queue.steps[0][1] not in self._kept:
            heappop(queue.steps)

    def faded(self, number: int, wanted: int, points: int) -> None:
        """A contribution should have lost so many points, and has lost so many."""
        one = self._kept[number]
        withheld = self._queues[one.group].withheld
        if points == wanted:
            withheld.discard(number)
        else:
            withheld.add(number)
        if one.left + points:
            self._kept[number] = replace(one, left=one.left + points)
        else:
            del self._kept[number]
            withheld.discard(number)

    def _queue(self, decay: PerContribution, group: str, faded_to: int) -> _Queue:
        queue = self._queues.get(group)
        if queue is None:
            queue = self._queues[group] = _Queue()
            for number, one in self._kept.items():
                if one.group != group:
                    continue
                step = decay.next_step(faded_to, one.at)
                if step is not None:
                    queue.steps.append((step, number))
                if decay.left(one.original, faded_to - one.at) != one.left:
                    queue.withheld.add(number)
            heapify(queue.steps)
        return queue
