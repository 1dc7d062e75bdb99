"""The requests of automations: one place for both clients, as requests.py is for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from scoreline.client.requests import PAGE_SIZE, mask
from scoreline.notify.v1.automation_pb2 import (
    Automation,
    AutomationAction,
    AutomationFrequency,
    AutomationTrigger,
)
from scoreline.notify.v1.automations_service_pb2 import (
    ListAutomationExecutionsRequest,
    TestAutomationRequest,
    UpdateAutomationRequest,
)

AUTOMATIONS_PAGE_SIZE = 100
EXECUTIONS_PAGE_SIZE = min(PAGE_SIZE, 200)

TEST_TIMEOUT_S = 60.0
"""Looking at 200,000 changes takes a while; the gateway waits for as long."""


def update(
    automation_id: str,
    *,
    display_name: str | None,
    description: str | None,
    trigger: AutomationTrigger | None,
    condition: str | None,
    frequency: AutomationFrequency | None,
    actions: Sequence[AutomationAction] | None,
    disabled: bool | None,
    include_bulk_changes: bool | None,
    etag: str,
) -> UpdateAutomationRequest:
    """What is given is changed. Raises ValueError when nothing is."""
    given = {
        "display_name": display_name,
        "description": description,
        "trigger": trigger,
        "condition": condition,
        "frequency": frequency,
        "actions": actions,
        "disabled": disabled,
        "include_bulk_changes": include_bulk_changes,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if not changed:
        raise ValueError("say what to change")
    automation = Automation(automation_id=automation_id, etag=etag, **changed)  # type: ignore[arg-type]
    return UpdateAutomationRequest(automation=automation, update_mask=mask(list(changed)))


def executions(
    automation_id: str, state: str, lead_id: str, page_size: int
) -> ListAutomationExecutionsRequest:
    """A page of executions; `state` is pending, succeeded or failed. Raises ValueError for others."""
    name = f"STATE_{state.upper()}" if state else None
    return ListAutomationExecutionsRequest(
        automation_id=automation_id, state=name, lead_id=lead_id, page_size=page_size
    )


def to_test(
    automation: str | Automation, *, lead_id: str = "", days: int = 0
) -> TestAutomationRequest:
    """An automation that is there, by its id, or one that is not, on a lead or on the last days."""
    if isinstance(automation, str):
        return TestAutomationRequest(automation_id=automation, lead_id=lead_id, days=days)
    return TestAutomationRequest(automation=automation, lead_id=lead_id, days=days)
