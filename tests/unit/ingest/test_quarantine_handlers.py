"""Redriving: what goes where, in which order, what is gone from quarantine then, and how calls follow each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.domain.events import Origin
from services.ingest.domain.quarantine import item_id
from services.ingest.errors import IntakeFull
from services.ingest.ports import CannotRedeliver, Quarantined, Reason
from services.ingest.quarantine_handlers import (
    CALL_ITEMS_MAX,
    REDRIVEN_TOGETHER,
    QuarantineHandlers,
    Redriven,
    Selection,
)
from services.ingest.quarantine_ports import (
    CannotRequeue,
    ItemFilter,
    KeptItem,
    Position,
    ReasonCount,
    Seen,
)
from services.shared.errors import ResourceNotFound

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ORIGIN = Origin("prj_1", "request", "")
ALL = Selection(ItemFilter())


class Items:
    """The items of one project, in memory; filters by id only."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptItem] = {}
        self.most_read = 0

    def add(self, number: int, reason: Reason = Reason.POISON, **fields: object) -> KeptItem:
        given = {
            "project_id": "prj_1",
            "reason": reason,
            "detail": "",
            "event_id": f"e{number}",
            "source_id": "",
            "headers": {},
            "payload": b"%d" % number,
            "stream": "EVENTS",
        }
        item = Quarantined(**{**given, **fields})  # type: ignore[arg-type]
        first = NOW - timedelta(days=1) + timedelta(seconds=number)
        one = item_id(reason.value, "", item.payload)
        self.kept[one] = KeptItem(one, item, Seen(first, first), len(item.payload))
        return self.kept[one]

    async def keep_messages(self, items: Sequence[tuple[Quarantined, Seen]]) -> list[Quarantined]:
        raise AssertionError("callers keep nothing")

    async def newest(
        self, project_id: str, which: ItemFilter, after: Position | None, limit: int
    ) -> list[KeptItem]:
        return self._in_order(which)[::-1][:limit]

    async def oldest(
        self,
        project_id: str,
        which: ItemFilter,
        after: Position | None,
        until: datetime,
        limit: int,
    ) -> list[Position]:
        places = [(one.seen.first, one.item_id) for one in self._in_order(which)]
        return [one for one in places if (after is None or one > after) and one[0] <= until][:limit]

    async def items(self, project_id: str, item_ids: Sequence[str]) -> list[KeptItem]:
        self.most_read = max(self.most_read, len(item_ids))
        return [self.kept[one] for one in item_ids if one in self.kept]

    async def redriven(self, project_id: str, seen: Mapping[str, int], now: datetime) -> None:
        for one, count in seen.items():
            if self.kept[one].seen.count == count:
                del self.kept[one]

    async def discard(self, project_id: str, which: ItemFilter, limit: int) -> int:
        gone = self._in_order(which)[:limit]
        for one in gone:
            del self.kept[one.item_id]
        return len(gone)

    async def counts(self, project_id: str) -> list[ReasonCount]:
        return []

    async def forget_redriven(self, before: datetime, limit: int) -> int:
        return 0

    def _in_order(self, which: ItemFilter) -> list[KeptItem]:
        found = [one for one in self.kept.values() if which.item_id in ("", one.item_id)]
        return sorted(found, key=lambda one: (one.seen.first, one.item_id))


class Ways:
    """Both ways out of quarantine; what is in `refusals` does not go."""

    def __init__(self) -> None:
        self.requeued: list[str] = []
        self.redelivered: list[tuple[str, datetime]] = []
        self.refusals: dict[str, Exception] = {}

    async def requeue(self, item: KeptItem) -> None:
        self._refuse(item.item.event_id)
        self.requeued.append(item.item.event_id)

    async def redeliver(self, origin: Origin, item: Quarantined, first_seen: datetime) -> int:
        assert origin == ORIGIN
        self._refuse(item.event_id)
        self.redelivered.append((item.event_id, first_seen))
        return 1

    def _refuse(self, event_id: str) -> None:
        if event_id in self.refusals:
            raise self.refusals[event_id]


class _Clock:
    """Each look at it is 30 days later."""

    def __init__(self) -> None:
        self._next = NOW

    def now(self) -> datetime:
        self._next += timedelta(days=30)
        return self._next - timedelta(days=30)


@pytest.fixture
def items() -> Items:
    return Items()


@pytest.fixture
def ways() -> Ways:
    return Ways()


@pytest.fixture
def handlers(items: Items, ways: Ways) -> QuarantineHandlers:
    return QuarantineHandlers(items, ways, ways, _Clock())


