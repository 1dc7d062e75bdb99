"""What time alone changes, on real Postgres: many leads in small batches, workers that take over from each other, and
events that come in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.scoring import statements as sql
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.model import Rule, RuleSet, Stage
from services.scoring.handlers import FADE_LEADS, EventHandlers
from services.scoring.moving import move_on
from services.scoring.ports import LeadKey
from services.scoring.store import PostgresTransaction
from services.shared.db import Database
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support import service_database
from tests.support.background import background
from tests.support.clocks import START, MovableClock
from tests.support.eventually import eventually_async
from tests.support.scoring_rig import Rig

POINT = 1_000
LEADS = 100_000
"""Two hundred batches."""

RULES = RuleSet(
    1,
    (Rule("r", "signup", 20 * POINT), Rule("v", "page_view", POINT)),
    stages=(Stage("cold", 0), Stage("warm", 18 * POINT)),
    decay=IdleAmount(DAY, DAY, 5 * POINT, 0),
)

COPY_LEAD = """
    INSERT INTO {table} SELECT {columns} FROM {table}, generate_series(1, :count) AS n
    WHERE project_id = :project AND lead_id = 'ada'
"""
COUNTS = """
    SELECT version, score, stage, count(*) FROM snapshots WHERE project_id = :project
    GROUP BY version, score, stage ORDER BY version, score
"""
CHANGES = """
    SELECT cause, previous_score, score, version, count(*) FROM score_changes
    WHERE project_id = :project GROUP BY cause, previous_score, score, version ORDER BY version, 1
"""


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def events(rig: Rig, clock: MovableClock, project: str) -> EventHandlers:
    handlers = EventHandlers(rig.subject.store, clock)
    await handlers.record_activation(cases.activation(1, RULES, project))
    await handlers.apply_events([cases.incoming("e1", "signup", project_id=project)])
    return handlers


@pytest.fixture
async def other_process(scoring_schema: Stack) -> AsyncIterator[Database]:
    async with service_database.opened(scoring_schema, "scoring") as database:
        yield database


async def fetch(database: Database, query: str, **values: Any) -> list[tuple[Any, ...]]:
    async with database.begin() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query), values)]


async def multiply(database: Database, project: str, count: int) -> None:
    """Idle leads like ada: what ada's event would have made of each."""
    for table in ("leads", "snapshots"):
        names = await fetch(
            database,
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'scoring'"
            " AND table_name = :table ORDER BY ordinal_position",
            table=table,
        )
        columns = ", ".join(
            "'l' || n" if name == "lead_id" else f"{table}.{name}" for (name,) in names
        )
        async with database.begin() as connection:
            statement = sa.text(COPY_LEAD.format(table=table, columns=columns))
            await connection.execute(statement, {"count": count, "project": project})


async def test_many_leads_cross_a_day_in_bounded_batches(
    rig: Rig,
    events: EventHandlers,
    clock: MovableClock,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await multiply(rig.database, project, LEADS - 1)
    clock.at = START + timedelta(days=2) - timedelta(microseconds=1)
    assert await events.fade_next() == 0
    locked: list[int] = []
    lock = PostgresTransaction.lock

    async def counting(
        self: PostgresTransaction, leads: Iterable[LeadKey]
    ) -> dict[LeadKey, Snapshot]:
        found = await lock(self, leads)
        locked.append(len(found))
        return found

    monkeypatch.setattr(PostgresTransaction, "lock", counting)
    clock.at += timedelta(microseconds=1)
    while await events.fade_next():
        pass
    assert max(locked) == FADE_LEADS
    assert sum(locked) == LEADS
    assert await fetch(rig.database, COUNTS, project=project) == [(2, 15_000, "cold", LEADS)]
    assert await fetch(rig.database, CHANGES, project=project) == [
        ("event", 0, 20_000, 1, 1),
        ("decay", 20_000, 15_000, 2, LEADS),
    ]
    published = await rig.subject.outbox(project, "l1")
    assert [version for _, version, _ in published] == [2]


async def test_the_search_for_what_is_due_reads_its_index(
    rig: Rig, events: EventHandlers, project: str
) -> None:
    await multiply(rig.database, project, 2_000)
    async with rig.database.begin() as connection:
        plan = await connection.exec_driver_sql("EXPLAIN " + sql.DUE, (START, FADE_LEADS))
        assert "snapshots_due" in "\n".join(row[0] for row in plan)


async def test_two_workers_of_which_one_dies_and_events_in_between(
    rig: Rig, events: EventHandlers, clock: MovableClock, project: str, other_process: Database
) -> None:
    """Whoever holds the lock fades; when it is gone in the middle of a batch the other goes on. No version is missing
    and none is made twice, also of leads whose next event comes at the same time."""
    count = 6 * FADE_LEADS
    await multiply(rig.database, project, count - 1)
    clock.at = START + timedelta(days=2)
    # Stops half-way: in a transaction that has locked its leads and written nothing.
    reached, batches = asyncio.Event(), 0
    first = EventHandlers(rig.subject.store, clock)
    fade_next = first.fade_next

    async def interrupted() -> int:
        nonlocal batches
        batches += 1
        if batches < 3:
            return await fade_next()
        async with rig.subject.store.begin() as tx:
            due = await tx.due(clock.at, FADE_LEADS)
            rules = await tx.rules_in_force({project_id for project_id, _ in due})
            await move_on(tx, {key: [] for key in due}, {}, rules, clock.at)
            reached.set()
            await asyncio.Event().wait()
        raise AssertionError

    first.fade_next = interrupted  # type: ignore[method-assign]
    second_rig = Rig(rig.servers, other_process, rig.bus)
    second = EventHandlers(second_rig.subject.store, clock)

    async def faded() -> bool:
        query = "SELECT count(*) FROM score_changes WHERE project_id = :p AND cause = 'decay'"
        return (await fetch(rig.database, query, p=project)) == [(count,)]

    async def more_events() -> None:
        for number in range(0, count, 100):
            batch = [
                cases.incoming(f"x{n}", "page_view", 2 * 24 * 60 - 1, f"lead:l{n}", project)
                for n in range(number, number + 100, 10)
                if n
            ]
            await events.apply_events(batch)

    async with background(rig.fading(first).run()) as holder:
        await reached.wait()
        async with background(second_rig.fading(second).run()):
            sending = asyncio.create_task(more_events())
            holder.cancel()
            await asyncio.wait([holder])
            await eventually_async(faded, timeout_s=40)
            await sending
    active = count // 10 - 1
    assert await fetch(rig.database, COUNTS, project=project) == [
        (2, 15_000, "cold", count - active),
        # The step that was due first, then the event. It comes late by then: the lead was not idle when the step
        # was due, and has its points back.
        (3, 21_000, "warm", active),
    ]
    gaps = await fetch(
        rig.database,
        "SELECT lead_id FROM score_changes WHERE project_id = :p AND lead_id <> 'ada'"
        " GROUP BY lead_id HAVING max(version) <> count(*) + 1",
        p=project,
    )
    assert gaps == []
