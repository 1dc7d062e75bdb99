"""Webhook endpoints in a database without a process of notify: planned, claimed and reported by hand."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.conditions import Conditions
from services.notify.convert import to_change
from services.notify.delivery_queue import PostgresQueue
from services.notify.delivery_store import PostgresDeliveries
from services.notify.domain.endpoints import Attempt, Definition, Delivery, Endpoint, Secret, State
from services.notify.endpoint_plan import EndpointPlan
from services.notify.endpoint_ports import Claimed
from services.notify.ports import PublishedChange
from services.notify.store import PostgresEndpoints
from services.notify.tables import delivery_lanes
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.sealing import Seal
from stack import Stack
from tests.support import service_database
from tests.support.notify_rig import SECRET_KEY

LEASE = timedelta(seconds=30)
_numbers = itertools.count(1)


@asynccontextmanager
async def empty_database(schema: Stack) -> AsyncIterator[Database]:
    """The migrated database, without what other tests left, which would be claimed."""
    async with service_database.opened(schema, "notify") as opened:
        async with opened.begin() as connection:
            for table in ("webhook_endpoints", "automations", "lead_owners", "tasks"):
                await connection.execute(sa.text(f"DELETE FROM {table}"))
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


class Room:
    """One endpoint, of a project of its own where none is named."""

    def __init__(
        self,
        database: Database,
        concurrency: int,
        event_types: Sequence[str],
        project_id: str | None,
    ) -> None:
        number = next(_numbers)
        seal = Seal(SECRET_KEY)
        self.database = database
        self.queue = PostgresQueue(database, seal)
        self.store = PostgresEndpoints(database, seal)
        self.deliveries = PostgresDeliveries(database)
        self.endpoint_plan = EndpointPlan(Conditions(10), SystemClock(), lambda: None)
        self.endpoint = Endpoint(
            f"whe_{number}",
            project_id or f"p-{number}",
            "https://a.example/",
            "",
            Definition(tuple(event_types), concurrency=concurrency),
            False,
            "",
            None,
            1,
            now(),
            now(),
            {"x-a": "1"},
            (Secret("whsec_c2VjcmV0"),),
        )

    async def plan(self, *versions: tuple[str, int]) -> None:
        changes = []
        for lead_id, version in versions:
            encoded = ScoreChange(lead_id=lead_id, version=version, delta=1).SerializeToString()
            change = to_change(encoded)
            changes.append(PublishedChange(1, self.endpoint.project_id, "s", change, encoded))
        async with self.database.begin() as connection:
            await self.endpoint_plan.plan(connection, changes)

    async def claim(self, limit: int = 100, lease: timedelta = LEASE) -> list[Claimed]:
        return await self.queue.claim(limit, lease, now())

    async def report(
        self, claimed: Claimed, status: int = 204, retry: timedelta | None = None
    ) -> str:
        retry_time = None if retry is None else now() + retry
        return await self.queue.report(
            claimed, Attempt(now(), status, 5, "", ""), retry_time, now()
        )

    async def told(self) -> list[Delivery]:
        """Deliveries in their order."""
        found = await self.deliveries.newest(self.endpoint.endpoint_id, None, "", None, 100)
        return found[::-1]

    async def states(self) -> list[State]:
        return [one.state for one in await self.told()]

    async def lanes(self) -> int:
        async with self.database.begin() as connection:
            count = sa.select(sa.func.count()).select_from(delivery_lanes)
            return await connection.scalar(count) or 0


async def room(
    database: Database,
    concurrency: int = 8,
    event_types: Sequence[str] = ("score.changed",),
    project_id: str | None = None,
) -> Room:
    made = Room(database, concurrency, event_types, project_id)
    await made.store.add(made.endpoint, 100)
    return made
