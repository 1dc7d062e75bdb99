"""What somebody with the owner's rights may do to the ledger behind the service's back, and that it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from services.scoring import ledger_handlers
from services.scoring.domain.verification import Kind
from services.scoring.handlers import EventHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.ports import LeadFilter
from services.scoring.replay_handlers import ReplayHandlers, ReplayProgress
from services.shared.db import Database
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support.clocks import SteppingClock
from tests.support.eventually import eventually_async
from tests.support.scoring_subjects import PostgresSubject, score


@pytest.fixture
def as_owner(scoring_schema: Stack) -> Callable[..., None]:
    """Runs a statement with the triggers of the append-only tables out of the way."""
    url = scoring_schema.postgres_url("scoreline_scoring_owner")
    tables = ("ledger", "ledger_blocks")

    def run(statement: str, *values: Any) -> None:
        with psycopg.connect(url) as connection:
            for table in tables:
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            assert connection.execute(statement, values).rowcount > 0
            for table in tables:
                connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")

    return run


@pytest.fixture
async def handlers(
    scoring_database: Database, project: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[VerifyHandlers, ReplayHandlers]:
    """Over a ledger of three blocks: e0-e3, e4-e7, e8-e9."""
    monkeypatch.setattr(ledger_handlers, "STEP_BLOCKS", 2)
    subject = PostgresSubject(scoring_database)
    clock = SteppingClock()
    events = EventHandlers(subject.store, clock)
    await events.record_activation(cases.activation(1, project_id=project))
    made = [cases.incoming(f"e{n}", "signup", n, f"lead:l{n % 3}", project, n=n) for n in range(10)]
    for batch in cases.in_batches(made, [4, 8]):
        await events.apply_events(batch)
    while await events.rescore_next():
        pass
    replay = ReplayHandlers(subject.store, clock, lambda: None)
    return VerifyHandlers(subject.store), replay


async def mismatches(verification: VerifyHandlers, project: str) -> set[tuple[Any, ...]]:
    found = []
    async for _, said in verification.verify(project):
        found += said
    return {(one.kind, one.position, one.event_id, one.field) for one in found}


E5 = (Kind.ENTRY, 6, "e5", "hash")
BLOCK_2 = (Kind.BLOCK, 8, "", "hash")

DEEDS: dict[str, tuple[str, set[tuple[Any, ...]]]] = {
    "properties": ("UPDATE ledger SET properties = '{\"n\":6}' WHERE event_id = 'e5'", {E5}),
    "source": ("UPDATE ledger SET source = 'x' WHERE event_id = 'e5'", {E5}),
    "payload hash": ("UPDATE ledger SET payload_hash = '\\x00' WHERE event_id = 'e5'", {E5}),
    "entry hash": (
        "UPDATE ledger SET entry_hash = '\\x00' WHERE event_id = 'e5'",
        {E5, BLOCK_2},
    ),
    "record time": (
        "UPDATE ledger SET recorded_at = recorded_at - interval '1 day' WHERE event_id = 'e5'",
        {E5, (Kind.BLOCK, 8, "", "record_time")},
    ),
    "no lead": (
        "UPDATE ledger SET subject = 'lead:nobody' WHERE event_id = 'e5'",
        {
            E5,
            (Kind.NO_LEAD, 6, "e5", "lead"),
            *((Kind.SNAPSHOT, 0, "", name) for name in ("score", "stage")),
            *(
                (Kind.SNAPSHOT, 0, "", f"state.{name}")
                for name in ("scores", "event_count", "activity")
            ),
        },
    ),
    "block": (
        "UPDATE ledger_blocks SET hash = '\\x00' WHERE last_position = 4",
        {
            (Kind.BLOCK, 4, "", "hash"),
            BLOCK_2,
        },
    ),
    "no block": (
        "DELETE FROM ledger_blocks WHERE last_position = 4",
        {BLOCK_2, (Kind.BLOCK, 8, "", "record_time")},
    ),
    "no last block": (
        "DELETE FROM ledger_blocks WHERE last_position = 10",
        {(Kind.HEAD, 10, "", name) for name in ("position", "hash", "entries")},
    ),
    "head": (
        "UPDATE ledger_heads SET hash = '\\x00' WHERE last_position = 10",
        {(Kind.HEAD, 10, "", "hash")},
    ),
    "unreadable state": (
        "UPDATE snapshots SET state = '[]' WHERE lead_id = 'l1'",
        {(Kind.SNAPSHOT, 0, "", "state")},
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_every_deed_is_named(
    handlers: tuple[VerifyHandlers, ReplayHandlers],
    as_owner: Callable[..., None],
    project: str,
    deed: str,
) -> None:
    statement, expected = DEEDS[deed]
    assert await mismatches(handlers[0], project) == set()
    as_owner(f"{statement} AND project_id = %s", project)
    assert await mismatches(handlers[0], project) == expected


async def test_entries_that_are_gone_are_missed(
    handlers: tuple[VerifyHandlers, ReplayHandlers], as_owner: Callable[..., None], project: str
) -> None:
    as_owner("DELETE FROM ledger WHERE event_id IN ('e1', 'e2', 'e9') AND project_id = %s", project)
    found = await mismatches(handlers[0], project)
    assert {one for one in found if one[0] is not Kind.SNAPSHOT} == {
        (Kind.MISSING_ENTRY, 2, "", "entry"),
        (Kind.MISSING_ENTRY, 10, "", "entry"),
        (Kind.BLOCK, 4, "", "hash"),
        (Kind.BLOCK, 10, "", "hash"),
    }


async def test_a_state_nobody_can_read_is_made_anew(
    handlers: tuple[VerifyHandlers, ReplayHandlers], as_owner: Callable[..., None], project: str
) -> None:
    as_owner("UPDATE snapshots SET state = '[]' WHERE lead_id = 'l1' AND project_id = %s", project)
    replay = handlers[1].replay(project, LeadFilter(), ReplayProgress())
    counts = [(one.changed_count, one.mended_count, one.updated_count) async for one in replay]
    assert counts == [(0, 1, 0)]
    assert await mismatches(handlers[0], project) == set()


async def test_a_replay_waits_for_nobody(
    scoring_database: Database,
    project: str,
    handlers: tuple[VerifyHandlers, ReplayHandlers],
    as_owner: Callable[..., None],
) -> None:
    _, replays = handlers
    as_owner("UPDATE snapshots SET score = 1 WHERE project_id = %s AND lead_id = 'l1'", project)
    async with PostgresSubject(scoring_database).store.begin() as tx:
        await tx.lock([(project, "l0"), (project, "l2")])
        steps = replays.replay(project, LeadFilter(), ReplayProgress())
        async with asyncio.timeout(5):
            last = [step async for step in steps][-1]
    assert (last.lead_count, last.changed_count, last.done) == (3, 1, True)


async def test_a_replay_looks_again_at_what_it_has_locked(
    scoring_database: Database,
    project: str,
    handlers: tuple[VerifyHandlers, ReplayHandlers],
    as_owner: Callable[..., None],
) -> None:
    verification, replays = handlers
    as_owner("UPDATE snapshots SET score = 1 WHERE project_id = %s AND lead_id = 'l1'", project)

    async def waiting() -> bool:
        async with scoring_database.begin() as connection:
            found = await connection.execute(sa.text("SELECT FROM pg_locks WHERE NOT granted"))
            return found.first() is not None

    async with PostgresSubject(scoring_database).store.begin() as tx:
        # An event that puts the score right is being scored.
        await score(tx, [cases.incoming("new", "signup", 30, "lead:l1", project)])
        mending = asyncio.create_task(_all(replays.replay(project, LeadFilter(), ReplayProgress())))
        await eventually_async(waiting)
    assert (await mending)[-1].changed_count == 0
    assert await mismatches(verification, project) == set()


async def _all(steps: AsyncIterator[ReplayProgress]) -> list[ReplayProgress]:
    return [step async for step in steps]
