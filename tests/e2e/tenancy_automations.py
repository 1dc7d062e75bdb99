"""What test_tenancy.py checks of automations and of what they leave to people: executions, tasks and owners are one
project's alone."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.notify.v1 import automation_pb2, webhook_endpoints_service_pb2
from scoreline.notify.v1 import automations_service_pb2 as pb
from scoreline.notify.v1 import follow_ups_service_pb2 as follow_ups_pb
from tests.support.eventually import eventually
from tests.support.grpc_calls import Refusal

SERVICE = "notify.v1.AutomationsService"
FOLLOW_UPS = "notify.v1.FollowUpsService"
ENDPOINTS = "notify.v1.WebhookEndpointsService"


def automations(tenants: Any) -> None:
    """What the other project can't see, change, try or be set off by."""
    mine, theirs, *_ = tenants
    automation_id = _made(mine, "tia", "tia-of-theirs").automation_id
    own_id = _made(theirs, "nobody").automation_id
    theirs.send("theirs-tia", "demo_request", "tia-of-theirs")
    mine.send("mine-tia", "demo_request", "tia")

    def carried_out() -> list[automation_pb2.AutomationExecution]:
        request = pb.ListAutomationExecutionsRequest(automation_id=automation_id)
        found = mine.ask(f"{SERVICE}/ListAutomationExecutions", request).executions
        return [one for one in found if one.state == one.STATE_SUCCEEDED]

    # Theirs came first: had it set mine off, it would be here too.
    (execution,) = eventually(carried_out)
    assert execution.lead_id == "tia"

    stolen = automation_pb2.Automation(automation_id=automation_id, description="stolen")
    for method, request in (
        ("GetAutomation", pb.GetAutomationRequest(automation_id=automation_id)),
        ("UpdateAutomation", pb.UpdateAutomationRequest(automation=stolen)),
        ("DeleteAutomation", pb.DeleteAutomationRequest(automation_id=automation_id)),
        (
            "ListAutomationExecutions",
            pb.ListAutomationExecutionsRequest(automation_id=automation_id),
        ),
        ("TestAutomation", pb.TestAutomationRequest(automation_id=automation_id, days=1)),
        *(
            (
                "RetryExecution",
                pb.RetryExecutionRequest(automation_id=of, execution_id=execution.execution_id),
            )
            for of in (automation_id, own_id)
        ),
    ):
        assert _refusal(theirs, f"{SERVICE}/{method}", request).reason == "RESOURCE_NOT_FOUND", (
            method
        )
    for tenant, there, elsewhere in (
        (mine, automation_id, own_id),
        (theirs, own_id, automation_id),
    ):
        found = tenant.ask(f"{SERVICE}/ListAutomations", pb.ListAutomationsRequest())
        ids = {one.automation_id for one in found.automations}
        assert there in ids
        assert elsewhere not in ids
    request = pb.GetAutomationRequest(automation_id=automation_id)
    assert mine.ask(f"{SERVICE}/GetAutomation", request).automation.description == ""
    _templates_are_everybodys(mine, theirs)
    _trials(mine, theirs)
    _webhooks(mine, theirs)


def follow_ups(tenants: Any) -> None:
    """Tasks and owners of the same lead id in both projects."""
    mine, theirs, *_ = tenants
    _made(mine, "uma")
    theirs.send("theirs-uma", "demo_request", "uma")
    mine.send("mine-uma", "demo_request", "uma")

    def tasks(tenant: Any) -> list[follow_ups_pb.Task]:
        request = follow_ups_pb.ListTasksRequest(lead_id="uma")
        return list(tenant.ask(f"{FOLLOW_UPS}/ListTasks", request).tasks)

    def owners(tenant: Any) -> list[str]:
        request = follow_ups_pb.ListLeadOwnersRequest(lead_ids=["uma"])
        found = tenant.ask(f"{FOLLOW_UPS}/ListLeadOwners", request).lead_owners
        return [one.owner for one in found]

    def give(tenant: Any, owner: str) -> None:
        request = follow_ups_pb.SetLeadOwnerRequest(lead_id="uma", owner=owner)
        tenant.ask(f"{FOLLOW_UPS}/SetLeadOwner", request)

    (task,) = eventually(lambda: tasks(mine))
    assert tasks(theirs) == []
    every = theirs.ask(f"{FOLLOW_UPS}/ListTasks", follow_ups_pb.ListTasksRequest()).tasks
    assert task.task_id not in [one.task_id for one in every]
    taken = follow_ups_pb.Task(task_id=task.task_id, assignee="theirs")
    request = follow_ups_pb.UpdateTaskRequest(task=taken)
    refusal = _refusal(theirs, f"{FOLLOW_UPS}/UpdateTask", request)
    assert refusal.reason == "RESOURCE_NOT_FOUND"
    assert tasks(mine) == [task]

    assert (owners(mine), owners(theirs)) == (["sam"], [])
    give(theirs, "theo")
    assert (owners(mine), owners(theirs)) == (["sam"], ["theo"])
    give(mine, "mia")
    give(theirs, "")
    assert (owners(mine), owners(theirs)) == (["mia"], [])


