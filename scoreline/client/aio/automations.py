"""Automations and what they did, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from scoreline.client import automation_requests as requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.notify.v1.automation_pb2 import (
    Automation,
    AutomationAction,
    AutomationExecution,
    AutomationFrequency,
    AutomationTrigger,
)
from scoreline.notify.v1.automations_service_pb2 import (
    AutomationTemplate,
    CreateAutomationRequest,
    DeleteAutomationRequest,
    GetAutomationRequest,
    ListAutomationsRequest,
    ListAutomationTemplatesRequest,
    RetryExecutionRequest,
    TestAutomationResponse,
)

if TYPE_CHECKING:
    from scoreline.notify.v1.automations_service_pb2_grpc import AutomationsServiceAsyncStub


class Automations:
    """Rules that act on leads, and what became of each time they did."""

    def __init__(self, calls: AsyncCalls, stub: AutomationsServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    async def create(self, automation: Automation) -> Automation:
        """Make an automation. It acts on what happens from now on."""
        request = CreateAutomationRequest(automation=automation)
        answer = await self._calls.once(self._stub.CreateAutomation, request)
        return answer.automation

    async def get(self, automation_id: str) -> Automation:
        """One automation; its secrets are `***`."""
        request = GetAutomationRequest(automation_id=automation_id)
        answer = await self._calls.repeated(self._stub.GetAutomation, request)
        return answer.automation

    def list(self) -> AsyncIterator[Automation]:
        """The project's automations, newest first."""
        request = ListAutomationsRequest(page_size=requests.AUTOMATIONS_PAGE_SIZE)
        return items(self._calls, self._stub.ListAutomations, request, "automations")

    async def update(
        self,
        automation_id: str,
        *,
        display_name: str | None = None,
        description: str | None = None,
        trigger: AutomationTrigger | None = None,
        condition: str | None = None,
        frequency: AutomationFrequency | None = None,
        actions: Sequence[AutomationAction] | None = None,
        disabled: bool | None = None,
        include_bulk_changes: bool | None = None,
        etag: str = "",
    ) -> Automation:
        """Change what is given; with an etag only when nobody else has changed it since. A secret that is `***` stays
        what it is, in the action of the same kind at the same place."""
        request = requests.update(
            automation_id,
            display_name=display_name,
            description=description,
            trigger=trigger,
            condition=condition,
            frequency=frequency,
            actions=actions,
            disabled=disabled,
            include_bulk_changes=include_bulk_changes,
            etag=etag,
        )
        answer = await self._calls.once(self._stub.UpdateAutomation, request)
        return answer.automation

    async def delete(self, automation_id: str) -> None:
        """Remove an automation with its executions. Tasks and owners stay."""
        request = DeleteAutomationRequest(automation_id=automation_id)
        await self._calls.once(self._stub.DeleteAutomation, request)

    async def templates(self) -> Sequence[AutomationTemplate]:
        """Automations that are shipped, to be filled in and made."""
        request = ListAutomationTemplatesRequest()
        answer = await self._calls.repeated(self._stub.ListAutomationTemplates, request)
        return answer.templates

    def executions(
        self,
        automation_id: str,
        *,
        state: str = "",
        lead_id: str = "",
        page_size: int = requests.EXECUTIONS_PAGE_SIZE,
    ) -> AsyncIterator[AutomationExecution]:
        """What it did, newest first; `state` is pending, succeeded or failed."""
        request = requests.executions(automation_id, state, lead_id, page_size)
        return items(self._calls, self._stub.ListAutomationExecutions, request, "executions")

    async def retry(self, automation_id: str, execution_id: str) -> AutomationExecution:
        """Try an execution that failed once more: those of its actions that have not been carried out."""
        request = RetryExecutionRequest(automation_id=automation_id, execution_id=execution_id)
        answer = await self._calls.once(self._stub.RetryExecution, request)
        return answer.execution

    async def test_on_lead(
        self, automation: str | Automation, lead_id: str
    ) -> TestAutomationResponse:
        """What an automation (its id, or one that is not made yet) would do for this lead as it is; nothing is done."""
        request = requests.to_test(automation, lead_id=lead_id)
        return await self._calls.repeated(
            self._stub.TestAutomation, request, requests.TEST_TIMEOUT_S
        )

    async def test_on_days(self, automation: str | Automation, days: int) -> TestAutomationResponse:
        """What it would have done in the last days, 1 to 30; nothing is done."""
        request = requests.to_test(automation, days=days)
        return await self._calls.repeated(
            self._stub.TestAutomation, request, requests.TEST_TIMEOUT_S
        )
