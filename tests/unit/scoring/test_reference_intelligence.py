"""What a lead's history says besides its score, against the model written down a second time
(tests/support/naive_intelligence.py)."""

from __future__ import annotations

from hypothesis import event as note
from hypothesis import given, settings

from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import in_order
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.measures import Measures
from services.scoring.domain.model import microseconds
from tests.support import naive_intelligence as naive
from tests.support.clocks import START
from tests.support.naive_scoring import evaluate
from tests.support.scoring_models import moments
from tests.support.scoring_records import Record, records

FOREVER = 60 * DAY
"""After the last event; every decay of the strategies that ends has ended by then, or moves by milli-points."""

many = settings(deadline=None, max_examples=200)

later = moments.map(lambda after: microseconds(START + after) + 14 * DAY)
"""Not before the newest entry."""


def seen(measures: Measures) -> naive.Look:
    return naive.Look(measures.score, measures.stage, measures.velocity, measures.risk)


def observed(record: Record) -> Observation:
    rules = record.rules.rule_set
    observation = Observation(rules)
    for entry in in_order(record.entries, rules):
        observation.apply(entry)
    return observation


@many
@given(records(), later)
def test_intelligence_is_the_references(record: Record, at: int) -> None:
    found = observed(record).intelligence(at)
    expected = evaluate(record.activations, record.entries, at)
    assert seen(found.measures) == naive.look(expected, at)
    assert (found.grade, found.fit_grade, found.engagement_grade) == naive.grades(expected)
    recent = naive.points_between(expected, at - naive.WEEK, at)
    earlier = naive.points_between(expected, at - 2 * naive.WEEK, at - naive.WEEK)
    assert (found.recent_points, found.earlier_points) == (recent, earlier)
    assert found.trend.value == naive.trend(expected, at)
    assert found.inactivity_index == naive.inactivity(expected, at)
    share = naive.engagement(expected)
    assert found.engagement_tenths == (None if share is None else 10 * share)
    assert found.next_action == naive.next_action(expected, at)
    assert found.activity.first == naive.first_event(expected)
    assert found.activity.newest == naive.last_event(expected)
    note(f"trend {found.trend.value}")
    note(f"action {found.next_action}")
    note(f"risk {found.measures.risk}")


@many
@given(records(), later)
def test_the_next_transition_is_the_references(record: Record, at: int) -> None:
    found = observed(record).transition(at)
    shown = naive.look(evaluate(record.activations, record.entries, at), at)
    expected = naive.next_transition(record.activations, record.entries, shown, at, at + FOREVER)
    if expected is None:
        assert found is None or found.at > at + FOREVER
        note("never")
    else:
        assert found is not None
        assert (found.at, seen(found.measures)) == expected
        note("some day")
