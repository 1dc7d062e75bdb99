"""The fold against the model written down a second time (tests/support/naive_scoring.py): events, facts and
activations, all at once, one by one, from JSON and up to any instant, always the same score to the milli-point."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.fold import Reason, fold, in_order, retracted_in, trace
from services.scoring.domain.measures import measure
from services.scoring.domain.model import Entry, RuleSet, microseconds
from services.scoring.domain.state import EMPTY, State, from_json, to_json
from tests.support import naive_intelligence as naive
from tests.support.clocks import START
from tests.support.naive_account import DAY, Account
from tests.support.naive_scoring import evaluate, evaluate_then, only
from tests.support.scoring_models import GROUPS, entries, moments, replaying
from tests.support.scoring_records import Record, in_force, recorded_at, records

many = settings(deadline=None, max_examples=60)
"""Time per example says nothing on a shared machine; each of these compares whole histories."""

later = moments.map(lambda after: microseconds(START + after) + 10 * DAY)


def folded(record: Record) -> State:
    rules = record.rules.rule_set
    return fold(in_order(record.entries, rules), rules)


def referenced(record: Record, until: int = 0) -> Account:
    return evaluate(record.activations, record.entries, until)


@settings(many, max_examples=150)
@given(records(), later)
def test_what_a_lead_comes_to_at_any_time_is_the_references(record: Record, at: int) -> None:
    rules = record.rules.rule_set
    expected = referenced(record, at)
    measures = measure(folded(record), rules, at)
    assert naive.look(expected, expected.at) == naive.Look(
        measures.score, measures.stage, measures.velocity, measures.risk
    )
    note(f"moves {min(len(expected.movements) // 20, 5) * 20}+")
    note(rules.late_events.value)
    note(rules.binding.value)
    note(f"{len(record.activations)} activations")


@settings(many, max_examples=150)
@given(records())
def test_each_effect_is_the_references(record: Record) -> None:
    rules = record.rules.rule_set
    expected = referenced(record)
    steps = list(trace(in_order(record.entries, rules), rules))
    effects = [(step.entry.event_id, effect) for step in steps for effect in step.outcome.effects]
    ignored = {Reason.RETRACTED, Reason.SUSPECT, Reason.DISCARDED}
    assert [
        (event_id, one.rule_id, one.group, one.rule_points, one.points, one.reason.value)
        for event_id, one in effects
        if one.reason not in ignored
    ] == [
        (one.event_id, one.rule_id, one.group, one.rule_points, one.points, one.why)
        for one in expected.verdicts
    ]
    assert {event_id: one.reason.value for event_id, one in effects if one.reason in ignored} == {
        event_id: fate for event_id, fate in expected.fates.items() if fate != "applied"
    }
    versions = {one.entry.event_id: one.outcome.version for one in steps}
    assert {event_id: versions[event_id] for event_id in expected.versions} == expected.versions
    fadings = [fading for step in steps for fading in step.outcome.fadings]
    assert [(one.at, one.group, one.points) for one in fadings] == expected.fadings
    for one in {one.reason for _, one in effects}:
        note(one.value)


@many
@given(records())
def test_what_is_known_after_all_of_it_is_the_references(record: Record) -> None:
    expected, state = referenced(record), folded(record)
    for group in (*GROUPS, "gone"):
        assert state.scores.get(group, 0) == expected.group(group)
    assert state.total_faded == expected.group("*")
    assert state.event_count == expected.event_count
    assert state.attributes == expected.attributes
    assert state.standing == expected.given
    activity = state.activity
    assert activity.counts == naive.counts(expected)
    assert activity.first == naive.first_event(expected)
    assert activity.newest == naive.last_event(expected)
    assert activity.last == max((one.at for one in expected.applied), default=None)


@many
@given(records(), st.integers(0, 12), later)
def test_one_by_one_and_from_json_is_the_same_as_all_at_once(
    record: Record, cut: int, at: int
) -> None:
    rules = record.rules.rule_set
    ordered = in_order(record.entries, rules)
    retracted = retracted_in(ordered)
    at_once = fold(ordered, rules)
    state = EMPTY
    for one in ordered:
        state = from_json(to_json(fold([one], rules, state, retracted)))
    assert state == at_once
    assert to_json(state) == to_json(at_once)
    assert fold(ordered[cut:], rules, fold(ordered[:cut], rules), retracted) == at_once
    assert measure(state, rules, at) == measure(at_once, rules, at)


@many
@given(records())
def test_effects_and_fadings_sum_to_the_score(record: Record) -> None:
    rules = record.rules.rule_set
    running, passed = 0, 0
    for step in trace(in_order(record.entries, rules), rules):
        outcome = step.outcome
        running += sum(fading.points for fading in outcome.fadings)
        running += sum(effect.points for effect in outcome.effects)
        assert step.state.score == running
        instants = [one.at for one in outcome.fadings]
        assert instants == sorted(instants)
        assert all(passed < instant <= outcome.at for instant in instants)
        passed = step.state.faded_to
        for effect in outcome.effects:
            counted_in_full = effect.points == effect.rule_points
            if effect.reason is Reason.CLIPPED:
                assert not counted_in_full
            elif effect.reason is Reason.LIMITED:
                assert effect.points == 0
            elif effect.reason is not Reason.TAKEN_BACK:
                assert counted_in_full


@many
@given(records())
def test_no_score_passes_the_bounds(record: Record) -> None:
    rules = record.rules.rule_set
    for step in trace(in_order(record.entries, rules), rules):
        assert rules.bounds.clip(step.state.score) == step.state.score
        for group in rules.groups:
            score = step.state.scores.get(group.name, 0)
            assert group.bounds.clip(score) == score


@many
@given(records(), moments, st.integers(0, 15))
def test_as_of_then_as_known_then_is_the_references(
    record: Record, after: timedelta, count: int
) -> None:
    as_of = microseconds(START + after)
    known = record.known(count)
    rules = in_force(known.activations).rule_set
    entries_then = [one for one in known.entries if microseconds(one.occurred_at) <= as_of]
    retractions = [one for one in known.entries if microseconds(one.occurred_at) > as_of]
    counting = [*entries_then, *(one for one in retractions if one.type == "$retraction")]
    measures = measure(fold(in_order(counting, rules), rules), rules, as_of)
    expected = evaluate_then(
        record.activations, record.entries, as_of, microseconds(recorded_at(count)) - 1
    )
    assert naive.look(expected, as_of) == naive.Look(
        measures.score, measures.stage, measures.velocity, measures.risk
    )


@many
@given(replaying, entries, moments)
def test_as_of_the_past_is_what_a_fold_stopped_there_gives(
    rules: RuleSet, history: list[Entry], after: timedelta
) -> None:
    as_of = START + after
    stopped = EMPTY
    for step in trace(in_order(history, rules), rules):
        if step.entry.occurred_at <= as_of:
            stopped = step.state
    then = [one for one in history if one.occurred_at <= as_of]
    assert fold(in_order(then, rules), rules) == stopped
    expected = evaluate_then(
        only(rules), history, microseconds(as_of), microseconds(recorded_at(0))
    )
    measures = measure(stopped, rules, microseconds(as_of))
    assert measures.score == expected.total
