"""Automations as files, and single fields of them: what is written is read as it was, what can't be read is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given
from hypothesis import strategies as st

from scoreline.cli import automation_files as files
from scoreline.cli.automation_fields import is_set, set_field, set_fields
from scoreline.cli.failures import CommandFailed
from scoreline.notify.v1.automation_pb2 import Automation

EVERYTHING: dict[str, Any] = {
    "display_name": "10:30",
    "description": "on\nand off\n",
    "trigger": {"daily": {"time_of_day": "10:30", "lead_count": 5}},
    "condition": 'lead.stage == "hot"',
    "frequency": "AUTOMATION_FREQUENCY_ONCE",
    "actions": [
        {"webhook": {"endpoint_id": "whe_1"}},
        {"email": {"to": ["ada@example.com", "{{ lead.owner }}"], "subject": "Hot: {{ lead.email }}"}},
        {"slack": {"webhook_url": "***", "text": "@here *hot*"}},
        {"hubspot": {"access_token": "***", "properties": {"z": "1", "a": "lead.score"}}},
        {"salesforce": {"client_secret": "***", "fields": {"Z__c": "1", "A__c": "2"}}},
        {"publish": {"subject": "hot.leads"}},
        {"assign_owner": {"territories": [{"values": ["no", "1e5"], "owners": ["ada"]}]}},
        {"create_task": {"title": "Call", "due_in": "86400s"}},
    ],
}  # fmt: skip


def automation(**fields: Any) -> Automation:
    return ParseDict(fields, Automation())


def read(tmp_path: Path, text: str) -> Automation:
    file = tmp_path / "automation.yaml"
    file.write_text(text, encoding="utf-8")
    return files.read(str(file))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    whole = automation(**EVERYTHING)
    text = files.write(whole)
    assert read(tmp_path, text) == whole
    assert read(tmp_path, json.dumps(EVERYTHING)) == whole
    # As people keep it: the contract's order, texts as they are, and maps always in the same order.
    assert text.index("display_name") < text.index("trigger") < text.index("actions")
    assert "description: |\n  on\n  and off\n" in text
    assert text.index("A__c") < text.index("Z__c")
    assert text.index("a: lead.score") < text.index("z: '1'")


def test_what_belongs_to_the_one_automation_is_left_out(tmp_path: Path) -> None:
    made = automation(
        automation_id="aut_1",
        etag="e1",
        create_time="2026-03-01T09:30:00Z",
        update_time="2026-03-01T09:30:00Z",
        active_since_time="2026-03-01T09:30:00Z",
        display_name="n",
    )
    assert files.write(made) == "display_name: n\n"
    assert made.automation_id == "aut_1"
    # What `--json automations show` says can be given all the same.
    assert read(tmp_path, json.dumps(MessageToDict(made))) == made


# What YAML 1.1 or JSON would take for something else, and whatever there is besides.
_TEXTS = st.one_of(
    st.sampled_from(
        [
            *("on", "No", "true", "null", "~", "", "1e5", "1.5", "-0", "0x1F", "1_000", "10:30"),
            *(
                "2026-11-28",
                "@here",
                "*a",
                "- a",
                "a: b",
                "# a",
                "<<",
                "=",
                "'",
                " a\n",
                "a\nb",
                "\n",
            ),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"])),
)


@given(_TEXTS, _TEXTS)
def test_every_text_comes_back(text: str, key: str) -> None:
    whole = automation(
        display_name=text,
        actions=[
            {"slack": {"text": text}},
            {"email": {"to": [text]}},
            {"hubspot": {"properties": {key: text}}},
        ],
    )
    assert ParseDict(files.value_of(files.write(whole)), Automation()) == whole


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 365))
def test_every_number_comes_back(threshold: float, days: int) -> None:
    for trigger in ({"score_crossed": {"threshold": threshold}}, {"inactive": {"days": days}}):
        whole = automation(trigger=trigger)
        assert ParseDict(files.value_of(files.write(whole)), Automation()) == whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no automation: a map"),
        ("[1]", "is no automation: a map"),
        ("a: [", "line 1"),
        ("display_name: a\ndisplay_name: b", "line 2, column 1: display_name is there twice"),
        ("displayname: a", 'has no field named "displayname"'),
        ("condition: 7", "condition"),
        ("trigger: {daily: {}, any_change: {}}", "multiple"),
        ("frequency: DAILY", "DAILY"),
        ("actions: [{create_task: {due_in: 2d}}]", "2d"),
        ("? [a]\n: b", "line 1"),
        ("\x00", "is no YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_on_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        read(tmp_path, text)
    assert said in str(failed.value)
    assert "automation.yaml: " in str(failed.value)
    assert "\n" not in str(failed.value)


def test_hidden_secrets_are_named() -> None:
    whole = automation(**EVERYTHING)
    paths = ["actions[2].slack.webhook_url", "actions[3].hubspot.access_token",
             "actions[4].salesforce.client_secret"]  # fmt: skip
    with pytest.raises(CommandFailed, match="never shown") as failed:
        files.check_secrets(whole)
    for path in paths:
        assert f" --set {path}=@FILE" in str(failed.value)
        set_field(whole, path, "s3cret")
    files.check_secrets(whole)


def test_trials_need_no_secrets() -> None:
    whole = automation(**EVERYTHING)
    set_field(whole, "actions[3].hubspot.access_token", "s3cret")
    files.stand_in(whole)
    files.check_secrets(whole)
    assert whole.actions[2].slack.webhook_url.startswith("https://hooks.slack.com/services/")
    assert whole.actions[3].hubspot.access_token == "s3cret"
    assert whole.actions[4].salesforce.client_secret
    for action in (2, 3, 4):
        kind = str(whole.actions[action].WhichOneof("kind"))
        set_field(whole, f"actions[{action}].{kind}.{files.SECRETS[kind]}", "***")
    assert whole == automation(**EVERYTHING)


def test_fields_are_set_as_what_they_are() -> None:
    made = Automation()
    set_fields(
        made,
        [
            "display_name=10:30",
            "trigger.any_change={}",
            "trigger.score_crossed.threshold=80.5",
            "trigger.score_crossed.downwards=true",
            "frequency=AUTOMATION_FREQUENCY_EVERY_TIME",
            "actions[0].email.to=ada@example.com",
            "actions[0].email.to[1]=bob@example.com",
            "actions[0].email.subject=a=b",
            "actions[1].hubspot.properties.lead_score=lead.score",
            "actions[2].create_task.due_in=86400s",
            "actions[3].assign_owner.territories[0].owners[0]=ada",
            'actions[3].assign_owner.owners=["ada", "bob"]',
            "actions[4].slack.text=@@here",
        ],
    )
    assert made == automation(
        display_name="10:30",
        trigger={"score_crossed": {"threshold": 80.5, "downwards": True}},
        frequency="AUTOMATION_FREQUENCY_EVERY_TIME",
        actions=[
            {"email": {"to": ["ada@example.com", "bob@example.com"], "subject": "a=b"}},
            {"hubspot": {"properties": {"lead_score": "lead.score"}}},
            {"create_task": {"due_in": "86400s"}},
            {"assign_owner": {"territories": [{"owners": ["ada"]}], "owners": ["ada", "bob"]}},
            {"slack": {"text": "@here"}},
        ],
    )
    set_fields(
        made, ["actions[0].email.to[0]=eve@example.com", "trigger.daily={time_of_day: 10:30}"]
    )
    assert [*made.actions[0].email.to] == ["eve@example.com", "bob@example.com"]
    set_fields(made, ["actions[0].email.to=", "display_name="])
    assert [*made.actions[0].email.to] == []
    assert made.display_name == ""
    set_field(made, "actions", '[{"publish": {"subject": "hot"}}]')
    assert [*made.actions] == [*automation(actions=[{"publish": {"subject": "hot"}}]).actions]
    assert made.trigger == automation(trigger={"daily": {"time_of_day": "10:30"}}).trigger


def test_secrets_come_from_files_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("pat-1\n", encoding="utf-8")
    monkeypatch.setenv("SLACK_URL", "https://hooks.slack.com/services/T/B/x")
    made = Automation()
    token, url = "actions[0].hubspot.access_token", "actions[1].slack.webhook_url"
    set_fields(made, [f"{token}=@{tmp_path / 'token'}"], [f"{url}=SLACK_URL"])
    assert made.actions[0].hubspot.access_token == "pat-1"
    assert made.actions[1].slack.webhook_url == "https://hooks.slack.com/services/T/B/x"
    assert is_set(made, token)
    assert is_set(made, url)
    for settings, from_environment, said in (
        ([f"{token}=@{tmp_path / 'none'}"], [], "No such file"),
        ([], [f"{url}=NO_SUCH_VARIABLE"], "the environment has no NO_SUCH_VARIABLE"),
    ):
        with pytest.raises(CommandFailed, match=said):
            set_fields(made, settings, from_environment)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("s3cret", "PATH=VALUE"),
        ("=x", "write e.g."),
        ("actions[x].slack.text=s3cret", "write e.g."),
        ("actions[0][0].slack.text=s3cret", "write e.g."),
        ("actions.slack.text=s3cret", "write actions[0]"),
        ("actions[1].slack.text=s3cret", "there are only 0 actions"),
        ("actions[0].slack.webhok_url=s3cret", "there are webhook_url, text, blocks"),
        ("actions[0].slack[0].text=s3cret", "slack is no list"),
        ("actions[0].email.to[3]=s3cret", "there are only 0 to"),
        ("actions[0].email.subject[0]=s3cret", "subject[0] is no text"),
        ("actions[0].slack.text.more=s3cret", "text has nothing in it"),
        ("actions[0].create_task.due_in.seconds=1", "due_in has nothing in it"),
        ("actions[0].create_task.due_in=2d", "2d"),
        ("actions[0].hubspot.properties[0]=s3cret", "properties[0] is no text"),
        ("actions[0].hubspot.properties.a.b=s3cret", "a has nothing in it"),
        ("actions[0].hubspot.properties.a[0]=s3cret", "a is no list"),
        ("trigger.score_crossed.threshold=high", "threshold"),
        ("disabled=maybe", "disabled"),
        ("frequency=DAILY", "DAILY"),
        ("trigger={", "line 1"),
    ],
)
def test_what_can_not_be_set_is_said_without_the_value(setting: str, said: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        set_fields(Automation(), [setting])
    assert failed.value.exit_code == 2
    assert said in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_what_is_set_is_known() -> None:
    made = automation(
        actions=[{"email": {"to": ["a"]}}, {"hubspot": {"properties": {"score": "1"}}}]
    )
    there = ["actions[0].email.to", "actions[0].email.to[0]", "actions[1].hubspot.properties.score"]
    missing = ["actions[0].email.to[1]", "actions[0].email.subject", "actions[2].slack.text",
               "actions[1].hubspot.properties.stage", "actions[0].fax.number", "condition"]  # fmt: skip
    assert [is_set(made, path) for path in (*there, *missing)] == [True] * 3 + [False] * 6
