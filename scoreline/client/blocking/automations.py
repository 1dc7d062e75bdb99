"""Automations and what they did, blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scoreline.client import automation_requests as requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
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
from scoreline.notify.v1.automations_service_pb2_grpc import AutomationsServiceStub


class Automations:
    """Rules that act on leads, and what became of each time they did."""

    def __init__(self, calls: Calls, stub: AutomationsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def create(self, automation: Automation) -> Automation:
        """Make an automation. It acts on what happens from now on."""
        request = CreateAutomationRequest(automation=automation)
        answer = self._calls.once(self._stub.CreateAutomation, request)
        return answer.automation

    def get(self, automation_id: str) -> Automation:
        """One automation; its secrets are `***`."""
        request = GetAutomationRequest(automation_id=automation_id)
        answer = self._calls.repeated(self._stub.GetAutomation, request)
        return answer.automation

    def list(self) -> Iterator[Automation]:
        """The project's automations, newest first."""
        request = ListAutomationsRequest(page_size=requests.AUTOMATIONS_PAGE_SIZE)
        return items(self._calls, self._stub.ListAutomations, request, "automations")

    def update(
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
        answer = self._calls.once(self._stub.UpdateAutomation, request)
        return answer.automation

    def delete(self, automation_id: str) -> None:
        """Remove an automation with its executions. Tasks and owners stay."""
        request = DeleteAutomationRequest(automation_id=automation_id)
        self._calls.once(self._stub.DeleteAutomation, request)

    def templates(self) -> Sequence[AutomationTemplate]:
        """Automations that are shipped, to be filled in and made."""
        request = ListAutomationTemplatesRequest()
        answer = self._calls.repeated(self._stub.ListAutomationTemplates, request)
        return answer.templates

    def executions(
        self,
        automation_id: str,
        *,
        state: str = "",
        lead_id: str = "",
        page_size: int = requests.EXECUTIONS_PAGE_SIZE,
    ) -> Iterator[AutomationExecution]:
        """What it did, newest first; `state` is pending, succeeded or failed."""
        request = requests.executions(automation_id, state, lead_id, page_size)
        return items(self._calls, self._stub.ListAutomationExecutions, request, "executions")

    def retry(self, automation_id: str, execution_id: str) -> AutomationExecution:
        """Try an execution that failed once more: those of its actions that have not been carried out."""
        request = RetryExecutionRequest(automation_id=automation_id, execution_id=execution_id)
        answer = self._calls.once(self._stub.RetryExecution, request)
        return answer.execution

    def test_on_lead(self, automation: str | Automation, lead_id: str) -> TestAutomationResponse:
        """What an automation (its id, or one that is not made yet) would do for this lead as it is; nothing is done."""
        request = requests.to_test(automation, lead_id=lead_id)
        return self._calls.repeated(self._stub.TestAutomation, request, requests.TEST_TIMEOUT_S)

    def test_on_days(self, automation: str | Automation, days: int) -> TestAutomationResponse:
        """What it would have done in the last days, 1 to 30; nothing is done."""
        request = requests.to_test(automation, days=days)
        return self._calls.repeated(self._stub.TestAutomation, request, requests.TEST_TIMEOUT_S)
