"""The engine against the model written down a second time (tests/support/naive_scoring.py): one by one, all at once,
late, repeated, in any batches, from JSON and with nothing but time, always the same score to the milli-point."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import Reason, apply, fold, score_at, trace
from services.scoring.domain.lead import (
    Cause,
    Change,
    RulesInForce,
    Snapshot,
    advance,
    needs_history,
    new_snapshot,
)
from services.scoring.domain.model import Entry, RuleSet, instant, microseconds
from services.scoring.domain.state import EMPTY, from_json, to_json
from services.scoring.handlers import EventHandlers
from services.scoring.ports import Activation, IncomingEvent
from tests.support import naive_scoring as naive
from tests.support.clocks import START, MovableClock
from tests.support.scoring_models import entries, moments, rule_sets
from tests.support.scoring_store import InMemoryStore

FOREVER = 60 * DAY
"""After the last event; every decay of the strategies that ends has ended by then, or moves by milli-points."""

many = settings(deadline=None, max_examples=60)
"""Time per example says nothing on a shared machine; each of these compares whole histories."""

later = moments.map(lambda after: microseconds(START + after) + 10 * DAY)


def in_order(history: list[Entry]) -> list[Entry]:
    return sorted(history, key=lambda one: one.position)


@settings(many, max_examples=200)
@given(rule_sets, entries, later)
def test_the_score_at_any_time_is_the_references(
    rules: RuleSet, history: list[Entry], as_of: int
) -> None:
    expected = naive.evaluate(rules, history, as_of)
    state = fold(in_order(history), rules)
    assert score_at(state, rules, as_of) == expected.total
    assert state.score == naive.evaluate(rules, history, 0).total
    note(f"moves {min(len(expected.movements) // 20, 5) * 20}+")


@many
@given(rule_sets, entries)
def test_each_group_and_each_effect_is_the_references(rules: RuleSet, history: list[Entry]) -> None:
    expected = naive.evaluate(rules, history, 0)
    steps = list(trace(in_order(history), rules))
    assert [
        (step.entry.event_id, effect.rule_id, effect.points, effect.reason.value)
        for step in steps
        for effect in step.effects
    ] == expected.reasons
    scores = steps[-1].state.scores
    for group in ("", "intent", "fit"):
        assert scores.get(group, 0) == expected.group(group)
    assert steps[-1].state.total_faded == expected.group("*")
    for reason in {effect.reason for step in steps for effect in step.effects}:
        note(reason.value)


@many
@given(rule_sets, entries, st.integers(0, 9), later)
def test_incremental_and_from_json_is_the_same_as_all_at_once(
    rules: RuleSet, history: list[Entry], cut: int, as_of: int
) -> None:
    history = in_order(history)
    at_once = fold(history, rules)
    state = EMPTY
    for one in history:
        state = from_json(to_json(apply(state, one, rules)))
    assert state == at_once
    assert to_json(state) == to_json(at_once)
    assert fold(history[cut:], rules, fold(history[:cut], rules)) == at_once
    assert score_at(state, rules, as_of) == score_at(at_once, rules, as_of)


@many
@given(rule_sets, entries)
def test_effects_and_fadings_sum_to_the_score(rules: RuleSet, history: list[Entry]) -> None:
    running = 0
    for step in trace(in_order(history), rules):
        running += sum(fading.points for fading in step.fadings)
        running += sum(effect.points for effect in step.effects)
        assert step.state.score == running
        assert [one.at for one in step.fadings] == sorted(one.at for one in step.fadings)
        assert all(one.at <= microseconds(step.entry.occurred_at) for one in step.fadings)
        for effect in step.effects:
            assert (effect.reason is Reason.APPLIED) == (effect.points == effect.rule_points) or (
                effect.reason is Reason.LIMITED and effect.points == 0
            )


@many
@given(rule_sets, entries)
def test_no_score_passes_the_bounds(rules: RuleSet, history: list[Entry]) -> None:
    for step in trace(in_order(history), rules):
        assert rules.bounds.clip(step.state.score) == step.state.score
        for group in rules.groups:
            score = step.state.scores.get(group.name, 0)
            assert group.bounds.clip(score) == score


class Lead:
    """A lead's ledger and snapshot, moved on as the handlers do it."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = RulesInForce(1, rules)
        self.snapshot = new_snapshot(self.rules)
        self.ledger: list[Entry] = []
        self.changes: list[Change] = []

    def take(self, arrivals: list[Entry], now: int) -> list[Change]:
        fresh = [one for one in arrivals if one not in self.ledger]
        fresh = [one for number, one in enumerate(fresh) if one not in fresh[:number]]
        asked = needs_history(self.snapshot, self.rules, fresh)
        history = in_order(self.ledger) if asked else ()
        self.snapshot, changes = advance(self.snapshot, self.rules, history, fresh, now)
        self.ledger += fresh
        self.changes += changes
        return changes


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[Entry]]:
    """A history shuffled, with repetitions, in batches."""
    history = draw(entries)
    order = draw(st.permutations(history + draw(st.lists(st.sampled_from(history), max_size=4))))
    cuts = sorted({cut % len(order) for cut in draw(st.lists(st.integers(1, 20), max_size=4))})
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True) if a < b]


