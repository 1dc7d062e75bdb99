"""Planning and claiming on a real Postgres: once, in order, one at a time of a lead, and never by two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notify.delivery_queue import WAITED_TOO_LONG
from services.notify.domain.endpoints import ENDPOINT_DISABLED, Secret, State, Told
from services.notify.errors import TooManyEndpoints, TooManyEndpointSecrets
from services.notify.store import SECRETS_MAX
from services.notify.telling import tell
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.endpoint_room import empty_database, now, room


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with empty_database(schema) as opened:
        yield opened


async def test_planned_twice_is_told_once(database: Database) -> None:
    at = await room(database)
    for _ in range(2):
        await at.plan(("a", 1), ("a", 2))
    assert await at.states() == [State.PENDING] * 2
    for _ in range(2):
        (claimed,) = await at.claim()
        await at.report(claimed)
    await at.plan(("a", 1), ("a", 2))
    assert await at.claim() == []
    assert (await at.states(), await at.lanes()) == ([State.SUCCEEDED] * 2, 0)


async def test_a_lead_is_one_at_a_time_and_in_order(database: Database) -> None:
    at = await room(database)
    await at.plan(("a", 1), ("b", 1), ("a", 2))
    first = await at.claim()
    assert [one.lead_id for one in sorted(first, key=lambda one: one.lead_id)] == ["a", "b"]
    assert await at.claim() == []
    a = next(one for one in first if one.lead_id == "a")
    assert '"version":1,' in a.payload
    await at.report(a, 500, timedelta(hours=1))
    assert await at.claim() == [], "the second must wait for the first"
    assert (await at.states())[0] is State.PENDING


async def test_concurrency_is_that_of_all_processes(database: Database) -> None:
    at = await room(database, concurrency=3)
    await at.plan(*((f"lead-{number}", 1) for number in range(20)))
    found = await asyncio.gather(*(at.claim() for _ in range(6)))
    claimed = [one for some in found for one in some]
    assert len(claimed) == 3
    await at.report(claimed[0])
    assert len(await at.claim()) == 1


async def test_who_was_given_up_is_not_heard(database: Database) -> None:
    at = await room(database)
    await at.plan(("a", 1), ("a", 2))
    (late,) = await at.claim(lease=timedelta(seconds=-1))
    (current,) = await at.claim()
    assert (late.delivery_id, late.claim + 1) == (current.delivery_id, current.claim)
    await at.report(late, 500)
    assert await at.states() == [State.PENDING] * 2
    await at.report(current)
    assert await at.states() == [State.SUCCEEDED, State.PENDING]


async def test_what_was_planned_while_the_last_one_ended_is_not_forgotten(
    database: Database,
) -> None:
    at = await room(database)
    await at.plan(("a", 1))
    for version in range(2, 30):
        (claimed,) = await at.claim()
        await asyncio.gather(at.report(claimed), at.plan(("a", version)))
    (claimed,) = await at.claim()
    await at.report(claimed)
    assert await at.states() == [State.SUCCEEDED] * 29
    assert await at.lanes() == 0


async def test_disabled_waits_and_is_dropped_after_long(database: Database) -> None:
    at = await room(database)
    await at.store.change(
        at.endpoint.project_id, at.endpoint.endpoint_id, lambda e: replace(e, disabled=True), now()
    )
    await at.plan(("a", 1), ("b", 1))
    assert await at.claim() == []
    week = timedelta(days=7)
    assert await at.queue.drop_waiting(now() - week, now(), 10) == 0
    assert await at.queue.drop_waiting(now() + week, now(), 10) == 2
    assert (await at.states(), await at.lanes()) == ([State.FAILED] * 2, 0)
    (one, _) = await at.deliveries.newest(at.endpoint.endpoint_id, None, "", None, 10)
    assert [attempt.error for attempt in one.attempts] == [WAITED_TOO_LONG]
    again = await at.deliveries.redeliver(at.endpoint.endpoint_id, "", now() - week, 10, now())
    assert again == 2
    assert await at.queue.drop_waiting(now() - timedelta(minutes=1), now(), 10) == 0


async def test_what_ended_long_ago_is_forgotten(database: Database) -> None:
    at = await room(database)
    await at.plan(("a", 1), ("b", 1))
    first, _ = await at.claim()
    await at.report(first)
    assert await at.queue.forget_ended(now() - timedelta(days=30), 10) == 0
    assert await at.queue.forget_ended(now() + timedelta(seconds=1), 10) == 1
    assert await at.states() == [State.PENDING]


async def test_an_endpoint_goes_with_all_that_is_its(database: Database) -> None:
    at = await room(database)
    await at.plan(("a", 1))
    (claimed,) = await at.claim()
    assert await at.store.remove(at.endpoint.project_id, at.endpoint.endpoint_id)
    assert await at.report(claimed) == ""
    assert await at.lanes() == 0
    await at.plan(("a", 2))
    assert await at.states() == []


async def test_limits(database: Database) -> None:
    at = await room(database)
    other = replace(at.endpoint, endpoint_id=f"{at.endpoint.endpoint_id}-2")
    with pytest.raises(TooManyEndpoints):
        await at.store.add(other, 1)
    until = now() + timedelta(hours=1)
    secret = Secret("whsec_b3RoZXI=")
    ids = (at.endpoint.project_id, at.endpoint.endpoint_id)
    for count in range(2, SECRETS_MAX + 1):
        changed = await at.store.add_secret(*ids, secret, until, now())
        assert changed is not None
        assert len(changed.secrets) == count
    with pytest.raises(TooManyEndpointSecrets):
        await at.store.add_secret(*ids, secret, until, now())
    # Those before are over at once where nothing is to overlap.
    changed = await at.store.add_secret(*ids, secret, now(), now())
    assert changed is not None
    assert len(changed.secrets) == 1


async def test_others_are_told_of_an_endpoint_that_is_disabled(database: Database) -> None:
    types = ("score.changed", ENDPOINT_DISABLED)
    at = await room(database, event_types=types)
    project = at.endpoint.project_id
    other = await room(database, event_types=(ENDPOINT_DISABLED,), project_id=project)
    silent = await room(database, project_id=project)
    await at.plan(("a", 1), ("b", 1))
    first, second = sorted(
        (one for one in await at.claim() if one.endpoint.endpoint_id == at.endpoint.endpoint_id),
        key=lambda one: one.lead_id,
    )
    assert await at.report(first, 410) == "gone"
    # Both were on their way: it is disabled once.
    assert await at.report(second, 410) == ""
    (notice,) = [one for one in await other.told() if one.event_type == ENDPOINT_DISABLED]
    body = json.loads(notice.payload)
    failing_since = body["data"].pop("failing_since_time")
    assert failing_since == body["timestamp"]
    assert body["data"] == {
        "endpoint_id": at.endpoint.endpoint_id,
        "description": "",
        "url": "https://a.example/",
        "reason": "gone",
    }
    assert notice.lead_id == ""
    for one in (at, silent):
        assert ENDPOINT_DISABLED not in [told.event_type for told in await one.told()]


async def test_a_late_report_disables_nothing_and_leaves_nothing(database: Database) -> None:
    at = await room(database)
    other = await room(
        database, event_types=(ENDPOINT_DISABLED,), project_id=at.endpoint.project_id
    )
    await at.plan(("a", 1))
    (late,) = await at.claim(lease=timedelta(seconds=-1))
    (current,) = await at.claim()
    assert await at.report(late, 410) == ""
    assert await other.told() == []
    await at.report(current)
    # Opened for the notice that was not written.
    assert await at.lanes() == 1
    assert await at.claim() == []
    assert await at.lanes() == 0


async def test_endpoints_that_are_disabled_at_once_tell_each_other(database: Database) -> None:
    """Each holds the lane that it reports of, and needs those of the others."""
    for _ in range(10):
        first = await room(database, event_types=(ENDPOINT_DISABLED,))
        project = first.endpoint.project_id
        rooms = [
            first,
            *[
                await room(database, event_types=(ENDPOINT_DISABLED,), project_id=project)
                for _ in range(3)
            ],
        ]
        async with database.begin() as connection:
            told = Told(project, ENDPOINT_DISABLED, "", "before", now(), {})
            assert await tell(connection, [told], now()) == len(rooms)
        claimed = await first.claim()
        assert len(claimed) == len(rooms)
        reasons = await asyncio.gather(*(first.report(one, 410) for one in claimed))
        assert reasons == ["gone"] * len(rooms)
        for at in rooms:
            assert len(await at.told()) == len(rooms)
