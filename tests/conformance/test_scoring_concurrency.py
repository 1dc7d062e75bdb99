"""Transactions of scoring side by side: who waits for whom, what each then sees, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.scoring.domain.identity import lead_id_of
from services.scoring.errors import ConcurrentAppend, LeadTaken
from services.scoring.ports import Quarantined
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_subjects import (
    NEW,
    NOW,
    Subject,
    apply,
    assert_chain,
    find,
    profile,
    score,
)

BLOCKED_S = 0.2
"""A transaction that has not gone on by then waits for another."""


async def waits(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start the work, which must not come to its end by itself."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait([task], timeout=BLOCKED_S)
    assert not done
    return task


async def test_two_transactions_on_one_lead_go_one_after_the_other(
    scoring: Subject, project: str
) -> None:
    await apply(scoring, [cases.incoming("e0", project_id=project)])
    async with scoring.store.begin() as tx:
        await score(tx, [cases.incoming("e1", minutes=1, project_id=project)])
        second = await waits(apply(scoring, [cases.incoming("e2", minutes=2, project_id=project)]))
    await second
    # The second built on what the first committed while it waited: on its snapshot, not on one read before.
    view = await find(scoring, project)
    assert view is not None
    assert (view.snapshot.version, view.snapshot.state.event_count) == (3, 3)
    assert [version for _, version, _ in await scoring.outbox(project, "ada")] == [1, 2, 3]
    await assert_chain(scoring, project, [1, 2, 3])


async def test_who_waits_for_a_lead_that_is_rolled_back_gets_it_as_it_was(
    scoring: Subject, project: str
) -> None:
    await apply(scoring, [cases.incoming("e0", project_id=project)])
    second: asyncio.Task[None]
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the error comes last
        async with scoring.store.begin() as tx:
            await score(tx, [cases.incoming("e1", minutes=1, project_id=project)])
            second = await waits(
                apply(scoring, [cases.incoming("e2", minutes=2, project_id=project)])
            )
            raise ZeroDivisionError
    await second
    view = await find(scoring, project)
    assert view is not None
    assert view.snapshot.version == 2
    assert [row[1] for row in await scoring.ledger(project)] == ["e0", "e2"]
    await assert_chain(scoring, project, [1, 2])


async def test_a_lead_made_by_two_at_once_is_made_once(scoring: Subject, project: str) -> None:
    async with scoring.store.begin() as tx:
        await score(tx, [cases.incoming("e1", project_id=project)])
        second = await waits(apply(scoring, [cases.incoming("e2", minutes=1, project_id=project)]))
    await second
    view = await find(scoring, project)
    assert view is not None
    assert view.snapshot.version == 2


async def test_the_same_event_in_two_transactions_is_appended_once(
    scoring: Subject, project: str
) -> None:
    """On two leads, so that no row lock keeps them apart: the ledger's key decides, and the loser leaves nothing."""
    one = cases.incoming("e1", subject="lead:ada", project_id=project)
    other = cases.incoming("e1", subject="lead:bob", project_id=project)
    async with scoring.store.begin() as tx:
        assert await tx.payload_hashes([one.key]) == {}
        await score(tx, [one])
        second = await waits(apply(scoring, [other]))
    with pytest.raises(ConcurrentAppend):
        await second
    assert [row[3] for row in await scoring.ledger(project)] == ["lead:ada"]
    assert await find(scoring, project, "bob") is None
    assert await scoring.outbox(project, "bob") == []
    await assert_chain(scoring, project, [1])


async def test_opposite_orders_do_not_lock_each_other_out(scoring: Subject, project: str) -> None:
    """Many transactions on the same leads, each naming them in its own order; new leads and projects as well."""
    projects = [project, project + "-b", project + "-c"]
    leads = [f"lead:l{number}" for number in range(8)]

    async def one(number: int) -> None:
        events = [
            cases.incoming(f"{number}-{lead}", minutes=number, subject=lead, project_id=project_id)
            for lead in leads
            for project_id in projects
        ]
        await apply(scoring, events[::-1] if number % 2 else events, replay=True)

    await asyncio.gather(*(one(number) for number in range(6)))
    for project_id in projects:
        await assert_chain(scoring, project_id, [8, 16, 24, 32, 40, 48])
        for lead in leads:
            view = await find(scoring, project_id, lead.removeprefix("lead:"))
            assert view is not None
            assert (view.snapshot.version, view.snapshot.state.event_count) == (6, 6)


async def test_an_activation_gets_its_turn_among_transactions_that_overlap(
    scoring: Subject, project: str
) -> None:
    async def activate() -> None:
        async with scoring.store.begin() as tx:
            await tx.record_activation(cases.activation(1, project_id=project), START)

    async def hold(begun: asyncio.Event, end: asyncio.Event) -> None:
        async with scoring.store.begin() as tx:
            await tx.rules_in_force([project])
            begun.set()
            await end.wait()

    async with scoring.store.begin() as tx:
        await tx.rules_in_force([project])
    ends: list[asyncio.Event] = []
    holders: list[asyncio.Task[None]] = []
    activating: asyncio.Task[None] | None = None
    for _ in range(10):
        begun, end = asyncio.Event(), asyncio.Event()
        holders.append(asyncio.create_task(hold(begun, end)))
        ends.append(end)
        # Each ends only when the next has begun, if that can.
        await asyncio.wait([asyncio.create_task(begun.wait())], timeout=BLOCKED_S)
        if activating is None:
            activating = await waits(activate())
        for earlier in ends[:-1]:
            earlier.set()
    assert activating is not None
    assert activating.done()
    ends[-1].set()
    await asyncio.gather(activating, *holders)