def _made(tenant: Any, *lead_ids: str) -> automation_pb2.Automation:
    """An automation that gives these leads to somebody, with a task."""
    actions = [
        automation_pb2.AutomationAction(
            assign_owner=automation_pb2.AssignOwnerAction(owners=["sam"])
        ),
        automation_pb2.AutomationAction(
            create_task=automation_pb2.CreateTaskAction(title="Call {{ lead.lead_id }}")
        ),
    ]
    listed = ", ".join(f'"{one}"' for one in lead_ids)
    return _create(tenant, actions, f"lead.lead_id in [{listed}]")


def _create(
    tenant: Any, actions: list[automation_pb2.AutomationAction], condition: str
) -> automation_pb2.Automation:
    wanted = automation_pb2.Automation(
        display_name="Call them",
        trigger=automation_pb2.AutomationTrigger(any_change=automation_pb2.AnyChangeTrigger()),
        condition=condition,
        actions=actions,
    )
    request = pb.CreateAutomationRequest(automation=wanted)
    made: automation_pb2.Automation = tenant.ask(f"{SERVICE}/CreateAutomation", request).automation
    return made


def _refusal(tenant: Any, path: str, request: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as refused:
        tenant.ask(path, request)
    return Refusal(refused.value)


def _templates_are_everybodys(mine: Any, theirs: Any) -> None:
    request = pb.ListAutomationTemplatesRequest()
    listed = [one.ask(f"{SERVICE}/ListAutomationTemplates", request) for one in (mine, theirs)]
    assert listed[0].templates
    assert listed[0] == listed[1]


def _trials(mine: Any, theirs: Any) -> None:
    """An automation is tried on the leads and changes of its own project alone."""
    action = automation_pb2.AutomationAction(
        create_task=automation_pb2.CreateTaskAction(title="Call")
    )
    wanted = automation_pb2.Automation(
        display_name="Everybody",
        trigger=automation_pb2.AutomationTrigger(any_change=automation_pb2.AnyChangeTrigger()),
        actions=[action],
    )
    days = pb.TestAutomationRequest(automation=wanted, days=1)
    for tenant, there, elsewhere in (
        (mine, "tia", "tia-of-theirs"),
        (theirs, "tia-of-theirs", "tia"),
    ):

        def tried(tenant: Any = tenant) -> set[str]:
            found = tenant.ask(f"{SERVICE}/TestAutomation", days)
            return {one.lead_id for one in found.executions}

        # What was sent may not be scored yet.
        eventually(lambda there=there, tried=tried: there in tried())  # type: ignore[misc]
        assert elsewhere not in tried()
        on_lead = pb.TestAutomationRequest(automation=wanted, lead_id=elsewhere)
        refusal = _refusal(tenant, f"{SERVICE}/TestAutomation", on_lead)
        assert refusal.code == grpc.StatusCode.NOT_FOUND


def _webhooks(mine: Any, theirs: Any) -> None:
    """Nobody's automation tells an endpoint of another project."""
    endpoint = webhook_endpoints_service_pb2.WebhookEndpoint(
        url="https://hooks.example.com/", event_types=["lead.merged"], disabled=True
    )
    made = mine.ask(
        f"{ENDPOINTS}/CreateWebhookEndpoint",
        webhook_endpoints_service_pb2.CreateWebhookEndpointRequest(webhook_endpoint=endpoint),
    ).webhook_endpoint
    try:
        action = automation_pb2.AutomationAction(
            webhook=automation_pb2.WebhookAction(endpoint_id=made.endpoint_id)
        )
        _create(mine, [action], 'lead.lead_id == "nobody"')
        with pytest.raises(grpc.RpcError) as refused:
            _create(theirs, [action], 'lead.lead_id == "nobody"')
        refusal = Refusal(refused.value)
        assert refusal.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    finally:
        # endpoints() in tenancy_endpoints.py lists what there is.
        mine.ask(
            f"{ENDPOINTS}/DeleteWebhookEndpoint",
            webhook_endpoints_service_pb2.DeleteWebhookEndpointRequest(
                endpoint_id=made.endpoint_id
            ),
        )
