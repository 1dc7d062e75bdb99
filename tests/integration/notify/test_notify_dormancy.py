"""Score changes are planned only while somebody wants to be told of them. Who comes to want it and the planner that
falls asleep meet in every order, and from the creation on nothing is missed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import dormancy, planning
from services.notify.automation_conditions import AutomationConditions
from services.notify.automation_plan import AutomationPlan
from services.notify.automation_rows import Definitions
from services.notify.conditions import Conditions
from services.notify.domain.endpoints import RULES_ACTIVATED
from services.notify.endpoint_plan import EndpointPlan
from services.notify.follow_up_store import PostgresFollowUps
from services.notify.planning import Planner, Source
from services.notify.ports import PublishedChange, StreamState
from services.notify.stream import JetStreamScores, published_change
from services.notify.tables import positions
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.sealing import Seal
from stack import Stack
from tests.support import service_database
from tests.support.automation_room import AutomationRoom
from tests.support.background import background
from tests.support.endpoint_room import Room, empty_database, room
from tests.support.eventually import eventually_async
from tests.support.notify_rig import SECRET_KEY, STREAM_CONFIG, Broker, broker


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with empty_database(schema) as opened:
        async with opened.begin() as connection:
            await connection.execute(sa.delete(positions))
        yield opened


@pytest.fixture
async def at(schema: Stack) -> AsyncIterator[Broker]:
    async with broker(schema.nats_url) as at:
        await at.bus.jetstream.add_stream(**STREAM_CONFIG)
        yield at
        await at.bus.jetstream.delete_stream(STREAM_CONFIG["name"])


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SLEEP_AFTER_S", 0.0)
    monkeypatch.setattr(planning, "LOOK_S", 0.01)
    monkeypatch.setattr(planning, "VERIFY_INTERVAL_S", 0.05)
    monkeypatch.setattr(planning, "RETRY_S", 0.01)


@dataclass
class Rig:
    """A planner of a database's endpoints and automations."""

    database: Database
    at: Broker

    def __post_init__(self) -> None:
        self.stream = JetStreamScores(self.at.bus, 4)
        seal = Seal(SECRET_KEY)
        clock = SystemClock()
        self.plans: list[Any] = [
            AutomationPlan(Definitions(seal), AutomationConditions(), clock, lambda: None),
            EndpointPlan(Conditions(10), clock, lambda: None),
        ]

    def planner(self) -> Planner[PublishedChange]:
        source = Source(dormancy.SCORES, self.stream, published_change)
        return Planner(self.database, source, self.plans, SystemClock())

    async def publish(self, project_id: str, count: int = 1) -> None:
        for _ in range(count):
            await self.at.publish(project_id, [self.at.change(project_id, "a", delta=1)])

    async def row(self) -> Any:
        async with self.database.begin() as connection:
            return (await connection.execute(sa.select(positions))).one_or_none()

    async def put_to_sleep(self, sequence: int = 0, *, asleep: bool = True) -> None:
        """As if it had fallen asleep there, and nothing had moved it on; or was awake, and had not looked yet."""
        state = await self.stream.state()
        async with self.database.begin() as connection:
            await connection.execute(sa.delete(positions))
            await connection.execute(
                sa.insert(positions).values(
                    reader=dormancy.SCORES,
                    stream_id=state.stream_id,
                    sequence=sequence,
                    missed=0,
                    asleep=asleep,
                )
            )

    async def asleep(self, sequence: int) -> None:
        """Wait until it is asleep, and there."""

        async def is_so() -> bool:
            row = await self.row()
            return row is not None and (row.asleep, row.sequence) == (True, sequence)

        await eventually_async(is_so)

    async def waits(self, task: asyncio.Task[Any]) -> None:
        """Wait until the task waits for a lock, or is done."""

        async def is_so() -> bool:
            async with self.database.begin() as connection:
                waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return task.done() or bool(await connection.scalar(waiting))

        await eventually_async(is_so)

    async def readers(self, count: int) -> None:
        """Wait until the stream has so many readers."""

        async def is_so() -> bool:
            return await self.at.consumers() == count

        await eventually_async(is_so)

    async def reached(self, sequence: int) -> None:
        async def is_so() -> bool:
            row = await self.row()
            return row is not None and (row.asleep, row.sequence) == (False, sequence)

        await eventually_async(is_so)


@pytest.fixture
def rig(database: Database, at: Broker) -> Rig:
    return Rig(database, at)


