"""`scoreline automations`: what it makes of templates, files and options, and what it shows of automations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from typer.testing import CliRunner

from scoreline.cli.automation_texts import action_text, trigger_text
from scoreline.cli.main import app
from scoreline.notify.v1 import automation_pb2
from scoreline.notify.v1 import automations_service_pb2 as pb
from scoreline.notify.v1.automation_pb2 import Automation
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import API_KEY, FakeEdge

ID = "aut_" + "a" * 24
URL = "https://hooks.slack.com/services/T/B/x"
URL_PATH = "actions[0].slack.webhook_url"

FILE = """\
display_name: Hot leads
trigger: {stage_entered: {stages: [hot]}}
actions:
- slack: {webhook_url: '***', text: 'Hot: {{ lead.display_name }}'}
"""


def automation(**fields: Any) -> Automation:
    return ParseDict(fields, Automation())


MADE = automation(
    automation_id=ID,
    etag="e1",
    display_name="Hot leads",
    description="Say [bold] what\nis hot",
    trigger={"stage_entered": {"stages": ["hot"]}},
    condition="lead.grade == 'A'",
    actions=[
        {"slack": {"webhook_url": "***", "text": "Hot: {{ lead.display_name }}"}},
        {"create_task": {"title": "Call"}},
    ],
    active_since_time="2026-03-01T09:30:00Z",
)

TEMPLATE = pb.AutomationTemplate(
    template_id="hot-slack",
    to_fill_in=[URL_PATH],
    automation=automation(
        display_name="Hot leads to Slack",
        trigger={"stage_entered": {"stages": ["hot"]}},
        actions=[{"slack": {"text": "Hot: {{ lead.display_name }}"}}],
    ),
)


@pytest.fixture
def edge(edge: FakeEdge) -> FakeEdge:
    """Makes and changes whatever it is asked to."""
    edge.on("GetAutomation", lambda r, c: pb.GetAutomationResponse(automation=MADE))
    edge.on(
        "ListAutomationTemplates",
        lambda r, c: pb.ListAutomationTemplatesResponse(templates=[TEMPLATE]),
    )
    for method in ("Create", "Update"):
        answer = getattr(pb, f"{method}AutomationResponse")
        edge.on(f"{method}Automation", lambda r, c, answer=answer: answer(automation=r.automation))
    return edge


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "automation.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def created(edge: FakeEdge) -> Automation:
    made: Automation = edge.requests["CreateAutomation"][-1].automation
    return made


def test_templates_say_what_is_to_be_filled_in(edge: FakeEdge, tmp_path: Path) -> None:
    shown = run(edge, "automations", "templates").stdout
    for text in ("hot-slack", "Hot leads to Slack", f"--set {URL_PATH}"):
        assert text in shown
    assert json_lines(run(edge, "automations", "templates", as_json=True))[0]["to_fill_in"] == [
        URL_PATH
    ]
    text = run(edge, "automations", "templates", "hot-slack").stdout
    assert text.startswith(f"# to be filled in: {URL_PATH}\n")
    # It is a file that can be made, once it is filled in.
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert run(edge, "automations", "create", tmp_path / "a.yaml").exit_code == 0
    assert created(edge) == TEMPLATE.automation
    one = json_lines(run(edge, "automations", "templates", "hot-slack", as_json=True))
    assert [line["template_id"] for line in one] == ["hot-slack"]
    unknown = run(edge, "automations", "templates", "nothing")
    assert unknown.exit_code == 1
    assert "there are hot-slack" in unknown.stderr


def test_create_fills_in_a_template(edge: FakeEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["automations", "create", "--template", "hot-slack"]
    missing = run(edge, *command)
    assert missing.exit_code == 2
    assert f"--set {URL_PATH}=..." in missing.stderr
    assert "CreateAutomation" not in edge.requests
    done = run(edge, *command, "--set", f"{URL_PATH}={URL}", "--set", "display_name=Mine")
    assert done.exit_code == 0, done.output
    assert "Mine" in done.stdout
    wanted = Automation()
    wanted.CopyFrom(TEMPLATE.automation)
    wanted.display_name = "Mine"
    wanted.actions[0].slack.webhook_url = URL
    assert created(edge) == wanted
    monkeypatch.setenv("HOOK", URL)
    (shown,) = json_lines(run(edge, *command, "--set-env", f"{URL_PATH}=HOOK", as_json=True))
    assert shown["display_name"] == "Hot leads to Slack"
    assert created(edge).actions[0].slack.webhook_url == URL


def test_create_takes_a_file_but_no_hidden_secret(edge: FakeEdge, file: Path) -> None:
    refused = run(edge, "automations", "create", file)
    assert refused.exit_code == 1
    assert f"{URL_PATH}: *** stands for a secret" in refused.stderr
    assert "CreateAutomation" not in edge.requests
    done = run(edge, "automations", "create", file, "--set", f"{URL_PATH}={URL}")
    assert done.exit_code == 0, done.output
    assert created(edge).trigger.stage_entered.stages == ["hot"]
    assert created(edge).actions[0].slack.webhook_url == URL
    for wrong in ([], [file, "--template", "hot-slack"]):
        assert run(edge, "automations", "create", *wrong).exit_code == 2
    assert run(edge, "automations", "create", file.parent / "none").exit_code == 1


def test_create_reads_standard_input(edge: FakeEdge) -> None:
    options = ["--target", edge.target, "--api-key", API_KEY, "automations", "create", "-"]
    text = FILE.replace("'***'", URL)
    done = CliRunner().invoke(app, options, input=text)
    assert done.exit_code == 0, done.output
    assert created(edge).actions[0].slack.webhook_url == URL


def test_every_fault_of_an_automation_has_a_line(edge: FakeEdge, file: Path) -> None:
    faults = (("automation.condition", "is no CEL"), ("automation.actions[0].slack.text", "no end"))
    edge.on(
        "CreateAutomation",
        refusing(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", violations=faults),
    )
    refused = run(edge, "automations", "create", file, "--set", f"{URL_PATH}={URL}")
    assert refused.exit_code == 1
    for field, description in faults:
        assert f"\n  {field}: {description}\n" in refused.stderr


def test_what_is_exported_can_be_made(edge: FakeEdge, tmp_path: Path) -> None:
    text = run(edge, "automations", "export", ID).stdout
    file = tmp_path / "a.yaml"
    assert run(edge, "automations", "export", ID, "-o", file).stdout.endswith("a.yaml\n")
    assert file.read_text(encoding="utf-8") == text
    assert json_lines(run(edge, "automations", "export", ID, as_json=True)) == [{"yaml": text}]
    assert ID not in text
    assert run(edge, "automations", "create", file).exit_code == 1
    assert run(edge, "automations", "create", file, "--set", f"{URL_PATH}={URL}").exit_code == 0
    made = created(edge)
    assert (made.automation_id, made.etag) == ("", "")
    assert (made.condition, made.description) == (MADE.condition, MADE.description)
    nowhere = run(edge, "automations", "export", ID, "-o", tmp_path / "none" / "a.yaml")
    assert nowhere.exit_code == 1


def test_show_and_list(edge: FakeEdge) -> None:
    shown = run(edge, "automations", "show", ID).stdout
    for text in (
        ID, "enabled", "Say [bold] what\n", "is hot\n", "when   enters hot\n",
        "where  lead.grade == 'A'\n", "often  once a day\n",
        "1. slack  Hot: {{ lead.display_name }}\n", "2. create_task  Call\n",
    ):  # fmt: skip
        assert text in shown
    assert json_lines(run(edge, "automations", "show", ID, as_json=True))[0]["etag"] == "e1"
    assert "nothing acts" in run(edge, "automations", "list").stdout
    off = automation(automation_id=ID, disabled=True, trigger={"daily": {"time_of_day": "08:00"}})
    listed = pb.ListAutomationsResponse(automations=[MADE, off])
    edge.on("ListAutomations", lambda r, c: listed)
    shown = " ".join(run(edge, "automations", "list").stdout.split())
    for text in ("enters hot slack, create_task enabled", "daily at 08:00 UTC disabled"):
        assert text in shown
    assert len(json_lines(run(edge, "automations", "list", as_json=True))) == 2


def test_update_changes_single_fields(edge: FakeEdge) -> None:
    command = ["automations", "update", ID, "--set"]
    assert run(edge, *command, "actions[1].create_task.title=Write").exit_code == 0
    (asked,) = edge.requests["UpdateAutomation"]
    assert asked.update_mask.paths == ["actions"]
    assert asked.automation.etag == "e1"
    assert [one.WhichOneof("kind") for one in asked.automation.actions] == ["slack", "create_task"]
    # The secret stays what it is.
    assert asked.automation.actions[0] == MADE.actions[0]
    assert asked.automation.actions[1].create_task.title == "Write"
    same = run(edge, *command, "display_name=Hot leads")
    assert same.exit_code == 0
    assert "Hot leads" in same.stdout
    assert len(edge.requests["UpdateAutomation"]) == 1
    assert run(edge, "automations", "update", ID).exit_code == 2


def test_update_makes_it_what_a_file_says(edge: FakeEdge, file: Path) -> None:
    assert run(edge, "automations", "update", ID, file, "--set", "disabled=true").exit_code == 0
    (asked,) = edge.requests["UpdateAutomation"]
    # The file leaves these out; name, trigger and frequency are as they were.
    assert asked.update_mask.paths == ["description", "condition", "actions", "disabled"]
    assert (asked.automation.condition, asked.automation.disabled) == ("", True)
    assert len(asked.automation.actions) == 1
    assert asked.automation.etag == "e1"
    file.write_text(FILE + "etag: e0\n", encoding="utf-8")
    assert run(edge, "automations", "update", ID, file).exit_code == 0
    assert edge.requests["UpdateAutomation"][-1].automation.etag == "e0"


def test_enable_disable_and_delete(edge: FakeEdge) -> None:
    for command, disabled in (("enable", False), ("disable", True)):
        shown = run(edge, "automations", command, ID)
        assert f"{command}d" in shown.stdout
        asked = edge.requests["UpdateAutomation"][-1]
        assert asked.update_mask.paths == ["disabled"]
        assert asked.automation == Automation(automation_id=ID, disabled=disabled)
    assert run(edge, "automations", "delete", ID).stdout == "gone\n"
    assert edge.requests["DeleteAutomation"][0].automation_id == ID
    edge.on("DeleteAutomation", refusing(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "gone?"))
    missing = run(edge, "automations", "delete", ID)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "error: gone?" in missing.stderr


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        ({}, ""),
        ({"stage_entered": {"stages": ["hot", "warm"]}}, "enters hot or warm"),
        ({"stage_entered": {}}, "enters another stage"),
        ({"stage_left": {}}, "leaves its stage"),
        ({"score_crossed": {"threshold": 80.5}}, "score comes to 80.5"),
        ({"score_crossed": {"threshold": 80, "downwards": True}}, "score falls below 80"),
        ({"velocity_reached": {"velocity": 2.5}}, "velocity comes to 2.5"),
        ({"risk_reached": {"risk": "RISK_LEVEL_HIGH"}}, "risk comes to high"),
        ({"next_action_became": {"next_actions": ["call"]}}, "next action becomes call"),
        ({"inactive": {"days": 14}}, "nothing for 14 d"),
        ({"any_change": {}}, "any change"),
        ({"daily": {"time_of_day": "08:00"}}, "daily at 08:00 UTC"),
    ],
)
def test_triggers_in_words(trigger: dict[str, Any], text: str) -> None:
    assert trigger_text(automation(trigger=trigger).trigger) == text


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ({}, "?"),
        ({"webhook": {"endpoint_id": "whe_1"}}, "webhook  whe_1"),
        ({"email": {"to": ["a", "b"], "subject": "Hot"}}, "email  a, b: Hot"),
        ({"slack": {"webhook_url": "s3cret", "text": "Hot"}}, "slack  Hot"),
        ({"hubspot": {"access_token": "s3cret", "properties": {"b": "1", "a": "2"}}}, "hubspot  a, b"),
        (
            {"salesforce": {"client_secret": "s3cret", "instance_url": "https://a.example", "fields": {"A": "1"}}},
            "salesforce  Lead at https://a.example: A",
        ),
        ({"publish": {"subject": "hot.leads"}}, "publish  hot.leads"),
        ({"assign_owner": {"owners": ["ada", "bob"]}}, "assign_owner  ada, bob"),
        (
            {"assign_owner": {"territory_attribute": "country", "territories": [{"owners": ["ada", "ada"]}]}},
            "assign_owner  ada by country",
        ),
        ({"create_task": {"title": "Call"}}, "create_task  Call"),
    ],
)  # fmt: skip
def test_actions_in_words(action: dict[str, Any], text: str) -> None:
    assert action_text(automation(actions=[action]).actions[0]) == text


def test_every_kind_there_is_has_words() -> None:
    for field in automation_pb2.AutomationTrigger.DESCRIPTOR.oneofs_by_name["kind"].fields:
        assert trigger_text(automation(trigger={field.name: {}}).trigger), field.name
    for field in automation_pb2.AutomationAction.DESCRIPTOR.oneofs_by_name["kind"].fields:
        words = action_text(automation(actions=[{field.name: {}}]).actions[0])
        assert words.startswith(field.name)
