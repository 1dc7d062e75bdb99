"""What a lead's history says about what to do next: grades, trend, inactivity, the next action, and what time alone
will change. Thresholds are the rule set's; those of trend and inactivity are everybody's."""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import Fold, Outcome, Reason
from services.scoring.domain.measures import Measures, measure, measures_at, next_transition
from services.scoring.domain.model import MILLI, Entry, Grade, RuleSet, Situation
from services.scoring.domain.state import Activity, State
from services.scoring.domain.values import value

TREND_SPAN = 7 * DAY
TREND_GAIN_MIN = 5 * MILLI
INACTIVE_AFTER = 28 * DAY
INACTIVITY_MAX = 99


class Trend(Enum):
    """Where a lead's activity is going."""

    NONE = ""
    """The lead has no events."""
    INCREASING = "increasing"
    STEADY = "steady"
    DECREASING = "decreasing"


@dataclass(frozen=True, slots=True)
class Transition:
    """What time alone will do."""

    at: int
    measures: Measures


@value(frozen=True, slots=True)
class Intelligence:
    """All of it, at an instant. Points are milli-points, times microseconds."""

    measures: Measures
    fit_grade: str
    engagement_grade: str
    trend: Trend
    recent_points: int
    """Positive points that counted in the 7 days up to the instant."""
    earlier_points: int
    """In the 7 days before those."""
    inactivity_index: int | None
    engagement_tenths: int | None
    """Tenths of the engagement score, which is up to 10."""
    next_action: str
    activity: Activity

    @property
    def grade(self) -> str:
        """Both grades together."""
        return self.fit_grade + self.engagement_grade


class Observation:
    """A fold under way that keeps what intelligence needs besides the state."""

    def __init__(self, rules: RuleSet) -> None:
        self.fold = Fold(rules)
        self._rules = rules
        self._gains: deque[tuple[int, int]] = deque()
        """When points were earned, and how many, for as long as trend looks back."""

    def apply(self, entry: Entry) -> Outcome:
        """One more entry, in order."""
        outcome = self.fold.apply(entry)
        gained = 0
        for effect in outcome.effects:
            if effect.points > 0 and effect.rule_id and effect.reason is not Reason.TAKEN_BACK:
                gained += effect.points
        if gained:
            self._gains.append((outcome.at, gained))
            while self._gains[0][0] <= outcome.at - 2 * TREND_SPAN:
                self._gains.popleft()
        return outcome

    def intelligence(self, as_of: int) -> Intelligence:
        """What it comes to at an instant (microseconds) not before the last entry."""
        fold, rules = self.fold, self._rules
        fold.fade_to(as_of)
        measures = measures_at(fold, rules, as_of)
        state = fold.state
        activity = state.activity
        recent, earlier = self._points(as_of)
        trend = _trend(recent, earlier) if activity.last is not None else Trend.NONE
        fit, engagement = _grades(state, rules)
        situation = _situation(state, rules, measures, fit, engagement, trend)
        return Intelligence(
            measures=measures,
            fit_grade=fit,
            engagement_grade=engagement,
            trend=trend,
            recent_points=recent,
            earlier_points=earlier,
            inactivity_index=_inactivity(activity, as_of),
            engagement_tenths=_engagement(state, rules),
            next_action=next_action(rules, situation),
            activity=activity,
        )

    def transition(self, as_of: int) -> Transition | None:
        """What time alone will change next after an instant not before the last entry."""
        state = self.fold.state
        now = measure(state, self._rules, as_of)
        at = next_transition(state, now, self._rules, as_of)
        return None if at is None else Transition(at, measure(state, self._rules, at))

    def _points(self, as_of: int) -> tuple[int, int]:
        recent = sum(points for at, points in self._gains if at > as_of - TREND_SPAN)
        both = sum(points for at, points in self._gains if at > as_of - 2 * TREND_SPAN)
        return recent, both - recent


def next_action(rules: RuleSet, situation: Situation) -> str:
    """The first whose condition holds; empty where none does."""
    for one in rules.next_actions:
        if one.when is None or one.when(situation):
            return one.action
    return ""


def _trend(recent: int, earlier: int) -> Trend:
    if 100 * recent >= 125 * earlier and recent - earlier >= TREND_GAIN_MIN:
        return Trend.INCREASING
    if earlier > 0 and 100 * recent <= 75 * earlier:
        return Trend.DECREASING
    return Trend.STEADY


def grade_at(state: State, rules: RuleSet, at: int) -> str:
    """Both grades together at an instant not before the state's newest entry; empty where the rules have none."""
    if rules.grading is None:
        return ""
    fold = Fold(rules, state)
    fold.fade_to(at)
    return "".join(_grades(fold.state, rules))


def _grades(state: State, rules: RuleSet) -> tuple[str, str]:
    grading = rules.grading
    if grading is None:
        return "", ""
    fit = state.scores.get(grading.fit_group, 0)
    engagement = state.scores.get(grading.engagement_group, 0)
    return _grade(grading.fit_grades, fit), _grade(grading.engagement_grades, engagement)


def _grade(grades: tuple[Grade, ...], score: int) -> str:
    return next((one.name for one in grades if score >= one.min_score), grades[-1].name)


def _inactivity(activity: Activity, as_of: int) -> int | None:
    if activity.last is None:
        return None
    return min(INACTIVITY_MAX, max(0, 100 * (as_of - activity.last) // INACTIVE_AFTER))


def _engagement(state: State, rules: RuleSet) -> int | None:
    upper = rules.group(rules.engagement_group).bounds.max_score if rules.engagement_group else None
    if not upper:
        return None
    return round(Fraction(100 * state.scores.get(rules.engagement_group, 0), upper))


def _situation(
    state: State, rules: RuleSet, measures: Measures, fit: str, engagement: str, trend: Trend
) -> Situation:
    names = {group.name for group in rules.groups} | state.scores.keys()
    return {
        "score": measures.score / MILLI,
        "stage": measures.stage,
        "grade": fit + engagement,
        "fit_grade": fit,
        "engagement_grade": engagement,
        "velocity": measures.velocity / MILLI,
        "risk": measures.risk,
        "trend": trend.value,
        "groups": {name: state.scores.get(name, 0) / MILLI for name in sorted(names)},
        "events": dict(state.activity.counts),
        "lead": dict(state.attributes),
    }
