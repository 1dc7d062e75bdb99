"""Leads as they move on, against the model written down a second time (tests/support/naive_scoring.py): in any batches,
late, repeated, with facts, activations and a clock that goes on between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.binding import bound
from services.scoring.domain.course import advance
from services.scoring.domain.decay import DAY
from services.scoring.domain.fold import fold, in_order
from services.scoring.domain.lead import Cause, RulesInForce, Snapshot
from services.scoring.domain.model import Activated, Entry, RuleSet, microseconds
from services.scoring.domain.state import to_json
from tests.support import naive_intelligence as naive
from tests.support.clocks import START
from tests.support.naive_scoring import evaluate, newest, only
from tests.support.scoring_models import moments, replaying
from tests.support.scoring_records import Lead, Record, in_force, records

FOREVER = 60 * DAY
"""After the last event; every decay of the strategies that ends has ended by then, or moves by milli-points."""

many = settings(deadline=None, max_examples=60)

later = moments.map(lambda after: microseconds(START + after) + 10 * DAY)


def shown(snapshot: Snapshot) -> naive.Look:
    return naive.Look(snapshot.score, snapshot.stage, snapshot.velocity, snapshot.risk)


def expected(activations: Sequence[Activated], entries: Sequence[Entry], now: int) -> naive.Look:
    account = evaluate(activations, entries, now)
    return naive.look(account, account.at)


def assert_dense(lead: Lead) -> None:
    assert [one.version for one in lead.changes] == list(range(1, len(lead.changes) + 1))
    assert lead.snapshot.version == len(lead.changes)


def as_it_came(record: Record, cuts: Sequence[int]) -> list[tuple[RulesInForce, list[Entry]]]:
    """Batches in the order of the ledger, each with the rules in force then. A batch ends where an activation comes."""
    came: list[tuple[RulesInForce, list[Entry]]] = []
    for number in range(record.size):
        known, after = record.known(number), record.known(number + 1)
        fresh = list(after.entries[len(known.entries) :])
        if fresh and came and number not in cuts:
            came[-1][1].extend(fresh)
        else:
            came.append((after.rules, fresh))
    return came


@settings(many, max_examples=150)
@given(
    records(),
    st.sets(st.integers(0, 14)),
    st.lists(moments, min_size=1, max_size=6),
)
def test_each_batch_gives_what_all_of_history_gives(
    record: Record, cuts: set[int], times: list[timedelta]
) -> None:
    clock = sorted(microseconds(START + after) for after in times)
    came = as_it_came(record, sorted(cuts))
    lead = Lead(came[0][0])
    count = 0
    for number, (rules, batch) in enumerate(came):
        now = clock[min(number, len(clock) - 1)]
        lead.take(rules, batch, now)
        entries = record.entries[: count + len(batch)]
        count += len(batch)
        activations = [one for one in record.activations if one.number <= rules.activation]
        account = evaluate(activations, entries, now)
        difference = lead.snapshot.score - account.total
        # Time alone makes no version before it has moved a whole point.
        assert not naive.differs(shown(lead.snapshot), naive.look(account, account.at))
        if lead.changes and lead.changes[-1].entry is not None and batch:
            assert difference == 0
        state = fold(in_order(entries, rules.rule_set), rules.rule_set)
        assert to_json(lead.snapshot.state) == to_json(state)
    assert_dense(lead)
    note(f"{len(came)} batches")


def shuffled(draw: st.DrawFn, record: Record) -> list[list[Entry]]:
    """The entries in any order with repetitions, in batches; a retraction after what it retracts."""
    events = [one for one in record.entries if one.type != "$retraction"]
    retractions = [one for one in record.entries if one.type == "$retraction"]
    repeated = draw(st.lists(st.sampled_from(events), max_size=4))
    order = draw(st.permutations(events + repeated)) + draw(st.permutations(retractions))
    cuts = sorted({cut % len(order) for cut in draw(st.lists(st.integers(1, 20), max_size=4))})
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True) if a < b]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[RulesInForce, list[Activated], list[list[Entry]]]:
    """A history as it may arrive under rules that replay it, one activation or several."""
    record = draw(records(replaying))
    return record.rules, list(record.activations), shuffled(draw, record)


@many
@given(arrivals(), later)
def test_order_repetition_and_batches_change_nothing(
    arrived: tuple[RulesInForce, list[Activated], list[list[Entry]]], now: int
) -> None:
    rules, activations, batches = arrived
    lead, at_once = Lead(rules), Lead(rules)
    for batch in batches:
        lead.take(rules, batch, now)
    at_once.take(rules, [one for batch in batches for one in batch], now)
    assert lead.snapshot == at_once.snapshot
    assert to_json(lead.snapshot.state) == to_json(at_once.snapshot.state)
    assert [one.version for one in lead.changes] == list(range(1, len(lead.ledger) + 1))
    assert shown(lead.snapshot) == expected(activations, lead.ledger, now)


@many
@given(arrivals(), st.lists(moments, min_size=1, max_size=5))
def test_each_version_is_the_evaluation_of_what_had_arrived_then(
    arrived: tuple[RulesInForce, list[Activated], list[list[Entry]]], times: list[timedelta]
) -> None:
    """With a clock that moves on between the batches: versions of time come between those of entries."""
    rules, activations, batches = arrived
    lead = Lead(rules)
    clock = sorted(microseconds(START + after) for after in times)
    for number, batch in enumerate(batches):
        now = clock[min(number, len(clock) - 1)]
        seen = list(lead.ledger)
        for change in lead.take(rules, batch, now):
            if change.entry is None:
                assert change.cause is Cause.DECAY
            else:
                seen.append(change.entry)
            assert naive.Look(change.score, change.stage, change.velocity, change.risk) == expected(
                activations, seen, now
            )
    assert_dense(lead)
    before = expected(activations, [], 0)
    for change in lead.changes:
        previous = naive.Look(
            change.previous_score,
            change.previous_stage,
            change.previous_velocity,
            change.previous_risk,
        )
        assert previous == before
        before = naive.Look(change.score, change.stage, change.velocity, change.risk)


def grown(record: Record, now: int) -> Lead:
    """The lead after all of it, as it came."""
    came = as_it_came(record, ())
    lead = Lead(came[0][0])
    for rules, batch in came:
        lead.take(rules, batch, now)
    return lead


@many
@given(records(), later)
def test_the_next_transition_is_the_first_instant_that_makes_a_difference(
    record: Record, now: int
) -> None:
    lead = grown(record, now)
    due = lead.snapshot.next_transition
    until = max(now, newest(record.entries)) + FOREVER
    found = naive.next_transition(record.activations, lead.ledger, shown(lead.snapshot), now, until)
    if found is None:
        assert due is None or due > until
        note("never")
        return
    assert due == found[0] > now
    assert found[1] == expected(record.activations, lead.ledger, due)
    before = expected(record.activations, lead.ledger, due - 1)
    assert not naive.differs(shown(lead.snapshot), before)
    note("some day")


@settings(many, max_examples=40)
@given(records())
def test_what_time_makes_is_the_evaluation_at_each_due_time(record: Record) -> None:
    rules = record.rules
    passed = newest(record.entries)
    end = passed + FOREVER
    lead = grown(record, passed)
    future = evaluate(record.activations, lead.ledger, end)
    instants = sorted(naive.candidates(future))
    while (due := lead.snapshot.next_transition) is not None and due <= end:
        assert advance(lead.snapshot, rules, [], [], due - 1) == (lead.snapshot, [])
        before = shown(lead.snapshot)
        changes = lead.take(rules, [], due)
        assert [one.cause for one in changes] == [Cause.DECAY]
        assert shown(lead.snapshot) == naive.look(future, due)
        assert naive.differs(before, shown(lead.snapshot))
        # Seen from afar, nothing was missed on the way.
        for at in instants:
            if passed < at < due:
                assert not naive.differs(before, naive.look(future, at))
        passed = due
    assert not naive.differs(shown(lead.snapshot), naive.look(future, end))
    note(f"{min(lead.snapshot.version // 10, 5) * 10}+ versions")


@many
@given(records(replaying, activations_max=1), later)
def test_a_rule_set_put_in_force_gives_what_it_gave_before(record: Record, now: int) -> None:
    """What a simulation says is what an activation makes, where the new rules score all history."""
    draft: RuleSet = record.activations[0].rule_set
    other = Activated(2, draft, 0, record.activations[0].recorded_at + 1)
    ordered = in_order(record.entries, draft)
    simulated = fold(ordered, draft)
    lead = Lead(RulesInForce(0, RuleSet(version=0)))
    lead.take(RulesInForce(0, RuleSet(version=0)), record.entries, now)
    lead.take(in_force([record.activations[0], other]), [], now)
    if bound([other]).activations == ():
        assert lead.snapshot.score == expected(only(draft), record.entries, now).score
        assert to_json(lead.snapshot.state) == to_json(simulated)
