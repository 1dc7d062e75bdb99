"""The requests of tasks and owners of leads: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scoreline.client.requests import PAGE_SIZE, mask, stamp
from scoreline.notify.v1.follow_ups_service_pb2 import (
    ListLeadOwnersRequest,
    ListTasksRequest,
    Task,
    UpdateTaskRequest,
)

FOLLOW_UPS_PAGE_SIZE = min(PAGE_SIZE, 200)

_STATES = {"open": Task.STATE_OPEN, "done": Task.STATE_DONE}


def tasks(state: str, lead_id: str, assignee: str, page_size: int) -> ListTasksRequest:
    """A page of tasks; `state` is open or done. Raises ValueError for others."""
    return ListTasksRequest(
        state=_state(state) if state else None,
        lead_id=lead_id,
        assignee=assignee,
        page_size=page_size,
    )


def update_task(
    task_id: str,
    *,
    assignee: str | None,
    state: str | None,
    due_time: datetime | None,
    never_due: bool,
    etag: str,
) -> UpdateTaskRequest:
    """What is given is changed. Raises ValueError when nothing is, or for a state that is none."""
    if due_time is not None and never_due:
        raise ValueError("give `due_time` or `never_due`: one of them")
    given: dict[str, Any] = {
        "assignee": assignee,
        "state": None if state is None else _state(state),
        "due_time": stamp(due_time),
    }
    changed = {name: value for name, value in given.items() if value is not None}
    paths = [*changed, "due_time"] if never_due else [*changed]
    if not paths:
        raise ValueError("say what to change")
    task = Task(task_id=task_id, etag=etag, **changed)
    return UpdateTaskRequest(task=task, update_mask=mask(paths))


def owners(lead_ids: Sequence[str], owner: str, page_size: int) -> ListLeadOwnersRequest:
    """A page of owners."""
    return ListLeadOwnersRequest(lead_ids=lead_ids, owner=owner, page_size=page_size)


def _state(name: str) -> Task.State:
    if name not in _STATES:
        raise ValueError(f"no such state: {name!r}; there are open and done")
    return _STATES[name]
