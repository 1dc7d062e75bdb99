"""Quarantine in Postgres: kept once and counted, bounded, listed, redriven, remembered, thrown away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.errors import QuarantineFull
from services.ingest.ports import Quarantined, Reason
from services.ingest.quarantine_ports import ItemFilter, KeptItem, Position, ReasonCount, Seen
from services.ingest.quarantine_store import PostgresQuarantine
from services.shared.db import Database
from stack import Stack
from tests.support import service_database
from tests.support.service_database import Migrated

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = ItemFilter()


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("ingest")


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with service_database.opened(schema, "ingest") as database:
        yield database


@pytest.fixture
def store(database: Database) -> PostgresQuarantine:
    return PostgresQuarantine(database)


@pytest.fixture
def project() -> str:
    return f"prj_{uuid.uuid4().hex}"


def message(project: str, number: int = 0, **fields: object) -> Quarantined:
    """A message that could not be scored."""
    given = {
        "reason": Reason.POISON,
        "detail": "why",
        "event_id": f"e{number}",
        "source_id": "",
        "headers": {},
        "payload": b"payload %d" % number,
        "stream": "EVENTS",
    }
    return Quarantined(project_id=project, **{**given, **fields})  # type: ignore[arg-type]


def delivery(project: str, number: int = 0, source: str = "src_1") -> Quarantined:
    """A delivery that its mapping could not make into events."""
    return message(
        project,
        number,
        reason=Reason.MAPPING_FAILED,
        source_id=source,
        headers={"content-type": "text/plain"},
        stream="",
    )


def at(day: int) -> Seen:
    return Seen(NOW + day * DAY, NOW + day * DAY)


async def listed(store: PostgresQuarantine, project: str, which: ItemFilter = ALL) -> list[str]:
    return [one.item.event_id for one in await store.newest(project, which, None, 100)]


async def whole(store: PostgresQuarantine, project: str) -> list[KeptItem]:
    ids = [one.item_id for one in await store.newest(project, ALL, None, 100)]
    return await store.items(project, ids)


async def test_an_item_is_kept_whole(store: PostgresQuarantine, project: str) -> None:
    kept = delivery(project)
    await store.keep(kept, NOW)
    (found,) = await whole(store, project)
    assert (found.item, found.seen) == (kept, Seen(NOW, NOW))
    assert found.size_bytes == len(kept.payload)
    (short,) = await store.newest(project, ALL, None, 10)
    assert (short.item.payload, dict(short.item.headers)) == (b"", {})
    assert short.size_bytes == len(kept.payload)


async def test_what_comes_again_is_counted(store: PostgresQuarantine, project: str) -> None:
    await store.keep_messages([(message(project), at(2)), (message(project), at(1))])
    await store.keep_messages([(message(project), Seen(NOW, NOW + 5 * DAY, 7))])
    (found,) = await whole(store, project)
    assert found.seen == Seen(NOW, NOW + 5 * DAY, 9)
    assert await store.counts(project) == [ReasonCount(Reason.POISON, 1, 9, 0)]


async def test_reason_source_and_bytes_make_an_item(
    store: PostgresQuarantine, project: str
) -> None:
    items = [
        delivery(project),
        delivery(project, source="src_2"),
        message(project),
        message(project, reason=Reason.CONFLICT),
        message(project, 1),
    ]
    for item in items:
        await store.keep(item, NOW)
    found = await whole(store, project)
    assert sorted(map(_content, items)) == sorted(_content(one.item) for one in found)


def _content(item: Quarantined) -> tuple[str, str, bytes]:
    return (item.reason.value, item.source_id, item.payload)


async def test_projects_do_not_see_each_other(store: PostgresQuarantine, project: str) -> None:
    await store.keep(message(project), NOW)
    (mine,) = await whole(store, project)
    other = f"{project}-b"
    assert await store.newest(other, ALL, None, 10) == []
    assert await store.items(other, [mine.item_id]) == []
    assert await store.discard(other, ALL, 10) == 0
    await store.redriven(other, {mine.item_id: 1}, NOW)
    assert await whole(store, project) == [mine]
    assert await store.counts(other) == []


async def test_filters(store: PostgresQuarantine, project: str) -> None:
    await store.keep_messages(
        [(message(project, 1), at(1)), (message(project, 2, reason=Reason.CONFLICT), at(2))]
    )
    await store.keep(delivery(project, 3), NOW + 3 * DAY)
    assert await listed(store, project) == ["e3", "e2", "e1"]
    assert await listed(store, project, ItemFilter(reason=Reason.CONFLICT)) == ["e2"]
    assert await listed(store, project, ItemFilter(source_id="src_1")) == ["e3"]
    assert await listed(store, project, ItemFilter(event_id="e1")) == ["e1"]
    assert await listed(store, project, ItemFilter(seen_after=NOW + 2 * DAY)) == ["e3", "e2"]
    assert await listed(store, project, ItemFilter(seen_before=NOW + 2 * DAY)) == ["e1"]


async def test_pages_both_ways(store: PostgresQuarantine, project: str) -> None:
    # Several of the same instant: the id decides.
    await store.keep_messages([(message(project, n), at(n // 3)) for n in range(10)])
    everything = await store.newest(project, ALL, None, 100)
    paged: list[KeptItem] = []
    after: Position | None = None
    while page := await store.newest(project, ALL, after, 3):
        paged += page
        after = (page[-1].seen.last, page[-1].item_id)
    assert paged == everything
    assert len(everything) == 10

    until = NOW + 2 * DAY
    places: list[Position] = []
    while some := await store.oldest(project, ALL, places[-1] if places else None, until, 2):
        places += some
    assert places == sorted(
        (one.seen.first, one.item_id) for one in everything if one.seen.first <= until
    )
    assert len(places) == 9


async def test_what_was_redriven_is_gone_and_counted_on_when_it_comes_back(
    store: PostgresQuarantine, project: str
) -> None:
    await store.keep_messages([(message(project), at(0))])
    (item,) = await whole(store, project)
    await store.redriven(project, {item.item_id: 1}, NOW + DAY)
    assert await whole(store, project) == []
    assert await store.counts(project) == []
    assert await store.discard(project, ALL, 10) == 0

    await store.keep_messages([(message(project), at(2))])
    (back,) = await whole(store, project)
    assert back.item == item.item
    assert back.seen == Seen(NOW, NOW + 2 * DAY, 2)
    assert await store.forget_redriven(NOW + 10 * DAY, 100_000) >= 0
    assert await whole(store, project) == [back]


async def test_what_came_back_before_it_was_noted_as_redriven_stays(
    store: PostgresQuarantine, project: str
) -> None:
    await store.keep_messages([(message(project), at(0))])
    (item,) = await whole(store, project)
    await store.keep_messages([(message(project), at(1))])
    await store.redriven(project, {item.item_id: item.seen.count}, NOW)
    (still,) = await whole(store, project)
    assert still.seen.count == 2


async def test_what_does_not_come_back_is_forgotten(
    store: PostgresQuarantine, project: str
) -> None:
    await store.keep_messages([(message(project), at(0))])
    (item,) = await whole(store, project)
    await store.redriven(project, {item.item_id: 1}, NOW)
    await store.forget_redriven(NOW, 100_000)
    await store.keep_messages([(message(project), at(1))])
    (counted_on,) = await whole(store, project)
    assert counted_on.seen.count == 2
    await store.redriven(project, {item.item_id: 2}, NOW)
    assert await store.forget_redriven(NOW + DAY, 100_000) >= 1
    await store.keep_messages([(message(project), at(1))])
    (anew,) = await whole(store, project)
    assert anew.seen.count == 1


async def test_discarding_a_filter_stops_at_the_limit(
    store: PostgresQuarantine, project: str
) -> None:
    await store.keep_messages([(message(project, n), at(n)) for n in range(5)])
    await store.keep(delivery(project, 9), NOW)
    assert await store.discard(project, ItemFilter(reason=Reason.POISON), 3) == 3
    # First seen first.
    assert await listed(store, project) == ["e4", "e3", "e9"]
    assert await store.discard(project, ALL, 100) == 3
    assert await store.counts(project) == []


async def test_a_full_quarantine_refuses_deliveries_and_counts_messages(
    database: Database, project: str
) -> None:
    store = PostgresQuarantine(database, items_max=1)
    await store.keep_messages([(message(project, 1), at(1))])
    await store.keep(delivery(project, 2), NOW)

    with pytest.raises(QuarantineFull):
        await store.keep(delivery(project, 3), NOW)
    fourth = message(project, 4)
    assert await store.keep_messages([(fourth, at(1)), (message(project, 1), at(2))]) == [fourth]
    assert await store.keep_messages([(fourth, Seen(NOW, NOW, 3))]) == [fourth]
    assert await store.counts(project) == [
        ReasonCount(Reason.POISON, 1, 2, 4),
        ReasonCount(Reason.MAPPING_FAILED, 1, 1, 0),
    ]
    # What is known is counted all the same, and other projects have their own room.
    await store.keep(delivery(project, 2), NOW)
    await store.keep(delivery(f"{project}-b", 2), NOW)

    assert await store.discard(project, ALL, 10) == 2
    await store.keep(delivery(project, 3), NOW)
    (poison,) = [one for one in await store.counts(project) if one.reason is Reason.POISON]
    assert poison == ReasonCount(Reason.POISON, 0, 0, 4)


async def test_bytes_are_bounded_too_and_redriving_makes_room(
    database: Database, project: str
) -> None:
    store = PostgresQuarantine(database, bytes_max=25)
    big = message(project, 1, payload=bytes(20))
    assert await store.keep_messages([(big, at(1))]) == []
    small = message(project, 2, payload=bytes(6))
    assert await store.keep_messages([(small, at(1))]) == [small]
    (item,) = await whole(store, project)
    await store.redriven(project, {item.item_id: 1}, NOW)
    assert await store.keep_messages([(small, at(1))]) == []
    # It was here before: it comes back also where that is more than there is room for.
    assert await store.keep_messages([(big, at(1))]) == []
    assert len(await whole(store, project)) == 2


async def test_an_event_that_is_sent_again_is_the_same_item_whatever_bytes_it_came_in(
    store: PostgresQuarantine, project: str
) -> None:
    def conflict(number: int, said: bytes = b"said", event_id: str = "e1") -> Quarantined:
        bytes_ = b"request %d" % number
        return message(
            project,
            reason=Reason.CONFLICT,
            event_id=event_id,
            payload=bytes_,
            payload_hash=said,
        )

    await store.keep_messages([(conflict(1), at(1)), (conflict(2), at(2))])
    await store.keep_messages([(conflict(3), at(3))])
    (found,) = await whole(store, project)
    assert found.seen == Seen(NOW + DAY, NOW + 3 * DAY, 3)
    assert found.item.payload in (b"request 1", b"request 2")
    await store.keep_messages([(conflict(4, said=b"other"), at(4))])
    await store.keep_messages([(conflict(4, event_id="e2"), at(4))])
    assert await store.counts(project) == [ReasonCount(Reason.CONFLICT, 3, 5, 0)]


async def test_each_reason_and_what_strangers_send_have_a_share_of_their_own(
    database: Database, project: str
) -> None:
    store = PostgresQuarantine(database, items_max=2, bytes_max=1_000)
    strangers = [message(project, n, reason=Reason.CONFLICT, public=True) for n in range(10, 14)]
    assert len(await store.keep_messages([(one, at(1)) for one in strangers])) == 2
    poison = [message(project, n) for n in range(20, 23)]
    assert len(await store.keep_messages([(one, at(1)) for one in poison])) == 1
    known = [message(project, n, reason=Reason.CONFLICT) for n in range(30, 32)]
    assert await store.keep_messages([(one, at(1)) for one in known]) == []
    await store.keep(delivery(project, 40), NOW)

    # Room that is made is made where the items were.
    kept = {one.item.event_id: one.item_id for one in await whole(store, project)}
    stranger = next(one for one in kept if one.startswith("e1"))
    await store.redriven(project, {kept[stranger]: 1, kept["e30"]: 1}, NOW)
    assert await store.discard(project, ItemFilter(reason=Reason.POISON), 10) == 2
    again = [
        *(message(project, n, reason=Reason.CONFLICT, public=True) for n in (50, 51)),
        *(message(project, n, reason=Reason.CONFLICT) for n in (52, 53)),
        *(message(project, n) for n in (54, 55, 56)),
    ]
    dropped = await store.keep_messages([(one, at(2)) for one in again])
    assert sorted((one.reason.value, one.public) for one in dropped) == [
        ("conflict", False),
        ("conflict", True),
        ("poison", False),
    ]


async def test_the_limit_holds_for_many_at_once(database: Database, project: str) -> None:
    store = PostgresQuarantine(database, items_max=7)
    dropped = await asyncio.gather(
        *(store.keep_messages([(message(project, n), at(1))]) for n in range(20))
    )
    assert len(await listed(store, project)) == 7
    assert sum(map(len, dropped)) == 13


async def test_texts_that_no_database_takes_are_kept_readably(
    store: PostgresQuarantine, project: str
) -> None:
    await store.keep_messages([(message(project, detail="a\x00b", event_id="\ud800x"), at(0))])
    (found,) = await whole(store, project)
    assert (found.item.detail, found.item.event_id) == ("a\ufffdb", "?x")