async def told(made: Room, versions: Sequence[int]) -> None:
    """Wait until it is told of these, in order; of others it never is."""

    async def is_so() -> bool:
        found = [one.payload for one in await made.told()]
        assert len(found) <= len(versions), found
        return [f'"version":{n}' in body for n, body in zip(versions, found, strict=False)] == (
            [True] * len(versions)
        )

    await eventually_async(is_so)


async def test_nothing_is_read_while_nobody_wants_it(rig: Rig) -> None:
    await room(rig.database, event_types=(RULES_ACTIVATED,))
    async with background(rig.planner().run()):
        await rig.asleep(0)
        await rig.publish("p", 3)
        # The position is the stream's end all the same.
        await rig.asleep(3)
        assert await rig.at.consumers() == 0
        assert (await rig.row()).missed == 0


async def test_the_first_endpoint_is_told_from_its_creation_on(rig: Rig) -> None:
    """Although nobody has moved the position on for long."""
    await rig.put_to_sleep()
    made = Room(rig.database, 8, ("score.changed",), None)
    project = made.endpoint.project_id
    await rig.publish(project, 2)
    await made.store.add(made.endpoint, 100, await rig.stream.state())
    await rig.publish(project, 2)
    async with background(rig.planner().run()):
        await rig.reached(4)
        await told(made, [3, 4])


async def test_one_that_is_changed_wakes_it_too(rig: Rig) -> None:
    made = await room(rig.database, event_types=(RULES_ACTIVATED,))
    project = made.endpoint.project_id

    def changed(before: Any) -> Any:
        return replace(
            before, definition=replace(before.definition, event_types=("score.changed",))
        )

    async with background(rig.planner().run()):
        await rig.asleep(0)
        await rig.publish(project)
        now = datetime.now(UTC)
        end = await rig.stream.state()
        await made.store.change(project, made.endpoint.endpoint_id, changed, now, end)
        await rig.publish(project)
        await told(made, [2])
        await rig.reached(2)


async def test_without_the_streams_end_too_much_is_told_rather_than_too_little(rig: Rig) -> None:
    await rig.put_to_sleep()
    made = Room(rig.database, 8, ("score.changed",), None)
    await rig.publish(made.endpoint.project_id, 1)
    await made.store.add(made.endpoint, 100)
    await rig.publish(made.endpoint.project_id, 1)
    async with background(rig.planner().run()):
        await told(made, [1, 2])


async def test_it_falls_asleep_when_the_last_one_is_gone(rig: Rig) -> None:
    made = await room(rig.database)
    project = made.endpoint.project_id
    async with background(rig.planner().run()):
        await rig.readers(1)
        await rig.publish(project)
        await rig.reached(1)
        await made.store.remove(project, made.endpoint.endpoint_id)
        await rig.asleep(1)
        await rig.readers(0)


async def test_automations_and_owners_keep_it_awake(rig: Rig) -> None:
    office = AutomationRoom(rig.database)
    owners = PostgresFollowUps(rig.database)
    async with background(rig.planner().run()):
        await rig.asleep(0)
        made = await office.automation({"any_change": {}})
        await rig.reached(0)
        await office.store.remove(made.project_id, made.automation_id)
        await rig.asleep(0)
        await owners.set_owner("p", "a", "sam", datetime.now(UTC))
        await rig.reached(0)
        # Merged: its owner goes with it.
        await rig.at.publish("p", [rig.at.change("p", "a", merged_into="b")])
        await rig.reached(1)
        assert [one.lead_id for one in await owners.owners("p", ["b"], "", None, 1)] == ["b"]
        for lead_id in "ab":
            await owners.set_owner("p", lead_id, "", datetime.now(UTC))
        await rig.asleep(1)


class Held:
    """A plan that is asked whether it wants anything, and is slow to say."""

    def __init__(self, plan: EndpointPlan) -> None:
        self._plan = plan
        self.asked = asyncio.Event()
        self.release = asyncio.Event()

    async def wanted(self, connection: AsyncConnection) -> bool:
        found = await self._plan.wanted(connection)
        self.asked.set()
        await self.release.wait()
        return found

    async def plan(self, connection: AsyncConnection, items: Sequence[PublishedChange]) -> None:
        await self._plan.plan(connection, items)

    def planned(self) -> None:
        pass


