"""What callers ask of automations, where it is more than one field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import automation_pb2
from scoreline.notify.v1 import automations_service_pb2 as pb
from services.notify import automation_requests as requests
from services.notify.automation_convert import kept
from services.notify.automation_reading import HIDDEN
from services.notify.domain import actions
from services.notify.domain.automations import Automation
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.shared.clock import SystemClock
from services.shared.errors import InvalidFields

NOW = datetime(2026, 2, 1, tzinfo=UTC)
TASK = {"create_task": {"title": "Call"}}


def written(*done: dict[str, Any]) -> automation_pb2.Automation:
    whole = {"display_name": "A", "trigger": {"any_change": {}}, "actions": list(done)}
    return ParseDict(whole, automation_pb2.Automation())


def territories(count: int) -> dict[str, Any]:
    values = [f"{number:03}{'x' * 97}" for number in range(100)]
    territory = {"values": values, "owners": ["sam"]}
    return {"assign_owner": {"territory_attribute": "country", "territories": [territory] * count}}


def test_an_automation_as_a_whole_is_bounded() -> None:
    most = requests.definition(pb.CreateAutomationRequest(automation=written(territories(25))))
    assert len(kept(most)) < requests.DEFINITION_BYTES_MAX
    too_much = written(*[territories(13)] * 2)
    before = Automation("aut_1", "p", most, 1, NOW, NOW, NOW)
    whole = pb.UpdateAutomationRequest(
        automation=too_much, update_mask=FieldMask(paths=["actions"])
    )
    whole.automation.automation_id = "aut_1"
    for read in (
        lambda: requests.definition(pb.CreateAutomationRequest(automation=too_much)),
        lambda: requests.changes(whole)[1](before),
        lambda: requests.trial(pb.TestAutomationRequest(automation=too_much, days=1)),
    ):
        with pytest.raises(InvalidFields) as caught:
            read()
        assert [one.field for one in caught.value.violations] == ["automation.actions"]


async def test_one_that_was_shown_can_be_tried() -> None:
    shown = written(
        {"slack": {"webhook_url": HIDDEN, "text": "t"}},
        {"hubspot": {"access_token": HIDDEN, "properties": {"score": "lead.score"}}},
        {
            "salesforce": {
                "instance_url": "https://acme.my.salesforce.com",
                "client_id": "c",
                "client_secret": HIDDEN,
                "external_id_field": "Id__c",
                "fields": {"Rating": "lead.stage"},
            }
        },
    )
    tried = requests.trial(pb.TestAutomationRequest(automation=shown, days=1))
    assert tried is not None
    slack = tried.actions[0]
    assert isinstance(slack, actions.Slack)
    # It passes for a URL where such are checked.
    http = GuardedHttp(1.0, False, (), SystemClock(), lookup=SystemLookup())
    assert http.problem(slack.webhook_url) is None
    await http.close()
    with pytest.raises(InvalidFields):
        requests.definition(pb.CreateAutomationRequest(automation=shown))
