"""Automations through the SDK and the command line, against the real suite: what is made acts, and what it leaves to
people is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scoreline
from scoreline.client import errors
from scoreline.notify.v1.automation_pb2 import (
    AnyChangeTrigger,
    AssignOwnerAction,
    Automation,
    AutomationAction,
    AutomationExecution,
    AutomationTrigger,
    CreateTaskAction,
)
from scoreline.notify.v1.follow_ups_service_pb2 import Task
from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

FILE = """\
display_name: Call whoever asks for a demo
trigger: {any_change: {}}
condition: change.event_type == "demo_request"
actions:
- assign_owner: {owners: [sam@example.com]}
- create_task: {title: 'Call {{ lead.lead_id }}', due_in: 86400s}
"""


@pytest.fixture
def project(suite: Stack) -> TestProject:
    return new_project(suite, "automations")


@pytest.fixture
def client(suite: Stack, project: TestProject) -> Iterator[scoreline.Client]:
    with scoreline.Client(suite.grpc_target, project.api_key) as made:
        yield made


def scored(client: scoreline.Client, lead_id: str) -> None:
    """A lead of this id has asked for a demo."""
    client.ingest.send(scoreline.event("demo_request", lead_id=lead_id, event_id=f"demo-{lead_id}"))
    eventually(lambda: [lead.lead_id for lead in client.leads.list(query=lead_id)])


def test_an_automation_lives(client: scoreline.Client) -> None:
    wanted = Automation(
        display_name="Call them",
        trigger=AutomationTrigger(any_change=AnyChangeTrigger()),
        actions=[
            AutomationAction(assign_owner=AssignOwnerAction(owners=["sam"])),
            AutomationAction(create_task=CreateTaskAction(title="Call {{ lead.lead_id }}")),
        ],
    )
    scored(client, "before")
    tried = client.automations.test_on_lead(wanted, "before")
    assert (tried.would_act, tried.reason) == (True, "")
    assert [one.kind for one in tried.previews] == ["assign_owner", "create_task"]
    assert tried.previews[1].content["title"] == "Call before"
    # What happened in the last 10 seconds is not looked at yet.
    assert eventually(lambda: client.automations.test_on_days(wanted, 1).lead_count) == 1

    made = client.automations.create(wanted)
    assert [one.automation_id for one in client.automations.list()] == [made.automation_id]
    scored(client, "after")

    def carried_out() -> list[AutomationExecution]:
        return list(client.automations.executions(made.automation_id, state="succeeded"))

    (execution,) = eventually(carried_out)
    # What happened before it was made set nothing off.
    assert execution.lead_id == "after"
    assert [one.state for one in execution.actions] == [execution.STATE_SUCCEEDED] * 2
    with pytest.raises(errors.FailedPrecondition):
        client.automations.retry(made.automation_id, execution.execution_id)

    (task,) = client.follow_ups.tasks(lead_id="after")
    assert (task.title, task.assignee, task.state) == ("Call after", "sam", Task.STATE_OPEN)
    changed = client.follow_ups.update_task(task.task_id, assignee="kim", etag=task.etag)
    with pytest.raises(errors.Conflict):
        client.follow_ups.complete_task(task.task_id, etag=task.etag)
    assert client.follow_ups.complete_task(task.task_id, etag=changed.etag).HasField("done_time")
    assert not list(client.follow_ups.tasks(state="open"))
    assert [one.owner for one in client.follow_ups.owners(lead_ids=["after"])] == ["sam"]
    assert client.follow_ups.set_owner("after", "").owner == ""
    assert not list(client.follow_ups.owners())

    disabled = client.automations.update(made.automation_id, disabled=True, etag=made.etag)
    assert disabled.disabled
    with pytest.raises(errors.Conflict):
        client.automations.update(made.automation_id, disabled=False, etag=made.etag)
    client.automations.delete(made.automation_id)
    with pytest.raises(errors.NotFound):
        client.automations.get(made.automation_id)


def test_the_command_line_makes_one_of_a_file(
    suite: Stack, project: TestProject, client: scoreline.Client, tmp_path: Path
) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "SCORELINE_TARGET": suite.grpc_target,
            "SCORELINE_API_KEY": project.api_key,
        }
        command = [sys.executable, "-m", "scoreline.cli", "--json", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def said(*arguments: object) -> Any:
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    file = tmp_path / "automation.yaml"
    file.write_text(FILE, encoding="utf-8")
    scored(client, "email-free")
    # What happened in the last 10 seconds is not looked at yet.
    (tried,) = eventually(
        lambda: [one for one in said("automations", "test", file, "--days", 1) if one["would_act"]]
    )
    assert (tried["execution_count"], tried["lead_count"]) == (1, 1)
    (made,) = said("automations", "create", file)
    automation_id = made["automation_id"]
    exported = said("automations", "export", automation_id)[0]["yaml"]
    file.write_text(exported, encoding="utf-8")
    # What is exported says all there is: made what it says it stays what it is.
    (same,) = said("automations", "update", automation_id, file)
    assert same["etag"] == made["etag"]
    changes = ["--set", "actions[1].create_task.title=Write to {{ lead.lead_id }}"]
    assert said("automations", "update", automation_id, *changes)[0]["etag"] != made["etag"]
    scored(client, "ada")
    (task,) = eventually(lambda: said("tasks", "list", "--lead", "ada"))
    assert (task["title"], task["assignee"]) == ("Write to ada", "sam@example.com")
    assert said("tasks", "done", task["task_id"])[0]["state"] == "STATE_DONE"
    assert said("owners", "set", "ada", "kim@example.com")[0]["owner"] == "kim@example.com"
    assert said("automations", "executions", automation_id, "--failed") == []
    file.write_text(exported.replace("change.event_type", "change.no_such_field"), encoding="utf-8")
    refused = run("automations", "update", automation_id, file)
    assert refused.returncode == 1
    assert "automation.condition" in refused.stderr
