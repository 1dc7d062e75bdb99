"""`kill -9` while what can't be scored is on its way into quarantine: every contradiction is there in the end."""

from __future__ import annotations

import asyncio
from math import inf

import grpc.aio
import pytest

from scoreline.events.v1.event_pb2 import AcceptedEvent
from stack import Stack
from tests.faults import evidence
from tests.faults.sending import Sender, SentEvent, shipment
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("fragile")]

CONFLICTS = 600
SETTLE_S = 60.0

VICTIMS = ("scoring", "ingest", "nats", "postgres")


async def test_every_contradiction_reaches_quarantine_whatever_is_killed(fragile: Stack) -> None:
    project = new_project(fragile, "contradictions")
    meant = shipment(seed=6).events[:CONFLICTS]
    other = [SentEvent(one.event_id, "demo_request", one.subject, one.occurred_at) for one in meant]
    portion = CONFLICTS // (len(VICTIMS) + 1)
    async with grpc.aio.insecure_channel(fragile.grpc_target) as channel:
        sender = Sender(channel, project.metadata)
        await sender.send(meant)
        await asyncio.to_thread(eventually, lambda: _scored(fragile, project), timeout_s=SETTLE_S)

        await sender.allow(CONFLICTS + portion)
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(other))
            for number, victim in enumerate(VICTIMS, start=1):
                # The next portion is on its way when the process dies, and not much more.
                await sender.allow(CONFLICTS + (number + 1) * portion)
                await sender.has_accepted(CONFLICTS + number * portion)
                await asyncio.to_thread(fragile.kill, victim)
                await asyncio.to_thread(fragile.restart, victim)
            await sender.allow(inf)

    def all_there() -> bool:
        return evidence.count_quarantined(fragile, project) == CONFLICTS

    await asyncio.to_thread(eventually, all_there, timeout_s=SETTLE_S)
    found = await asyncio.to_thread(evidence.quarantined, fragile, project)
    assert {item.reason for item in found} == {"conflict"}
    kept = {item.event_id: AcceptedEvent.FromString(item.payload).event for item in found}
    assert kept.keys() == {one.event_id for one in other}
    assert {event.type for event in kept.values()} == {"demo_request"}
    assert _scored(fragile, project)


def _scored(stack: Stack, project: TestProject) -> bool:
    return evidence.count(stack, "ledger", project.project_id) == CONFLICTS
