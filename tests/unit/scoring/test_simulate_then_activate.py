"""Simulating a draft gives exactly what activating it will, for any rule sets, bindings and histories."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scoreline.rules.v1 import rule_set_pb2
from services.scoring.ports import IncomingEvent
from tests.support import simulation_cases as cases
from tests.support.clocks import START
from tests.support.scoring_store import InMemoryStore
from tests.support.simulated_activation import AS_OF, assert_simulated


@settings(deadline=None)
@given(
    cases.histories(),
    st.lists(cases.rule_sets(), max_size=3),
    cases.rule_sets(),
    st.just(AS_OF) | cases.moments.map(lambda after: START + after),
)
def test_simulate_then_activate(
    history: list[IncomingEvent],
    earlier: list[rule_set_pb2.RuleSet],
    draft: rule_set_pb2.RuleSet,
    as_of: object,
) -> None:
    asyncio.run(assert_simulated(InMemoryStore(), "p1", history, earlier, draft, as_of))  # type: ignore[arg-type]


def test_a_draft_that_binds_by_time_gives_nothing_to_the_past() -> None:
    """Its rules count from the activation on; its groups, bounds and stages at once."""
    for binding in (2, 3):
        draft = cases.rule_set(
            binding=binding,
            rules=[{"event_type": "view", "points": 100}],
            bounds={"max_score": 3},
            stages=[{"name": "any"}],
        )
        history = [
            cases.happened("p1", "e1", "view"),
            cases.happened("p1", "e2", "view", timedelta(hours=1)),
        ]
        asyncio.run(assert_simulated(InMemoryStore(), "p1", history, [cases.RULES], draft, AS_OF))
