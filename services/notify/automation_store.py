"""Automations in Postgres, and their executions as administrators see them. What is due is in automation_queue.py."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import automation_rows as rows
from services.notify.automation_ports import AutomationPosition, Change
from services.notify.automation_queue import opened
from services.notify.automation_rows import Definitions
from services.notify.domain.automations import Automation, Execution, ExecutionState
from services.notify.domain.executing import begun_again
from services.notify.dormancy import wake
from services.notify.errors import ExecutionNotFailed, TooManyAutomations
from services.notify.tables import automation_executions, automations
from services.shared.db import Database

_LOCK = "notify_automations"
"""Automations of a project are counted and added one after the other."""


class PostgresAutomations:
    """An automation_ports.AutomationStore."""

    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def add(self, automation: Automation, automations_max: int) -> None:
        count = (
            sa.select(sa.func.count())
            .select_from(automations)
            .where(automations.c.project_id == automation.project_id)
        )
        key = (sa.func.hashtext(_LOCK), sa.func.hashtext(automation.project_id))
        async with self._database.begin() as connection:
            await wake(connection)
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*key)))
            if (await connection.scalar(count) or 0) >= automations_max:
                raise TooManyAutomations(automations_max)
            await connection.execute(
                sa.insert(automations).values(
                    automation_id=automation.automation_id,
                    project_id=automation.project_id,
                    created_at=automation.create_time,
                    **self._definitions.changing(automation),
                )
            )

    async def get(self, project_id: str, automation_id: str) -> Automation | None:
        async with self._database.begin() as connection:
            return await self._find(connection, project_id, automation_id)

    async def newest(
        self, project_id: str, after: AutomationPosition | None, limit: int
    ) -> list[Automation]:
        kept = automations.c
        query = (
            sa.select(automations)
            .where(kept.project_id == project_id)
            .order_by(kept.created_at.desc(), kept.automation_id.desc())
            .limit(limit)
        )
        if after is not None:
            position = sa.tuple_(kept.created_at, kept.automation_id)
            query = query.where(position < sa.tuple_(after.create_time, after.automation_id))
        async with self._database.begin() as connection:
            found = (await connection.execute(query)).all()
        # One that can't be read hides no other; asked for by its id, it says why.
        return list(opened(self._definitions, found).values())

    async def change(
        self, project_id: str, automation_id: str, change: Change
    ) -> Automation | None:
        async with self._database.begin() as connection:
            await wake(connection)
            before = await self._find(connection, project_id, automation_id, lock=True)
            if before is None:
                return None
            after = change(before)
            values = self._definitions.changing(after)
            if after.active_since != before.active_since:
                values["looked_until"] = None
            await connection.execute(
                sa.update(automations)
                .where(automations.c.automation_id == automation_id)
                .values(**values)
            )
            return after

    async def remove(self, project_id: str, automation_id: str) -> bool:
        gone = (
            sa.delete(automations)
            .where(
                automations.c.project_id == project_id,
                automations.c.automation_id == automation_id,
            )
            .returning(automations.c.automation_id)
        )
        async with self._database.begin() as connection:
            return (await connection.scalar(gone)) is not None

    async def executions(
        self,
        automation_id: str,
        state: ExecutionState | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Execution]:
        kept = automation_executions.c
        query = (
            sa.select(automation_executions)
            .where(kept.automation_id == automation_id)
            .order_by(kept.number.desc())
            .limit(limit)
        )
        if state is not None:
            query = query.where(kept.state == state.value)
        if lead_id:
            query = query.where(kept.lead_id == lead_id)
        if before is not None:
            query = query.where(kept.number < before)
        async with self._database.begin() as connection:
            return [rows.execution(row) for row in await connection.execute(query)]

    async def retry(self, automation_id: str, execution_id: str, now: datetime) -> Execution | None:
        kept = automation_executions.c
        own = sa.and_(kept.automation_id == automation_id, kept.execution_id == execution_id)
        async with self._database.begin() as connection:
            query = sa.select(automation_executions).where(own).with_for_update()
            before = (await connection.execute(query)).one_or_none()
            if before is None:
                return None
            if before.state != ExecutionState.FAILED.value:
                raise ExecutionNotFailed(execution_id)
            states = begun_again(rows.outcomes(before.outcomes))
            again = (
                sa.update(automation_executions)
                .where(own)
                .values(
                    state=ExecutionState.PENDING.value,
                    outcomes=rows.outcome_values(states),
                    attempts_before=kept.attempt_count,
                    pending_since=now,
                    due_at=now,
                    ended_at=None,
                )
                .returning(automation_executions)
            )
            return rows.execution((await connection.execute(again)).one())

    async def _find(
        self,
        connection: AsyncConnection,
        project_id: str,
        automation_id: str,
        lock: bool = False,
    ) -> Automation | None:
        query = sa.select(automations).where(
            automations.c.project_id == project_id, automations.c.automation_id == automation_id
        )
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else self._definitions.automation(row)
