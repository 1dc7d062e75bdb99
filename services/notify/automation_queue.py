"""What automations have to do, in Postgres, as those see it who do it: executions are claimed, carried out and ended.
What may become one is in automation_candidates.py.

Who claims something has it for the time of a lease; a process that dies lets it run out. Each claim has a number, and
who comes late with an old one is not heard. What is done in the database (owners, tasks, webhooks) is one transaction
with writing down that it was done; what is done outside may be done again where a process dies between the two.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import automation_rows as rows
from services.notify.action_inside import InsideActions
from services.notify.automation_ports import Claimed, Firing
from services.notify.automation_rows import Definitions
from services.notify.automation_telling import executed
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import Automation, ExecutionState, execution_id
from services.notify.domain.executing import States, after, given_up, state_of, states_of
from services.notify.errors import AutomationUnreadable
from services.notify.tables import automation_executions, automations
from services.notify.telling import tell
from services.shared.db import Database

AUTOMATIONS_AT_ONCE = 64
"""Automations looked at in one claim; the rest has its turn in the next."""

CONCURRENCY = 8
"""Executions of one automation at once, by all processes: no other side is flooded, and no automation starves."""

PROJECT_CONCURRENCY = 24
"""Executions of one project that are on their way when another claim takes no more of it."""

PROJECT_AUTOMATIONS_AT_ONCE = 3
"""Of one project in one claim: with the other two numbers, no project has more than 48 executions on their way."""

# Processes claim of one automation one after the other (its row is locked), so the count of what is on its way is
# right. Not by FOR UPDATE: that would wait for whoever notes executions of it.
_DUE_EXECUTIONS = sa.text("""
    SELECT a.automation_id FROM automations a
    WHERE a.automation_id IN (
        SELECT r.automation_id FROM (
            SELECT d.automation_id, row_number() OVER (PARTITION BY d.project_id ORDER BY random()) AS turn
            FROM automations d
            WHERE NOT d.disabled AND EXISTS (
                SELECT FROM automation_executions x
                WHERE x.automation_id = d.automation_id AND x.due_at <= :now
            )
        ) r WHERE r.turn <= :of_project ORDER BY random() LIMIT :automations
    )
    FOR NO KEY UPDATE OF a SKIP LOCKED
""")

_CLAIM_EXECUTIONS = sa.text("""
    WITH due AS (
        SELECT l.execution_id FROM automations a
        CROSS JOIN LATERAL (
            SELECT x.execution_id FROM automation_executions x
            WHERE x.automation_id = a.automation_id AND x.due_at <= :now
            ORDER BY x.due_at
            LIMIT greatest(0, least(:each - (
                SELECT count(*) FROM automation_executions f
                WHERE f.automation_id = a.automation_id AND f.in_flight AND f.due_at > :now
            ), :of_project - (
                SELECT count(*) FROM automations o
                JOIN automation_executions f ON f.automation_id = o.automation_id
                WHERE o.project_id = a.project_id AND f.in_flight AND f.due_at > :now
            )))
            FOR UPDATE OF x SKIP LOCKED
        ) l
        WHERE a.automation_id = ANY(:automation_ids)
        LIMIT :executions
    )
    UPDATE automation_executions x SET in_flight = true, due_at = :until, claim = claim + 1
    FROM due WHERE x.execution_id = due.execution_id
    RETURNING x.*
