"""How a score moves on: dense versions, late entries as if they had been on time, batches that do not matter."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.course import advance, needs_history
from services.scoring.domain.fold import fold
from services.scoring.domain.lead import Cause, Change, RulesInForce, Snapshot, new_snapshot
from services.scoring.domain.model import NO_RULES, Entry, RuleSet, Stage, microseconds
from services.scoring.domain.state import EMPTY
from tests.support.clocks import START
from tests.support.scoring_cases import RULES, entries, entry, rule, rule_sets

IN_FORCE = RulesInForce(1, RULES)

NOW = microseconds(START)


class Lead:
    """A lead's ledger and snapshot, moved on as the handlers do it."""

    def __init__(self, rules: RulesInForce = IN_FORCE) -> None:
        self.snapshot = new_snapshot(rules)
        self.ledger: list[Entry] = []
        self.changes: list[Change] = []

    def take(self, arrivals: list[Entry], rules: RulesInForce = IN_FORCE) -> list[Change]:
        asked = needs_history(self.snapshot, rules, arrivals)
        history = sorted(self.ledger, key=lambda one: one.position) if asked else ()
        self.snapshot, changes = advance(self.snapshot, rules, history, arrivals, NOW)
        self.ledger += arrivals
        self.changes += changes
        return changes


def test_a_new_lead_has_no_versions_and_the_stage_of_nothing() -> None:
    assert new_snapshot(IN_FORCE) == Snapshot(EMPTY, 0, "cold", 0, 1, 1)
    assert new_snapshot(RulesInForce(0, NO_RULES)) == Snapshot(EMPTY, 0, "", 0, 0, 0)


def test_an_event_on_time_is_one_version() -> None:
    lead = Lead()
    [first] = lead.take([entry("e1", "signup")])
    assert first == Change(
        version=1,
        cause=Cause.EVENT,
        entry=entry("e1", "signup"),
        previous_score=0,
        score=20_000,
        previous_stage="cold",
        stage="cold",
        rule_set_version=1,
        late=False,
    )
    [second] = lead.take([entry("e2", "purchase", 1)])
    assert (second.version, second.previous_score, second.score) == (2, 20_000, 120_000)
    assert (second.previous_stage, second.stage) == ("cold", "hot")


def test_an_event_that_earns_nothing_is_a_version_all_the_same() -> None:
    [change] = Lead().take([entry("e1", "unheard_of")])
    assert (change.version, change.score, change.previous_score) == (1, 0, 0)


def test_a_late_event_gives_what_it_would_have_given_on_time() -> None:
    on_time, late = Lead(), Lead()
    signup, refund = entry("e1", "signup", 0), entry("e2", "refund", 1)
    on_time.take([signup])
    on_time.take([refund])
    late.take([refund])
    [change] = late.take([signup])
    # 20 - 50 is held at 0; had the refund come first, 20 would be left.
    assert on_time.snapshot == late.snapshot
    assert late.snapshot.score == late.snapshot.state.score == 0
    assert change.late


def test_history_is_asked_for_only_when_it_is_needed() -> None:
    lead = Lead()
    assert not needs_history(lead.snapshot, IN_FORCE, [entry("e1")])
    assert not needs_history(lead.snapshot, RulesInForce(2, RULES), [entry("e1")])
    lead.take([entry("m", minutes=5)])
    assert not needs_history(lead.snapshot, IN_FORCE, [entry("e2", minutes=6)])
    # The same instant: the id decides.
    assert not needs_history(lead.snapshot, IN_FORCE, [entry("n", minutes=5)])
    assert needs_history(lead.snapshot, IN_FORCE, [entry("l", minutes=5)])
    assert needs_history(lead.snapshot, IN_FORCE, [entry("x", minutes=9), entry("y", minutes=4)])
    assert needs_history(lead.snapshot, RulesInForce(2, RULES), [])


def test_late_and_newest_in_one_batch() -> None:
    lead = Lead()
    lead.take([entry("m", "signup", 5)])
    changes = lead.take(
        [entry("new", "purchase", 9), entry("late", "page_view", 1), entry("mid", "page_view", 5)]
    )
    assert [(one.entry.event_id if one.entry else "", one.late) for one in changes] == [
        ("late", True),
        ("mid", False),
        ("new", False),
    ]
    assert [one.score for one in changes] == [21_000, 22_000, 122_000]


def test_other_rules_make_a_version_when_score_or_stage_change() -> None:
    lead = Lead()
    lead.take([entry("e1", "signup")])
    more = replace(RULES, version=2, rules=(rule("signup", 40),))
    [change] = lead.take([], RulesInForce(2, more))
    assert (change.cause, change.entry, change.late) == (Cause.RULES, None, False)
    assert (change.version, change.previous_score, change.score) == (2, 20_000, 40_000)
    assert (change.previous_stage, change.stage, change.rule_set_version) == ("cold", "warm", 2)
    renamed = replace(more, version=3, stages=(Stage("fresh", 0),))
    [change] = lead.take([], RulesInForce(3, renamed))
    assert (change.version, change.previous_stage, change.stage) == (3, "warm", "fresh")


