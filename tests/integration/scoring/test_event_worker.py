"""The event worker on a real broker: what is scored, what goes to quarantine, and what must wait."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest

from services.scoring.errors import ConcurrentAppend, StoreBroken
from services.scoring.handlers import BatchReport, EventHandlers
from services.scoring.ports import IncomingEvent, Quarantined
from services.scoring.worker import POISON_DELIVERIES
from services.shared.clock import SystemClock
from services.shared.retrying import SupervisedLoop
from stack import Stack, StackConfig
from tests.support import scoring_cases as cases
from tests.support import scoring_rig, service_database
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.scoring_rig import Rig
from tests.support.scoring_subjects import assert_chain


class Choking:
    """Handlers that fail on some events, as a defect would make them."""

    def __init__(self, inner: EventHandlers, event_ids: Sequence[str], error: Exception) -> None:
        self.inner = inner
        self.event_ids = set(event_ids)
        self.error = error
        self.failures = 0

    async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
        if self.event_ids & {event.entry.event_id for event in events}:
            self.failures += 1
            raise self.error
        return await self.inner.apply_events(events)

    async def quarantine(self, items: Sequence[Quarantined]) -> None:
        await self.inner.quarantine(items)


async def event_ids(rig: Rig, project: str) -> set[str]:
    return {row[1] for row in await rig.subject.ledger(project)}


async def test_events_are_scored_and_then_acknowledged(rig: Rig, project: str) -> None:
    for number in range(250):
        lead = f"lead:l{number % 7}"
        await rig.send(cases.accepted(f"e{number}", "signup", number, lead, project))
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    assert len(await event_ids(rig, project)) == 250
    assert (await rig.consumer()).ack_floor.stream_seq == 250  # type: ignore[union-attr]
    await assert_chain(rig.subject, project, [end for end, _ in await rig.subject.blocks(project)])


async def test_what_can_not_be_scored_goes_to_quarantine_and_neighbours_are_scored(
    rig: Rig, project: str
) -> None:
    first = cases.accepted("e1", "signup", project_id=project)
    other = cases.accepted("e1", "purchase", project_id=project)
    # Postgres takes no NaN in JSON: only the database notices.
    poison = cases.accepted("e2", project_id=project, n=float("nan"))
    calendar = cases.accepted("e3", project_id=project)
    calendar.event.occur_time.seconds = 400_000_000_000
    last = cases.accepted("e4", "signup", 1, "lead:bob", project)
    await rig.send(first)
    await rig.send_raw(project, b"\xff\xff\xff")
    await rig.send(other, poison, calendar, first, last)
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == {"e1", "e4"}
    found = {
        (reason, event_id, payload)
        for reason, event_id, payload, _ in await rig.subject.quarantined(project)
    }
    assert found == {
        ("undecodable", "", b"\xff\xff\xff"),
        ("undecodable", "", calendar.SerializeToString()),
        ("conflict", "e1", other.SerializeToString()),
        ("poison", "e2", poison.SerializeToString()),
    }
    await assert_chain(rig.subject, project, [end for end, _ in await rig.subject.blocks(project)])


async def test_a_value_too_large_for_an_index_is_poison_too(rig: Rig, project: str) -> None:
    # Ingest lets none through, but the stream must not depend on that. Incompressible, or Postgres would take it.
    long = "".join(
        chr(33 + (n * n * 7 + n * 13) % 90) + chr(200 + (n * 31) % 800) for n in range(4_000)
    )
    await rig.send(
        cases.accepted(long, project_id=project), cases.accepted("e1", project_id=project)
    )
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == {"e1"}
    assert [row[0] for row in await rig.subject.quarantined(project)] == ["poison"]


async def test_an_event_that_only_fails_beside_others_that_work_is_poison(
    rig: Rig, project: str
) -> None:
    await rig.send(*(cases.accepted(f"e{n}", project_id=project) for n in range(5)))
    choking = Choking(rig.handlers, ["e2"], ValueError("a defect"))
    async with background(rig.worker(choking).run()):
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == {"e0", "e1", "e3", "e4"}
    assert [row[:2] for row in await rig.subject.quarantined(project)] == [("poison", "e2")]


async def test_an_event_alone_is_poison_only_after_several_deliveries(
    rig: Rig, project: str
) -> None:
    await rig.send(cases.accepted("e1", project_id=project))
    choking = Choking(rig.handlers, ["e1"], ValueError("a defect"))
    async with background(SupervisedLoop("events", rig.worker(choking).run).run()):
        await eventually_async(rig.all_settled, timeout_s=30)
    # Once with its batch and once alone, each time.
    assert choking.failures == 2 * POISON_DELIVERIES
    assert [row[:2] for row in await rig.subject.quarantined(project)] == [("poison", "e1")]


async def test_when_all_fail_the_fault_is_not_theirs(rig: Rig, project: str) -> None:
    ids = [f"e{n}" for n in range(3)]
    await rig.send(*(cases.accepted(one, project_id=project) for one in ids))
    choking = Choking(rig.handlers, ids, ValueError("a defect"))
    async with background(SupervisedLoop("events", rig.worker(choking).run).run()):

        async def long_enough() -> bool:
            return choking.failures > 4 * (POISON_DELIVERIES + 1)

        await eventually_async(long_enough, timeout_s=40)
        assert await rig.subject.quarantined(project) == []
        choking.event_ids.clear()  # mended
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == set(ids)


async def test_contention_is_nobodys_fault(rig: Rig, project: str) -> None:
    await rig.send(*(cases.accepted(f"e{n}", project_id=project) for n in range(3)))
    choking = Choking(rig.handlers, ["e1"], ConcurrentAppend())
    async with background(rig.worker(choking).run()):

        async def often() -> bool:
            return choking.failures > 2 * POISON_DELIVERIES

        await eventually_async(often)
        choking.event_ids.clear()
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == {"e0", "e1", "e2"}
    assert await rig.subject.quarantined(project) == []


async def test_a_database_that_refuses_all_work_sends_nothing_to_quarantine(
    rig: Rig, project: str
) -> None:
    await rig.send(*(cases.accepted(f"e{n}", project_id=project) for n in range(3)))
    url = rig.servers.postgres_url("scoreline_scoring_owner")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("REVOKE INSERT ON ledger FROM scoreline_scoring")
        try:
            for _ in range(POISON_DELIVERIES + 1):
                with pytest.raises(StoreBroken):
                    await rig.worker().run()
        finally:
            owner.execute("GRANT INSERT ON ledger TO scoreline_scoring")
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    assert await event_ids(rig, project) == {"e0", "e1", "e2"}
    assert await rig.subject.quarantined(project) == []


async def test_two_workers_share_the_stream(rig: Rig, project: str) -> None:
    other = EventHandlers(scoring_rig.PostgresSubject(rig.database).store, SystemClock())
    sent = [
        cases.accepted(f"e{n}", "signup", (n * 7) % 100, f"lead:l{n % 3}", project)
        for n in range(300)
    ]
    await rig.send(*sent)
    first, second = rig.worker(batch=10), rig.worker(other, batch=10)
    async with background(first.run()), background(second.run()):
        await eventually_async(rig.all_settled)
    async with rig.subject.store.begin() as tx:
        for lead in ("l0", "l1", "l2"):
            found = await tx.find_lead(project, f"lead:{lead}")
            assert found is not None
            assert (found.snapshot.version, found.snapshot.state.event_count) == (100, 100)
    assert len(await event_ids(rig, project)) == 300
    await assert_chain(rig.subject, project, [end for end, _ in await rig.subject.blocks(project)])


async def test_a_stopped_worker_finishes_what_it_has_in_hand(rig: Rig, project: str) -> None:
    await rig.send(*(cases.accepted(f"e{n}", project_id=project) for n in range(50)))
    worker = rig.worker(batch=10)

    class Stopping(Choking):
        async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
            worker.stop()
            return await self.inner.apply_events(events)

    worker._handlers = Stopping(rig.handlers, [], ValueError())  # type: ignore[assignment]
    await worker.run()
    settled = len(await event_ids(rig, project))
    assert 1 <= settled <= 10

    # What was scored is acknowledged, what was not comes again: to the next worker.
    async def acknowledged() -> bool:
        return (await rig.consumer()).ack_floor.stream_seq == settled  # type: ignore[union-attr]

    await eventually_async(acknowledged)
    async with background(rig.worker().run()):
        await eventually_async(rig.all_settled)
    assert len(await event_ids(rig, project)) == 50


@pytest.mark.timeout(60)
async def test_without_its_database_nothing_is_acknowledged_and_later_all_is_scored(
    project: str,
) -> None:
    with Stack(StackConfig(services=(), envoy=False)) as servers:
        service_database.migrate(servers, "scoring")
        async with (
            service_database.opened(servers, "scoring") as database,
            scoring_rig.opened(servers, database) as rig,
        ):
            await rig.send(*(cases.accepted(f"e{n}", project_id=project) for n in range(20)))
            servers.kill("postgres")
            loop = SupervisedLoop("events", rig.worker().run)
            async with background(loop.run()):

                async def unhealthy() -> bool:
                    return not loop.healthy

                await eventually_async(unhealthy, timeout_s=20)
                info = await rig.consumer()
                assert info.ack_floor.stream_seq == 0  # type: ignore[union-attr]
                servers.restart("postgres")
                await eventually_async(rig.all_settled, timeout_s=20)
            assert len(await event_ids(rig, project)) == 20
            assert await rig.subject.quarantined(project) == []