async def test_leads_are_locked_in_order_of_their_ids(scoring: Subject, project: str) -> None:
    """Two that lock several leads at once never wait for each other, whatever order they name them in."""
    keys = [(project, f"l{number}") for number in range(20)]
    events = [cases.incoming(f"e{k}", subject=f"lead:{k}", project_id=project) for _, k in keys]
    await apply(scoring, events)

    async def hold(order: list[tuple[str, str]]) -> None:
        for _ in range(10):
            async with scoring.store.begin() as tx:
                assert list(await tx.lock(order)) == keys_in_order
                assert len(await tx.lock_next(project, "", 20)) == 20

    keys_in_order = sorted(keys)
    await asyncio.gather(*(hold(keys[start:] + keys[:start]) for start in (0, 5, 10, 15)))


async def test_lock_next_goes_through_all_leads_of_the_project_and_no_other(
    scoring: Subject, project: str
) -> None:
    ids = ["A", "Z", "a", "b", "é", "😀"]
    events = [cases.incoming(one, subject=f"lead:{one}", project_id=project) for one in ids]
    await apply(scoring, events)
    await apply(scoring, [cases.incoming("x", subject="lead:c", project_id=project + "x")])
    found: list[str] = []
    async with scoring.store.begin() as tx:
        while page := await tx.lock_next(project, found[-1] if found else "", 4):
            found += [lead_id for _, lead_id in page]
            assert all(snapshot.version == 1 for snapshot in page.values())
    assert found == ids


async def test_a_lead_that_is_being_made_is_taken(scoring: Subject, project: str) -> None:
    async def make() -> None:
        async with scoring.store.begin() as tx:
            await tx.create_lead(profile(project), ["lead:ada", "email:a@b.c"], NEW)

    async with scoring.store.begin() as tx:
        await tx.create_lead(profile(project), ["lead:ada"], NEW)
        second = await waits(make())
    with pytest.raises(LeadTaken):
        await second
    # Nothing of the loser stays: the address is free.
    async with scoring.store.begin() as tx:
        assert await tx.find_lead(project, "email:a@b.c") is None
        await tx.create_lead(profile(project, "eve", email="a@b.c"), ["email:a@b.c"], NEW)


async def test_the_id_of_a_lead_that_events_made_is_taken(scoring: Subject, project: str) -> None:
    derived = lead_id_of("email:a@b.c")
    await apply(scoring, [cases.incoming("e1", subject="email:a@b.c", project_id=project)])
    for lead_id, subjects in [("x", ["lead:x", "email:a@b.c"]), (derived, [f"lead:{derived}"])]:
        with pytest.raises(LeadTaken):
            async with scoring.store.begin() as tx:
                await tx.create_lead(profile(project, lead_id), subjects, NEW)
    assert await find(scoring, project, "x") is None


async def test_a_profile_is_edited_by_one_at_a_time(scoring: Subject, project: str) -> None:
    async with scoring.store.begin() as tx:
        await tx.create_lead(profile(project), ["lead:ada"], NEW)

    async def edit() -> None:
        async with scoring.store.begin() as tx:
            found = await tx.lock_profile((project, "ada"))
            assert found is not None
            assert found.revision == 2
            await tx.update_profile(profile(project, revision=found.revision + 1, company="Z"))

    async with scoring.store.begin() as tx:
        assert await tx.lock_profile((project, "ada")) == profile(project)
        assert await tx.lock_profile((project, "bob")) is None
        second = await waits(edit())
        await tx.update_profile(profile(project, revision=2, company="Y"))
    await second
    view = await find(scoring, project)
    assert view is not None
    assert (view.profile.revision, view.profile.company) == (3, "Z")


async def test_what_is_in_quarantine_twice_is_counted(scoring: Subject, project: str) -> None:
    one = Quarantined(project, "poison", "e1", b"\x00\xff")
    other = Quarantined(project, "undecodable", "", b"\x00\xff")
    for items in ([one], [other, one], [one, one]):
        async with scoring.store.begin() as tx:
            await tx.quarantine(items, NOW)
    found = await scoring.quarantined(project)
    assert sorted(found) == [("poison", "e1", b"\x00\xff", 4), ("undecodable", "", b"\x00\xff", 1)]


async def test_the_same_quarantine_from_two_sides_does_not_lock(
    scoring: Subject, project: str
) -> None:
    items = [Quarantined(project, "poison", f"e{n}", bytes([n])) for n in range(30)]

    async def keep(order: list[Quarantined]) -> None:
        for _ in range(5):
            async with scoring.store.begin() as tx:
                await tx.quarantine(order, NOW)

    await asyncio.gather(keep(items), keep(items[::-1]), keep(items[10:] + items[:10]))
    assert {seen for _, _, _, seen in await scoring.quarantined(project)} == {15}
