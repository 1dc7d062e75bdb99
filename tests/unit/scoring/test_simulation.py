"""The tally of a simulation against a plain recount, whatever leads, rules and order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.activity import LOW
from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import trace
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.model import (
    ADJUSTMENT,
    Entry,
    Rule,
    RuleSet,
    Stage,
    instant,
    microseconds,
)
from services.scoring.domain.simulation import (
    MOVERS_MAX,
    DayChanges,
    Flow,
    Migration,
    Scored,
    SimulatedFold,
    SimulatedLead,
    Tally,
    last_days,
)
from tests.support import scoring_models as models
from tests.support.clocks import START

BEFORE = RuleSet(1, stages=(Stage("cold", 0), Stage("warm", 10_000)))
AFTER = RuleSet(2, stages=(Stage("cold", 0), Stage("hot", 20_000), Stage("warm", 30_000)))
DAYS = range(10, 14)
END = microseconds(START) + 60 * DAY

actions = st.sampled_from(["", "call", "write"])


def scored(rules: RuleSet, score: int, action: str) -> Scored:
    return Scored(score, rules.stage_of(score), action, "A1", LOW, 0)


class Told:
    """A fold that says what a test told it to."""

    def __init__(self, event_count: int, stage_changes: list[int]) -> None:
        self.event_count = event_count
        self.stage_changes = stage_changes


scores = st.integers(-5, 40).map(lambda points: 1_000 * points + points % 3)
days = st.lists(st.sampled_from(DAYS), max_size=3)
leads = st.lists(
    st.tuples(scores, scores, actions, actions, st.integers(0, 5), days, days), max_size=60
)


@given(leads, st.randoms())
def test_a_tally_is_a_plain_count(drawn: list[tuple], shuffling) -> None:  # type: ignore[no-untyped-def, type-arg]
    told = [
        (
            SimulatedLead(f"l{n:03}", scored(BEFORE, a, act), scored(AFTER, b, other)),
            Told(count, old),
            Told(count, new),
        )
        for n, (a, b, act, other, count, old, new) in enumerate(drawn)
    ]
    all_leads = [lead for lead, _, _ in told]
    arriving = list(told)
    shuffling.shuffle(arriving)
    tally = Tally(BEFORE, AFTER, DAYS)
    for one in arriving:
        tally.add(*one)  # type: ignore[arg-type]
    found = tally.summary()

    assert found.lead_count == len(all_leads) == tally.lead_count
    assert found.event_count == sum(fold.event_count for _, fold, _ in told) == tally.event_count
    assert found.changed_count == sum(x.before.score != x.after.score for x in all_leads)
    assert found.stage_changed_count == sum(x.before.stage != x.after.stage for x in all_leads)
    assert found.action_changed_count == sum(
        x.before.next_action != x.after.next_action for x in all_leads
    )
    assert found.score_sum_before == sum(x.before.score for x in all_leads)
    assert found.score_sum_after == sum(x.after.score for x in all_leads)

    pairs = Counter((x.before.stage, x.after.stage) for x in all_leads)
    order = ["cold", "warm", "hot"]
    assert list(found.migrations) == [
        Migration(one, other, pairs[(one, other)])
        for one in order
        for other in order
        if (one, other) in pairs
    ]
    assert list(found.flows) == [
        Flow(
            stage,
            before=sum(x.before.stage == stage for x in all_leads),
            after=sum(x.after.stage == stage for x in all_leads),
            entering=sum(x.before.stage != stage == x.after.stage for x in all_leads),
            leaving=sum(x.before.stage == stage != x.after.stage for x in all_leads),
        )
        for stage in order
    ]
    moved = [x for x in all_leads if x.before.score != x.after.score]
    moved.sort(key=lambda x: (-abs(x.after.score - x.before.score), x.lead_id))
    assert list(found.movers) == moved[:MOVERS_MAX]
    assert list(found.days) == [
        DayChanges(
            day,
            sum(fold.stage_changes.count(day) for _, fold, _ in told),
            sum(fold.stage_changes.count(day) for _, _, fold in told),
        )
        for day in DAYS
    ]


def test_a_lead_without_stages_has_a_stage_without_a_name() -> None:
    tally = Tally(BEFORE, RuleSet(2), DAYS)
    lead = SimulatedLead("ada", scored(BEFORE, 0, ""), scored(RuleSet(2), 0, ""))
    tally.add(lead, Told(0, []), Told(0, []))  # type: ignore[arg-type]
    assert tally.summary().migrations == (Migration("cold", "", 1),)
    assert [flow.stage for flow in tally.summary().flows] == ["cold", "warm", ""]


def test_what_counts_as_changed() -> None:
    same = scored(BEFORE, 5_000, "call")
    assert not SimulatedLead("ada", same, same).changed
    for other in (
        scored(BEFORE, 5_001, "call"),
        scored(BEFORE, 5_000, "write"),
        scored(RuleSet(3, stages=(Stage("low", 0),)), 5_000, "call"),
    ):
        assert SimulatedLead("ada", same, other).changed


@given(models.rule_sets, models.entries)
def test_a_lead_comes_to_what_its_intelligence_says(rules: RuleSet, entries: list[Entry]) -> None:
    ordered = sorted(entries, key=lambda entry: entry.position)
    fold, observation = SimulatedFold(rules, 0), Observation(rules)
    for entry in ordered:
        fold.apply(entry)
        observation.apply(entry)
    found, expected = fold.scored(END), observation.intelligence(END)
    assert (found.score, found.stage) == (expected.measures.score, expected.measures.stage)
    assert (found.velocity, found.risk) == (expected.measures.velocity, expected.measures.risk)
    assert (found.next_action, found.grade) == (expected.next_action, expected.grade)
    assert fold.event_count == len(ordered)


@given(models.rule_sets, models.entries, st.integers(0, 20))
def test_changes_of_stage_are_those_that_events_made(
    rules: RuleSet, entries: list[Entry], day: int
) -> None:
    first_day = microseconds(START) // DAY + day
    ordered = sorted(entries, key=lambda entry: entry.position)
    fold = SimulatedFold(rules, first_day)
    for entry in ordered:
        fold.apply(entry)
    expected = []
    for step in trace(ordered, rules):
        counted = sum(effect.points for effect in step.outcome.effects)
        before = rules.stage_of(step.state.score - counted)
        if before != rules.stage_of(step.state.score):
            expected.append(microseconds(step.entry.occurred_at) // DAY)
    assert fold.stage_changes == [one for one in expected if one >= first_day]


def test_time_and_adjustments_move_stages_but_no_event_did() -> None:
    rules = RuleSet(
        1,
        rules=(Rule("view", "view", 10_000),),
        stages=BEFORE.stages,
    )
    day = timedelta(days=1)
    fold = SimulatedFold(rules, 0)
    given_by_hand = {"points": 15_000, "group": "", "reason": "", "actor": ""}
    fold.apply(Entry("scoreline:a", ADJUSTMENT, START, given_by_hand))
    fold.apply(Entry("e1", "view", START + day))
    taken = {"points": -25_000, "group": "", "reason": "", "actor": ""}
    fold.apply(Entry("scoreline:b", ADJUSTMENT, START + day, taken))
    fold.apply(Entry("e2", "view", START + 2 * day))
    today = microseconds(START) // DAY
    assert fold.stage_changes == [today + 2]
    assert fold.event_count == 2


def test_the_last_days_end_with_the_one_asked_about() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = [instant(day * DAY).date().isoformat() for day in last_days(microseconds(noon), 3)]
    assert found == ["2026-02-27", "2026-02-28", "2026-03-01"]
