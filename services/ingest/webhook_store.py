"""Webhook sources in Postgres. The only place that knows their SQL, and where their secrets are sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import webhook_rows as rows
from services.ingest.domain.webhooks.model import Counters, Secret, Source
from services.ingest.errors import TooManySecrets, TooManySources
from services.ingest.tables import webhook_counters, webhook_secrets, webhook_sources
from services.ingest.webhook_ports import Change, SourcePosition
from services.shared import logs
from services.shared.db import Database
from services.shared.sealing import Seal, SealBroken

log = logs.get("webhook sources")

SECRETS_MAX = 10
"""Valid at once: a delivery is checked against each."""

_SOURCES_LOCK = "ingest_webhook_sources"
"""Sources of a project are counted and added one after the other."""


class PostgresWebhooks:
    """A webhook_ports.SourceStore."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def add(self, source: Source, sources_max: int) -> None:
        count = (
            sa.select(sa.func.count())
            .select_from(webhook_sources)
            .where(webhook_sources.c.project_id == source.project_id)
        )
        key = (sa.func.hashtext(_SOURCES_LOCK), sa.func.hashtext(source.project_id))
        async with self._database.begin() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*key)))
            if (await connection.scalar(count) or 0) >= sources_max:
                raise TooManySources(sources_max)
            await connection.execute(
                sa.insert(webhook_sources).values(
                    source_id=source.source_id,
                    project_id=source.project_id,
                    created_at=source.create_time,
                    **rows.changing(source),
                )
            )
            for secret in source.secrets:
                await self._insert_secret(connection, source.source_id, secret)

    async def find(self, source_id: str, now: datetime) -> Source | None:
        wanted = webhook_sources.c.source_id == source_id
        async with self._database.begin() as connection:
            row = (await connection.execute(sa.select(webhook_sources).where(wanted))).one_or_none()
            if row is None:
                return None
            secrets = await _secrets(connection, [source_id], now)
        return rows.source(row, self._opened(secrets.get(source_id, ())), Counters())

    async def get(self, project_id: str, source_id: str, now: datetime) -> Source | None:
        async with self._database.begin() as connection:
            return await _shown(connection, project_id, source_id, now)

    async def newest(
        self, project_id: str, after: SourcePosition | None, limit: int, now: datetime
    ) -> list[Source]:
        query = (
            _with_counters()
            .where(webhook_sources.c.project_id == project_id)
            .order_by(webhook_sources.c.created_at.desc(), webhook_sources.c.source_id.desc())
            .limit(limit)
        )
        if after is not None:
            position = sa.tuple_(webhook_sources.c.created_at, webhook_sources.c.source_id)
            query = query.where(position < sa.tuple_(after.create_time, after.source_id))
        async with self._database.begin() as connection:
            found = (await connection.execute(query)).all()
            secrets = await _secrets(connection, [row.source_id for row in found], now)
        return [
            rows.source(row, _hints(secrets.get(row.source_id, ())), rows.counters(row))
            for row in found
        ]

    async def change(
        self, project_id: str, source_id: str, change: Change, now: datetime
    ) -> Source | None:
        async with self._database.begin() as connection:
            row = await _locked(connection, project_id, source_id)
            if row is None:
                return None
            secrets = await _secrets(connection, [source_id], now)
            before = rows.source(row, self._opened(secrets.get(source_id, ())), Counters())
            await _save(connection, change(before))
            return await _shown(connection, project_id, source_id, now)

    async def add_secret(
        self, project_id: str, source_id: str, secret: Secret, expire_time: datetime, now: datetime
    ) -> Source | None:
        own = webhook_secrets.c.source_id == source_id
        async with self._database.begin() as connection:
            row = await _locked(connection, project_id, source_id)
            if row is None:
                return None
            number = await connection.scalar(
                sa.select(sa.func.coalesce(sa.func.max(webhook_secrets.c.number), 0)).where(own)
            )
            ending = sa.func.least(
                sa.func.coalesce(webhook_secrets.c.expires_at, expire_time), expire_time
            )
            await connection.execute(
                sa.update(webhook_secrets).where(own).values(expires_at=ending)
            )
            await connection.execute(
                sa.delete(webhook_secrets).where(own, webhook_secrets.c.expires_at <= now)
            )
            left = await connection.scalar(
                sa.select(sa.func.count()).select_from(webhook_secrets).where(own)
            )
            if (left or 0) >= SECRETS_MAX:
                raise TooManySecrets(SECRETS_MAX)
            await self._insert_secret(
                connection, source_id, replace(secret, number=(number or 0) + 1)
            )
            before = rows.source(row, (), Counters())
            await _save(connection, replace(before, revision=before.revision + 1, update_time=now))
            return await _shown(connection, project_id, source_id, now)

    async def remove(self, project_id: str, source_id: str) -> bool:
        gone = (
            sa.delete(webhook_sources)
            .where(_is(project_id, source_id))
            .returning(webhook_sources.c.source_id)
        )
        async with self._database.begin() as connection:
            return (await connection.scalar(gone)) is not None

    async def count(self, counted: Mapping[str, Counters]) -> None:
        # Always in one order, so that processes that count the same sources wait for each other and nothing worse.
        ids = sorted(counted)
        there = (
            sa.select(webhook_sources.c.source_id)
            .where(webhook_sources.c.source_id.in_(ids))
            .order_by(webhook_sources.c.source_id)
            .with_for_update(key_share=True)
        )
        async with self._database.begin() as connection:
            found = (await connection.scalars(there)).all()
            if not found:
                return
            added = insert(webhook_counters).values(
                [{"source_id": one, **rows.counts(counted[one])} for one in found]
            )
            kept, new = webhook_counters.c, added.excluded
            sums = {
                name: kept[name] + new[name]
                for name in ("accepted", "rejected", "quarantined", "events", "ignored")
            }
            last = sa.func.greatest(kept.last_accepted_at, new.last_accepted_at)
            await connection.execute(
                added.on_conflict_do_update(
                    index_elements=[kept.source_id], set_={**sums, "last_accepted_at": last}
                )
            )

    async def _insert_secret(
        self, connection: AsyncConnection, source_id: str, secret: Secret
    ) -> None:
        await connection.execute(
            sa.insert(webhook_secrets).values(
                source_id=source_id,
                number=secret.number,
                sealed=self._seal.close(secret.text),
                hint=secret.hint,
                created_at=secret.create_time,
                expires_at=secret.expire_time,
            )
        )

    def _opened(self, found: Sequence[sa.Row[Any]]) -> tuple[Secret, ...]:
        opened = []
        for row in found:
            try:
                opened.append(rows.secret(row, self._seal.open(row.sealed)))
            except SealBroken:
                # The others still work; deliveries signed with this one are refused until its key is back.
                log.error("secret can't be opened", source=row.source_id, number=row.number)
        return tuple(opened)


