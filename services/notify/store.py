"""Webhook endpoints in Postgres. Their deliveries are in delivery_store.py and delivery_queue.py."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import endpoint_rows as rows
from services.notify.domain.endpoints import Endpoint, Secret
from services.notify.dormancy import wake
from services.notify.endpoint_ports import Change, EndpointPosition
from services.notify.errors import TooManyEndpoints, TooManyEndpointSecrets
from services.notify.ports import StreamState
from services.notify.tables import (
    delivery_lanes,
    endpoint_secrets,
    positions,
    webhook_endpoints,
)
from services.shared.db import Database
from services.shared.sealing import Seal

SECRETS_MAX = 5
"""Valid at once: each adds a signature to every delivery."""

_ENDPOINTS_LOCK = "notify_webhook_endpoints"
"""Endpoints of a project are counted and added one after the other."""


class PostgresEndpoints:
    """An endpoint_ports.EndpointStore."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def add(
        self, endpoint: Endpoint, endpoints_max: int, end: StreamState | None = None
    ) -> None:
        count = (
            sa.select(sa.func.count())
            .select_from(webhook_endpoints)
            .where(webhook_endpoints.c.project_id == endpoint.project_id)
        )
        key = (sa.func.hashtext(_ENDPOINTS_LOCK), sa.func.hashtext(endpoint.project_id))
        async with self._database.begin() as connection:
            await wake(connection, end)
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*key)))
            if (await connection.scalar(count) or 0) >= endpoints_max:
                raise TooManyEndpoints(endpoints_max)
            await connection.execute(
                sa.insert(webhook_endpoints).values(
                    endpoint_id=endpoint.endpoint_id,
                    project_id=endpoint.project_id,
                    created_at=endpoint.create_time,
                    **rows.changing(endpoint, self._seal),
                )
            )
            for number, secret in enumerate(endpoint.secrets, start=1):
                await self._insert_secret(
                    connection, endpoint.endpoint_id, number, secret, endpoint.create_time
                )

    async def get(self, project_id: str, endpoint_id: str, now: datetime) -> Endpoint | None:
        async with self._database.begin() as connection:
            return await self._find(connection, project_id, endpoint_id, now)

    async def exists(self, project_id: str, endpoint_id: str) -> bool:
        query = sa.select(webhook_endpoints.c.endpoint_id).where(_is(project_id, endpoint_id))
        async with self._database.begin() as connection:
            return await connection.scalar(query) is not None

    async def newest(
        self, project_id: str, after: EndpointPosition | None, limit: int, now: datetime
    ) -> list[Endpoint]:
        query = (
            sa.select(webhook_endpoints)
            .where(webhook_endpoints.c.project_id == project_id)
            .order_by(webhook_endpoints.c.created_at.desc(), webhook_endpoints.c.endpoint_id.desc())
            .limit(limit)
        )
        if after is not None:
            position = sa.tuple_(webhook_endpoints.c.created_at, webhook_endpoints.c.endpoint_id)
            query = query.where(position < sa.tuple_(after.create_time, after.endpoint_id))
        async with self._database.begin() as connection:
            found = (await connection.execute(query)).all()
            secrets = await valid_secrets(connection, [row.endpoint_id for row in found], now)
        return [rows.endpoint(row, secrets.get(row.endpoint_id, ()), self._seal) for row in found]

    async def change(
        self,
        project_id: str,
        endpoint_id: str,
        change: Change,
        now: datetime,
        end: StreamState | None = None,
    ) -> Endpoint | None:
        async with self._database.begin() as connection:
            await wake(connection, end)
            before = await self._find(connection, project_id, endpoint_id, now, lock=True)
            if before is None:
                return None
            after = change(before)
            await self._save(connection, after)
            if before.disabled and not after.disabled:
                # What failed and waits for its next attempt does not wait any longer.
                lanes = delivery_lanes.c
                await connection.execute(
                    sa.update(delivery_lanes)
                    .where(lanes.endpoint_id == endpoint_id, ~lanes.in_flight)
                    .values(due_at=now)
                )
            return after

    async def add_secret(
        self, project_id: str, endpoint_id: str, secret: Secret, until: datetime, now: datetime
    ) -> Endpoint | None:
        kept = endpoint_secrets.c
        own = kept.endpoint_id == endpoint_id
        async with self._database.begin() as connection:
            before = await self._find(connection, project_id, endpoint_id, now, lock=True)
            if before is None:
                return None
            newest = await connection.scalar(sa.select(sa.func.max(kept.number)).where(own))
            ending = sa.func.least(sa.func.coalesce(kept.expires_at, until), until)
            await connection.execute(
                sa.update(endpoint_secrets).where(own).values(expires_at=ending)
            )
            await connection.execute(sa.delete(endpoint_secrets).where(own, kept.expires_at <= now))
            left = sa.select(sa.func.count()).select_from(endpoint_secrets).where(own)
            if (await connection.scalar(left) or 0) >= SECRETS_MAX:
                raise TooManyEndpointSecrets(SECRETS_MAX)
            await self._insert_secret(connection, endpoint_id, (newest or 0) + 1, secret, now)
            await self._save(
                connection, replace(before, revision=before.revision + 1, update_time=now)
            )
            return await self._find(connection, project_id, endpoint_id, now)

    async def remove(self, project_id: str, endpoint_id: str) -> bool:
        gone = (
            sa.delete(webhook_endpoints)
            .where(_is(project_id, endpoint_id))
            .returning(webhook_endpoints.c.endpoint_id)
        )
        async with self._database.begin() as connection:
            return (await connection.scalar(gone)) is not None

    async def missed_time(self) -> datetime | None:
        async with self._database.begin() as connection:
            found: datetime | None = await connection.scalar(
                sa.select(sa.func.max(positions.c.missed_at))
            )
            return found

    async def _find(
        self,
        connection: AsyncConnection,
        project_id: str,
        endpoint_id: str,
        now: datetime,
        lock: bool = False,
    ) -> Endpoint | None:
        query = sa.select(webhook_endpoints).where(_is(project_id, endpoint_id))
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        secrets = await valid_secrets(connection, [endpoint_id], now)
        return rows.endpoint(row, secrets.get(endpoint_id, ()), self._seal)

    async def _save(self, connection: AsyncConnection, endpoint: Endpoint) -> None:
        await connection.execute(
            sa.update(webhook_endpoints)
            .where(webhook_endpoints.c.endpoint_id == endpoint.endpoint_id)
            .values(**rows.changing(endpoint, self._seal))
        )

    async def _insert_secret(
        self,
        connection: AsyncConnection,
        endpoint_id: str,
        number: int,
        secret: Secret,
        now: datetime,
    ) -> None:
        await connection.execute(
            sa.insert(endpoint_secrets).values(
                endpoint_id=endpoint_id,
                number=number,
                sealed=self._seal.close(secret.text),
                created_at=now,
                expires_at=secret.expire_time,
            )
        )


async def valid_secrets(
    connection: AsyncConnection, endpoint_ids: Sequence[str], now: datetime
) -> dict[str, list[sa.Row[Any]]]:
    """Rows of the secrets valid now by their endpoint, the newest first."""
    kept = endpoint_secrets.c
    query = (
        sa.select(endpoint_secrets)
        .where(
            kept.endpoint_id.in_(endpoint_ids),
            sa.or_(kept.expires_at.is_(None), kept.expires_at > now),
        )
        .order_by(kept.number.desc())
    )
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.endpoint_id, []).append(row)
    return found


def _is(project_id: str, endpoint_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        webhook_endpoints.c.project_id == project_id,
        webhook_endpoints.c.endpoint_id == endpoint_id,
    )
