"""The property of the whole service on real Postgres: whatever the order, the repetitions and the batches, two
processes at once give the leads, versions and ledger of the pure fold."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from services.scoring.domain.model import RuleSet
from services.scoring.handlers import EventHandlers
from services.scoring.ports import IncomingEvent
from services.shared.clock import SystemClock
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support import service_database
from tests.support.scoring_histories import arrivals, assert_pure_fold
from tests.support.scoring_subjects import PostgresSubject, assert_chain


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(arrivals())
def test_any_arrival_at_two_processes_gives_the_pure_fold(
    scoring_schema: Stack, arriving: tuple[list[list[IncomingEvent]], RuleSet, int]
) -> None:
    batches, rule_set, processes = arriving
    asyncio.run(_apply_and_compare(scoring_schema, batches, rule_set, processes))


async def _apply_and_compare(
    servers: Stack, batches: list[list[IncomingEvent]], rule_set: RuleSet, processes: int
) -> None:
    project = f"p-{secrets.token_hex(8)}"
    batches = [[replace(event, project_id=project) for event in batch] for batch in batches]
    distinct = {event.key: event for batch in batches for event in batch}
    async with service_database.opened(servers, "scoring") as database:
        subject = PostgresSubject(database)
        await EventHandlers(subject.store, SystemClock()).record_activation(
            cases.activation(1, rule_set, project)
        )

        async def work(own: list[list[IncomingEvent]]) -> int:
            handlers = EventHandlers(PostgresSubject(database).store, SystemClock())
            return sum([(await handlers.apply_events(batch)).applied for batch in own])

        # Both get all batches, from both ends: everything is delivered twice, and they meet in the middle.
        orders = [batches, batches[::-1]][:processes]
        applied = await asyncio.gather(*(work(order) for order in orders))
        assert sum(applied) == len(distinct)
        await assert_pure_fold(subject, project, list(distinct.values()), rule_set)
        if distinct:
            await assert_chain(subject, project, [end for end, _ in await subject.blocks(project)])
