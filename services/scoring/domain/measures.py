"""What a lead comes to at an instant: the four things of which every change makes a version."""

from dataclasses import dataclass

from services.scoring.domain.activity import NO_RISK
from services.scoring.domain.fold import Fold
from services.scoring.domain.model import MILLI, RuleSet
from services.scoring.domain.state import Activity, State


@dataclass(frozen=True, slots=True)
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


def measure(state: State, rules: RuleSet, at: int) -> Measures:
    """What a state comes to at an instant (microseconds) if nothing but time happens; as of its newest entry where that
    is later."""
    if not rules.moves:
        return Measures(state.score, rules.stage_of(state.score))
    fold = Fold(rules, state)
    fold.fade_to(at)
    return measures_of(fold, rules, max(at, state.faded_to))


def next_transition(state: State, kept: Measures, rules: RuleSet, now: int) -> int | None:
    """When, after `now`, time alone makes what a state comes to differ from what is kept of it: found by walking
    through the exact instants at which time changes anything, of which there are finitely many."""
    if not rules.moves:
        return None
    fold = Fold(rules, state)
    now = max(now, state.faded_to)
    fold.fade_to(now)
    instants = sorted({at for at in _instants(state.activity, rules) if at > now}, reverse=True)
    while True:
        step = fold.next_fading()
        if instants and (step is None or instants[-1] <= step):
            at = instants.pop()
        elif step is not None:
            at = step
        else:
            return None
        fold.fade_to(at)
        if kept.differs(measures_of(fold, rules, at)):
            return at


def _instants(activity: Activity, rules: RuleSet) -> list[int]:
    """When time alone may change velocity or risk."""
    found: list[int] = []
    if rules.velocity is not None:
        found += [time + rules.velocity.window for time in activity.recent]
    if rules.risk is not None:
        found += rules.risk.changes(activity.last, activity.forced)
    return found


def measures_of(fold: Fold, rules: RuleSet, at: int) -> Measures:
    """What a fold that has faded up to an instant comes to then."""
    activity = fold.activity
    return Measures(
        score=fold.score,
        stage=rules.stage_of(fold.score),
        velocity=rules.velocity.of(activity.recent, at) if rules.velocity else 0,
        risk=rules.risk.of(activity.last, activity.forced, at) if rules.risk else NO_RISK,
    )
