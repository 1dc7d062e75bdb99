"""The gRPC edge of tasks and owners of leads."""

from typing import Any

import grpc

from scoreline.notify.v1 import follow_ups_service_pb2 as pb
from scoreline.notify.v1 import follow_ups_service_pb2_grpc
from services.notify import automation_requests, follow_up_convert
from services.notify.follow_up_store import FollowUpStore
from services.shared import context as call_context
from services.shared import paging
from services.shared.clock import Clock
from services.shared.errors import ResourceNotFound

Context = grpc.aio.ServicerContext[Any, Any]

PAGE_DEFAULT = 50
PAGE_MAX = 200


class FollowUpsServicer(follow_ups_service_pb2_grpc.FollowUpsServiceServicer):
    """See protos/scoreline/notify/v1/follow_ups_service.proto."""

    def __init__(self, follow_ups: FollowUpStore, clock: Clock) -> None:
        self._follow_ups = follow_ups
        self._clock = clock

    async def ListTasks(
        self, request: pb.ListTasksRequest, context: Context
    ) -> pb.ListTasksResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        wanted = follow_up_convert.which_tasks(request)
        after = automation_requests.dated_position(request, request.page_token)
        # One more than asked for tells whether there is a next page.
        found = await self._follow_ups.tasks(_project(), wanted, after, size + 1)
        answer = pb.ListTasksResponse(tasks=map(follow_up_convert.task_message, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            position = [last.create_time.isoformat(), last.task_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def UpdateTask(
        self, request: pb.UpdateTaskRequest, context: Context
    ) -> pb.UpdateTaskResponse:
        task_id, change = follow_up_convert.task_changes(request, self._clock.now())
        changed = await self._follow_ups.change_task(_project(), task_id, change)
        if changed is None:
            raise ResourceNotFound("task", task_id)
        return pb.UpdateTaskResponse(task=follow_up_convert.task_message(changed))

    async def ListLeadOwners(
        self, request: pb.ListLeadOwnersRequest, context: Context
    ) -> pb.ListLeadOwnersResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        lead_ids, owner = follow_up_convert.which_owners(request)
        after = automation_requests.dated_position(request, request.page_token)
        found = await self._follow_ups.owners(_project(), lead_ids, owner, after, size + 1)
        answer = pb.ListLeadOwnersResponse(
            lead_owners=map(follow_up_convert.owner_message, found[:size])
        )
        if len(found) > size:
            last = found[size - 1]
            position = [last.assign_time.isoformat(), last.lead_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def SetLeadOwner(
        self, request: pb.SetLeadOwnerRequest, context: Context
    ) -> pb.SetLeadOwnerResponse:
        lead_id, owner = follow_up_convert.owner_to_set(request)
        now = self._clock.now()
        found = await self._follow_ups.set_owner(_project(), lead_id, owner, now)
        message = (
            pb.LeadOwner(lead_id=lead_id)
            if found is None
            else follow_up_convert.owner_message(found)
        )
        return pb.SetLeadOwnerResponse(lead_owner=message)


def _project() -> str:
    return call_context.caller().project_id
