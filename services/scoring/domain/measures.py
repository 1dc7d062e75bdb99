"""What a lead comes to at an instant: the four things of which every change makes a version."""

from services.scoring.domain.activity import NO_RISK
from services.scoring.domain.deeds import Deeds
from services.scoring.domain.fold import Fold
from services.scoring.domain.model import MILLI, RuleSet
from services.scoring.domain.state import State
from services.scoring.domain.values import value


@value(frozen=True, slots=True)
class Measures:
    """Score and velocity in thousandths."""

    score: int
    stage: str
    velocity: int = 0
    risk: str = NO_RISK

    def differs(self, other: "Measures") -> bool:
        """Whether time has changed something worth a version: a whole point, or anything else."""
        return (
            abs(self.score - other.score) >= MILLI
            or self.stage != other.stage
            or self.velocity != other.velocity
            or self.risk != other.risk
        )


class Outlook:
    """A fold at an instant (microseconds), or at its newest entry where that is later; and what time alone makes of it
    from there. The fold goes on with it."""

    def __init__(self, fold: Fold, rules: RuleSet, at: int) -> None:
        fold.fade_to(at)
        self._fold = fold
        self._rules = rules
        self._at = fold.faded_to
        self.measures = measures_at(fold, rules, self._at)

    def next_transition(self, kept: Measures) -> int | None:
        """When time alone makes it differ from what is kept of it: found by walking through the exact instants at which
        time changes anything, of which there are finitely many. To be asked once."""
        fold, rules = self._fold, self._rules
        if not rules.moves:
            return None
        ahead = sorted({at for at in _instants(fold.deeds, rules) if at > self._at}, reverse=True)
        while True:
            step = fold.next_fading()
            if ahead and (step is None or ahead[-1] <= step):
                at = ahead.pop()
            elif step is not None:
                at = step
            else:
                return None
            fold.fade_to(at)
            if kept.differs(measures_at(fold, rules, at)):
                return at


def measures_at(fold: Fold, rules: RuleSet, at: int) -> Measures:
    """What a fold comes to at an instant, or at its newest entry where that is later. The fold stays where it is."""
    if not rules.moves:
        return Measures(fold.score, rules.stage_of(fold.score))
    at = max(at, fold.faded_to)
    deeds = fold.deeds
    score = fold.score_at(at)
    return Measures(
        score=score,
        stage=rules.stage_of(score),
        velocity=rules.velocity.of(deeds.recent, at) if rules.velocity else 0,
        risk=rules.risk.of(deeds.last, deeds.forced, at) if rules.risk else NO_RISK,
    )


def measure(state: State, rules: RuleSet, at: int) -> Measures:
    """What a state comes to at an instant if nothing but time happens."""
    if not rules.moves:
        return Measures(state.score, rules.stage_of(state.score))
    return Outlook(Fold(rules, state), rules, at).measures


def next_transition(state: State, kept: Measures, rules: RuleSet, now: int) -> int | None:
    """When, after `now`, time alone makes what a state comes to differ from what is kept of it."""
    if not rules.moves:
        return None
    return Outlook(Fold(rules, state), rules, now).next_transition(kept)


def _instants(deeds: Deeds, rules: RuleSet) -> list[int]:
    """When time alone may change velocity or risk."""
    found: list[int] = []
    if rules.velocity is not None:
        found += [time + rules.velocity.window for time in deeds.recent]
    if rules.risk is not None:
        found += rules.risk.changes(deeds.last, deeds.forced)
    return found
