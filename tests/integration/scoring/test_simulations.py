"""Simulations on real Postgres: what they say is what activating does, nothing is touched, nobody is in the way."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreline.rules.v1 import rule_set_pb2
from services.scoring import simulation_handlers, tables
from services.scoring.handlers import EventHandlers
from services.scoring.ports import IncomingEvent, LeadFilter
from services.scoring.simulation_handlers import (
    PORTIONS_AT_ONCE,
    ComparisonEnd,
    Selection,
    Simulation,
    SimulationHandlers,
    Variant,
)
from services.shared.clock import SystemClock
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support import simulation_cases as cases
from tests.support.scoring_subjects import PostgresSubject
from tests.support.simulated_activation import AS_OF, assert_simulated, simulated

POOL = 4
"""Connections: fewer than the simulations that run at once below."""


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cases.histories(), st.lists(cases.rule_sets(), max_size=2), cases.rule_sets())
def test_simulate_then_activate(
    scoring_schema: Stack,
    history: list[IncomingEvent],
    earlier: list[rule_set_pb2.RuleSet],
    draft: rule_set_pb2.RuleSet,
) -> None:
    async def run() -> None:
        project = f"p-{secrets.token_hex(8)}"
        own = [replace(event, project_id=project) for event in history]
        async with service_database.opened(scoring_schema, "scoring") as database:
            store = PostgresSubject(database).store
            await assert_simulated(store, project, own, earlier, draft, AS_OF)

    asyncio.run(run())


async def contents(database: Database) -> dict[str, Any]:
    """Each table, row by row with where and by which transaction each was written, as one hash."""
    found = {}
    async with database.begin() as connection:
        for name in tables.metadata.tables:
            query = f"SELECT md5(string_agg(concat(t::text, ctid, xmin, xmax), '|' ORDER BY ctid)) FROM {name} t"
            found[name] = await connection.scalar(sa.text(query))
    return found


async def many(database: Database, project: str, leads: int) -> SimulationHandlers:
    store = PostgresSubject(database).store
    events = EventHandlers(store, SystemClock())
    await cases.activate(events, project, 1, cases.RULES)
    for kind in ("view", "form", "purchase"):
        await events.apply_events(
            [
                cases.happened(
                    project, f"{kind}-{n}", kind, timedelta(minutes=n), f"lead:l{n:03}", n=n % 4
                )
                for n in range(leads)
                if kind != "purchase" or n % 5 == 0
            ]
        )
    return SimulationHandlers(store, SystemClock())


async def test_nothing_is_touched(scoring_database: Database, project: str) -> None:
    handlers = await many(scoring_database, project, 30)
    before = await contents(scoring_database)
    leads, end = await simulated(handlers, project, cases.GENEROUS, AS_OF)
    assert (len(leads), end.summary.event_count) == (30, 66)
    assert end.summary.changed_count > 0
    variants = [Variant("a", None, 1), Variant("b", None, 1)]
    compared = handlers.compare(project, variants, "", frozenset({"purchase"}), None)
    last = [step async for step in compared][-1]
    assert isinstance(last, ComparisonEnd)
    assert sum(outcome.converted_count for _, outcome in last.variants) == 6
    assert before["ledger"] is not None
    assert await contents(scoring_database) == before


async def test_many_at_once_leave_connections_to_others(
    scoring_schema: Stack, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation_handlers, "PORTION_LEADS", 5)
    folding, most = 0, 0
    usual = simulation_handlers._apply

    async def counted(*arguments: Any) -> None:
        nonlocal folding, most
        folding += 1
        most = max(most, folding)
        await usual(*arguments)
        folding -= 1

    monkeypatch.setattr(simulation_handlers, "_apply", counted)
    async with service_database.opened(scoring_schema, "scoring", POOL) as database:
        handlers = await many(database, project, 60)

        async def simulate() -> int:
            steps = handlers.simulate(project, None, Selection(LeadFilter()), None, 30)
            return sum([len(step.leads) async for step in steps if isinstance(step, Simulation)])

        assert await asyncio.gather(*(simulate() for _ in range(3 * POOL))) == [60] * 3 * POOL
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert most == PORTIONS_AT_ONCE < POOL


async def test_a_caller_who_reads_slowly_or_leaves_holds_nothing(
    scoring_database: Database, project: str
) -> None:
    handlers = await many(scoring_database, project, 30)
    pool = scoring_database.engine.pool
    steps = handlers.simulate(project, None, Selection(LeadFilter()), None, 30)
    first = await anext(steps)
    assert isinstance(first, Simulation)
    # While the caller looks at the first portion.
    assert pool.checkedout() == 0  # type: ignore[attr-defined]
    await steps.aclose()

    async def simulate() -> None:
        async for _ in handlers.simulate(project, None, Selection(LeadFilter()), None, 30):
            pass

    for pause in range(12):
        task = asyncio.create_task(simulate())
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert pool.checkedout() == 0  # type: ignore[attr-defined]
    leads, _ = await simulated(handlers, project, cases.GENEROUS, AS_OF)
    assert len(leads) == 30
