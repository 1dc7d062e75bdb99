"""What automations have to do, in Postgres, as those see it who do it: executions are claimed, carried out and ended.
What may become one is in automation_candidates.py.

Who claims something has it for the time of a lease; a process that dies lets it run out. Each claim has a number, and
who comes late with an old one is not heard. What is done in the database (owners, tasks, webhooks) is one transaction
with writing down that it was done; what is done outside may be done again where a process dies between the two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import automation_rows as rows
from services.notify.action_inside import InsideActions
from services.notify.automation_ports import Claimed, Firing
from services.notify.automation_rows import Definitions
from services.notify.automation_telling import executed
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import Automation, ExecutionState
from services.notify.domain.executing import States, after, state_of
from services.notify.tables import automation_executions, automations
from services.notify.telling import tell
from services.shared import logs
from services.shared.db import Database
from services.shared.sealing import SealBroken

log = logs.get("automations")

AUTOMATIONS_AT_ONCE = 64
"""Automations looked at in one claim; the rest has its turn in the next."""

CONCURRENCY = 8
"""Executions of one automation at once, by all processes: no other side is flooded, and no automation starves."""

# Processes claim of one automation one after the other (its row is locked), so the count of what is on its way is
# right. Not by FOR UPDATE: that would wait for whoever notes executions of it.
_DUE_EXECUTIONS = sa.text("""
    SELECT a.automation_id FROM automations a
    WHERE NOT a.disabled AND EXISTS (
        SELECT FROM automation_executions x WHERE x.automation_id = a.automation_id AND x.due_at <= :now
    )
    ORDER BY random() LIMIT :automations
    FOR NO KEY UPDATE OF a SKIP LOCKED
""")

_CLAIM_EXECUTIONS = sa.text("""
    WITH due AS (
        SELECT l.execution_id FROM unnest(CAST(:automation_ids AS text[])) AS a (automation_id)
        CROSS JOIN LATERAL (
            SELECT x.execution_id FROM automation_executions x
            WHERE x.automation_id = a.automation_id AND x.due_at <= :now
            ORDER BY x.due_at
            LIMIT greatest(0, :each - (
                SELECT count(*) FROM automation_executions f
                WHERE f.automation_id = a.automation_id AND f.in_flight AND f.due_at > :now
            ))
            FOR UPDATE SKIP LOCKED
        ) l
        LIMIT :executions
    )
    UPDATE automation_executions x SET in_flight = true, due_at = :until, claim = claim + 1
    FROM due WHERE x.execution_id = due.execution_id
    RETURNING x.*
