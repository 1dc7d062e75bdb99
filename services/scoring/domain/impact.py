"""What each rule gives over many leads: folds one lead's entries after another's, keeps the sums and forgets the rest.
The fold does the reckoning; here it is only counted."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.scoring.domain.balance import Fading
from services.scoring.domain.fold import REMARKS, Effect, Fold, Reason
from services.scoring.domain.model import ADJUSTMENT, Entry, RuleSet


@dataclass(slots=True)
class RuleImpact:
    """What one rule gave."""

    rule_id: str
    event_count: int = 0
    """Events that met its condition."""
    lead_count: int = 0
    """Leads with such events."""
    clipped_count: int = 0
    limited_count: int = 0
    points: int = 0
    """Milli-points that counted, before any faded."""


class Impact:
    """Counts what the rules give to leads, one after another. Only effects of what happened in [start, end) count, in
    microseconds; None: without that end."""

    def __init__(self, rules: RuleSet, start: int | None = None, end: int | None = None) -> None:
        self._rules = rules
        self._start = start
        self._end = end
        self._in_force = [rule.rule_id for rule in rules.rules]
        self._by_rule = {rule_id: RuleImpact(rule_id) for rule_id in self._in_force}
        self._fold = Fold(rules)
        self._met: set[str] = set()
        self.faded = 0
        """Milli-points that time has taken; not positive for positive scores."""
        self.adjusted = 0
        """Milli-points given and taken by hand."""

    def begin(self) -> None:
        """From now on the entries are another lead's."""
        self._fold = Fold(self._rules)
        self._met = set()

    def apply(self, entry: Entry) -> None:
        """One more entry of the lead, in the order in which they apply."""
        stood = self._fold.standing
        outcome = self._fold.apply(entry)
        self._fade(outcome.fadings)
        if not self._counts(entry.at):
            return
        # Not by the reason: where bounds kept some of what was taken back, it says that.
        taken_back = stood - self._fold.standing
        for effect in outcome.effects:
            if entry.type == ADJUSTMENT:
                self.adjusted += effect.points
            elif effect.reason not in REMARKS:
                self._count(effect, effect.rule_id not in taken_back)

    def finish(self, as_of: int) -> None:
        """The lead has no more entries; what it has fades until then."""
        self._fade(self._fold.fade_to(as_of))

    @property
    def rules(self) -> list[RuleImpact]:
        """The rules in force in their order, also those that gave nothing; then others whose points still count, by
        id."""
        others = sorted(self._by_rule.keys() - set(self._in_force))
        return [self._by_rule[rule_id] for rule_id in (*self._in_force, *others)]

    def _count(self, effect: Effect, met: bool) -> None:
        """Count an effect; `met` is whether the event met the rule's condition, and did not end it."""
        total = self._by_rule.setdefault(effect.rule_id, RuleImpact(effect.rule_id))
        total.points += effect.points
        if not met:
            return
        total.event_count += 1
        total.clipped_count += effect.reason is Reason.CLIPPED
        total.limited_count += effect.reason is Reason.LIMITED
        if effect.rule_id not in self._met:
            self._met.add(effect.rule_id)
            total.lead_count += 1

    def _fade(self, fadings: Iterable[Fading]) -> None:
        self.faded += sum(fading.points for fading in fadings if self._counts(fading.at))

    def _counts(self, at: int) -> bool:
        return (self._start is None or at >= self._start) and (self._end is None or at < self._end)
