"""Automations that are shipped: filled in they can be made, and what they say is right."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoreline.notify.v1 import automations_service_pb2 as pb
from services.notify import automation_presets, automation_reading
from services.notify.action_email import Emails
from services.notify.action_hubspot import HubSpotContacts
from services.notify.action_salesforce import SalesforceRecords
from services.notify.action_slack import SlackMessages
from services.notify.automation_conditions import AutomationConditions, Values
from services.notify.automation_samples import DIGEST, LEAD, OCCASION
from services.notify.crm import Upserts
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import Daily, Definition
from services.notify.domain.mail import MailServer, Tls
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.notify.texts import Texts
from services.shared.clock import SystemClock
from services.shared.errors import InvalidFields

TEMPLATES = automation_presets.templates()
NAMES = [one.template_id for one in TEMPLATES]

FILLED = {
    "to": ["team@example.com"],
    "webhook_url": "https://hooks.slack.com/services/T/B/x",
    "owners": ["sam@example.com"],
    "access_token": "pat-na1-x",
    "instance_url": "https://acme.my.salesforce.com",
    "client_id": "3MVG9",
    "client_secret": "x",
}


def _at(message: Any, path: str) -> tuple[Any, str]:
    """The message that has the field of a path, and the field's name."""
    *steps, field = path.split(".")
    for step in steps:
        name, _, index = step.partition("[")
        message = getattr(message, name)
        if index:
            message = message[int(index.rstrip("]"))]
    return message, field


def _made(template: pb.AutomationTemplate) -> Definition:
    automation = type(template.automation)()
    automation.CopyFrom(template.automation)
    for path in template.to_fill_in:
        holder, field = _at(automation, path)
        assert not getattr(holder, field), f"{path} is to be filled in, and is not empty"
        value = FILLED[field]
        if isinstance(value, list):
            getattr(holder, field).extend(value)
        else:
            setattr(holder, field, value)
    return automation_reading.definition(automation)


def test_they_are_those_that_are_promised() -> None:
    assert NAMES == [
        "daily-digest-email",
        "daily-digest-slack",
        "inactive-re-engage",
        "qualified-to-hubspot",
        "qualified-to-owner",
        "qualified-to-salesforce",
        "threshold-alert-email",
        "threshold-alert-slack",
    ]


@pytest.mark.parametrize("template", TEMPLATES, ids=NAMES)
def test_what_is_to_be_filled_in_is_all_that_is_missing(template: pb.AutomationTemplate) -> None:
    with pytest.raises(InvalidFields) as refused:
        automation_reading.definition(template.automation)
    missing = {one.field.removeprefix("automation.") for one in refused.value.violations}
    assert missing == set(template.to_fill_in)
    definition = _made(template)
    assert definition.description
    if definition.condition:
        AutomationConditions().compile(definition.condition)


@pytest.mark.parametrize("template", TEMPLATES, ids=NAMES)
async def test_its_actions_can_be_kept_and_say_something(template: pb.AutomationTemplate) -> None:
    texts, values, clock = Texts(), Values(), SystemClock()
    http = GuardedHttp(1, False, (), clock, lookup=SystemLookup())
    doings: dict[str, Any] = {
        "email": Emails(MailServer("m", 25, Tls.OFFERED), "a@b.test", 1, texts, clock),
        "slack": SlackMessages(http, texts),
        "hubspot": Upserts(HubSpotContacts(http, "https://api.hubapi.com"), values),
        "salesforce": Upserts(SalesforceRecords(http, clock), values),
    }
    definition = _made(template)
    for occasion in _occasions(definition):
        for action in definition.actions:
            if action.kind in doings:
                assert doings[action.kind].check(action) == []
                shown = doings[action.kind].preview(action, occasion)
                _check_shown(str(shown))
            elif action.kind == "create_task":
                for source in (action.title, action.note, action.assignee):
                    assert texts.problem(source) is None
                title = texts.line("title", action.title, occasion.variables())
                _check_shown(title)
    await http.close()


def _occasions(definition: Definition) -> list[Occasion]:
    """With all that is known, and with next to nothing."""
    if isinstance(definition.trigger, Daily):
        day = replace(OCCASION, lead=None, change=None)
        empty = {name: [] if isinstance(value, list) else value for name, value in DIGEST.items()}
        listed = {name: "" if isinstance(v, str) else v for name, v in DIGEST["up"][0].items()}
        unknown = DIGEST | {
            name: [listed | {"lead_id": "lead_1"}] for name in ("up", "new_qualified")
        }
        return [day, replace(day, digest=empty), replace(day, digest=unknown)]
    bare: dict[str, Any] = {name: "" if isinstance(one, str) else one for name, one in LEAD.items()}
    bare |= {"lead_id": "lead_1", "email": "a@b.test", "attributes": {}}
    lead = replace(OCCASION, digest=None)
    return [lead, replace(lead, change=None, lead=bare)]


def _check_shown(text: str) -> None:
    assert text.strip()
    # A name that is missing leaves a hole.
    assert not re.search(r"\(\)| ,|, ,|: *(<|$)|\{\{", text), text


def test_texts_of_an_alert() -> None:
    (template,) = (one for one in TEMPLATES if one.template_id == "threshold-alert-email")
    (action,) = _made(template).actions
    emails = Emails(MailServer("m", 25, Tls.OFFERED), "a@b.test", 1, Texts(), SystemClock())
    shown = emails.preview(action, OCCASION)  # type: ignore[arg-type]
    assert shown["subject"] == "Ada Lovelace has 85 points"
    assert shown["text_body"].splitlines()[0] == (
        "Ada Lovelace (Analytical Engines) has 85 points now, 45 before."
    )
    assert "<b>Ada Lovelace</b>" in shown["html_body"]


@pytest.mark.parametrize(
    "content",
    ["automation: {nope: 1}", "to_fill_in: 3", "- a", "automation: [", "automation: {trigger: 3}"],
)
def test_a_file_that_says_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "x.yaml").write_text(content)
    monkeypatch.setattr(automation_presets, "_FOLDER", tmp_path)
    with pytest.raises(automation_presets.InvalidTemplate, match=r"^x\.yaml: "):
        automation_presets.templates.__wrapped__()


def test_the_files_are_yaml_that_people_write() -> None:
    folder = Path(automation_presets.__file__).parent / "automation_templates"
    for path in folder.glob("*.yaml"):
        assert set(yaml.safe_load(path.read_text())) == {"to_fill_in", "automation"}