def test_other_rules_that_change_nothing_make_no_version() -> None:
    lead = Lead()
    lead.take([entry("e1", "signup")])
    assert lead.take([], RulesInForce(2, replace(RULES, version=9))) == []
    snapshot = lead.snapshot
    assert (snapshot.version, snapshot.activation, snapshot.rule_set_version) == (1, 2, 9)


def test_other_rules_and_new_events_at_once() -> None:
    lead = Lead()
    lead.take([entry("m", "signup", 5)])
    more = RulesInForce(2, replace(RULES, version=2, rules=(rule("signup", 40), rule("*", 1))))
    changes = lead.take([entry("late", "other", 1), entry("new", "other", 9)], more)
    assert [one.cause for one in changes] == [Cause.RULES, Cause.EVENT, Cause.EVENT]
    assert [one.score for one in changes] == [41_000, 42_000, 43_000]
    assert {one.rule_set_version for one in changes} == {2}


def test_a_lead_without_events_takes_over_the_stages_of_other_rules() -> None:
    lead = Lead(RulesInForce(0, NO_RULES))
    [change] = lead.take([])
    assert (change.cause, change.previous_stage, change.stage) == (Cause.RULES, "", "cold")


arrivals = entries.flatmap(
    lambda history: st.tuples(st.permutations(history), st.lists(st.integers(0, 14), max_size=4))
)


def batches(order: list[Entry], cuts: list[int]) -> list[list[Entry]]:
    places = [0, *sorted(min(cut, len(order)) for cut in cuts), len(order)]
    return [order[start:end] for start, end in itertools.pairwise(places)]


@given(arrivals, rule_sets)
def test_any_order_in_any_batches_gives_the_fold_of_the_ledger(
    arriving: tuple[list[Entry], list[int]], rule_set: RuleSet
) -> None:
    order, cuts = arriving
    rules = RulesInForce(1, rule_set)
    lead = Lead(rules)
    for batch in batches(order, cuts):
        lead.take(batch, rules)
    state = fold(sorted(order, key=lambda one: one.position), rule_set)
    expected = Snapshot(state, state.score, rule_set.stage_of(state.score), len(order), 1, 1)
    assert lead.snapshot == expected


@given(arrivals, rule_sets)
def test_versions_are_dense_and_lead_from_one_to_the_next(
    arriving: tuple[list[Entry], list[int]], rule_set: RuleSet
) -> None:
    order, cuts = arriving
    rules = RulesInForce(1, rule_set)
    lead = Lead(rules)
    for batch in batches(order, cuts):
        lead.take(batch, rules)
    score, stage = 0, rule_set.stage_of(0)
    for number, change in enumerate(lead.changes, start=1):
        assert change.version == number
        assert (change.previous_score, change.previous_stage) == (score, stage)
        score, stage = change.score, change.stage
        assert stage == rule_set.stage_of(score)
    assert (score, stage) == (lead.snapshot.score, lead.snapshot.stage)
    assert sorted(one.entry.event_id for one in lead.changes if one.entry) == sorted(
        one.event_id for one in order
    )


@given(arrivals, rule_sets)
def test_each_version_is_the_fold_of_what_had_arrived_by_then(
    arriving: tuple[list[Entry], list[int]], rule_set: RuleSet
) -> None:
    order, cuts = arriving
    rules = RulesInForce(1, rule_set)
    lead = Lead(rules)
    seen: list[Entry] = []
    for batch in batches(order, cuts):
        for change in lead.take(batch, rules):
            assert change.entry is not None
            later = bool(seen) and change.entry.position < max(one.position for one in seen)
            assert change.late == later
            seen.append(change.entry)
            in_order = sorted(seen, key=lambda one: one.position)
            assert change.score == fold(in_order, rule_set).score


@given(arrivals, rule_sets, rule_sets, st.integers(0, 5))
def test_rules_that_come_between_give_the_fold_under_the_new_ones(
    arriving: tuple[list[Entry], list[int]], before: RuleSet, after: RuleSet, when: int
) -> None:
    order, cuts = arriving
    old, new = RulesInForce(1, before), RulesInForce(2, replace(after, version=2))
    lead = Lead(old)
    for number, batch in enumerate(batches(order, cuts)):
        lead.take(batch, old if number < when else new)
    lead.take([], new)
    state = fold(sorted(order, key=lambda one: one.position), after)
    assert (lead.snapshot.state, lead.snapshot.score) == (state, state.score)
    assert lead.snapshot.stage == after.stage_of(state.score)
    assert [one.version for one in lead.changes] == list(range(1, len(lead.changes) + 1))
    assert lead.snapshot.version == len(lead.changes)
