"""Messages of automations on a real broker: what is in the stream, once, and what is made of one that takes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from nats.js.errors import NotFoundError

from services.notify.action_publish import (
    AUTOMATIONS_STREAM,
    MESSAGE_BYTES_MAX,
    STREAM,
    TYPE,
    Publishing,
)
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.domain.actions import Publish
from services.shared.bus import Bus
from stack import Stack, StackConfig

ACTION = Publish("leads.hot")


@pytest.fixture
async def bus(servers: Stack) -> AsyncIterator[Bus]:
    connected = await Bus.connect(servers.nats_url, "test", 20)
    await connected.ensure_stream(AUTOMATIONS_STREAM, 20)
    yield connected
    await connected.close()


async def _messages(bus: Bus, project_id: str) -> list[tuple[str, bytes]]:
    found = []
    sequence = 0
    while True:
        try:
            message = await bus.jetstream.get_msg(
                STREAM, seq=sequence + 1, subject=f"automations.{project_id}.>", next=True
            )
        except NotFoundError:
            return found
        sequence = message.seq or 0
        found.append((message.subject or "", message.data or b""))


async def test_a_message_is_a_cloud_event_and_there_once(bus: Bus) -> None:
    occasion = replace(OCCASION, project_id="prj_publish", execution_id="exe_1")
    publishing = Publishing(bus)
    assert publishing.check(ACTION) == []
    for _ in range(2):
        outcome = await publishing.do(ACTION, occasion)
        assert (outcome.error, outcome.detail) == ("", "published")
    # Another subject of the same execution, and another execution, are others.
    await publishing.do(Publish("other"), occasion)
    await publishing.do(ACTION, replace(occasion, execution_id="exe_2"))
    found = await _messages(bus, "prj_publish")
    assert [subject for subject, _ in found] == [
        "automations.prj_publish.leads.hot",
        "automations.prj_publish.other",
        "automations.prj_publish.leads.hot",
    ]
    assert json.loads(found[0][1]) == publishing.preview(ACTION, occasion)["event"]
    event = from_http_event(
        HTTPMessage({"content-type": "application/cloudevents+json"}, found[0][1]), JSONFormat()
    )
    assert event.get_id() == "exe_1"
    assert event.get_type() == TYPE == "scoreline.automation.executed"
    assert event.get_source() == "/projects/prj_publish/automations/aut_example"
    assert event.get_subject() == "lead_example"
    assert event.get_time() == occasion.time
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["lead"] == LEAD
    assert data["change"] == OCCASION.change
    assert data["trigger"] == "stage_entered"


async def test_a_digest_has_no_lead(bus: Bus) -> None:
    occasion = replace(OCCASION, project_id="prj_digest", lead=None, change=None)
    assert (await Publishing(bus).do(ACTION, occasion)).succeeded
    ((_, payload),) = await _messages(bus, "prj_digest")
    event = json.loads(payload)
    assert "subject" not in event
    assert event["data"]["digest"] == OCCASION.digest
    assert "lead" not in event["data"]


async def test_what_is_too_large_is_so_for_good(bus: Bus) -> None:
    large = replace(OCCASION, lead=LEAD | {"attributes": {"x": "x" * MESSAGE_BYTES_MAX}})
    outcome = await Publishing(bus).do(ACTION, large)
    assert outcome.permanent
    assert outcome.error.startswith("the broker refuses it: ")


@pytest.mark.timeout(180)
async def test_a_broker_that_is_away_is_tried_again() -> None:
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        bus = await Bus.connect(stack.nats_url, "test", 20)
        try:
            # No stream yet.
            outcome = await Publishing(bus).do(ACTION, OCCASION)
            assert outcome.error == "the broker can't be reached: no stream takes the subject"
            assert not outcome.permanent
            stack.kill("nats")
            outcome = await Publishing(bus).do(ACTION, OCCASION)
            assert outcome.error.startswith("the broker can't be reached: no ")
            assert not outcome.permanent
        finally:
            await bus.close()
