"""Activations of rules told to webhook endpoints: each once and in order, whatever is killed, and none from before."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from scoreline.common.v1 import scope_pb2
from services.notify import activations
from services.notify.activations import TOLD_WITHIN, ActivationPlan
from services.notify.domain.endpoints import RULES_ACTIVATED
from services.notify.planning import Planner
from services.notify.tables import positions
from services.shared.db import Database
from services.shared.times import to_timestamp
from stack import Stack
from tests.support import service_database
from tests.support.background import background
from tests.support.clocks import MovableClock
from tests.support.endpoint_rig import SETTINGS, endpoints
from tests.support.endpoint_room import empty_database, room
from tests.support.eventually import eventually_async
from tests.support.hostile_receiver import Receiver
from tests.support.notify_rig import RULES_CONFIG, Broker, broker

PROJECT = "activations"
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    return _make_rig(**SETTINGS)


async def told(receiver: Receiver, path: str, numbers: list[int]) -> None:
    """Those, in the order in which they first arrived."""

    async def arrived() -> bool:
        found = [one.data["number"] for one in receiver.receipts[path]]
        return list(dict.fromkeys(found)) == numbers

    await eventually_async(arrived)


@pytest.mark.timeout(240)
async def test_each_activation_is_told_once_whatever_is_killed(rig: Any) -> None:
    async with Receiver().serve() as receiver, broker(rig.stack.nats_url) as at:
        key = await at.let_in(PROJECT, scope_pb2.SCOPE_ADMIN)
        # From before anybody subscribed, and of somebody else.
        await at.activate(PROJECT, 1)
        async with endpoints(rig.notify.target, key) as hooks:
            await eventually_async(hooks.known)
            # The filter is about score changes.
            rules, _ = await hooks.create(
                receiver.url("/rules"), (RULES_ACTIVATED,), filter="change.delta > 1000000.0"
            )
            scores, _ = await hooks.create(receiver.url("/scores"))
            await at.activate("activations-other", 1)
            await at.activate(
                PROJECT,
                2,
                version=5,
                actor="key_1",
                activate_time=to_timestamp(NOON),
                effective_time=to_timestamp(NOON - timedelta(days=1)),
            )
            await told(receiver, "/rules", [2])
            (receipt,) = receiver.receipts["/rules"]
            assert receipt.data == {
                "number": 2,
                "version": 5,
                "description": "rules of 2",
                "activate_time": "2026-02-01T12:00:00Z",
                "effective_time": "2026-01-31T12:00:00Z",
                "actor": "key_1",
            }
            assert receipt.type == RULES_ACTIVATED
            (delivery,) = await hooks.settled(rules.endpoint_id)
            assert (delivery.lead_id, delivery.event_type) == ("", RULES_ACTIVATED)

            # Several while nobody is there, and one while it comes up.
            rig.notify.signal(signal.SIGKILL)
            rig.notify.ended()
            for number in (3, 4, 5):
                await at.activate(PROJECT, number)
            rig.notify.start(wait=False)
            await at.activate(PROJECT, 6)
            await told(receiver, "/rules", [2, 3, 4, 5, 6])
            await hooks.settled(rules.endpoint_id)

            # Killed while a delivery is on its way: that one comes again, under its id, before what follows.
            receiver.behaviours["/rules"] = lambda _: "stall"
            await at.activate(PROJECT, 7)
            await told(receiver, "/rules", [2, 3, 4, 5, 6, 7])
            rig.notify.signal(signal.SIGKILL)
            rig.notify.ended()
            await at.activate(PROJECT, 8)
            del receiver.behaviours["/rules"]
            rig.notify.start()
            await told(receiver, "/rules", [2, 3, 4, 5, 6, 7, 8])
            sevenths = [one.id for one in receiver.receipts["/rules"] if one.data["number"] == 7]
            assert len(sevenths) > 1
            assert len(set(sevenths)) == 1
            await hooks.settled(rules.endpoint_id)

            # Another stream of the same name, in which the last one is again: it is known.
            rig.notify.signal(signal.SIGTERM)
            assert rig.notify.ended() == 0
            await at.bus.jetstream.delete_stream(RULES_CONFIG["name"])
            await at.bus.jetstream.add_stream(**RULES_CONFIG)
            await at.activate(PROJECT, 8)
            await at.activate(PROJECT, 9)
            rig.notify.start()
            await told(receiver, "/rules", [2, 3, 4, 5, 6, 7, 8, 9])
            await hooks.settled(rules.endpoint_id)
            numbers = [one.data["number"] for one in receiver.receipts["/rules"]]
            assert numbers == sorted(numbers)
            assert numbers.count(8) == 1
            assert "stream replaced" in rig.notify.log.read_text()
            assert (await hooks.get(rules.endpoint_id)).HasField("changes_missed_time")
            assert await hooks.deliveries(scores.endpoint_id) == []


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with empty_database(schema) as opened:
        yield opened


@pytest.fixture
async def at_rules(schema: Stack) -> AsyncIterator[Broker]:
    async with broker(schema.nats_url) as at:
        await at.bus.jetstream.add_stream(**RULES_CONFIG)
        yield at
        await at.bus.jetstream.delete_stream(RULES_CONFIG["name"])


async def position(database: Database) -> tuple[int, int]:
    """Sequence, and how many were missed."""
    async with database.begin() as connection:
        query = sa.select(positions.c.sequence, positions.c.missed)
        row = (await connection.execute(query.where(positions.c.reader == "rules"))).one_or_none()
    return (row.sequence, row.missed) if row else (-1, 0)


async def test_what_cant_be_read_or_is_too_old_holds_nobody_up(
    database: Database, at_rules: Broker
) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.delete(positions))
    subscriber = await room(database, event_types=(RULES_ACTIVATED,))
    project = subscriber.endpoint.project_id
    clock = MovableClock(datetime.now(UTC))
    nudges: list[None] = []
    plan = ActivationPlan(clock, lambda: nudges.append(None))
    planner = Planner(database, activations.source(at_rules.bus), [plan], clock)

    async def reached(sequence: int, missed: int = 0) -> None:
        async def there() -> bool:
            return await position(database) == (sequence, missed)

        await eventually_async(there)

    async with background(planner.run()):
        await reached(0)
        await at_rules.bus.jetstream.publish(f"rules.{project}.1", b"\xff")
        misplaced = (await at_rules.activate("elsewhere", 1)).SerializeToString()
        await at_rules.bus.jetstream.publish(f"rules.{project}.2", misplaced)
        timeless = to_timestamp(NOON)
        timeless.seconds = 10**15
        await at_rules.activate(project, 3, activate_time=timeless)
        await at_rules.activate(project, 4)
        await reached(5)
        clock.at += TOLD_WITHIN + timedelta(minutes=1)
        await at_rules.activate(project, 5)
        await reached(6, missed=1)
        clock.at = datetime.now(UTC)
        await at_rules.activate(project, 6)
        await reached(7, missed=1)
    found = [one.payload for one in await subscriber.told()]
    assert ['"number":4' in body for body in found] == [True, False]
    assert ['"number":6' in body for body in found] == [False, True]
    assert nudges
