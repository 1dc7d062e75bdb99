"""What a lead comes to at an instant, and which instants change it."""

from __future__ import annotations

from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import fold
from services.scoring.domain.measures import Measures, measure, next_transition
from services.scoring.domain.model import Entry, RuleSet, instant

RULES = RuleSet(
    1,
    velocity=Velocity(window=DAY, per_event=1_000),
    risk=Risk(medium_after=DAY, high_event_types=frozenset({"spam"}), high_for=2 * DAY),
)


def at(day: float, event_type: str = "view") -> Entry:
    return Entry(f"{event_type}-{day}", event_type, instant(round(day * DAY)))


def test_an_event_counts_until_the_instant_it_leaves_the_window() -> None:
    state = fold([at(10)], RULES)
    assert measure(state, RULES, 11 * DAY - 1) == Measures(0, "", 1_000, "low")
    assert measure(state, RULES, 11 * DAY) == Measures(0, "", 0, "low")
    # Idle for longer than a day, not for a day.
    assert measure(state, RULES, 11 * DAY + 1) == Measures(0, "", 0, "medium")


def test_each_of_these_instants_is_a_transition() -> None:
    state = fold([at(10, "spam")], RULES)
    now, found = 10 * DAY, []
    kept = measure(state, RULES, now)
    while (due := next_transition(state, kept, RULES, now)) is not None:
        now, kept = due, measure(state, RULES, due)
        found.append((due - 10 * DAY, kept.velocity, kept.risk))
    assert found == [(DAY, 0, "high"), (2 * DAY, 0, "medium")]


def test_a_lead_with_an_event_to_come_is_seen_as_of_that() -> None:
    """Events of the next hours count when they arrive, and so does what they put behind them."""
    state = fold([at(8, "spam"), at(9.5), at(10.25)], RULES)
    seen = measure(state, RULES, round(9.75 * DAY))
    assert seen == measure(state, RULES, round(10.25 * DAY)) == Measures(0, "", 2_000, "low")
    assert next_transition(state, seen, RULES, round(9.75 * DAY)) == round(10.5 * DAY)