""")

# One statement for all: there may be as many as automations times changes.
_NOTE = sa.text("""
    INSERT INTO automation_executions (
        execution_id, automation_id, lead_id, bucket, trigger, version, change, triggered_at, state, outcomes,
        attempt_count, attempts_before, pending_since, due_at, in_flight, claim, created_at
    )
    SELECT n.*, 'pending', '[]', 0, 0, :now, :now, false, 0, :now
    FROM unnest(
        CAST(:execution_ids AS text[]), CAST(:automation_ids AS text[]), CAST(:lead_ids AS text[]),
        CAST(:buckets AS text[]), CAST(:triggers AS text[]), CAST(:versions AS integer[]), CAST(:changes AS bytea[]),
        CAST(:times AS timestamptz[])
    ) AS n
    ON CONFLICT DO NOTHING
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
            wanted = {
                "now": now,
                "automations": AUTOMATIONS_AT_ONCE,
                "of_project": PROJECT_AUTOMATIONS_AT_ONCE,
            }
            automation_ids = list(await connection.scalars(_DUE_EXECUTIONS, wanted))
            if not automation_ids:
                return []
            taking = {
                "automation_ids": automation_ids,
                "now": now,
                "until": now + lease,
                "each": CONCURRENCY,
                "of_project": PROJECT_CONCURRENCY,
                "executions": limit,
            }
            found = (await connection.execute(_CLAIM_EXECUTIONS, taking)).all()
            opened = await find(
                connection, self._definitions, automations.c.automation_id.in_(automation_ids)
            )
        return [
            _claimed(opened[row.automation_id], row) for row in found if row.automation_id in opened
        ]

    async def carry_out(
        self,
        claimed: Claimed,
        states: States,
        place: int,
        occasion: Occasion,
        now: datetime,
        until: datetime,
    ) -> States | None:
        action = claimed.automation.definition.actions[place]
        async with self._database.begin() as connection:
            # First of all, as whoever removes it does: what is done here may refer to it.
            await share(connection, [claimed.automation.automation_id])
            if not await _holds(connection, claimed):
                return None
            outcome = await self._inside.do(connection, action, place, occasion, now)
            states = after(states, place, outcome, now)
            await _write(connection, claimed, outcomes=rows.outcome_values(states), due_at=until)
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
                # Before the row is written: the planner has lanes when it waits for rows that are being written.
                await tell(connection, [executed(claimed, states, now)], now)
            await _write(connection, claimed, **values)

    async def put_back(self, claimed: Claimed, until: datetime) -> None:
        async with self._database.begin() as connection:
            if await _holds(connection, claimed):
                await _write(connection, claimed, in_flight=False, due_at=until)

    async def drop_waiting(self, before: datetime, now: datetime, limit: int) -> int:
        kept = automation_executions.c
        old = (
            sa.select(automation_executions)
            .where(
                kept.state == ExecutionState.PENDING.value,
                kept.pending_since < before,
                sa.or_(~kept.in_flight, kept.due_at <= now),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as connection:
            found = (await connection.execute(old)).all()
            which = automations.c.automation_id.in_({row.automation_id for row in found})
            known = await find(connection, self._definitions, which)
            told = []
            for row in found:
                states: States = rows.outcomes(row.outcomes)
                if row.automation_id in known:
                    claimed = _claimed(known[row.automation_id], row)
                    actions = claimed.automation.definition.actions
                    states = given_up(states_of(actions, states), WAITED_TOO_LONG)
                    told.append(executed(claimed, states, now))
                await connection.execute(
                    sa.update(automation_executions)
                    .where(kept.execution_id == row.execution_id)
                    .values(
                        state=ExecutionState.FAILED.value,
                        outcomes=rows.outcome_values(states),
                        due_at=None,
                        in_flight=False,
                        claim=kept.claim + 1,
                        ended_at=now,
                    )
                )
            await tell(connection, told, now)
            return len(found)


async def find(
    connection: AsyncConnection,
    definitions: Definitions,
    *which: sa.ColumnElement[bool],
    stay: bool = False,
) -> dict[str, Automation]:
    """Automations by their ids, and in the order of these; those that can't be read do nothing until they can. `stay`:
    they stay until the transaction ends."""
    kept = automations.c
    # Without the definitions: those that are known need not be read again and again.
    query = (
        sa.select(*(one for one in kept if one is not kept.sealed_definition))
        .where(*which)
        .order_by(kept.automation_id)
    )
    if stay:
        query = query.with_for_update(read=True, key_share=True)
    found = (await connection.execute(query)).all()
    new = [row.automation_id for row in found if not definitions.knows(row)]
    if new:
        whole = sa.select(automations).where(kept.automation_id.in_(new))
        opened(definitions, (await connection.execute(whole)).all())
    return opened(definitions, [row for row in found if definitions.knows(row)])


def opened(definitions: Definitions, found: Sequence[Any]) -> dict[str, Automation]:
    """Automations of rows by their ids, without those that can't be read."""
    made = {}
    for row in found:
        with suppress(AutomationUnreadable):
            made[row.automation_id] = definitions.automation(row)
    return made


async def note_firings(
    connection: AsyncConnection, firings: Sequence[Firing], now: datetime
) -> None:
    """Have automations act, each once for every lead and bucket."""
    names = [execution_id(one.automation_id, one.lead_id, one.bucket) for one in firings]
    noted = {
        "execution_ids": names,
        "automation_ids": [one.automation_id for one in firings],
        "lead_ids": [one.lead_id for one in firings],
        "buckets": [one.bucket for one in firings],
        "triggers": [one.trigger for one in firings],
        "versions": [one.version for one in firings],
        "changes": [one.change for one in firings],
        "times": [one.trigger_time for one in firings],
        "now": now,
    }
    await connection.execute(_NOTE, noted)


async def share(connection: AsyncConnection, automation_ids: Sequence[str]) -> None:
    """Have automations stay until the transaction ends."""
    await connection.execute(
        sa.select(automations.c.automation_id)
        .where(automations.c.automation_id.in_(automation_ids))
        .with_for_update(read=True, key_share=True)
    )


def _claimed(automation: Automation, row: Any) -> Claimed:
    return Claimed(
        automation,
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