@many
@given(rule_sets, arrivals(), later)
def test_order_repetition_and_batches_change_nothing(
    rules: RuleSet, batches: list[list[Entry]], now: int
) -> None:
    lead, at_once = Lead(rules), Lead(rules)
    for batch in batches:
        lead.take(batch, now)
    at_once.take([one for batch in batches for one in batch], now)
    assert lead.snapshot == at_once.snapshot
    assert [one.version for one in lead.changes] == list(range(1, len(lead.ledger) + 1))
    expected = naive.evaluate(rules, lead.ledger, now).total
    assert (lead.snapshot.score, lead.snapshot.stage) == (expected, naive.stage(rules, expected))


@many
@given(rule_sets, arrivals(), st.lists(moments, min_size=1, max_size=5))
def test_each_version_is_the_evaluation_of_what_had_arrived_then(
    rules: RuleSet, batches: list[list[Entry]], times: list[timedelta]
) -> None:
    """With a clock that moves on between the batches: versions of time come between those of events."""
    lead = Lead(rules)
    clock = sorted(microseconds(START + after) for after in times)
    for number, batch in enumerate(batches):
        now = clock[min(number, len(clock) - 1)]
        seen = list(lead.ledger)
        for change in lead.take(batch, now):
            if change.entry is None:
                assert change.cause is Cause.DECAY
            else:
                seen.append(change.entry)
            assert change.score == naive.evaluate(rules, seen, now).total
            assert change.stage == naive.stage(rules, change.score)
    assert [one.version for one in lead.changes] == list(range(1, len(lead.changes) + 1))
    score, stage = 0, naive.stage(rules, 0)
    for change in lead.changes:
        assert (change.previous_score, change.previous_stage) == (score, stage)
        score, stage = change.score, change.stage


def differs(rules: RuleSet, snapshot: Snapshot, score: int) -> bool:
    return abs(score - snapshot.score) >= 1_000 or naive.stage(rules, score) != snapshot.stage


@many
@given(rule_sets, entries, later)
def test_the_next_transition_is_the_first_instant_that_makes_a_difference(
    rules: RuleSet, history: list[Entry], now: int
) -> None:
    lead = Lead(rules)
    lead.take(history, now)
    due = lead.snapshot.next_transition
    begin = max(now, naive.newest(history))
    expected = naive.evaluate(rules, history, begin + FOREVER)
    note("never" if due is None else "some day")
    for at in sorted({at for at, _, _ in expected.movements if at > begin}):
        if due is not None and at >= due:
            break
        assert not differs(rules, lead.snapshot, expected.total_at(at))
    if due is not None:
        assert due > now
        before = naive.evaluate(rules, history, due - 1).total
        assert not differs(rules, lead.snapshot, before)
        assert differs(rules, lead.snapshot, naive.evaluate(rules, history, due).total)


def incoming(entry: Entry) -> IncomingEvent:
    return IncomingEvent("p1", "lead:ada", entry, "{}", entry.event_id.encode(), b"")


@settings(many, max_examples=40)
@given(rule_sets, entries)
def test_what_time_makes_is_the_evaluation_at_each_due_time(
    rules: RuleSet, history: list[Entry]
) -> None:
    asyncio.run(_fade_to_the_end(rules, history))


async def _fade_to_the_end(rules: RuleSet, history: list[Entry]) -> None:
    store, clock = InMemoryStore(), MovableClock()
    handlers = EventHandlers(store, clock)
    await handlers.record_activation(Activation("p1", 1, START, "", replace(rules, version=1)))
    await handlers.apply_events([incoming(one) for one in history])
    key = ("p1", "ada")
    begin = naive.newest(history)
    expected = naive.evaluate(rules, history, begin + FOREVER)
    while True:
        snapshot = store.contents.snapshots[key][0]
        due = snapshot.next_transition
        if due is None or due > begin + FOREVER:
            break
        clock.at = instant(due - 1)
        assert await handlers.fade_next() == 0
        clock.at = instant(due)
        assert await handlers.fade_next() == 1
        assert await handlers.fade_next() == 0
        made = store.contents.changes[(*key, snapshot.version + 1)]
        assert (made.change.cause, made.occurred_at) == (Cause.DECAY, clock.at)
        score = expected.total_at(due)
        assert (made.change.score, made.change.stage) == (score, naive.stage(rules, score))
        assert store.contents.snapshots[key][0].version == made.change.version
    clock.at = instant(begin + FOREVER)
    last = store.contents.snapshots[key][0]
    assert not differs(rules, last, expected.total)
