"""What a lead does, while a fold is under way: when and what, as far as velocity, risk and next actions ask. What that
says is activity.py's business."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from services.scoring.domain.model import Entry, RuleSet
from services.scoring.domain.state import Activity


class Deeds:
    """Those of a lead, by the names that Activity has for them."""

    def __init__(self, rules: RuleSet, kept: Activity) -> None:
        self._velocity = rules.velocity
        self._forcing = rules.risk.high_event_types if rules.risk else frozenset[str]()
        self.first = kept.first
        self.newest = kept.newest
        self.last = kept.last
        self.recent = deque(kept.recent)
        self.forced = kept.forced
        self.counts = dict(kept.counts)

    def all(self) -> Activity:
        """What is kept of them."""
        return Activity(
            self.first,
            self.newest,
            self.last,
            tuple(self.recent),
            self.forced,
            dict(self.counts),
        )

    def add(self, entry: Entry, at: int, attributes: Mapping[str, Any]) -> None:
        """One more event, which applies at an instant (microseconds) not before those that came before it."""
        happened, kind = entry.at, entry.type
        if self.first is None or happened < self.first:
            self.first = happened
        if self.newest is None or happened > self.newest:
            self.newest = happened
        self.last = at
        if kind in self._forcing:
            self.forced = at
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._look_back(entry, at, attributes)

    def _look_back(self, entry: Entry, at: int, attributes: Mapping[str, Any]) -> None:
        """Keep what velocity counts, and no more."""
        velocity, recent = self._velocity, self.recent
        if velocity is None:
            recent.clear()
            return
        if velocity.when is None or velocity.when(entry, attributes):
            recent.append(at)
        while recent and (recent[0] + velocity.window <= at or len(recent) > velocity.kept_max):
            recent.popleft()
