"""What automations leave to people, blocking: tasks, and owners of leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from scoreline.client import follow_up_requests as requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.notify.v1.follow_ups_service_pb2 import LeadOwner, SetLeadOwnerRequest, Task
from scoreline.notify.v1.follow_ups_service_pb2_grpc import FollowUpsServiceStub


class FollowUps:
    """What is to be done, and who takes care of a lead."""

    def __init__(self, calls: Calls, stub: FollowUpsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def tasks(
        self,
        *,
        state: str = "",
        lead_id: str = "",
        assignee: str = "",
        page_size: int = requests.FOLLOW_UPS_PAGE_SIZE,
    ) -> Iterator[Task]:
        """Tasks, newest first; `state` is open or done."""
        request = requests.tasks(state, lead_id, assignee, page_size)
        return items(self._calls, self._stub.ListTasks, request, "tasks")

    def update_task(
        self,
        task_id: str,
        *,
        assignee: str | None = None,
        state: str | None = None,
        due_time: datetime | None = None,
        never_due: bool = False,
        etag: str = "",
    ) -> Task:
        """Change what is given; with an etag only when nobody else has changed it since. `never_due` takes the time
        away when it is due."""
        request = requests.update_task(
            task_id,
            assignee=assignee,
            state=state,
            due_time=due_time,
            never_due=never_due,
            etag=etag,
        )
        return self._calls.once(self._stub.UpdateTask, request).task

    def complete_task(self, task_id: str, *, etag: str = "") -> Task:
        """It is done."""
        return self.update_task(task_id, state="done", etag=etag)

    def owners(
        self,
        *,
        lead_ids: Sequence[str] = (),
        owner: str = "",
        page_size: int = requests.FOLLOW_UPS_PAGE_SIZE,
    ) -> Iterator[LeadOwner]:
        """Which leads have an owner, newest first: of these leads, at most 200, or all; of this owner, or of all."""
        request = requests.owners(lead_ids, owner, page_size)
        return items(self._calls, self._stub.ListLeadOwners, request, "lead_owners")

    def set_owner(self, lead_id: str, owner: str) -> LeadOwner:
        """Give a lead to somebody; to nobody where `owner` is empty."""
        request = SetLeadOwnerRequest(lead_id=lead_id, owner=owner)
        return self._calls.once(self._stub.SetLeadOwner, request).lead_owner
