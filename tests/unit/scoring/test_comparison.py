"""The outcome of a comparison against a plain recount: discrimination is the share of pairs told apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.comparison import Conversions, StageOutcome, Trial, VariantTally
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.fold import in_order
from services.scoring.domain.model import (
    RETRACTION,
    Entry,
    LateEvents,
    Rule,
    RuleSet,
    Stage,
    microseconds,
)
from tests.support import scoring_models as models
from tests.support.clocks import START
from tests.support.naive_scoring import evaluate, only
from tests.support.scoring_records import Record, records

RULES = RuleSet(
    1,
    rules=(Rule("view", "view", 10_000), Rule("buy", "buy", 90_000)),
    stages=(Stage("cold", 0), Stage("warm", 10_000), Stage("hot", 30_000)),
)
BUYING = frozenset({"buy"})
END = microseconds(START) + 60 * DAY

outcomes = st.lists(st.tuples(st.integers(-2, 40).map(lambda n: n * 1_000 + n), st.booleans()))


@given(outcomes)
def test_a_variant_comes_to_what_its_leads_do(leads: list[tuple[int, bool]]) -> None:
    tally = VariantTally(RULES)
    for score, converted in leads:
        tally.add(score, converted)
    found = tally.outcome()
    winners = [score for score, converted in leads if converted]
    others = [score for score, converted in leads if not converted]
    assert (found.lead_count, found.converted_count) == (len(leads), len(winners))
    everybody = [*winners, *others]
    assert found.mean_score == (round(Fraction(sum(everybody), len(everybody))) if everybody else 0)
    assert found.mean_score_converted == (
        round(Fraction(sum(winners), len(winners))) if winners else 0
    )
    assert list(found.stages) == [
        StageOutcome(
            stage.name,
            sum(RULES.stage_of(score) == stage.name for score, _ in leads),
            sum(RULES.stage_of(score) == stage.name and converted for score, converted in leads),
        )
        for stage in RULES.stages
    ]
    pairs = [Fraction((a > b) - (a < b) + 1, 2) for a in winners for b in others]
    assert found.discrimination == (sum(pairs) / len(pairs) if pairs else None)


def test_rules_that_tell_perfectly_and_rules_that_guess() -> None:
    perfect, guessing, wrong = VariantTally(RULES), VariantTally(RULES), VariantTally(RULES)
    for n in range(5):
        perfect.add(n, converted=n >= 3)
        guessing.add(7, converted=n >= 3)
        wrong.add(-n, converted=n >= 3)
    assert perfect.outcome().discrimination == 1
    assert guessing.outcome().discrimination == Fraction(1, 2)
    assert wrong.outcome().discrimination == 0


def entry(event_id: str, event_type: str, hours: float, **properties: object) -> Entry:
    return Entry(event_id, event_type, START + timedelta(hours=hours), properties)


def trial(*entries: Entry, rules: RuleSet = RULES, types: frozenset[str] = BUYING) -> Trial:
    conversions = Conversions(types)
    for one in in_order(entries, replace(rules, late_events=LateEvents.REPLAY)):
        conversions.look(one)
    found = Trial(rules, conversions.first)
    for one in in_order(entries, rules):
        found.apply(one)
    return found


def test_of_a_lead_that_converts_only_what_came_before_is_scored() -> None:
    found = trial(
        entry("e1", "view", 0),
        entry("e2", "view", 1),
        entry("e3", "buy", 2),
        entry("e4", "view", 3),
        entry("e5", "buy", 4),
    )
    assert (found.converted, found.score(END), found.event_count) == (True, 20_000, 2)
    stays = trial(entry("e1", "view", 0), entry("e2", "view", 1))
    assert (stays.converted, stays.score(END), stays.event_count) == (False, 20_000, 2)


def test_a_retracted_conversion_is_none() -> None:
    retraction = entry("scoreline:r", RETRACTION, 9, event_ids=["e2"])
    found = trial(entry("e1", "view", 0), entry("e2", "buy", 1), entry("e3", "view", 2), retraction)
    assert (found.converted, found.score(END)) == (False, 20_000)


def test_time_goes_on_until_the_conversion_and_no_further() -> None:
    fading = RuleSet(1, rules=RULES.rules, stages=RULES.stages, decay=IdleAmount(0, DAY, 1_000, 0))
    found = trial(entry("e1", "view", 0), entry("e2", "buy", 3 * 24 + 1), rules=fading)
    assert found.score(END) == 7_000
    stays = trial(entry("e1", "view", 0), rules=fading)
    assert stays.score(microseconds(START) + 5 * DAY) == 5_000


def test_a_suspect_conversion_is_none() -> None:
    found = trial(
        entry("e1", "view", 0), entry("e2", "buy", 1, suspect=True), entry("e3", "view", 2)
    )
    assert (found.converted, found.score(END)) == (False, 20_000)


@pytest.mark.parametrize("late_events", LateEvents)
def test_what_is_recorded_in_another_order_is_scored_as_of_the_conversion(
    late_events: LateEvents,
) -> None:
    """Something later is recorded before the conversion, something earlier after it; so is another conversion."""
    happened = [("e4", "view", 9), ("e2", "buy", 5), ("e1", "view", 0), ("e3", "buy", 4)]
    entries = [replace(entry(*one), sequence=n) for n, one in enumerate(happened, start=1)]
    found = trial(*entries, rules=replace(RULES, late_events=late_events))
    assert (found.converted, found.score(END), found.event_count) == (True, 10_000, 1)


@settings(deadline=None)
@given(records(activations_max=1), st.sets(st.sampled_from(models.TYPES), min_size=1))
def test_a_trial_is_the_references_as_of_the_conversion(record: Record, types: set[str]) -> None:
    rules = replace(record.activations[0].rule_set, activations=())
    found = trial(*record.entries, rules=rules, types=frozenset(types))
    retracted = {
        event_id
        for one in record.entries
        if one.type == RETRACTION
        for event_id in one.properties["event_ids"]
    }
    conversions = sorted(
        (one.occurred_at, one.event_id)
        for one in record.entries
        if one.type in types
        and one.event_id not in retracted
        and one.properties.get("suspect") is not True
    )
    before = [
        one
        for one in record.entries
        if not conversions
        or one.type == RETRACTION
        or (one.occurred_at, one.event_id) < conversions[0]
    ]
    until = microseconds(conversions[0][0]) if conversions else END
    expected = evaluate(only(rules), before, until)
    assert found.converted == bool(conversions)
    assert found.score(END) == expected.total
    assert found.event_count == expected.event_count
    note(f"{rules.late_events.value} {'converted' if conversions else 'not'}")
