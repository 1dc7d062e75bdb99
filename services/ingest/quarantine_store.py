"""Quarantine in Postgres: the only place that knows its SQL. Whoever adds or removes items of a project's share holds
the row that says how many there are, of several shares in their order; then come the items, in order of their ids."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.quarantine import (
    BYTES_MAX,
    ITEMS_MAX,
    event_item_id,
    item_id,
    share_of,
)
from services.ingest.errors import QuarantineFull
from services.ingest.ports import Quarantined, Reason
from services.ingest.quarantine_ports import ItemFilter, KeptItem, Position, ReasonCount, Seen
from services.ingest.tables import quarantine, quarantine_dropped, quarantine_usage
from services.shared.db import Database

RETRY_FULL_S = 60.0
"""Room is made by people."""

_COUNT_MAX = 2**31 - 1

Room = tuple[str, str]
"""Project id and share."""

_HERE = quarantine.c.redriven_at.is_(None)
_SIZE = sa.func.octet_length(quarantine.c.payload).label("size_bytes")
_SHORT = (*(c for c in quarantine.c if c.name not in ("headers", "payload")), _SIZE)


class PostgresQuarantine:
    """A ports.Quarantine and a quarantine_ports.ItemStore."""

    def __init__(
        self, database: Database, items_max: int = ITEMS_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._database = database
        self._items_max = items_max
        self._bytes_max = bytes_max

    async def keep(self, item: Quarantined, now: datetime) -> None:
        async with self._database.begin() as connection:
            if await self._keep(connection, _room(item), [(item, Seen(now, now))]):
                raise QuarantineFull(self._items_max, RETRY_FULL_S)

    async def keep_messages(self, items: Sequence[tuple[Quarantined, Seen]]) -> list[Quarantined]:
        dropped: list[Quarantined] = []
        async with self._database.begin() as connection:
            for room in sorted({_room(item) for item, _ in items}):
                own = [(item, seen) for item, seen in items if _room(item) == room]
                for item, seen in await self._keep(connection, room, own):
                    await _count_dropped(connection, item, seen.count)
                    dropped.append(item)
        return dropped

    async def newest(
        self, project_id: str, which: ItemFilter, after: Position | None, limit: int
    ) -> list[KeptItem]:
        order = (quarantine.c.last_seen_at, quarantine.c.item_id)
        query = (
            sa.select(*_SHORT)
            .where(*_conditions(project_id, which))
            .order_by(*(column.desc() for column in order))
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(*order) < sa.tuple_(*after))
        async with self._database.begin() as connection:
            return [_kept(row) for row in await connection.execute(query)]

    async def oldest(
        self,
        project_id: str,
        which: ItemFilter,
        after: Position | None,
        until: datetime,
        limit: int,
    ) -> list[Position]:
        order = (quarantine.c.first_seen_at, quarantine.c.item_id)
        query = (
            sa.select(*order)
            .where(*_conditions(project_id, which), quarantine.c.first_seen_at <= until)
            .order_by(*order)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(*order) > sa.tuple_(*after))
        async with self._database.begin() as connection:
            return [(row.first_seen_at, row.item_id) for row in await connection.execute(query)]

    async def items(self, project_id: str, item_ids: Sequence[str]) -> list[KeptItem]:
        query = (
            sa.select(quarantine, _SIZE)
            .where(quarantine.c.project_id == project_id, quarantine.c.item_id.in_(item_ids), _HERE)
            .order_by(quarantine.c.first_seen_at, quarantine.c.item_id)
        )
        async with self._database.begin() as connection:
            return [_kept(row) for row in await connection.execute(query)]

    async def redriven(self, project_id: str, seen: Mapping[str, int], now: datetime) -> None:
        async with self._database.begin() as connection:
            await _lock_all_usage(connection, project_id)
            for one, seen_count in sorted(seen.items()):
                unchanged = (
                    quarantine.c.project_id == project_id,
                    quarantine.c.item_id == one,
                    quarantine.c.seen_count == seen_count,
                    _HERE,
                )
                query = sa.select(quarantine.c.share, _SIZE).where(*unchanged)
                row = (await connection.execute(query)).one_or_none()
                if row is None:
                    continue
                gone = sa.update(quarantine).where(*unchanged)
                await connection.execute(gone.values(redriven_at=now, payload=b"", headers={}))
                await _add_usage(connection, (project_id, row.share), -1, -row.size_bytes)

    async def discard(self, project_id: str, which: ItemFilter, limit: int) -> int:
        async with self._database.begin() as connection:
            await _lock_all_usage(connection, project_id)
            chosen = (
                sa.select(quarantine.c.item_id)
                .where(*_conditions(project_id, which))
                .order_by(quarantine.c.first_seen_at, quarantine.c.item_id)
                .limit(limit)
            )
            removal = (
                sa.delete(quarantine)
                .where(quarantine.c.project_id == project_id, quarantine.c.item_id.in_(chosen))
                .returning(quarantine.c.share, _SIZE)
            )
            gone = (await connection.execute(removal)).all()
            for share in {row.share for row in gone}:
                sizes = [row.size_bytes for row in gone if row.share == share]
                await _add_usage(connection, (project_id, share), -len(sizes), -sum(sizes))
        return len(gone)

    async def counts(self, project_id: str) -> list[ReasonCount]:
        here = (
            sa.select(
                quarantine.c.reason,
                sa.func.count().label("items"),
                sa.func.sum(quarantine.c.seen_count).label("seen"),
            )
            .where(quarantine.c.project_id == project_id, _HERE)
            .group_by(quarantine.c.reason)
        )
        lost = sa.select(quarantine_dropped.c.reason, quarantine_dropped.c.dropped_count).where(
            quarantine_dropped.c.project_id == project_id
        )
        async with self._database.begin() as connection:
            found = {row.reason: (row.items, row.seen) for row in await connection.execute(here)}
            dropped = {row.reason: row.dropped_count for row in await connection.execute(lost)}
        return [
            ReasonCount(reason, *found.get(reason.value, (0, 0)), dropped.get(reason.value, 0))
            for reason in Reason
            if reason.value in found or reason.value in dropped
        ]

    async def forget_redriven(self, before: datetime, limit: int) -> int:
        key = sa.tuple_(quarantine.c.project_id, quarantine.c.item_id)
        chosen = (
            sa.select(quarantine.c.project_id, quarantine.c.item_id)
            .where(quarantine.c.redriven_at < before)
            .limit(limit)
            # Not one that comes back at this moment.
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(sa.delete(quarantine).where(key.in_(chosen)))).rowcount

    async def _keep(
        self,
        connection: AsyncConnection,
        room: Room,
        items: Sequence[tuple[Quarantined, Seen]],
    ) -> list[tuple[Quarantined, Seen]]:
        """Keep items of a share; those that found no room."""
        item_count, size_bytes = await _lock_usage(connection, room)
        full: list[tuple[Quarantined, Seen]] = []
        added_items = added_bytes = 0
        keyed = ((_item_id(item), item, seen) for item, seen in items)
        for one, item, seen in sorted(keyed, key=lambda entry: entry[0]):
            came_again = await _count_again(connection, one, item, seen)
            if came_again == "here":
                continue
            fits = (
                item_count + added_items < self._items_max
                and size_bytes + added_bytes + len(item.payload) <= self._bytes_max
            )
            if came_again is None and not fits:
                full.append((item, seen))
                continue
            if came_again is None:
                await connection.execute(sa.insert(quarantine).values(_columns(one, item, seen)))
            added_items += 1
            added_bytes += len(item.payload)
        await _add_usage(connection, room, added_items, added_bytes)
        return full


async def _count_again(
    connection: AsyncConnection, one: str, item: Quarantined, seen: Seen
) -> str | None:
    """Count an item once more: `here`, or `back` after it was redriven; None: it is new."""
    same = (quarantine.c.project_id == item.project_id, quarantine.c.item_id == one)
    query = sa.select(quarantine.c.redriven_at).where(*same).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    columns = _columns(one, item, seen)
    changes = {
        "detail": columns["detail"],
        "headers": columns["headers"],
        "first_seen_at": sa.func.least(quarantine.c.first_seen_at, seen.first),
        "last_seen_at": sa.func.greatest(quarantine.c.last_seen_at, seen.last),
        "seen_count": sa.func.least(
            sa.cast(quarantine.c.seen_count, sa.BigInteger) + seen.count, _COUNT_MAX
        ),
    }
    back = row.redriven_at is not None
    if back:
        changes |= {"payload": item.payload, "redriven_at": None}
    await connection.execute(sa.update(quarantine).where(*same).values(changes))
    return "back" if back else "here"


async def _lock_usage(connection: AsyncConnection, room: Room) -> tuple[int, int]:
    """Items and bytes of a share, which nobody else changes until the transaction ends."""
    usage, (project_id, share) = quarantine_usage.c, room
    nothing = insert(quarantine_usage).values(
        project_id=project_id, share=share, item_count=0, size_bytes=0
    )
    await connection.execute(nothing.on_conflict_do_nothing())
    query = (
        sa.select(usage.item_count, usage.size_bytes)
        .where(usage.project_id == project_id, usage.share == share)
        .with_for_update()
    )
    row = (await connection.execute(query)).one()
    return row.item_count, row.size_bytes


async def _lock_all_usage(connection: AsyncConnection, project_id: str) -> None:
    """For those who take items out of whatever share."""
    usage = quarantine_usage.c
    await connection.execute(
        sa.select(usage.share)
        .where(usage.project_id == project_id)
        .order_by(sa.collate(usage.share, "C"))
        .with_for_update()
    )


async def _add_usage(connection: AsyncConnection, room: Room, items: int, size: int) -> None:
    if items == size == 0:
        return
    usage, (project_id, share) = quarantine_usage.c, room
    await connection.execute(
        sa.update(quarantine_usage)
        .where(usage.project_id == project_id, usage.share == share)
        .values(item_count=usage.item_count + items, size_bytes=usage.size_bytes + size)
    )


async def _count_dropped(connection: AsyncConnection, item: Quarantined, times: int) -> None:
    new = insert(quarantine_dropped).values(
        project_id=item.project_id, reason=item.reason.value, dropped_count=times
    )
    more = quarantine_dropped.c.dropped_count + new.excluded.dropped_count
    await connection.execute(
        new.on_conflict_do_update(
            index_elements=["project_id", "reason"], set_={"dropped_count": more}
        )
    )


def _conditions(project_id: str, which: ItemFilter) -> list[sa.ColumnElement[bool]]:
    column = quarantine.c
    found = [column.project_id == project_id, _HERE]
    for wanted, value in (
        (column.item_id, which.item_id),
        (column.source_id, which.source_id),
        (column.event_id, which.event_id),
    ):
        if value:
            found.append(wanted == value)
    if which.reason is not None:
        found.append(column.reason == which.reason.value)
    if which.seen_after is not None:
        found.append(column.last_seen_at >= which.seen_after)
    if which.seen_before is not None:
        found.append(column.last_seen_at < which.seen_before)
    return found


def _columns(one: str, item: Quarantined, seen: Seen) -> dict[str, Any]:
    # What can't be processed may have anything in it, also what Postgres takes in no text.
    text = {name: _storable(getattr(item, name)) for name in ("detail", "event_id", "source_id")}
    headers = {_storable(name): _storable(value) for name, value in item.headers.items()}
    return {
        "project_id": item.project_id,
        "item_id": one,
        "reason": item.reason.value,
        **text,
        "stream": item.stream,
        "share": share_of(item.reason.value, item.public),
        "headers": headers,
        "payload": item.payload,
        "first_seen_at": seen.first,
        "last_seen_at": seen.last,
        "seen_count": seen.count,
    }


def _item_id(item: Quarantined) -> str:
    if item.payload_hash:
        return event_item_id(item.reason.value, item.public, item.event_id, item.payload_hash)
    return item_id(item.reason.value, item.source_id, item.payload)


def _room(item: Quarantined) -> Room:
    return item.project_id, share_of(item.reason.value, item.public)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _kept(row: sa.Row[Any]) -> KeptItem:
    whole = row._mapping
    item = Quarantined(
        project_id=row.project_id,
        reason=Reason(row.reason),
        detail=row.detail,
        event_id=row.event_id,
        source_id=row.source_id,
        headers=whole.get("headers", {}),
        payload=whole.get("payload", b""),
        stream=row.stream,
    )
    seen = Seen(row.first_seen_at, row.last_seen_at, row.seen_count)
    return KeptItem(row.item_id, item, seen, row.size_bytes)
