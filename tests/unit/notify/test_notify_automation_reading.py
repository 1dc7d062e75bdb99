"""Automations as callers write them, as they are kept, and as they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import automation_pb2 as pb
from services.notify import automation_convert as convert
from services.notify import automation_reading as reading
from services.notify.domain import actions
from services.notify.domain.automations import Automation, Definition, Frequency
from services.shared.errors import InvalidFields

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)

ACTIONS = [
    {"webhook": {"endpoint_id": "whe_1"}},
    {"email": {"to": ["a@example.com", "{{ lead.owner }}"], "subject": "s", "text_body": "t"}},
    {"email": {"to": ["a@b.c"], "subject": "s", "text_body": "t", "html_body": "<p>"}},
    {"slack": {"webhook_url": "https://hooks.slack.com/services/x", "text": "t"}},
    {"slack": {"webhook_url": "https://h/x", "text": "t", "blocks": "[]"}},
    {"hubspot": {"access_token": "pat", "properties": {"score": "lead.score"}}},
    {
        "hubspot": {
            "access_token": "pat",
            "id_property": "crm_id",
            "id_value": "lead.lead_id",
            "properties": {"b": "1", "a": "2"},
        }
    },
    {
        "salesforce": {
            "instance_url": "https://acme.my.salesforce.com",
            "client_id": "c",
            "client_secret": "hidden",
            "external_id_field": "Scoreline_Id__c",
            "fields": {"Rating": "lead.stage"},
        }
    },
    {"publish": {"subject": "sales.hot"}},
    {
        "assign_owner": {
            "owners": ["x"],
            "territory_attribute": "country",
            "territories": [{"values": ["DE"], "owners": ["d"]}],
            "reassign": True,
        }
    },
    {"create_task": {"title": "Call", "note": "n", "assignee": "x", "due_in": "86400s"}},
    {"create_task": {"title": "Call"}},
]
TRIGGERS = [
    {"stage_entered": {"stages": ["hot"]}},
    {"stage_left": {}},
    {"score_crossed": {"threshold": 50.5, "downwards": True}},
    {"velocity_reached": {"velocity": 4}},
    {"risk_reached": {"risk": "RISK_LEVEL_HIGH"}},
    {"next_action_became": {"next_actions": ["call"]}},
    {"inactive": {"days": 14}},
    {"any_change": {}},
]
DAILY = {"daily": {"time_of_day": "08:30", "lead_count": 5, "qualified_stages": ["won"]}}


def message(**fields: object) -> pb.Automation:
    whole = {"display_name": "Hot", "trigger": TRIGGERS[0], "actions": [ACTIONS[-1]]} | fields
    return ParseDict(whole, pb.Automation())


def faults(written: pb.Automation) -> set[str]:
    with pytest.raises(InvalidFields) as caught:
        reading.definition(written)
    return {violation.field for violation in caught.value.violations}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda one: next(iter(one)))
def test_what_is_kept_is_what_was_written(trigger: object, action: object) -> None:
    read = reading.definition(message(trigger=trigger, actions=[action]))
    assert convert.restored(convert.kept(read)) == read


def test_everything_is_kept() -> None:
    read = reading.definition(
        message(
            description="d",
            condition="lead.score > 1.0",
            frequency="AUTOMATION_FREQUENCY_ONCE",
            disabled=True,
            include_bulk_changes=True,
        )
    )
    assert convert.restored(convert.kept(read)) == read
    assert (read.frequency, read.disabled, read.include_bulk_changes) == (
        Frequency.ONCE,
        True,
        True,
    )
    daily = reading.definition(message(trigger=DAILY))
    assert convert.restored(convert.kept(daily)) == daily


def test_it_acts_once_a_day_unless_said_otherwise() -> None:
    assert reading.definition(message()).frequency is Frequency.DAILY


SECRETS: list[tuple[dict[str, object], Callable[[pb.AutomationAction], str]]] = [
    (ACTIONS[3], lambda one: one.slack.webhook_url),
    (ACTIONS[5], lambda one: one.hubspot.access_token),
    (ACTIONS[7], lambda one: one.salesforce.client_secret),
]


@pytest.mark.parametrize(("action", "secret"), SECRETS, ids=["slack", "hubspot", "salesforce"])
def test_a_secret_is_never_shown_and_stays_when_it_is_sent_back(
    action: dict[str, object], secret: Callable[[pb.AutomationAction], str]
) -> None:
    read = reading.definition(message(actions=[action]))
    shown = convert.automation_message(Automation("aut_1", "p", read, 1, NOW, NOW, NOW))
    (shown_action,) = shown.actions
    assert secret(shown_action) == reading.HIDDEN
    text = secret(message(actions=[action]).actions[0])
    assert text not in str(shown)
    assert text not in repr(read)
    again = reading.definition(shown, read.actions)
    assert again == read
    # Of no action before, or of one of another kind, it can't be had.
    (kind,) = action
    with pytest.raises(InvalidFields) as caught:
        reading.definition(shown, (actions.Publish("s"),))
    assert caught.value.violations[0].field.startswith(f"automation.actions[0].{kind}.")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "automation.display_name"),
        ({"display_name": "a\nb"}, "automation.display_name"),
        ({"description": "x" * 1_025}, "automation.description"),
        ({"condition": "x" * 1_025}, "automation.condition"),
        ({"trigger": {}}, "automation.trigger"),
        (
            {"trigger": {"stage_entered": {"stages": [""]}}},
            "automation.trigger.stage_entered.stages[0]",
        ),
        (
            {"trigger": {"score_crossed": {"threshold": "NaN"}}},
            "automation.trigger.score_crossed.threshold",
        ),
        ({"trigger": {"velocity_reached": {}}}, "automation.trigger.velocity_reached.velocity"),
        ({"trigger": {"risk_reached": {}}}, "automation.trigger.risk_reached.risk"),
        ({"trigger": {"inactive": {"days": 366}}}, "automation.trigger.inactive.days"),
        ({"trigger": {"daily": {"time_of_day": "8:30"}}}, "automation.trigger.daily.time_of_day"),
        ({"trigger": {"daily": {"time_of_day": "24:00"}}}, "automation.trigger.daily.time_of_day"),
        ({"trigger": DAILY, "condition": "true"}, "automation.condition"),
        ({"trigger": DAILY, "actions": [ACTIONS[9]]}, "automation.actions[0]"),
        ({"actions": []}, "automation.actions"),
        ({"actions": [ACTIONS[-1]] * 11}, "automation.actions"),
        ({"actions": [{}]}, "automation.actions[0]"),
        (
            {"actions": [{"email": {"subject": "s", "text_body": "t"}}]},
            "automation.actions[0].email.to",
        ),
        (
            {"actions": [{"email": {"to": ["a@b.c"], "subject": "a\nb", "text_body": "t"}}]},
            "automation.actions[0].email.subject",
        ),
        ({"actions": [{"slack": {"text": "t"}}]}, "automation.actions[0].slack.webhook_url"),
        ({"actions": [{"publish": {"subject": "a.*"}}]}, "automation.actions[0].publish.subject"),
        ({"actions": [{"publish": {"subject": "a..b"}}]}, "automation.actions[0].publish.subject"),
        ({"actions": [{"assign_owner": {}}]}, "automation.actions[0].assign_owner.owners"),
        (
            {"actions": [{"assign_owner": {"territories": [{"values": ["a"], "owners": ["b"]}]}}]},
            "automation.actions[0].assign_owner.territory_attribute",
        ),
        (
            {"actions": [{"hubspot": {"access_token": "a", "properties": {"a b": "1"}}}]},
            "automation.actions[0].hubspot.properties",
        ),
        ({"actions": [{"create_task": {}}]}, "automation.actions[0].create_task.title"),
        (
            {"actions": [{"create_task": {"title": "t", "due_in": "31622400s"}}]},
            "automation.actions[0].create_task.due_in",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], field: str) -> None:
    assert faults(message(**fields)) == {field}


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert faults(pb.Automation()) == {
        "automation.display_name",
        "automation.trigger",
        "automation.actions",
    }


def test_the_defaults_of_actions_are_what_the_contract_says() -> None:
    read: Definition = reading.definition(message(actions=[ACTIONS[5], ACTIONS[7], ACTIONS[11]]))
    hubspot, salesforce, task = read.actions
    assert isinstance(hubspot, actions.HubSpot)
    assert (hubspot.id_property, hubspot.id_value) == ("email", "lead.email")
    assert isinstance(salesforce, actions.Salesforce)
    assert (salesforce.object_type, salesforce.external_id) == ("Lead", "lead.lead_id")
    assert isinstance(task, actions.CreateTask)
    assert (task.assignee, task.due_in) == ("{{ lead.owner }}", None)


@pytest.mark.parametrize(
    ("field", "value"), [("instance_url", "https://evil.example"), ("client_id", "another")]
)
def test_a_secret_of_salesforces_goes_nowhere_else(field: str, value: str) -> None:
    read = reading.definition(message(actions=[ACTIONS[7]]))
    sent_back = message(actions=[ACTIONS[7]])
    sent_back.actions[0].salesforce.client_secret = reading.HIDDEN
    assert reading.definition(sent_back, read.actions) == read
    setattr(sent_back.actions[0].salesforce, field, value)
    with pytest.raises(InvalidFields) as caught:
        reading.definition(sent_back, read.actions)
    (violation,) = caught.value.violations
    assert violation.field == "automation.actions[0].salesforce.client_secret"
