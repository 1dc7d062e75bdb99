"""Tasks and owners of leads in Postgres. Automations make them in action_inside.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from services.notify import action_inside
from services.notify.domain.actions import AssignOwner, Occasion
from services.notify.domain.follow_ups import LeadOwner, Task, TaskState
from services.notify.tables import lead_owners, tasks
from services.shared.db import Database


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks; what is empty does not restrict."""

    state: TaskState | None = None
    lead_id: str = ""
    assignee: str = ""


class FollowUpStore(Protocol):
    """What people have to do. All raise DependencyUnavailable."""

    async def tasks(
        self,
        project_id: str,
        wanted: TaskFilter,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Task]:
        """Tasks, newest first; those behind `after`."""
        ...

    async def change_task(
        self, project_id: str, task_id: str, change: Callable[[Task], Task]
    ) -> Task | None:
        """Change one, one change at a time; None when there is none."""
        ...

    async def owners(
        self,
        project_id: str,
        lead_ids: Sequence[str],
        owner: str,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[LeadOwner]:
        """Leads with an owner, newest first; those behind `after`."""
        ...

    async def set_owner(
        self, project_id: str, lead_id: str, owner: str, now: datetime
    ) -> LeadOwner | None:
        """Give a lead to somebody, or to nobody: None."""
        ...


class PostgresFollowUps:
    """A FollowUpStore; also automation_ports.Owners and NextOwner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tasks(
        self,
        project_id: str,
        wanted: TaskFilter,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Task]:
        kept = tasks.c
        query = (
            sa.select(tasks)
            .where(kept.project_id == project_id)
            .order_by(kept.created_at.desc(), kept.task_id.desc())
            .limit(limit)
        )
        if wanted.state is not None:
            query = query.where(kept.state == wanted.state.value)
        if wanted.lead_id:
            query = query.where(kept.lead_id == wanted.lead_id)
        if wanted.assignee:
            query = query.where(kept.assignee == wanted.assignee)
        if after is not None:
            query = query.where(sa.tuple_(kept.created_at, kept.task_id) < sa.tuple_(*after))
        async with self._database.begin() as connection:
            return [_task(row) for row in await connection.execute(query)]

    async def change_task(
        self, project_id: str, task_id: str, change: Callable[[Task], Task]
    ) -> Task | None:
        own = sa.and_(tasks.c.project_id == project_id, tasks.c.task_id == task_id)
        async with self._database.begin() as connection:
            query = sa.select(tasks).where(own).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            after = change(_task(row))
            await connection.execute(
                sa.update(tasks)
                .where(own)
                .values(
                    assignee=after.assignee,
                    state=after.state.value,
                    due_at=after.due_time,
                    done_at=after.done_time,
                    revision=after.revision,
                )
            )
            return after

    async def owners(
        self,
        project_id: str,
        lead_ids: Sequence[str],
        owner: str,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[LeadOwner]:
        kept = lead_owners.c
        query = (
            sa.select(lead_owners)
            .where(kept.project_id == project_id)
            .order_by(kept.assigned_at.desc(), kept.lead_id.desc())
            .limit(limit)
        )
        if lead_ids:
            query = query.where(kept.lead_id.in_(lead_ids))
        if owner:
            query = query.where(kept.owner == owner)
        if after is not None:
            query = query.where(sa.tuple_(kept.assigned_at, kept.lead_id) < sa.tuple_(*after))
        async with self._database.begin() as connection:
            return [
                LeadOwner(row.lead_id, row.owner, row.assigned_at, row.automation_id)
                for row in await connection.execute(query)
            ]

    async def set_owner(
        self, project_id: str, lead_id: str, owner: str, now: datetime
    ) -> LeadOwner | None:
        async with self._database.begin() as connection:
            if owner:
                await action_inside.set_owner(connection, project_id, lead_id, owner, "", now)
                return LeadOwner(lead_id, owner, now, "")
            await connection.execute(sa.delete(lead_owners).where(_own(project_id, lead_id)))
            return None

    async def owner(self, project_id: str, lead_id: str) -> str:
        """A lead's owner; empty where it has none."""
        query = sa.select(lead_owners.c.owner).where(_own(project_id, lead_id))
        async with self._database.begin() as connection:
            return str(await connection.scalar(query) or "")

    async def next_owner(self, action: AssignOwner, place: int, occasion: Occasion) -> str:
        """Who would be assigned; empty where nobody."""
        async with self._database.begin() as connection:
            return await action_inside.next_owner(connection, action, place, occasion)


def _own(project_id: str, lead_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(lead_owners.c.project_id == project_id, lead_owners.c.lead_id == lead_id)


def _task(row: Any) -> Task:
    return Task(
        row.task_id,
        row.lead_id,
        row.title,
        row.note,
        row.assignee,
        TaskState(row.state),
        row.due_at,
        row.created_at,
        row.done_at,
        row.automation_id,
        row.execution_id,
        row.revision,
    )
