"""docs/automations.md: each action that it shows can be kept, and a message on the broker is as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import automation_pb2 as pb
from services.notify import automation_presets, automation_reading
from services.notify.action_email import Emails
from services.notify.action_hubspot import HubSpotContacts
from services.notify.action_publish import Publishing
from services.notify.action_salesforce import SalesforceRecords
from services.notify.action_slack import SlackMessages
from services.notify.automation_conditions import Values
from services.notify.automation_samples import OCCASION
from services.notify.crm import Upserts
from services.notify.domain.actions import HubSpot, Publish
from services.notify.domain.mail import MailServer, Tls
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.notify.texts import Texts
from services.shared.clock import SystemClock

PAGE = (Path(__file__).parents[3] / "docs" / "automations.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```json ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, json.loads(text)) for kind, text in _BLOCK.findall(PAGE)]
ACTIONS = [content for kind, content in BLOCKS if kind == "action"]


def _definition(content: dict[str, Any]) -> Any:
    automation = pb.Automation(
        display_name="Of the page",
        trigger=pb.AutomationTrigger(any_change=pb.AnyChangeTrigger()),
        actions=[ParseDict(content, pb.AutomationAction())],
    )
    return automation_reading.definition(automation).actions[0]


@pytest.mark.parametrize("content", ACTIONS, ids=[next(iter(one)) for one in ACTIONS])
async def test_what_the_page_shows_can_be_kept(content: dict[str, Any]) -> None:
    action = _definition(content)
    texts, values, clock = Texts(), Values(), SystemClock()
    http = GuardedHttp(1, False, (), clock, lookup=SystemLookup())
    doings: dict[str, Any] = {
        "email": Emails(MailServer("m", 25, Tls.OFFERED), "a@b.test", 1, texts, clock),
        "slack": SlackMessages(http, texts),
        "hubspot": Upserts(HubSpotContacts(http, "https://api.hubapi.com"), values),
        "salesforce": Upserts(SalesforceRecords(http, clock), values),
    }
    if action.kind in doings:
        assert doings[action.kind].check(action) == []
        assert doings[action.kind].preview(action, OCCASION)
    await http.close()


def test_the_page_shows_every_kind() -> None:
    kinds = {one.name for one in pb.AutomationAction.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert {name for one in ACTIONS for name in one} == kinds


def test_a_message_on_the_broker_is_as_the_page_says() -> None:
    ((_, shown),) = [one for one in BLOCKS if one[0] == "event"]
    sent = Publishing.preview(Publishing.__new__(Publishing), Publish("leads.hot"), OCCASION)
    event = sent["event"]
    assert set(shown) == set(event)
    assert set(event["data"]) - set(shown["data"]) == {"digest"}
    assert set(shown["data"]) < set(event["data"])


async def test_a_contact_is_as_the_page_says() -> None:
    ((_, shown),) = [one for one in BLOCKS if one[0] == ""]
    (content,) = (one for one in ACTIONS if "hubspot" in one)
    action: HubSpot = _definition(content)
    http = GuardedHttp(1, False, (), SystemClock(), lookup=SystemLookup())
    contacts = Upserts(HubSpotContacts(http, "https://api.hubapi.com"), Values())
    sent = contacts.preview(action, OCCASION)
    (contact,) = shown["inputs"]
    assert (contact["idProperty"], contact["id"]) == (sent["id_property"], sent["id"])
    assert contact["properties"] | {"country": "GB"} == sent["properties"]
    await http.close()


def test_the_page_names_every_template() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE.partition("## Templates")[2]))
    assert {one.template_id for one in automation_presets.templates()} == named
