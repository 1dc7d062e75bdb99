"""What automations leave to people: tasks, and who takes care of which lead."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class TaskState(Enum):
    """Whether a task is done."""

    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do for a person."""

    task_id: str
    lead_id: str
    title: str
    note: str
    assignee: str
    state: TaskState
    due_time: datetime | None
    create_time: datetime
    done_time: datetime | None
    automation_id: str
    execution_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class LeadOwner:
    """Who takes care of a lead."""

    lead_id: str
    owner: str
    assign_time: datetime
    automation_id: str
    """Empty where a caller assigned it."""
