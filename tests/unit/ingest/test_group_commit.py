"""The group commit against a store that does what a test says: gathering, limits, fallback, failures, cancellation,
drain. With the real broker: tests/integration/ingest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.ingest.errors import BatchRefused, IntakeFull
from services.ingest.ports import Outcome, Stored
from services.ingest.worker import GroupCommit, Limits
from services.shared.errors import DependencyUnavailable, ServiceError
from services.shared.publishing import OutgoingMessage
from tests.support.eventually import eventually_async

LIMITS = Limits(
    gather_s_max=0.002,
    batch_events_max=100,
    few_events_max=1,
    batch_bytes_max=10_000,
    batches_in_flight_max=2,
    intake_events_max=1_000,
    intake_bytes_max=100_000,
)
LONG_S = 30.0
"""A gather window that no test waits out."""


class FakeStore:
    """Remembers what it is told to store; waits at a gate, and fails as told."""

    def __init__(self) -> None:
        self.reachable = True
        self.batches: list[list[str]] = []
        """What each attempt to store together had."""
        self.singles: list[str] = []
        self.stored: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse_batches: BaseException | None = None
        self.refuse_single: Callable[[str], BaseException | None] = lambda _: None
        self.most_at_once = 0
        self._at_once = 0

    async def append_all(self, messages: Sequence[OutgoingMessage]) -> None:
        ids = [message.message_id or "" for message in messages]
        self.batches.append(ids)
        if self.refuse_batches:
            raise self.refuse_batches
        await self._pass_gate()
        if self.stored & set(ids) or len(ids) != len(set(ids)):
            raise BatchRefused("duplicate")
        self.stored.update(ids)

    async def append(self, message: OutgoingMessage) -> Stored:
        id_ = message.message_id or ""
        self.singles.append(id_)
        if error := self.refuse_single(id_):
            raise error
        await self._pass_gate()
        if id_ in self.stored:
            return Stored.DUPLICATE
        self.stored.add(id_)
        return Stored.NEW

    async def _pass_gate(self) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.gate.wait()
        finally:
            self._at_once -= 1


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@asynccontextmanager
async def running(store: FakeStore, limits: Limits = LIMITS) -> AsyncIterator[GroupCommit]:
    commit = GroupCommit(store, limits)
    loop = asyncio.create_task(commit.run())
    try:
        yield commit
    finally:
        store.gate.set()
        commit.stop()
        await asyncio.wait_for(loop, 5)


def message(id_: str, size: int = 10) -> OutgoingMessage:
    return OutgoingMessage("events.p.x", b"x" * size, id_)


def messages(*ids: str) -> list[OutgoingMessage]:
    return [message(id_) for id_ in ids]


def is_busy(store: FakeStore, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(store.batches) + len(store.singles) >= count

    return check


async def occupy(
    commit: GroupCommit, store: FakeStore, slots: int
) -> "list[asyncio.Future[list[Outcome]]]":
    """Have `slots` commits wait at the gate."""
    store.gate.clear()
    waiting = []
    for number in range(slots):
        waiting.append(commit.submit([message(f"occupant-{number}")]))
        await eventually_async(is_busy(store, number + 1))
    return waiting


async def test_a_lone_event_does_not_wait_for_company(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, gather_s_max=LONG_S)) as commit:
        assert await commit.submit(messages("a")) == [Stored.NEW]
    assert store.singles == ["a"]


async def test_concurrent_callers_share_a_batch(store: FakeStore) -> None:
    async with running(store) as commit:
        outcomes = await asyncio.gather(*(commit.submit(messages(f"e{n}")) for n in range(64)))
    assert outcomes == [[Stored.NEW]] * 64
    assert len(store.batches) + len(store.singles) <= 2


async def test_a_few_events_are_stored_one_by_one_all_at_once(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, few_events_max=3)) as commit:
        store.gate.clear()
        few = commit.submit(messages("a", "b", "c"))
        await eventually_async(is_busy(store, 3))
        assert (store.batches, store.most_at_once) == ([], 3)
        store.gate.set()
        assert await few == [Stored.NEW] * 3
        await commit.submit(messages("d", "e", "f", "g"))
    assert (store.singles, store.batches) == (["a", "b", "c"], [["d", "e", "f", "g"]])


async def test_what_was_stored_a_moment_ago_is_not_stored_again(store: FakeStore) -> None:
    async with running(store) as commit:
        await commit.submit(messages("a", "b"))
        assert await commit.submit(messages("b", "c", "a")) == [
            Stored.DUPLICATE,
            Stored.NEW,
            Stored.DUPLICATE,
        ]
    assert (store.batches, store.singles) == ([["a", "b"]], ["c"])


async def test_what_could_not_be_stored_is_not_taken_for_stored(store: FakeStore) -> None:
    store.refuse_single = lambda _: DependencyUnavailable("away")
    async with running(store) as commit:
        (first,) = await commit.submit(messages("a"))
        assert isinstance(first, DependencyUnavailable)
        store.refuse_single = lambda _: None
        assert await commit.submit(messages("a")) == [Stored.NEW]


async def test_events_wait_for_company_while_others_are_on_their_way(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, gather_s_max=LONG_S)) as commit:
        (first,) = await occupy(commit, store, 1)
        rest = []
        for number in range(10):
            rest.append(commit.submit(messages(f"e{number}")))
            await asyncio.sleep(0)
        assert store.batches == []
        store.gate.set()
        await asyncio.gather(first, *rest)
    assert [len(batch) for batch in store.batches] == [10]


async def test_the_wait_for_company_ends(store: FakeStore) -> None:
    async with running(store) as commit:
        await occupy(commit, store, 1)
        commit.submit(messages("a", "b"))
        await eventually_async(is_busy(store, 2))
        assert store.batches == [["a", "b"]]


async def test_a_full_batch_does_not_wait(store: FakeStore) -> None:
    limits = replace(LIMITS, gather_s_max=LONG_S, batch_events_max=3)
    async with running(store, limits) as commit:
        await occupy(commit, store, 1)
        commit.submit(messages("a"))
        await asyncio.sleep(0)
        commit.submit(messages("b", "c"))
        await eventually_async(is_busy(store, 2))
        assert store.batches == [["a", "b", "c"]]


async def test_batches_are_bounded_in_events_and_bytes(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, batch_events_max=4)) as commit:
        await commit.submit([message(f"n{number}") for number in range(10)])
    assert [len(batch) for batch in store.batches] == [4, 4, 2]
    store.batches.clear()
    async with running(store, replace(LIMITS, batch_bytes_max=1_000)) as commit:
        await commit.submit([message(f"b{number}", size=400) for number in range(6)])
    assert [len(batch) for batch in store.batches] == [2, 2, 2]


async def test_an_event_larger_than_a_batch_goes_alone(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, batch_bytes_max=1_000)) as commit:
        assert await commit.submit([message("big", size=5_000)]) == [Stored.NEW]


async def test_batches_on_their_way_are_bounded(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, batch_events_max=2)) as commit:
        await occupy(commit, store, 2)
        waiting = commit.submit(messages(*(f"e{number}" for number in range(20))))
        for _ in range(10):
            await asyncio.sleep(0)
        assert store.batches == []
        store.gate.set()
        await waiting
    assert store.most_at_once == 2


async def test_order_is_kept(store: FakeStore) -> None:
    async with running(store, replace(LIMITS, batch_events_max=7)) as commit:
        ids = [f"e{number}" for number in range(50)]
        await commit.submit(messages(*ids))
    assert [id_ for batch in store.batches for id_ in batch] + store.singles == ids


async def test_a_refused_batch_is_stored_singly(store: FakeStore) -> None:
    store.stored.add("old")
    async with running(store) as commit:
        mine, other = commit.submit(messages("a", "old")), commit.submit(messages("b"))
        assert await mine == [Stored.NEW, Stored.DUPLICATE]
        assert await other == [Stored.NEW]
    assert store.stored == {"a", "b", "old"}


async def test_one_refused_event_does_not_fail_its_neighbours(store: FakeStore) -> None:
    store.refuse_batches = BatchRefused("limits")
    error = DependencyUnavailable("not this one")
    store.refuse_single = lambda id_: error if id_ == "bad" else None
    async with running(store) as commit:
        assert await commit.submit(messages("a", "bad", "b")) == [Stored.NEW, error, Stored.NEW]


async def test_the_same_event_twice_in_a_batch_is_sent_once(store: FakeStore) -> None:
    async with running(store) as commit:
        outcomes = await commit.submit(messages("a", "b", "a"))
    assert outcomes == [Stored.NEW, Stored.NEW, Stored.DUPLICATE]
    assert store.batches == [["a", "b"]]


async def test_the_same_event_again_while_it_is_on_its_way_shares_its_fate(
    store: FakeStore,
) -> None:
    async with running(store) as commit:
        (first,) = await occupy(commit, store, 1)
        again = commit.submit(messages("occupant-0"))
        store.gate.set()
        assert (await first, await again) == ([Stored.NEW], [Stored.DUPLICATE])
    assert store.singles == ["occupant-0"]


async def test_an_unknown_outcome_is_no_acknowledgement(store: FakeStore) -> None:
    error = DependencyUnavailable("gone")
    store.refuse_batches = error
    async with running(store) as commit:
        assert await commit.submit(messages("a", "b", "a")) == [error, error, error]
        assert store.singles == []
        store.refuse_batches = None
        assert await commit.submit(messages("a", "b")) == [Stored.NEW, Stored.NEW]


async def test_a_full_stream_is_said_so(store: FakeStore) -> None:
    store.refuse_batches = IntakeFull("full", 1.0)
    async with running(store) as commit:
        outcomes = await commit.submit(messages("a", "b"))
    assert outcomes == [store.refuse_batches] * 2
    assert store.singles == []


async def test_without_a_connection_nothing_is_taken_in(store: FakeStore) -> None:
    store.reachable = False
    async with running(store) as commit:
        (outcome,) = await commit.submit(messages("a"))
        assert isinstance(outcome, DependencyUnavailable)
        assert outcome.retry_after_s
        assert store.singles == []


@pytest.mark.parametrize(
    "limits", [replace(LIMITS, intake_events_max=5), replace(LIMITS, intake_bytes_max=50)]
)
async def test_a_full_intake_refuses_what_is_too_much(store: FakeStore, limits: Limits) -> None:
    async with running(store, limits) as commit:
        occupants = await occupy(commit, store, 2)
        outcomes = commit.submit(messages(*(f"e{number}" for number in range(5))))
        store.gate.set()
        found = await outcomes
        assert found[:3] == [Stored.NEW] * 3
        assert all(isinstance(one, IntakeFull) and one.retry_after_s for one in found[3:])
        await asyncio.gather(*occupants)
        # There is room again.
        assert await commit.submit(messages(*(f"f{n}" for n in range(5)))) == [Stored.NEW] * 5


async def test_a_caller_that_gives_up_does_not_fail_its_neighbours(store: FakeStore) -> None:
    async with running(store) as commit:
        await occupy(commit, store, 1)
        gone, stays = commit.submit(messages("gone")), commit.submit(messages("a", "b"))
        await eventually_async(is_busy(store, 2))
        gone.cancel()
        store.gate.set()
        assert await stays == [Stored.NEW, Stored.NEW]


async def test_what_nobody_waits_for_is_not_stored(store: FakeStore) -> None:
    async with running(store) as commit:
        occupants = await occupy(commit, store, 2)
        gone, stays = commit.submit(messages("gone", "both")), commit.submit(messages("both"))
        gone.cancel()
        store.gate.set()
        assert isinstance((await stays)[0], Stored)
        await asyncio.gather(*occupants)
        assert "gone" not in store.stored
        # It left no trace: sent again, it is new.
        assert await commit.submit(messages("gone")) == [Stored.NEW]


async def test_a_defect_acknowledges_nothing_and_stops_nothing(store: FakeStore) -> None:
    store.refuse_batches = RuntimeError("a defect")
    async with running(store) as commit:
        outcomes = await commit.submit(messages("a", "b"))
        assert all(isinstance(one, ServiceError) for one in outcomes)
        store.refuse_batches = None
        assert await commit.submit(messages("a", "b")) == [Stored.NEW, Stored.NEW]


async def test_a_defect_in_a_single_store_is_that_event_s_alone(store: FakeStore) -> None:
    store.refuse_batches = BatchRefused("limits")
    store.refuse_single = lambda id_: RuntimeError("a defect") if id_ == "bad" else None
    async with running(store, replace(LIMITS, batch_events_max=3)) as commit:
        await occupy(commit, store, 1)
        outcomes = commit.submit(messages("a", "bad", "b"))
        await eventually_async(is_busy(store, 1 + 1 + 3))
        store.gate.set()
        first, bad, last = await outcomes
    assert (first, last) == (Stored.NEW, Stored.NEW)
    assert isinstance(bad, ServiceError)


async def test_stop_finishes_what_was_taken_in(store: FakeStore) -> None:
    commit = GroupCommit(store, replace(LIMITS, batch_events_max=3))
    loop = asyncio.create_task(commit.run())
    occupants = await occupy(commit, store, 2)
    gathered = commit.submit(messages(*(f"e{number}" for number in range(8))))
    commit.stop()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not loop.done()
    store.gate.set()
    await asyncio.wait_for(loop, 5)
    assert gathered.done()
    assert await gathered == [Stored.NEW] * 8
    assert all(occupant.done() for occupant in occupants)


async def test_stop_when_idle_ends_at_once(store: FakeStore) -> None:
    commit = GroupCommit(store, LIMITS)
    loop = asyncio.create_task(commit.run())
    await asyncio.sleep(0)
    commit.stop()
    await asyncio.wait_for(loop, 5)


async def test_a_cancelled_loop_acknowledges_nothing(store: FakeStore) -> None:
    commit = GroupCommit(store, LIMITS)
    loop = asyncio.create_task(commit.run())
    (occupant,) = await occupy(commit, store, 1)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    (outcome,) = await occupant
    assert isinstance(outcome, DependencyUnavailable)


async def test_a_message_without_an_id_is_a_defect(store: FakeStore) -> None:
    with pytest.raises(ValueError, match="message id"):
        GroupCommit(store, LIMITS).submit([OutgoingMessage("events.p.x", b"x")])
