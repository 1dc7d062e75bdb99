"""The state of the fold as it is kept: everything comes back, and one state has one text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.scoring import rows
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.state import (
    EMPTY,
    FORMAT,
    Activity,
    Contribution,
    State,
    from_json,
    to_json,
)
from tests.support.clocks import START

times = st.integers(0, 2 * 10**15)
texts: Any = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

states = st.builds(
    State,
    scores=st.dictionaries(texts, st.integers(), max_size=3),
    total_faded=st.integers(),
    event_count=st.integers(0),
    last_position=st.none()
    | st.tuples(times.map(lambda us: START + timedelta(microseconds=us)), texts),
    faded_to=times,
    contributions=st.lists(
        st.builds(Contribution, texts, times, st.integers(), st.integers()), max_size=4
    ).map(tuple),
    uses=st.dictionaries(
        texts,
        st.dictionaries(texts, st.lists(times, max_size=3).map(tuple), max_size=2),
        max_size=2,
    ),
    attributes=st.dictionaries(texts, values, max_size=3),
    standing=st.dictionaries(texts, st.integers(), max_size=2),
    activity=st.builds(
        Activity,
        st.none() | times,
        st.none() | times,
        st.none() | times,
        st.lists(times, max_size=3).map(tuple),
        st.none() | times,
        st.dictionaries(texts, st.integers(1), max_size=3),
    ),
)


@given(states)
def test_what_is_kept_comes_back(state: State) -> None:
    text = to_json(state)
    assert from_json(text) == state
    assert to_json(from_json(text)) == text
    # Postgres takes no NUL in a text.
    assert "\x00" not in text


@given(states, st.randoms(use_true_random=False))
def test_one_state_has_one_text(state: State, random: Any) -> None:
    """In whatever order it came to be."""

    def shuffled(mapping: Any) -> dict[Any, Any]:
        items = list(mapping.items())
        random.shuffle(items)
        return dict(items)

    same = State(
        scores=shuffled(state.scores),
        total_faded=state.total_faded,
        event_count=state.event_count,
        last_position=state.last_position,
        faded_to=state.faded_to,
        contributions=state.contributions,
        uses=shuffled({rule: shuffled(keys) for rule, keys in state.uses.items()}),
        attributes=shuffled(state.attributes),
        standing=shuffled(state.standing),
        activity=replace(state.activity, counts=shuffled(state.activity.counts)),
    )
    assert to_json(same) == to_json(state)


def test_the_form_is_the_one_its_number_stands_for() -> None:
    """A change here makes older snapshots unreadable: give it the next number."""
    state = State(
        scores={"g": 5, "": 7},
        total_faded=-2,
        event_count=3,
        last_position=(START, "é"),
        faded_to=9,
        contributions=(Contribution("g", 1, 5, 4),),
        uses={"r": {"": (1, 2)}},
        attributes={"title": "CTO"},
        standing={"fit": 8},
        activity=Activity(1, 2, 3, (2, 3), 2, {"view": 4}),
    )
    assert FORMAT == 3
    assert to_json(state) == (
        '{"activity":[1,2,3,[2,3],2,{"view":4}],"attributes":{"title":"CTO"},"contributions":[["g",1,5,4]],"event_count":3,"faded_to":9,'
        '"last":[1772366400123456,"é"],"scores":{"":7,"g":5},"standing":{"fit":8},"total_faded":-2,'
        '"uses":{"r":{"":[1,2]}}}'
    )
    assert json.loads(to_json(EMPTY))["last"] is None
    assert state.score == 10


@given(states, st.integers(-(10**12), 10**12), st.none() | times)
def test_a_snapshot_comes_back_from_its_columns(
    state: State, score: int, next_transition: int | None
) -> None:
    snapshot = Snapshot(state, score, "warm", 4, 2, 7, next_transition)
    columns = rows.snapshot_columns(snapshot)
    assert len(columns) == len(rows.SNAPSHOT_COLUMNS.split(", "))
    assert rows.snapshot(columns) == snapshot


def test_a_state_of_another_form_is_made_anew() -> None:
    columns = list(rows.snapshot_columns(Snapshot(State({"": 5}), 5, "warm", 4, 2, 7, 99)))
    columns[8:10] = ["{}", FORMAT - 1]
    found = rows.snapshot(tuple(columns))
    assert found.activation < 0
    assert (found.score, found.version, found.stage, found.next_transition) == (5, 4, "warm", 99)
