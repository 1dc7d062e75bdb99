"""Actions that are done here, in the database: a webhook endpoint is told, an owner assigned, a task noted. Each within
the transaction that writes down that it was done, so it is done once."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import automation_telling
from services.notify.domain.actions import (
    Action,
    AssignOwner,
    CreateTask,
    Occasion,
    Outcome,
    Unrenderable,
    Webhook,
)
from services.notify.domain.follow_ups import TaskState
from services.notify.domain.owners import Turns, turns_of
from services.notify.dormancy import wake
from services.notify.tables import lead_owners, owner_turns, tasks
from services.notify.telling import tell_one
from services.notify.texts import ACTION_S_MAX, Texts
from services.shared.budgets import Budget

TITLE_CHARS_MAX = 256
NOTE_CHARS_MAX = 16_384
ASSIGNEE_CHARS_MAX = 256

INSIDE = (Webhook, AssignOwner, CreateTask)
"""Actions that this room does itself."""


class InsideActions:
    """Does them."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def do(
        self,
        connection: AsyncConnection,
        action: Action,
        place: int,
        occasion: Occasion,
        now: datetime,
    ) -> Outcome:
        """Do one of INSIDE, the automation's action at that place."""
        match action:
            case Webhook(endpoint_id):
                told = automation_telling.acting(occasion, place, now)
                if await tell_one(connection, endpoint_id, told, now):
                    return Outcome()
                return Outcome(error="there is no such webhook endpoint any more", permanent=True)
            case AssignOwner():
                return await _assign(connection, action, place, occasion, now)
            case CreateTask():
                return await self._note_task(connection, action, place, occasion, now)
        raise TypeError(action.kind)

    async def _note_task(
        self,
        connection: AsyncConnection,
        action: CreateTask,
        place: int,
        occasion: Occasion,
        now: datetime,
    ) -> Outcome:
        try:
            texts = await asyncio.to_thread(self.task, action, occasion)
        except Unrenderable as error:
            return Outcome(error=str(error), permanent=True)
        named = f"{occasion.execution_id}\n{place}"
        task_id = f"tsk_{hashlib.sha256(named.encode()).hexdigest()[:32]}"
        await connection.execute(
            insert(tasks)
            .values(
                task_id=task_id,
                project_id=occasion.project_id,
                lead_id=occasion.lead_id,
                **texts,
                state=TaskState.OPEN.value,
                due_at=None if action.due_in is None else now + action.due_in,
                created_at=now,
                automation_id=occasion.automation_id,
                execution_id=occasion.execution_id,
                revision=1,
            )
            .on_conflict_do_nothing()
        )
        return Outcome(detail=task_id)

    def task(self, action: CreateTask, occasion: Occasion) -> dict[str, str]:
        """The texts of a task. Raises Unrenderable."""
        given, budget = occasion.variables(), Budget(ACTION_S_MAX)
        title = self._texts.line("title", action.title, given, budget)
        note = self._texts.render("note", action.note, given, budget=budget)
        assignee = self._texts.line("assignee", action.assignee, given, budget)
        return {
            "title": title[:TITLE_CHARS_MAX],
            "note": note[:NOTE_CHARS_MAX],
            "assignee": assignee[:ASSIGNEE_CHARS_MAX],
        }


async def next_owner(
    connection: AsyncConnection, action: AssignOwner, place: int, occasion: Occasion
) -> str:
    """Whose turn it is, without taking it; empty where the lead stays as it is."""
    turns = turns_of(action, _attributes(occasion))
    if turns is None or not await _is_free(connection, action, occasion):
        return ""
    kept = owner_turns.c
    taken = await connection.scalar(
        sa.select(kept.taken).where(
            kept.automation_id == occasion.automation_id, kept.list == _list(place, turns)
        )
    )
    return turns.owner(taken or 0)


async def _assign(
    connection: AsyncConnection,
    action: AssignOwner,
    place: int,
    occasion: Occasion,
    now: datetime,
) -> Outcome:
    turns = turns_of(action, _attributes(occasion))
    if turns is None:
        return Outcome(detail="no territory fits")
    if not await _is_free(connection, action, occasion):
        return Outcome(detail="has an owner")
    counted = insert(owner_turns).values(
        automation_id=occasion.automation_id, list=_list(place, turns), taken=1
    )
    taken = await connection.scalar(
        counted.on_conflict_do_update(
            index_elements=[owner_turns.c.automation_id, owner_turns.c.list],
            set_={"taken": owner_turns.c.taken + 1},
        ).returning(owner_turns.c.taken)
    )
    owner = turns.owner((taken or 1) - 1)
    await set_owner(
        connection, occasion.project_id, occasion.lead_id, owner, occasion.automation_id, now
    )
    return Outcome(detail=owner)


async def set_owner(
    connection: AsyncConnection,
    project_id: str,
    lead_id: str,
    owner: str,
    automation_id: str,
    now: datetime,
) -> None:
    """Give a lead to somebody."""
    # Whoever it is merged into may take the owner.
    await wake(connection)
    values = {"owner": owner, "assigned_at": now, "automation_id": automation_id}
    await connection.execute(
        insert(lead_owners)
        .values(project_id=project_id, lead_id=lead_id, **values)
        .on_conflict_do_update(
            index_elements=[lead_owners.c.project_id, lead_owners.c.lead_id], set_=values
        )
    )


async def _is_free(connection: AsyncConnection, action: AssignOwner, occasion: Occasion) -> bool:
    if action.reassign:
        return True
    kept = lead_owners.c
    own = sa.and_(kept.project_id == occasion.project_id, kept.lead_id == occasion.lead_id)
    return await connection.scalar(sa.select(kept.owner).where(own)) is None


def _list(place: int, turns: Turns) -> str:
    return f"{place} {turns.name}"


def _attributes(occasion: Occasion) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (occasion.lead or {}).get("attributes", {})
    return found