async def all_of(handlers: QuarantineHandlers) -> list[Redriven]:
    """Calls until there is no next one."""
    answers = [await handlers.redrive(ORIGIN, ALL)]
    while following := answers[-1].next:
        answers.append(await handlers.redrive(ORIGIN, following))
    return answers


async def test_messages_go_back_and_deliveries_through_their_source(
    handlers: QuarantineHandlers, items: Items, ways: Ways
) -> None:
    delivery = items.add(1, Reason.MAPPING_FAILED, stream="")
    for number, reason in enumerate((Reason.UNDECODABLE, Reason.CONFLICT, Reason.POISON), 2):
        items.add(number, reason)
    assert await handlers.redrive(ORIGIN, ALL) == Redriven(4, 0, "", None)
    assert ways.requeued == ["e2", "e3", "e4"]
    assert ways.redelivered == [("e1", delivery.seen.first)]
    assert items.kept == {}


async def test_one_item(handlers: QuarantineHandlers, items: Items, ways: Ways) -> None:
    items.add(1)
    second = items.add(2)
    which = Selection(ItemFilter(item_id=second.item_id))
    assert await handlers.redrive(ORIGIN, which) == Redriven(1, 0, "", None)
    assert ways.requeued == ["e2"]
    with pytest.raises(ResourceNotFound):
        await handlers.redrive(ORIGIN, which)


async def test_what_fails_as_before_stays_and_the_first_says_why(
    handlers: QuarantineHandlers, items: Items, ways: Ways
) -> None:
    for number in range(4):
        items.add(number)
    items.add(9, Reason.MAPPING_FAILED)
    ways.refusals = {
        "e9": CannotRedeliver("no type"),
        "e1": CannotRequeue("never was an event"),
    }
    answer = await handlers.redrive(ORIGIN, ALL)
    assert answer == Redriven(3, 2, "never was an event", None)
    assert sorted(one.item.event_id for one in items.kept.values()) == ["e1", "e9"]


async def test_an_outage_is_told_and_what_went_before_is_gone(
    handlers: QuarantineHandlers, items: Items, ways: Ways
) -> None:
    for number in range(3):
        items.add(number)
    ways.refusals = {"e1": IntakeFull("full", 1.0)}
    with pytest.raises(IntakeFull):
        await handlers.redrive(ORIGIN, ALL)
    assert [one.item.event_id for one in items.kept.values()] == ["e1"]


async def test_calls_follow_each_other_past_what_fails_or_comes_back(
    handlers: QuarantineHandlers, items: Items, ways: Ways
) -> None:
    number = 2 * CALL_ITEMS_MAX + 5
    for one in range(number):
        items.add(one)
    ways.refusals = {f"e{one}": CannotRequeue("no") for one in range(CALL_ITEMS_MAX)}

    first = await handlers.redrive(ORIGIN, ALL)
    assert (first.redriven, first.failed) == (0, CALL_ITEMS_MAX)
    assert first.next is not None
    # New since the first call.
    late = items.add(10**6)
    second = await handlers.redrive(ORIGIN, first.next)
    assert (second.redriven, second.failed) == (CALL_ITEMS_MAX, 0)
    assert second.next is not None
    third = await handlers.redrive(ORIGIN, second.next)
    assert third == Redriven(5, 0, "", None)
    assert ways.requeued == [f"e{one}" for one in range(CALL_ITEMS_MAX, number)]
    assert len(items.kept) == CALL_ITEMS_MAX + 1
    assert late.item_id in items.kept
    assert items.most_read == REDRIVEN_TOGETHER


async def test_exactly_as_many_as_a_call_takes_is_one_call(
    handlers: QuarantineHandlers, items: Items
) -> None:
    for one in range(CALL_ITEMS_MAX):
        items.add(one)
    assert await all_of(handlers) == [Redriven(CALL_ITEMS_MAX, 0, "", None)]


async def test_discarding_says_whether_there_are_more(
    handlers: QuarantineHandlers, items: Items
) -> None:
    for number in range(CALL_ITEMS_MAX + 1):
        items.add(number)
    assert await handlers.discard("prj_1", ItemFilter()) == (CALL_ITEMS_MAX, True)
    (left,) = items.kept
    assert await handlers.discard("prj_1", ItemFilter(item_id=left)) == (1, False)
    assert await handlers.discard("prj_1", ItemFilter()) == (0, False)
    with pytest.raises(ResourceNotFound):
        await handlers.discard("prj_1", ItemFilter(item_id=left))


async def test_an_item_that_is_not_there(handlers: QuarantineHandlers) -> None:
    with pytest.raises(ResourceNotFound):
        await handlers.item("prj_1", "qua_0")
