"""Automations, tasks and owners through both clients: the same requests, and pages to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.notify.v1 import automation_pb2
from scoreline.notify.v1 import automations_service_pb2 as pb
from scoreline.notify.v1 import follow_ups_service_pb2 as follow_ups
from tests.support.command_line import refusing
from tests.support.fake_edge import API_KEY, FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

AUTOMATION = automation_pb2.Automation(
    display_name="Call hot leads",
    trigger=automation_pb2.AutomationTrigger(
        stage_entered=automation_pb2.StageTrigger(stages=["hot"])
    ),
    actions=[
        automation_pb2.AutomationAction(
            create_task=automation_pb2.CreateTaskAction(title="Call {{ lead.display_name }}")
        )
    ],
)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def both(edge: FakeEdge, path: str, *values: Any, **named: Any) -> list[Any]:
    """What each client answers; lists are read to their end."""
    group, method = path.split(".")

    with scoreline.Client(edge.target, API_KEY) as client:
        first = getattr(getattr(client, group), method)(*values, **named)
        first = list(first) if hasattr(first, "__next__") else first

    async def run() -> Any:
        async with scoreline.AsyncClient(edge.target, API_KEY) as other:
            found = getattr(getattr(other, group), method)(*values, **named)
            if hasattr(found, "__anext__"):
                return [one async for one in found]
            return await found

    return [first, asyncio.run(run())]


def asked(edge: FakeEdge, rpc: str) -> Any:
    """What both asked, which is the same."""
    requests = edge.requests[rpc]
    half = len(requests) // 2
    assert half
    assert requests[:half] == requests[half:]
    edge.requests[rpc] = []
    return requests[0]


def test_making_and_reading_one(edge: FakeEdge) -> None:
    for method in ("Create", "Get"):
        answer = getattr(pb, f"{method}AutomationResponse")(automation=AUTOMATION)
        edge.on(f"{method}Automation", lambda r, c, answer=answer: answer)
    assert both(edge, "automations.create", AUTOMATION) == [AUTOMATION] * 2
    assert asked(edge, "CreateAutomation").automation == AUTOMATION
    assert both(edge, "automations.get", "aut_1") == [AUTOMATION] * 2
    assert asked(edge, "GetAutomation").automation_id == "aut_1"
    assert both(edge, "automations.delete", "aut_1") == [None, None]
    assert asked(edge, "DeleteAutomation").automation_id == "aut_1"


def test_only_what_is_given_is_changed(edge: FakeEdge) -> None:
    edge.on("UpdateAutomation", lambda r, c: pb.UpdateAutomationResponse(automation=AUTOMATION))
    changes = {"trigger": AUTOMATION.trigger, "condition": "", "actions": AUTOMATION.actions}
    updated = both(edge, "automations.update", "aut_1", disabled=False, etag="e1", **changes)
    assert updated == [AUTOMATION] * 2
    request = asked(edge, "UpdateAutomation")
    assert request.update_mask.paths == ["trigger", "condition", "actions", "disabled"]
    assert request.automation == automation_pb2.Automation(
        automation_id="aut_1", etag="e1", trigger=AUTOMATION.trigger, actions=AUTOMATION.actions
    )
    both(
        edge,
        "automations.update",
        "aut_1",
        frequency=automation_pb2.AUTOMATION_FREQUENCY_ONCE,
        display_name="n",
        description="d",
        include_bulk_changes=True,
    )
    request = asked(edge, "UpdateAutomation")
    assert request.automation.frequency == automation_pb2.AUTOMATION_FREQUENCY_ONCE
    assert request.update_mask.paths == [
        "display_name",
        "description",
        "frequency",
        "include_bulk_changes",
    ]
    with pytest.raises(ValueError, match="say what"):
        both(edge, "automations.update", "aut_1")


def test_lists_are_read_to_their_end(edge: FakeEdge) -> None:
    def pages(answer: type[Any], field: str, **item: Any) -> Any:
        def page(request: Any, context: Any) -> Any:
            number = int(request.page_token or 0)
            following = str(number + 1) if number < 2 else ""
            return answer(**{field: [item]}, next_page_token=following)

        return page

    edge.on("ListAutomations", pages(pb.ListAutomationsResponse, "automations", etag="e"))
    edge.on(
        "ListAutomationExecutions",
        pages(pb.ListAutomationExecutionsResponse, "executions", execution_id="exe_1"),
    )
    edge.on("ListTasks", pages(follow_ups.ListTasksResponse, "tasks", task_id="tsk_1"))
    edge.on("ListLeadOwners", pages(follow_ups.ListLeadOwnersResponse, "lead_owners", owner="ada"))

    def three(path: str, *values: Any, **named: Any) -> None:
        assert [len(found) for found in both(edge, path, *values, **named)] == [3, 3]

    three("automations.list")
    three("automations.executions", "aut_1", state="failed", lead_id="a")
    request = asked(edge, "ListAutomationExecutions")
    failed = automation_pb2.AutomationExecution.STATE_FAILED
    assert (request.automation_id, request.state, request.lead_id) == ("aut_1", failed, "a")
    three("follow_ups.tasks", state="done", lead_id="a", assignee="ada")
    request = asked(edge, "ListTasks")
    done = follow_ups.Task.STATE_DONE
    assert (request.state, request.lead_id, request.assignee) == (done, "a", "ada")
    three("follow_ups.owners", lead_ids=["a", "b"], owner="ada")
    request = asked(edge, "ListLeadOwners")
    assert ([*request.lead_ids], request.owner) == (["a", "b"], "ada")
    for path in ("automations.executions", "follow_ups.tasks"):
        named = {"automation_id": "aut_1"} if path.startswith("automations") else {}
        with pytest.raises(ValueError, match=r"state|STATE"):
            both(edge, path, state="lost", **named)


def test_templates_and_retries(edge: FakeEdge) -> None:
    template = pb.AutomationTemplate(template_id="daily-digest-slack", automation=AUTOMATION)
    listed = pb.ListAutomationTemplatesResponse(templates=[template])
    edge.on("ListAutomationTemplates", lambda r, c: listed)
    assert [[*found] for found in both(edge, "automations.templates")] == [[template]] * 2
    pending = automation_pb2.AutomationExecution(execution_id="exe_1")
    edge.on("RetryExecution", lambda r, c: pb.RetryExecutionResponse(execution=pending))
    assert both(edge, "automations.retry", "aut_1", "exe_1") == [pending] * 2
    request = asked(edge, "RetryExecution")
    assert (request.automation_id, request.execution_id) == ("aut_1", "exe_1")


def test_trying_one(edge: FakeEdge) -> None:
    edge.on("TestAutomation", lambda r, c: pb.TestAutomationResponse(would_act=True))
    assert all(one.would_act for one in both(edge, "automations.test_on_lead", "aut_1", "ada"))
    wanted = pb.TestAutomationRequest(automation_id="aut_1", lead_id="ada")
    assert asked(edge, "TestAutomation") == wanted
    both(edge, "automations.test_on_days", AUTOMATION, 7)
    wanted = pb.TestAutomationRequest(automation=AUTOMATION, days=7)
    assert asked(edge, "TestAutomation") == wanted


def test_tasks_change(edge: FakeEdge) -> None:
    done = follow_ups.Task(task_id="tsk_1", state=follow_ups.Task.STATE_DONE)
    edge.on("UpdateTask", lambda r, c: follow_ups.UpdateTaskResponse(task=done))
    assert both(edge, "follow_ups.complete_task", "tsk_1", etag="e1") == [done] * 2
    request = asked(edge, "UpdateTask")
    assert request.update_mask.paths == ["state"]
    assert request.task == follow_ups.Task(task_id="tsk_1", etag="e1", state=done.state)
    both(edge, "follow_ups.update_task", "tsk_1", assignee="", due_time=AT, state="open")
    request = asked(edge, "UpdateTask")
    assert request.update_mask.paths == ["assignee", "state", "due_time"]
    assert request.task.due_time.ToDatetime(UTC) == AT
    assert request.task.state == follow_ups.Task.STATE_OPEN
    both(edge, "follow_ups.update_task", "tsk_1", never_due=True)
    request = asked(edge, "UpdateTask")
    assert request.update_mask.paths == ["due_time"]
    assert not request.task.HasField("due_time")
    for wrong, said in (
        ({}, "say what"),
        ({"state": "lost"}, "no such state"),
        ({"due_time": AT, "never_due": True}, "one of them"),
    ):
        with pytest.raises(ValueError, match=said):
            both(edge, "follow_ups.update_task", "tsk_1", **wrong)


def test_leads_get_owners(edge: FakeEdge) -> None:
    ada = follow_ups.LeadOwner(lead_id="l", owner="ada")
    edge.on("SetLeadOwner", lambda r, c: follow_ups.SetLeadOwnerResponse(lead_owner=ada))
    assert both(edge, "follow_ups.set_owner", "l", "ada") == [ada] * 2
    assert asked(edge, "SetLeadOwner") == follow_ups.SetLeadOwnerRequest(lead_id="l", owner="ada")


def test_refusals_are_typed(edge: FakeEdge) -> None:
    behaviour = refusing(grpc.StatusCode.ABORTED, "ETAG_MISMATCH", "somebody was faster")
    edge.on("UpdateAutomation", behaviour)
    with pytest.raises(errors.Conflict, match="faster"):
        both(edge, "automations.update", "aut_1", disabled=True, etag="e0")
