"""Deliveries of webhook endpoints in Postgres, as administrators see them. Sending them is in delivery_queue.py."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import endpoint_rows as rows
from services.notify.domain.endpoints import Attempt, Delivery, State
from services.notify.tables import attempts, deliveries, delivery_lanes, webhook_endpoints
from services.shared.db import Database

ATTEMPTS_SHOWN_MAX = 20
"""As the contract says."""


class PostgresDeliveries:
    """An endpoint_ports.DeliveryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(
        self,
        endpoint_id: str,
        state: State | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Delivery]:
        query = (
            sa.select(deliveries)
            .where(deliveries.c.endpoint_id == endpoint_id)
            .order_by(deliveries.c.number.desc())
            .limit(limit)
        )
        if state is not None:
            query = query.where(deliveries.c.state == state.value)
        if lead_id:
            query = query.where(deliveries.c.lead_id == lead_id)
        if before is not None:
            query = query.where(deliveries.c.number < before)
        async with self._database.begin() as connection:
            found = (await connection.execute(query)).all()
            made = await _attempts(connection, endpoint_id, [row.delivery_id for row in found])
        return [rows.delivery(row, made.get(row.delivery_id, [])) for row in found]

    async def redeliver(
        self, endpoint_id: str, delivery_id: str, since: datetime | None, limit: int, now: datetime
    ) -> int | None:
        own = deliveries.c.endpoint_id == endpoint_id
        wanted = sa.select(deliveries.c.delivery_id, deliveries.c.lead_id, deliveries.c.state)
        if since is None:
            wanted = wanted.where(own, deliveries.c.delivery_id == delivery_id)
        else:
            wanted = wanted.where(
                own, deliveries.c.state == State.FAILED.value, deliveries.c.created_at >= since
            )
        wanted = wanted.order_by(deliveries.c.number).limit(limit)
        endpoint = (
            sa.select(webhook_endpoints.c.endpoint_id)
            .where(webhook_endpoints.c.endpoint_id == endpoint_id)
            .with_for_update(read=True, key_share=True)
        )
        async with self._database.begin() as connection:
            # Locked in the order that delivery_queue.py says.
            if await connection.scalar(endpoint) is None:
                return None
            found = (await connection.execute(wanted)).all()
            if not found and since is None:
                return None
            again = [row for row in found if row.state != State.PENDING.value]
            if not again:
                return 0
            await open_lanes(connection, [(endpoint_id, row.lead_id) for row in again], now)
            done = await connection.execute(
                sa.update(deliveries)
                .where(
                    own,
                    deliveries.c.delivery_id.in_([row.delivery_id for row in again]),
                    deliveries.c.state != State.PENDING.value,
                )
                .values(
                    state=State.PENDING.value,
                    attempts_before=deliveries.c.attempt_count,
                    retry_at=None,
                    ended_at=None,
                    pending_since=now,
                )
                .returning(deliveries.c.delivery_id)
            )
            return len(done.all())


async def open_lanes(
    connection: AsyncConnection, lanes: list[tuple[str, str]], now: datetime
) -> None:
    """Have lanes there, due now where they were not, and locked until the transaction ends: something is added to
    them. Always in one order, so that those who open the same ones wait for each other and nothing worse."""
    kept = delivery_lanes.c
    opened = insert(delivery_lanes).on_conflict_do_update(
        index_elements=[kept.endpoint_id, kept.lead_id],
        # Sets what it is: only to lock, so that nobody who ends the lane's last delivery takes the lane away.
        set_={"claim": kept.claim},
    )
    await connection.execute(
        opened,
        [
            {
                "endpoint_id": endpoint_id,
                "lead_id": lead_id,
                "due_at": now,
                "in_flight": False,
                "claim": 0,
            }
            for endpoint_id, lead_id in sorted(set(lanes))
        ],
    )


async def _attempts(
    connection: AsyncConnection, endpoint_id: str, delivery_ids: list[str]
) -> dict[str, list[Attempt]]:
    query = (
        sa.select(attempts)
        .where(attempts.c.endpoint_id == endpoint_id, attempts.c.delivery_id.in_(delivery_ids))
        .order_by(attempts.c.number)
    )
    found: dict[str, list[Attempt]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.delivery_id, []).append(rows.attempt(row))
    return {key: made[-ATTEMPTS_SHOWN_MAX:] for key, made in found.items()}
