"""What automations leave to people, in an event loop: tasks, and owners of leads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scoreline.client import follow_up_requests as requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.notify.v1.follow_ups_service_pb2 import LeadOwner, SetLeadOwnerRequest, Task

if TYPE_CHECKING:
    from scoreline.notify.v1.follow_ups_service_pb2_grpc import FollowUpsServiceAsyncStub


class FollowUps:
    """What is to be done, and who takes care of a lead."""

    def __init__(self, calls: AsyncCalls, stub: FollowUpsServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    def tasks(
        self,
        *,
        state: str = "",
        lead_id: str = "",
        assignee: str = "",
        page_size: int = requests.FOLLOW_UPS_PAGE_SIZE,
    ) -> AsyncIterator[Task]:
        """Tasks, newest first; `state` is open or done."""
        request = requests.tasks(state, lead_id, assignee, page_size)
        return items(self._calls, self._stub.ListTasks, request, "tasks")

    async def update_task(
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
        return (await self._calls.once(self._stub.UpdateTask, request)).task

    async def complete_task(self, task_id: str, *, etag: str = "") -> Task:
        """It is done."""
        return await self.update_task(task_id, state="done", etag=etag)

    def owners(
        self,
        *,
        lead_ids: Sequence[str] = (),
        owner: str = "",
        page_size: int = requests.FOLLOW_UPS_PAGE_SIZE,
    ) -> AsyncIterator[LeadOwner]:
        """Which leads have an owner, newest first: of these leads, at most 200, or all; of this owner, or of all."""
        request = requests.owners(lead_ids, owner, page_size)
        return items(self._calls, self._stub.ListLeadOwners, request, "lead_owners")

    async def set_owner(self, lead_id: str, owner: str) -> LeadOwner:
        """Give a lead to somebody; to nobody where `owner` is empty."""
        request = SetLeadOwnerRequest(lead_id=lead_id, owner=owner)
        return (await self._calls.once(self._stub.SetLeadOwner, request)).lead_owner