async def test_made_while_it_is_falling_asleep_an_endpoint_wakes_it(rig: Rig) -> None:
    """It has looked and found nothing, and has not said so yet."""
    held = Held(rig.plans[1])
    rig.plans = [held]
    made = Room(rig.database, 8, ("score.changed",), None)
    async with background(rig.planner().run()):
        await held.asked.wait()
        adding = asyncio.create_task(made.store.add(made.endpoint, 100, await rig.stream.state()))
        await rig.waits(adding)
        held.release.set()
        await adding
        await rig.publish(made.endpoint.project_id)
        await told(made, [1])


async def test_it_does_not_fall_asleep_while_an_endpoint_is_being_made(rig: Rig) -> None:
    """It can't see it yet."""
    made = Room(rig.database, 8, ("score.changed",), None)
    started, release = asyncio.Event(), asyncio.Event()
    insert = made.store._insert_secret

    async def slowly(*arguments: Any) -> None:
        await insert(*arguments)
        started.set()
        await release.wait()

    made.store._insert_secret = slowly  # type: ignore[method-assign]
    looked = Held(rig.plans[1])
    looked.release.set()
    rig.plans = [looked]
    planner = rig.planner()
    await rig.put_to_sleep((await rig.stream.state()).last_sequence, asleep=False)
    adding = asyncio.create_task(made.store.add(made.endpoint, 100, await rig.stream.state()))
    await started.wait()
    async with background(planner.run()):
        # It reads, since it could not fall asleep.
        await rig.readers(1)
        assert not (await rig.row()).asleep
        release.set()
        await adding
        await rig.publish(made.endpoint.project_id)
        await told(made, [1])


async def test_endpoints_come_and_go_and_each_is_told_of_what_follows(rig: Rig) -> None:
    draw = random.Random(5)

    async def one() -> None:
        for _ in range(12):
            made = Room(rig.database, 8, ("score.changed",), None)
            await rig.publish(made.endpoint.project_id)
            for _ in range(draw.choice([0, 1, 5, 30])):
                await rig.row()
            await made.store.add(made.endpoint, 100, await rig.stream.state())
            await rig.publish(made.endpoint.project_id)

            async def is_told(made: Room = made) -> bool:
                # Of the one before, too, where the planner was awake for another and had not come to it.
                return any('"version":2' in one.payload for one in await made.told())

            await eventually_async(is_told)
            await made.store.remove(made.endpoint.project_id, made.endpoint.endpoint_id)

    async with background(rig.planner().run()), background(rig.planner().run()):
        await asyncio.gather(*(one() for _ in range(2)))
        await rig.asleep(48)


async def test_a_stream_replaced_while_it_was_asleep_is_nobodys_loss(rig: Rig) -> None:
    async with background(rig.planner().run()):
        await rig.publish("p", 3)
        await rig.asleep(3)
        await rig.at.bus.jetstream.delete_stream(STREAM_CONFIG["name"])
        await rig.at.bus.jetstream.add_stream(**STREAM_CONFIG)
        await rig.publish("p", 1)
        await rig.asleep(1)
        assert (await rig.row()).missed == 0


async def test_whoever_looks_around_does_not_move_on_who_was_woken_meanwhile(rig: Rig) -> None:
    """It has seen that it is asleep, and the stream's end, and then an endpoint is made."""
    await rig.put_to_sleep()
    await rig.publish("p", 2)

    async def look(end: StreamState) -> bool:
        async with rig.database.begin() as connection:
            return await dormancy.sleeps_on(connection, dormancy.SCORES, end)

    async with rig.database.begin() as waking:
        await dormancy.wake(waking, await rig.stream.state())
        await rig.publish("p")
        looking = asyncio.create_task(look(await rig.stream.state()))
        await rig.waits(looking)
    assert not await looking
    row = await rig.row()
    assert (row.asleep, row.sequence) == (False, 2)


@pytest.mark.parametrize("time", [1, 2, 3])
async def test_woken_while_it_is_asking_where_the_stream_ends_it_takes_it_for_no_other_stream(
    rig: Rig, time: int
) -> None:
    """The position that it finds then may be ahead of what it was told."""
    await rig.put_to_sleep()
    made = Room(rig.database, 8, ("score.changed",), None)
    ask = rig.stream.state
    asked = 0

    async def slowly() -> StreamState:
        nonlocal asked
        found = await ask()
        asked += 1
        if asked == time:
            await rig.publish(made.endpoint.project_id)
            await made.store.add(made.endpoint, 100, await ask())
        return found

    rig.stream.state = slowly  # type: ignore[method-assign]
    async with background(rig.planner().run()):
        await rig.reached(1)
        await rig.publish(made.endpoint.project_id)
        await told(made, [2])
        assert (await rig.row()).missed == 0