""")

WAITED_TOO_LONG = "waited for 7 days"


class PostgresAutomationQueue:
    """An automation_ports.AutomationQueue."""

    def __init__(self, database: Database, definitions: Definitions, inside: InsideActions) -> None:
        self._database = database
        self._definitions = definitions
        self._inside = inside

    async def claim(self, limit: int, lease: timedelta, now: datetime) -> list[Claimed]:
        async with self._database.begin() as connection:
            wanted = {"now": now, "automations": AUTOMATIONS_AT_ONCE}
            automation_ids = list(await connection.scalars(_DUE_EXECUTIONS, wanted))
            if not automation_ids:
                return []
            taking = {
                "automation_ids": automation_ids,
                "now": now,
                "until": now + lease,
                "each": CONCURRENCY,
                "executions": limit,
            }
            found = (await connection.execute(_CLAIM_EXECUTIONS, taking)).all()
            opened = await find(connection, self._definitions, automation_ids)
        return [
            Claimed(
                opened[row.automation_id],
                row.execution_id,
                row.lead_id,
                row.bucket,
                row.trigger,
                row.version,
                row.change,
                row.triggered_at,
                rows.outcomes(row.outcomes),
                row.attempt_count - row.attempts_before,
                row.claim,
            )
            for row in found
            if row.automation_id in opened
        ]

    async def carry_out(
        self,
        claimed: Claimed,
        states: States,
        place: int,
        occasion: Occasion,
        now: datetime,
    ) -> States | None:
        action = claimed.automation.definition.actions[place]
        async with self._database.begin() as connection:
            if not await _holds(connection, claimed):
                return None
            outcome = await self._inside.do(connection, action, place, occasion, now)
            states = after(states, place, outcome, now)
            await _write(connection, claimed, outcomes=rows.outcome_values(states))
        return states

    async def note(self, claimed: Claimed, states: States, until: datetime) -> bool:
        async with self._database.begin() as connection:
            if not await _holds(connection, claimed):
                return False
            await _write(connection, claimed, outcomes=rows.outcome_values(states), due_at=until)
            return True

    async def end(
        self, claimed: Claimed, states: States, retry_time: datetime | None, now: datetime
    ) -> None:
        async with self._database.begin() as connection:
            if not await _holds(connection, claimed):
                return
            values: dict[str, Any] = {
                "outcomes": rows.outcome_values(states),
                "attempt_count": automation_executions.c.attempt_count + 1,
                "in_flight": False,
                "due_at": retry_time,
            }
            if retry_time is None:
                values |= {"state": state_of(states).value, "ended_at": now}
            await _write(connection, claimed, **values)
            if retry_time is None:
                await tell(connection, [executed(claimed, states, now)], now)

    async def put_back(self, claimed: Claimed, until: datetime) -> None:
        async with self._database.begin() as connection:
            if await _holds(connection, claimed):
                await _write(connection, claimed, in_flight=False, due_at=until)

    async def drop_waiting(self, before: datetime, now: datetime, limit: int) -> int:
        kept = automation_executions.c
        old = (
            sa.select(kept.execution_id)
            .where(
                kept.state == ExecutionState.PENDING.value,
                kept.pending_since < before,
                sa.or_(~kept.in_flight, kept.due_at <= now),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        failed = (
            sa.update(automation_executions)
            .where(kept.execution_id.in_(old))
            .values(
                state=ExecutionState.FAILED.value,
                due_at=None,
                in_flight=False,
                claim=kept.claim + 1,
                ended_at=now,
            )
            .returning(kept.execution_id)
        )
        async with self._database.begin() as connection:
            return len((await connection.execute(failed)).all())


async def find(
    connection: AsyncConnection, definitions: Definitions, automation_ids: Sequence[str]
) -> dict[str, Automation]:
    """Automations by their ids."""
    query = sa.select(automations).where(automations.c.automation_id.in_(automation_ids))
    return opened(definitions, (await connection.execute(query)).all())


def opened(definitions: Definitions, found: Sequence[Any]) -> dict[str, Automation]:
    """Automations of rows by their ids. One that can't be opened does nothing until its key is back."""
    made = {}
    for row in found:
        try:
            made[row.automation_id] = definitions.automation(row)
        except SealBroken:
            log.error("automation can't be opened", automation=row.automation_id)
    return made


async def note_firings(
    connection: AsyncConnection, firings: Sequence[Firing], now: datetime
) -> None:
    """Have automations act, each once for every lead and bucket."""
    await connection.execute(
        insert(automation_executions).on_conflict_do_nothing(),
        [rows.firing(one, now) for one in firings],
    )


async def _holds(connection: AsyncConnection, claimed: Claimed) -> bool:
    """Whether the execution is still this claim's; it is locked then."""
    kept = automation_executions.c
    found = await connection.scalar(
        sa.select(kept.claim)
        .where(
            kept.execution_id == claimed.execution_id,
            kept.in_flight,
            kept.claim == claimed.claim,
        )
        .with_for_update()
    )
    return found is not None


async def _write(connection: AsyncConnection, claimed: Claimed, **values: Any) -> None:
    await connection.execute(
        sa.update(automation_executions)
        .where(automation_executions.c.execution_id == claimed.execution_id)
        .values(**values)
    )
