"""What endpoints are told besides score changes, on a real Postgres: with what it tells of, once, in order, and only
those who subscribe."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from services.notify.domain.endpoints import AUTOMATION_EXECUTED, RULES_ACTIVATED, State, Told
from services.notify.telling import tell, tell_one
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.endpoint_room import empty_database, now, room

HAPPENED = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def schema(servers: Stack) -> Stack:
    service_database.migrate(servers, "notify")
    return servers


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with empty_database(schema) as opened:
        yield opened


def activated(project_id: str, number: int) -> Told:
    return Told(project_id, RULES_ACTIVATED, "", str(number), HAPPENED, {"number": number})


def executed(project_id: str, lead_id: str, key: str) -> Told:
    return Told(project_id, AUTOMATION_EXECUTED, lead_id, key, HAPPENED, {"execution_id": key})


async def test_who_subscribes_is_told_once_and_in_order(database: Database) -> None:
    of_rules = await room(database, event_types=(RULES_ACTIVATED,))
    project = of_rules.endpoint.project_id
    of_scores = await room(database, project_id=project)
    elsewhere = await room(database, event_types=(RULES_ACTIVATED,))
    both = [activated(project, number) for number in (1, 2)]
    async with database.begin() as connection:
        assert await tell(connection, both, now()) == 2
    async with database.begin() as connection:
        assert await tell(connection, [*both, activated(project, 3)], now()) == 1
    assert (await of_scores.told(), await elsewhere.told()) == ([], [])
    assert [json.loads(one.payload) for one in await of_rules.told()] == [
        {"type": "rules.activated", "timestamp": "2026-02-01T12:00:00Z", "data": {"number": number}}
        for number in (1, 2, 3)
    ]
    sent = []
    while claimed := await of_rules.claim():
        assert len(claimed) == 1, "what is about no lead is told one after the other"
        sent.append(claimed[0].payload)
        await of_rules.report(claimed[0])
    assert [json.loads(body)["data"]["number"] for body in sent] == [1, 2, 3]


async def test_nothing_is_told_of_what_was_rolled_back(database: Database) -> None:
    at = await room(database, event_types=(RULES_ACTIVATED,))

    async with database.engine.connect() as connection:
        assert await tell(connection, [activated(at.endpoint.project_id, 1)], now()) == 1
        await connection.rollback()
    assert (await at.told(), await at.lanes()) == ([], 0)


async def test_an_endpoint_that_is_named_need_not_subscribe(database: Database) -> None:
    named = await room(database)
    project = named.endpoint.project_id
    subscriber = await room(database, event_types=(AUTOMATION_EXECUTED,), project_id=project)
    stranger = await room(database)
    event = executed(project, "a", "one")
    async with database.begin() as connection:
        assert await tell_one(connection, named.endpoint.endpoint_id, event, now())
        assert await tell_one(connection, subscriber.endpoint.endpoint_id, event, now())
        assert not await tell_one(connection, stranger.endpoint.endpoint_id, event, now())
        assert not await tell_one(connection, "whe_none", event, now())
        assert await tell(connection, [event], now()) == 0, "the subscriber was told by name"
    assert [(one.lead_id, one.state) for one in await named.told()] == [("a", State.PENDING)]
    assert len(await subscriber.told()) == 1
    assert await stranger.told() == []


async def test_many_who_tell_the_same_endpoints_do_not_block_each_other(
    database: Database,
) -> None:
    first = await room(database, event_types=(AUTOMATION_EXECUTED,))
    project = first.endpoint.project_id
    rooms = [
        first,
        *[
            await room(database, event_types=(AUTOMATION_EXECUTED,), project_id=project)
            for _ in range(3)
        ],
    ]
    leads = ["a", "b", "c", "d"]

    async def telling(number: int, order: tuple[str, ...]) -> None:
        async with database.begin() as connection:
            events = [executed(project, lead, f"{number}-{lead}") for lead in order]
            assert await tell(connection, events, now()) == len(rooms) * len(leads)

    orders = itertools.islice(itertools.permutations(leads), 20)
    await asyncio.gather(*(telling(number, order) for number, order in enumerate(orders)))
    for at in rooms:
        assert len(await at.told()) == 20 * len(leads)