async def _locked(
    connection: AsyncConnection, project_id: str, source_id: str
) -> sa.Row[Any] | None:
    query = sa.select(webhook_sources).where(_is(project_id, source_id)).with_for_update()
    return (await connection.execute(query)).one_or_none()


async def _save(connection: AsyncConnection, source: Source) -> None:
    await connection.execute(
        sa.update(webhook_sources)
        .where(webhook_sources.c.source_id == source.source_id)
        .values(**rows.changing(source))
    )


async def _shown(
    connection: AsyncConnection, project_id: str, source_id: str, now: datetime
) -> Source | None:
    query = _with_counters().where(_is(project_id, source_id))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    secrets = await _secrets(connection, [source_id], now)
    return rows.source(row, _hints(secrets.get(source_id, ())), rows.counters(row))


async def _secrets(
    connection: AsyncConnection, source_ids: Sequence[str], now: datetime
) -> dict[str, list[sa.Row[Any]]]:
    """The valid ones by their source, the newest first."""
    query = (
        sa.select(webhook_secrets)
        .where(
            webhook_secrets.c.source_id.in_(source_ids),
            sa.or_(webhook_secrets.c.expires_at.is_(None), webhook_secrets.c.expires_at > now),
        )
        .order_by(webhook_secrets.c.number.desc())
    )
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.source_id, []).append(row)
    return found


def _hints(found: Sequence[sa.Row[Any]]) -> tuple[Secret, ...]:
    return tuple(rows.secret(row, "") for row in found)


def _is(project_id: str, source_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        webhook_sources.c.project_id == project_id, webhook_sources.c.source_id == source_id
    )


def _with_counters() -> sa.Select[Any]:
    counted = [one for one in webhook_counters.c if one.name != "source_id"]
    return sa.select(webhook_sources, *counted).outerjoin(
        webhook_counters, webhook_counters.c.source_id == webhook_sources.c.source_id
    )
