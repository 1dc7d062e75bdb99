"""Between the contract of tasks and owners and the domain. Nothing else touches both."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from scoreline.notify.v1 import follow_ups_service_pb2 as pb
from services.notify.convert import (
    LEAD_ID_CHARS_MAX,
    REFERENCE_PREFIXES,
    check_names,
)
from services.notify.domain.follow_ups import LeadOwner, Task, TaskState
from services.notify.follow_up_store import TaskFilter
from services.shared.errors import EtagMismatch, Violations
from services.shared.times import to_datetime, to_timestamp

LEADS_MAX = 200
"""Named in one list of owners."""

PERSON_CHARS_MAX = 256
"""Of owners and assignees."""

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

_CHANGEABLE = ("assignee", "state", "due_time")


def which_tasks(request: pb.ListTasksRequest) -> TaskFilter:
    """Which tasks to list. Raises InvalidFields."""
    wrong = Violations()
    if request.state not in pb.Task.State.values():
        wrong.add("state", "is not a state there is")
    if request.lead_id:
        check_names(wrong, "lead_id", [request.lead_id], 1, LEAD_ID_CHARS_MAX)
    if request.assignee:
        check_names(wrong, "assignee", [request.assignee], 1, PERSON_CHARS_MAX)
    wrong.raise_if_any()
    state = _state(request.state) if request.state else None
    return TaskFilter(state, request.lead_id, request.assignee)


def task_changes(
    request: pb.UpdateTaskRequest, now: datetime
) -> tuple[str, Callable[[Task], Task]]:
    """Which task, and what to change in it. Raises InvalidFields."""
    written = request.task
    wrong = Violations()
    if not written.task_id or "\x00" in written.task_id:
        wrong.add("task.task_id", "is required")
    chosen = _chosen(request, wrong)
    if written.assignee:
        check_names(wrong, "task.assignee", [written.assignee], 1, PERSON_CHARS_MAX)
    if "state" in chosen and written.state not in (pb.Task.STATE_OPEN, pb.Task.STATE_DONE):
        wrong.add("task.state", "must be STATE_OPEN or STATE_DONE")
    due_time = None
    if written.HasField("due_time"):
        try:
            due_time = to_datetime(written.due_time)
        except OverflowError:
            wrong.add("task.due_time", "must be a time of the years 1 to 9999")
    wrong.raise_if_any()

    def change(before: Task) -> Task:
        if written.etag and written.etag != str(before.revision):
            raise EtagMismatch("task", before.task_id)
        after = before
        if "assignee" in chosen:
            after = replace(after, assignee=written.assignee)
        if "due_time" in chosen:
            after = replace(after, due_time=due_time)
        if "state" in chosen:
            state = _state(written.state)
            done_time = (before.done_time or now) if state is TaskState.DONE else None
            after = replace(after, state=state, done_time=done_time)
        return replace(after, revision=before.revision + 1)

    return written.task_id, change


def which_owners(request: pb.ListLeadOwnersRequest) -> tuple[Sequence[str], str]:
    """Which leads' owners to list, and which owner's leads. Raises InvalidFields."""
    wrong = Violations()
    check_names(wrong, "lead_ids", request.lead_ids, LEADS_MAX, LEAD_ID_CHARS_MAX)
    if request.owner:
        check_names(wrong, "owner", [request.owner], 1, PERSON_CHARS_MAX)
    wrong.raise_if_any()
    return list(request.lead_ids), request.owner


def owner_to_set(request: pb.SetLeadOwnerRequest) -> tuple[str, str]:
    """Lead and owner. Raises InvalidFields."""
    wrong = Violations()
    check_names(wrong, "lead_id", [request.lead_id], 1, LEAD_ID_CHARS_MAX)
    if request.lead_id.startswith(REFERENCE_PREFIXES):
        wrong.add("lead_id", "must be a lead's id, not a reference to it")
    if request.owner:
        check_names(wrong, "owner", [request.owner], 1, PERSON_CHARS_MAX)
    wrong.raise_if_any()
    return request.lead_id, request.owner


def task_message(task: Task) -> pb.Task:
    """A task as it is shown."""
    message = pb.Task(
        task_id=task.task_id,
        lead_id=task.lead_id,
        title=task.title,
        note=task.note,
        assignee=task.assignee,
        state=f"STATE_{task.state.value.upper()}",
        create_time=to_timestamp(task.create_time),
        automation_id=task.automation_id,
        execution_id=task.execution_id,
        etag=str(task.revision),
    )
    if task.due_time is not None:
        message.due_time.CopyFrom(to_timestamp(task.due_time))
    if task.done_time is not None:
        message.done_time.CopyFrom(to_timestamp(task.done_time))
    return message


def owner_message(owner: LeadOwner) -> pb.LeadOwner:
    """Who takes care of a lead, as it is shown."""
    return pb.LeadOwner(
        lead_id=owner.lead_id,
        owner=owner.owner,
        assign_time=to_timestamp(owner.assign_time),
        automation_id=owner.automation_id,
    )


def _state(value: int) -> TaskState:
    return TaskState(pb.Task.State.Name(value).removeprefix("STATE_").lower())


def _chosen(request: pb.UpdateTaskRequest, wrong: Violations) -> frozenset[str]:
    """What to change: what the mask names, without one what is set."""
    paths = list(request.update_mask.paths)
    if not paths:
        return frozenset(
            field.name for field, _ in request.task.ListFields() if field.name in _CHANGEABLE
        )
    if paths == [EVERYTHING]:
        return frozenset(_CHANGEABLE)
    for path in paths:
        if path not in _CHANGEABLE:
            wrong.add("update_mask", f"{path!r} is none of {', '.join(_CHANGEABLE)}")
    return frozenset(paths)
