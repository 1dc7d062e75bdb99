"""`scoreline automations executions`, `retry` and `test`: what they ask, what they show, and what they end with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import automations_service_pb2 as pb
from scoreline.notify.v1.automation_pb2 import Automation, AutomationExecution
from scoreline.scoring.v1 import scoring_service_pb2
from scoreline.scoring.v1.lead_pb2 import Lead
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge

ID = "aut_" + "a" * 24

FAILED = ParseDict(
    {
        "execution_id": "exe_1",
        "lead_id": "lead-1",
        "bucket": "2026-03-01",
        "state": "STATE_FAILED",
        "trigger_time": "2026-03-01T09:30:00Z",
        "actions": [
            {"kind": "assign_owner", "state": "STATE_SUCCEEDED", "detail": "ada"},
            {"kind": "slack", "state": "STATE_FAILED", "error": "404 no_service"},
            {"kind": "email", "state": "STATE_PENDING"},
        ],
    },
    AutomationExecution(),
)
WAITING = ParseDict(
    {
        "execution_id": "exe_2",
        "lead_id": "lead-2",
        "bucket": "v7",
        "state": "STATE_PENDING",
        "next_attempt_time": "2026-03-01T09:30:00Z",
    },
    AutomationExecution(),
)


def answer_of(**fields: Any) -> pb.TestAutomationResponse:
    return ParseDict(fields, pb.TestAutomationResponse())


def words(text: str) -> str:
    return " ".join(text.split())


def test_executions_show_what_became_of_each_action(edge: FakeEdge) -> None:
    assert run(edge, "automations", "executions", ID).stdout == "no executions\n"
    found = pb.ListAutomationExecutionsResponse(executions=[FAILED, WAITING])
    edge.on("ListAutomationExecutions", lambda r, c: found)
    shown = words(run(edge, "automations", "executions", ID).stdout)
    for text in (
        "exe_1 lead-1", "failed ✓ assign_owner: ada", "✗ slack: 404 no_service", "… email",
        "exe_2 lead-2", "pending, again 2026-03-01",
    ):  # fmt: skip
        assert text in shown
    lines = json_lines(run(edge, "automations", "executions", ID, as_json=True))
    assert [one["execution_id"] for one in lines] == ["exe_1", "exe_2"]
    assert (
        len(json_lines(run(edge, "automations", "executions", ID, "--limit", 1, as_json=True))) == 1
    )


def test_executions_are_chosen(edge: FakeEdge) -> None:
    lead = scoring_service_pb2.GetLeadResponse(lead=Lead(lead_id="ld_1"))
    edge.on("GetLead", lambda r, c: lead)
    for options, state, lead_id in (
        (["--failed"], AutomationExecution.STATE_FAILED, ""),
        (["--state", "pending", "--lead", "a"], AutomationExecution.STATE_PENDING, "a"),
        (["--lead", "email:ada@example.com"], AutomationExecution.STATE_UNSPECIFIED, "ld_1"),
    ):
        assert run(edge, "automations", "executions", ID, *options).exit_code == 0
        asked = edge.requests["ListAutomationExecutions"][-1]
        assert (asked.automation_id, asked.state, asked.lead_id) == (ID, state, lead_id)
    for wrong in (["--state", "lost"], ["--state", "pending", "--failed"]):
        assert run(edge, "automations", "executions", ID, *wrong).exit_code == 2


def test_retry(edge: FakeEdge) -> None:
    edge.on("RetryExecution", lambda r, c: pb.RetryExecutionResponse(execution=WAITING))
    shown = run(edge, "automations", "retry", ID, "exe_2")
    assert "exe_2  pending, again" in shown.stdout
    (asked,) = edge.requests["RetryExecution"]
    assert (asked.automation_id, asked.execution_id) == (ID, "exe_2")
    (line,) = json_lines(run(edge, "automations", "retry", ID, "exe_2", as_json=True))
    assert line["state"] == "STATE_PENDING"
    refusal = refusing(grpc.StatusCode.FAILED_PRECONDITION, "", "it has not failed")
    edge.on("RetryExecution", refusal)
    refused = run(edge, "automations", "retry", ID, "exe_2")
    assert refused.exit_code == 1
    assert "it has not failed" in refused.stderr


def test_trying_it_on_a_lead(edge: FakeEdge) -> None:
    answer = answer_of(
        would_act=True,
        previews=[
            {"kind": "email", "content": {"subject": "Hot: Ada", "text_body": "Dear\nAda", "to": ["a"]}}
        ],
    )  # fmt: skip
    edge.on("TestAutomation", lambda r, c: answer)
    done = run(edge, "automations", "test", ID, "--lead", "email:ada@example.com")
    assert done.exit_code == 0
    assert done.stdout == (
        "would act\n1. email\n   subject: Hot: Ada\n   text_body:\n     Dear\n     Ada\n"
        '   to: ["a"]\n'
    )
    (asked,) = edge.requests["TestAutomation"]
    assert asked == pb.TestAutomationRequest(automation_id=ID, lead_id="email:ada@example.com")
    (line,) = json_lines(run(edge, "automations", "test", ID, "--lead", "a", as_json=True))
    assert line["previews"][0]["content"]["subject"] == "Hot: Ada"


@pytest.mark.parametrize("as_json", [False, True])
def test_what_would_fail_is_told_by_the_exit_code(edge: FakeEdge, as_json: bool) -> None:
    answer = answer_of(
        reason="the condition does not hold",
        previews=[{"kind": "hubspot", "error": "lead.email is empty"}],
    )
    edge.on("TestAutomation", lambda r, c: answer)
    done = run(edge, "automations", "test", ID, "--lead", "a", as_json=as_json)
    assert done.exit_code == 1
    if as_json:
        assert json_lines(done)[0]["reason"] == "the condition does not hold"
    else:
        assert "would not act: the condition does not hold\n" in done.stdout
        assert "would fail: lead.email is empty\n" in done.stdout


def test_trying_it_on_days(edge: FakeEdge) -> None:
    executions = [
        {"lead_id": f"lead-{number}", "lead_version": number, "bucket": "2026-03-01",
         "trigger_time": "2026-03-01T09:30:00Z"}
        for number in range(30)
    ]  # fmt: skip
    answer = answer_of(
        would_act=True,
        execution_count=1234,
        lead_count=1,
        change_count=56_789,
        from_time="2026-02-01T09:30:00Z",
        executions=executions,
    )
    edge.on("TestAutomation", lambda r, c: answer)
    done = run(edge, "automations", "test", ID, "--days", 28)
    assert done.exit_code == 0
    shown = words(done.stdout)
    for text in ("would have acted 1,234 times, on 1 lead; 56,789 score changes since 2026-02-01",
                 "lead-19 19 2026-03-01", "... and 1,214 before"):  # fmt: skip
        assert text in shown
    assert "lead-20" not in shown
    assert edge.requests["TestAutomation"][0] == pb.TestAutomationRequest(automation_id=ID, days=28)


def test_trying_what_is_not_made_yet(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("display_name: a\nactions: [{slack: {webhook_url: '***'}}]\n", encoding="utf-8")
    assert run(edge, "automations", "test", file, "--days", 1).exit_code == 0
    (asked,) = edge.requests["TestAutomation"]
    assert "hooks.slack.com" in asked.automation.actions[0].slack.webhook_url
    assert (asked.automation_id, asked.days) == ("", 1)
    # Nor so as it is: what is there is changed for the trial only.
    made = Automation(automation_id=ID, condition="true")
    edge.on("GetAutomation", lambda r, c: pb.GetAutomationResponse(automation=made))
    command = ["automations", "test", ID, "--lead", "a", "--set", "condition=false"]
    assert run(edge, *command).exit_code == 0
    asked = edge.requests["TestAutomation"][-1]
    assert asked.automation == Automation(automation_id=ID, condition="false")
    assert asked.automation_id == ""


def test_it_is_tried_on_one_thing(edge: FakeEdge) -> None:
    for options in ([], ["--lead", "a", "--days", 1], ["--days", 31], ["--days", -1]):
        assert run(edge, "automations", "test", ID, *options).exit_code == 2
    missing = run(edge, "automations", "test", "aut_1", "--days", 1)
    assert missing.exit_code == 1
    assert "aut_1: No such file" in missing.stderr
    assert "TestAutomation" not in edge.requests
