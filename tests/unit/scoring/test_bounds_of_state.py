"""What a lead's state may hold is bounded: attributes by number and size, keys of limits by number. What is left out
depends on the history alone, and is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import attributes, uses
from services.scoring.domain.attributes import Attributes
from services.scoring.domain.decay import DAY
from services.scoring.domain.explanation import Account
from services.scoring.domain.fold import Effect, Reason, fold, in_order, retracted_in, trace
from services.scoring.domain.model import Entry, Limit, Rule, RuleSet
from services.scoring.domain.state import EMPTY, from_json, to_json
from tests.support import naive_scoring
from tests.support.clocks import START
from tests.support.naive_scoring import evaluate
from tests.support.scoring_models import replaying
from tests.support.scoring_records import Lead, Record, records

MINUTE = timedelta(minutes=1)

many = settings(deadline=None, max_examples=80)


def by_form(entry: Entry, _: Any) -> str:
    return str(entry.properties["form"])


def sent(number: int, event_type: str = "form", **properties: object) -> Entry:
    return Entry(f"e{number:05}", event_type, START + number * MINUTE, properties)


@contextmanager
def bounded(keys: int, known: int, size: int) -> Iterator[None]:
    """Bounds that a short history reaches, in the model and in the one written down a second time."""
    with pytest.MonkeyPatch.context() as patched:
        for where, name, value in (
            (uses, "KEYS_MAX", keys),
            (attributes, "ATTRIBUTES_MAX", known),
            (attributes, "ATTRIBUTES_BYTES_MAX", size),
        ):
            patched.setattr(where, name, value)
            patched.setattr(naive_scoring, name, value)
        yield


bounds = st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from([0, 15, 30, 1_000]))


def test_both_models_have_the_bounds_that_are_documented() -> None:
    assert (uses.KEYS_MAX, naive_scoring.KEYS_MAX) == (10_000, 10_000)
    assert (attributes.ATTRIBUTES_MAX, naive_scoring.ATTRIBUTES_MAX) == (256, 256)
    sizes = (attributes.ATTRIBUTES_BYTES_MAX, naive_scoring.ATTRIBUTES_BYTES_MAX)
    assert sizes == (65_536, 65_536)


@many
@given(records(), bounds)
def test_what_is_left_out_is_what_the_reference_leaves_out(
    record: Record, limits: tuple[int, int, int]
) -> None:
    rules = record.rules.rule_set
    with bounded(*limits):
        expected = evaluate(record.activations, record.entries, 0)
        ordered = in_order(record.entries, rules)
        effects = [
            (step.entry.event_id, one.rule_id, one.points, one.reason.value)
            for step in trace(ordered, rules)
            for one in step.outcome.effects
            if one.reason not in (Reason.RETRACTED, Reason.SUSPECT, Reason.DISCARDED)
        ]
        assert effects == [(v.event_id, v.rule_id, v.points, v.why) for v in expected.verdicts]
        state = EMPTY
        for one in ordered:
            state = from_json(to_json(fold([one], rules, state, retracted_in(ordered))))
        assert to_json(state) == to_json(fold(ordered, rules))
        assert state.attributes == expected.attributes
    note("left out" if any(v.why == "left_out" for v in expected.verdicts) else "all taken")


@many
@given(records(replaying, activations_max=1), bounds, st.randoms(use_true_random=False))
def test_order_and_batches_change_nothing_at_the_bounds(
    record: Record, limits: tuple[int, int, int], chance: Any
) -> None:
    events = [one for one in record.entries if one.type != "$retraction"]
    later = [one for one in record.entries if one.type == "$retraction"]
    with bounded(*limits):
        at_once, one_by_one = Lead(record.rules), Lead(record.rules)
        at_once.take(record.rules, [*events, *later], 0)
        chance.shuffle(events)
        for one in [*events, *later]:
            one_by_one.take(record.rules, [one], 0)
    assert to_json(one_by_one.snapshot.state) == to_json(at_once.snapshot.state)


def test_further_attributes_are_left_out_and_that_is_said() -> None:
    first = sent(1, "identify", **{f"a{n:03}": n for n in range(300)})
    second = sent(2, "lead_updated", a000="changed", a999="new")
    third = sent(3, "lead_updated", a001="changed")
    rules = RuleSet(1, (Rule("r", "identify", 5_000),))
    steps = list(trace([first, second, third], rules))
    left_out = Effect("", "", 0, 0, Reason.LEFT_OUT)
    assert [step.outcome.effects[:1] for step in steps] == [(left_out,), (left_out,), ()]
    known = steps[-1].state.attributes
    assert sorted(known) == [f"a{n:03}" for n in range(256)]
    assert (known["a000"], known["a001"], known["a255"]) == ("changed", "changed", 255)
    # Beside what the rules make of it, and no part of any sum.
    account = Account(rules, 10)
    for one in (first, second, third):
        account.apply(one)
    explained = account.explain(0)
    assert [one.rule_id for one in explained.rules] == ["r"]
    assert [one.effect.reason for one in explained.contributions] == [
        Reason.LEFT_OUT,
        Reason.APPLIED,
        Reason.LEFT_OUT,
    ]


def test_a_value_that_does_not_fit_leaves_what_was_known() -> None:
    known = Attributes({"note": "x" * 60_000})
    assert not known.learn({"bio": "y" * 6_000, "age": 41})
    assert known.known.keys() == {"note", "age"}
    assert not known.learn({"note": "é" * 33_000})
    assert known.known["note"] == "x" * 60_000
    assert known.learn({"note": "short"})
    assert known.learn({"bio": "y" * 6_000})


def test_further_keys_of_a_limit_are_limited() -> None:
    rules = RuleSet(1, (Rule("once", "form", 1_000, limits=(Limit(1, key=by_form),)),))
    history = [sent(n, form=n) for n in range(10_001)]
    again = sent(10_001, form=7)
    state = fold([*history, again], rules)
    assert (state.score, len(state.uses["once"])) == (10_000_000, 10_000)
    last = list(trace([sent(10_002, form="new")], rules, state))[-1]
    assert last.outcome.effects == (Effect("once", "", 1_000, 0, Reason.LIMITED),)


def test_a_key_that_no_window_holds_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "KEYS_MAX", 2)
    rules = RuleSet(1, (Rule("daily", "form", 1_000, limits=(Limit(1, DAY, by_form),)),))
    day = 24 * 60
    history = [sent(0, form=1), sent(60, form=2), sent(61, form=3), sent(day, form=3)]
    given_to = [one.points for step in trace(history, rules) for one in step.outcome.effects]
    assert given_to == [1_000, 1_000, 0, 1_000]
    assert fold(history, rules).uses["daily"].keys() == {"2", "3"}


def test_long_keys_are_kept_as_their_hash() -> None:
    rules = RuleSet(1, (Rule("once", "form", 1_000, limits=(Limit(1, key=by_form),)),))
    long = "x" * 30_000
    history = [sent(1, form=long), sent(2, form=long), sent(3, form=long + "y")]
    state = fold(history, rules)
    assert state.score == 2_000
    assert len(to_json(state)) < 1_000
