"""`scoreline tasks` and `scoreline owners`: what they ask, what they show."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import follow_ups_service_pb2 as pb
from scoreline.scoring.v1 import scoring_service_pb2
from scoreline.scoring.v1.lead_pb2 import Lead
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge

TASK = ParseDict(
    {
        "task_id": "tsk_1",
        "lead_id": "lead-1",
        "title": "Call [Ada]",
        "assignee": "bob",
        "state": "STATE_OPEN",
        "due_time": "2026-03-01T09:30:00Z",
    },
    pb.Task(),
)
OWNER = ParseDict(
    {"lead_id": "lead-1", "owner": "ada", "assign_time": "2026-03-01T09:30:00Z"}, pb.LeadOwner()
)


@pytest.fixture
def edge(edge: FakeEdge) -> FakeEdge:
    """Knows one lead by its address."""
    lead = scoring_service_pb2.GetLeadResponse(lead=Lead(lead_id="ld_1"))
    edge.on("GetLead", lambda r, c: lead)
    edge.on("UpdateTask", lambda r, c: pb.UpdateTaskResponse(task=TASK))
    return edge


def words(text: str) -> str:
    return " ".join(text.split())


def test_tasks_that_are_open(edge: FakeEdge) -> None:
    assert run(edge, "tasks", "list").stdout == "nothing to do\n"
    assert run(edge, "tasks", "list", "--state", "all").stdout == "no tasks\n"
    edge.on("ListTasks", lambda r, c: pb.ListTasksResponse(tasks=[TASK, TASK]))
    shown = words(run(edge, "tasks", "list").stdout)
    assert "tsk_1 Call [Ada] lead-1 bob 2026-03-01" in shown
    assert "open" in shown
    assert len(json_lines(run(edge, "tasks", "list", as_json=True))) == 2
    assert len(json_lines(run(edge, "tasks", "list", "--limit", 1, as_json=True))) == 1
    assert edge.requests["ListTasks"][-1].page_size == 1


def test_tasks_are_chosen(edge: FakeEdge) -> None:
    for options, state, lead_id in (
        ([], pb.Task.STATE_OPEN, ""),
        (["--state", "done", "--lead", "a"], pb.Task.STATE_DONE, "a"),
        (["--state", "all", "--lead", "email:a@example.com"], pb.Task.STATE_UNSPECIFIED, "ld_1"),
    ):
        assert run(edge, "tasks", "list", "--assignee", "bob", *options).exit_code == 0
        asked = edge.requests["ListTasks"][-1]
        assert (asked.state, asked.lead_id, asked.assignee) == (state, lead_id, "bob")
    assert run(edge, "tasks", "list", "--state", "lost").exit_code == 2


def test_tasks_are_done_and_reopened(edge: FakeEdge) -> None:
    for command, state in (("done", pb.Task.STATE_DONE), ("reopen", pb.Task.STATE_OPEN)):
        edge.requests["UpdateTask"] = []
        shown = run(edge, "tasks", command, "tsk_1", "tsk_2")
        assert shown.exit_code == 0
        assert "Call [Ada]" in shown.stdout
        asked = edge.requests["UpdateTask"]
        assert [one.task.task_id for one in asked] == ["tsk_1", "tsk_2"]
        assert all(one.task.state == state for one in asked)
        assert all(one.update_mask.paths == ["state"] for one in asked)
        assert len(json_lines(run(edge, "tasks", command, "tsk_1", as_json=True))) == 1
        assert run(edge, "tasks", command).exit_code == 2
    edge.on("UpdateTask", refusing(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no task"))
    refused = run(edge, "tasks", "done", "tsk_3")
    assert refused.exit_code == 1
    assert "no task" in refused.stderr


def test_tasks_are_given_to_somebody(edge: FakeEdge) -> None:
    assert "bob" in run(edge, "tasks", "assign", "tsk_1", "bob").stdout
    assert run(edge, "tasks", "assign", "tsk_1", "--nobody").exit_code == 0
    asked = edge.requests["UpdateTask"]
    assert [one.task.assignee for one in asked] == ["bob", ""]
    assert all(one.update_mask.paths == ["assignee"] for one in asked)
    for wrong in ([], [""], ["bob", "--nobody"]):
        assert run(edge, "tasks", "assign", "tsk_1", *wrong).exit_code == 2


def test_owners(edge: FakeEdge) -> None:
    assert run(edge, "owners", "list").stdout == "no owners\n"
    by_automation = pb.LeadOwner(lead_id="lead-2", owner="bob", automation_id="aut_1")
    answer = pb.ListLeadOwnersResponse(lead_owners=[OWNER, by_automation])
    edge.on("ListLeadOwners", lambda r, c: answer)
    command = ["owners", "list", "--owner", "ada", "--lead", "a", "--lead", "email:a@example.com"]
    shown = words(run(edge, *command).stdout)
    for text in ("lead-1 ada 2026-03-01", "by hand", "lead-2 bob aut_1"):
        assert text in shown
    asked = edge.requests["ListLeadOwners"][-1]
    assert ([*asked.lead_ids], asked.owner) == (["a", "ld_1"], "ada")
    assert len(json_lines(run(edge, "owners", "list", as_json=True))) == 2


def test_leads_are_given_to_somebody(edge: FakeEdge) -> None:
    def given(request: pb.SetLeadOwnerRequest, _: object) -> pb.SetLeadOwnerResponse:
        owner = pb.LeadOwner(lead_id=request.lead_id, owner=request.owner)
        return pb.SetLeadOwnerResponse(lead_owner=owner)

    edge.on("SetLeadOwner", given)
    assert run(edge, "owners", "set", "lead-1", "ada").stdout == "lead-1 is ada's\n"
    assert run(edge, "owners", "set", "email:a@example.com", "ada").stdout == "ld_1 is ada's\n"
    assert run(edge, "owners", "set", "lead-1", "--nobody").stdout == "lead-1 is nobody's\n"
    (line,) = json_lines(run(edge, "owners", "set", "lead-1", "ada", as_json=True))
    assert line["owner"] == "ada"
    assert run(edge, "owners", "set", "lead-1").exit_code == 2
    edge.on("GetLead", refusing(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no such lead"))
    unknown = run(edge, "owners", "set", "email:nobody@example.com", "ada")
    assert unknown.exit_code == 1
    assert "no such lead" in unknown.stderr
    assert len(edge.requests["SetLeadOwner"]) == 4
