"""The gRPC edge of automations: check, call a handler, convert."""

from typing import Any

import grpc

from scoreline.notify.v1 import automations_service_pb2 as pb
from scoreline.notify.v1 import automations_service_pb2_grpc
from services.notify import automation_convert as convert
from services.notify import automation_presets
from services.notify import automation_requests as requests
from services.notify.automation_handlers import AutomationHandlers
from services.notify.automation_trial import AutomationTrial
from services.shared import context as call_context
from services.shared import paging

Context = grpc.aio.ServicerContext[Any, Any]

PAGE_DEFAULT = 50
PAGE_MAX = 100
EXECUTIONS_PAGE_MAX = 200


class AutomationsServicer(automations_service_pb2_grpc.AutomationsServiceServicer):
    """See protos/scoreline/notify/v1/automations_service.proto."""

    def __init__(self, handlers: AutomationHandlers, trial: AutomationTrial) -> None:
        self._handlers = handlers
        self._trial = trial

    async def CreateAutomation(
        self, request: pb.CreateAutomationRequest, context: Context
    ) -> pb.CreateAutomationResponse:
        automation = await self._handlers.create(_project(), requests.definition(request))
        return pb.CreateAutomationResponse(automation=convert.automation_message(automation))

    async def GetAutomation(
        self, request: pb.GetAutomationRequest, context: Context
    ) -> pb.GetAutomationResponse:
        automation = await self._handlers.get(_project(), _id(request))
        return pb.GetAutomationResponse(automation=convert.automation_message(automation))

    async def ListAutomations(
        self, request: pb.ListAutomationsRequest, context: Context
    ) -> pb.ListAutomationsResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX)
        # One more than asked for tells whether there is a next page.
        found = await self._handlers.newest(_project(), requests.position(request), size + 1)
        answer = pb.ListAutomationsResponse(
            automations=map(convert.automation_message, found[:size])
        )
        if len(found) > size:
            last = found[size - 1]
            position = [last.create_time.isoformat(), last.automation_id]
            answer.next_page_token = paging.encode(position, request)
        return answer

    async def UpdateAutomation(
        self, request: pb.UpdateAutomationRequest, context: Context
    ) -> pb.UpdateAutomationResponse:
        automation_id, change = requests.changes(request)
        automation = await self._handlers.update(_project(), automation_id, change)
        return pb.UpdateAutomationResponse(automation=convert.automation_message(automation))

    async def DeleteAutomation(
        self, request: pb.DeleteAutomationRequest, context: Context
    ) -> pb.DeleteAutomationResponse:
        await self._handlers.delete(_project(), _id(request))
        return pb.DeleteAutomationResponse()

    async def ListAutomationTemplates(
        self, request: pb.ListAutomationTemplatesRequest, context: Context
    ) -> pb.ListAutomationTemplatesResponse:
        return pb.ListAutomationTemplatesResponse(templates=automation_presets.templates())

    async def ListAutomationExecutions(
        self, request: pb.ListAutomationExecutionsRequest, context: Context
    ) -> pb.ListAutomationExecutionsResponse:
        size = paging.page_size(request.page_size, PAGE_DEFAULT, EXECUTIONS_PAGE_MAX)
        state, lead_id, before = requests.which_executions(request)
        found = await self._handlers.executions(
            _project(), _id(request), state, lead_id, before, size + 1
        )
        answer = pb.ListAutomationExecutionsResponse(
            executions=map(convert.execution_message, found[:size])
        )
        if len(found) > size:
            answer.next_page_token = paging.encode([found[size - 1].number], request)
        return answer

    async def RetryExecution(
        self, request: pb.RetryExecutionRequest, context: Context
    ) -> pb.RetryExecutionResponse:
        execution_id = requests.needed("execution_id", request.execution_id)
        execution = await self._handlers.retry(_project(), _id(request), execution_id)
        return pb.RetryExecutionResponse(execution=convert.execution_message(execution))

    async def TestAutomation(
        self, request: pb.TestAutomationRequest, context: Context
    ) -> pb.TestAutomationResponse:
        written = requests.trial(request)
        if written is None:
            automation = await self._handlers.get(_project(), _id(request))
        else:
            automation = await self._handlers.unmade(_project(), written)
        if request.lead_id:
            return convert.lead_trial(await self._trial.on_lead(automation, request.lead_id))
        return convert.days_trial(await self._trial.on_days(automation, request.days))


def _project() -> str:
    return call_context.caller().project_id


def _id(request: Any) -> str:
    return requests.needed("automation_id", request.automation_id)
