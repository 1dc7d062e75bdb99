"""Deliveries in Postgres as those who send them see them: what is due is claimed, and what came of it is written down.

A lane (endpoint, lead) is claimed as a whole, so a lead's deliveries are one after the other whatever number of
processes send. Who claims something has it for the time of a lease; a process that dies lets it run out. Each claim has
a number, and who comes late with an old one is not heard: the next holder sends the same delivery and reports itself.
Locks are taken in this order: the endpoint, the lane, deliveries.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import endpoint_judging
from services.notify import endpoint_rows as rows
from services.notify.domain.endpoints import Attempt, State
from services.notify.endpoint_ports import Claimed
from services.notify.store import valid_secrets
from services.notify.tables import attempts, deliveries, delivery_lanes, webhook_endpoints
from services.shared.db import Database
from services.shared.sealing import Seal

ENDPOINTS_AT_ONCE = 64
"""Endpoints looked at in one claim; the rest has its turn in the next."""

WAITED_TOO_LONG = "waited for 7 days"

# Processes claim of one endpoint one after the other (its row is locked), so the count of what is on its way is right.
# Not by FOR UPDATE: that would wait for whoever plans deliveries of it.
_ENDPOINTS = sa.text("""
    SELECT e.endpoint_id FROM webhook_endpoints e
    WHERE NOT e.disabled AND EXISTS (
        SELECT FROM delivery_lanes l WHERE l.endpoint_id = e.endpoint_id AND l.due_at <= :now
    )
    ORDER BY random() LIMIT :endpoints
    FOR NO KEY UPDATE OF e SKIP LOCKED
""")

_CLAIM = sa.text("""
    WITH due AS (
        SELECT l.endpoint_id, l.lead_id FROM webhook_endpoints e
        CROSS JOIN LATERAL (
            SELECT d.endpoint_id, d.lead_id FROM delivery_lanes d
            WHERE d.endpoint_id = e.endpoint_id AND d.due_at <= :now
            ORDER BY d.due_at
            LIMIT greatest(0, (e.definition ->> 'concurrency')::int - (
                SELECT count(*) FROM delivery_lanes f
                WHERE f.endpoint_id = e.endpoint_id AND f.in_flight AND f.due_at > :now
            ))
            FOR UPDATE SKIP LOCKED
        ) l
        WHERE e.endpoint_id = ANY(:endpoint_ids)
        LIMIT :lanes
    )
    UPDATE delivery_lanes l SET in_flight = true, due_at = :until, claim = claim + 1
    FROM due WHERE l.endpoint_id = due.endpoint_id AND l.lead_id = due.lead_id
    RETURNING l.endpoint_id, l.lead_id, l.claim
""")

_FIRST = sa.text("""
    SELECT w.endpoint_id, w.lead_id, d.*
    FROM unnest(CAST(:endpoint_ids AS text[]), CAST(:lead_ids AS text[])) AS w (endpoint_id, lead_id)
    CROSS JOIN LATERAL (
        SELECT p.delivery_id, p.event_type, p.payload, p.attempt_count, p.attempts_before
        FROM deliveries p
        WHERE p.endpoint_id = w.endpoint_id AND p.lead_id = w.lead_id AND p.state = 'pending'
        ORDER BY p.number LIMIT 1
    ) d
""")


class PostgresQueue:
    """An endpoint_ports.DeliveryQueue."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def claim(self, limit: int, lease: timedelta, now: datetime) -> list[Claimed]:
        async with self._database.begin() as connection:
            wanted = {"now": now, "endpoints": ENDPOINTS_AT_ONCE}
            endpoint_ids = list(await connection.scalars(_ENDPOINTS, wanted))
            if not endpoint_ids:
                return []
            taking = {
                "now": now,
                "until": now + lease,
                "endpoint_ids": endpoint_ids,
                "lanes": limit,
            }
            lanes = (await connection.execute(_CLAIM, taking)).all()
            if not lanes:
                return []
            columns = {
                "endpoint_ids": [lane.endpoint_id for lane in lanes],
                "lead_ids": [lane.lead_id for lane in lanes],
            }
            first = {
                (row.endpoint_id, row.lead_id): row
                for row in await connection.execute(_FIRST, columns)
            }
            query = sa.select(webhook_endpoints).where(
                webhook_endpoints.c.endpoint_id.in_(columns["endpoint_ids"])
            )
            endpoints = (await connection.execute(query)).all()
            secrets = await valid_secrets(connection, columns["endpoint_ids"], now)
            for lane in lanes:
                if (lane.endpoint_id, lane.lead_id) not in first:
                    await _close_or_open(connection, lane.endpoint_id, lane.lead_id, None, now)
        opened = {
            row.endpoint_id: rows.endpoint(row, secrets.get(row.endpoint_id, ()), self._seal)
            for row in endpoints
        }
        return [
            Claimed(
                opened[lane.endpoint_id],
                lane.lead_id,
                lane.claim,
                head.delivery_id,
                head.event_type,
                head.payload,
                head.attempt_count - head.attempts_before,
            )
            for lane in lanes
            if (head := first.get((lane.endpoint_id, lane.lead_id))) is not None
        ]

    async def report(
        self, claimed: Claimed, attempt: Attempt, retry_time: datetime | None, now: datetime
    ) -> str:
        endpoint_id, lead_id = claimed.endpoint.endpoint_id, claimed.lead_id
        async with self._database.begin() as connection:
            # Shared by all who report, and exclusive with removing the endpoint.
            endpoint = (
                await connection.execute(
                    sa.select(webhook_endpoints)
                    .where(webhook_endpoints.c.endpoint_id == endpoint_id)
                    .with_for_update(read=True, key_share=True)
                )
            ).one_or_none()
            if endpoint is None:
                return ""
            verdict = await endpoint_judging.judge(connection, endpoint, lead_id, attempt, now)
            if not await _holds(connection, claimed):
                # Lanes that were opened for nothing are closed by whoever claims them.
                return ""
            retry = None if attempt.succeeded else retry_time
            ended = retry is None
            state = State.PENDING
            if ended:
                state = State.SUCCEEDED if attempt.succeeded else State.FAILED
            number = await connection.scalar(
                sa.update(deliveries)
                .where(
                    deliveries.c.endpoint_id == endpoint_id,
                    deliveries.c.delivery_id == claimed.delivery_id,
                )
                .values(
                    state=state.value,
                    attempt_count=deliveries.c.attempt_count + 1,
                    retry_at=retry,
                    ended_at=now if ended else None,
                )
                .returning(deliveries.c.attempt_count)
            )
            await connection.execute(
                sa.insert(attempts).values(
                    endpoint_id=endpoint_id,
                    delivery_id=claimed.delivery_id,
                    number=number,
                    attempted_at=attempt.attempt_time,
                    status=attempt.status,
                    latency_ms=attempt.latency_ms,
                    excerpt=attempt.excerpt,
                    error=attempt.error,
                )
            )
            await _close_or_open(connection, endpoint_id, lead_id, retry, now)
            return await endpoint_judging.carry_out(connection, endpoint, verdict, now)

    async def drop_waiting(self, before: datetime, now: datetime, limit: int) -> int:
        old = (
            sa.select(deliveries.c.endpoint_id, deliveries.c.lead_id)
            .where(deliveries.c.state == State.PENDING.value, deliveries.c.pending_since < before)
            .distinct()
            .limit(limit)
        )
        lanes = delivery_lanes.c
        async with self._database.begin() as connection:
            free = (
                await connection.execute(
                    sa.select(lanes.endpoint_id, lanes.lead_id)
                    .where(
                        sa.tuple_(lanes.endpoint_id, lanes.lead_id).in_(old),
                        sa.or_(~lanes.in_flight, lanes.due_at <= now),
                    )
                    .with_for_update(skip_locked=True)
                )
            ).all()
            dropped = 0
            for endpoint_id, lead_id in free:
                dropped += await _drop(connection, endpoint_id, lead_id, before, now)
                await _close_or_open(connection, endpoint_id, lead_id, None, now)
            return dropped

    async def forget_ended(self, before: datetime, limit: int) -> int:
        kept = deliveries.c
        old = (
            sa.select(kept.endpoint_id, kept.delivery_id)
            .where(kept.ended_at < before)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as connection:
            gone = await connection.execute(
                sa.delete(deliveries)
                .where(sa.tuple_(kept.endpoint_id, kept.delivery_id).in_(old))
                .returning(kept.delivery_id)
            )
            return len(gone.all())


async def _holds(connection: AsyncConnection, claimed: Claimed) -> bool:
    lanes = delivery_lanes.c
    found = await connection.scalar(
        sa.select(lanes.claim)
        .where(
            lanes.endpoint_id == claimed.endpoint.endpoint_id,
            lanes.lead_id == claimed.lead_id,
            lanes.in_flight,
            lanes.claim == claimed.claim,
        )
        .with_for_update()
    )
    return found is not None


async def _close_or_open(
    connection: AsyncConnection,
    endpoint_id: str,
    lead_id: str,
    due: datetime | None,
    now: datetime,
) -> None:
    """A lane, which is locked, is due then, or now where something of it is pending; without that it is gone."""
    pending = (
        sa.select(deliveries.c.number)
        .where(
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.lead_id == lead_id,
            deliveries.c.state == State.PENDING.value,
        )
        .limit(1)
    )
    lanes = delivery_lanes.c
    own = sa.and_(lanes.endpoint_id == endpoint_id, lanes.lead_id == lead_id)
    change: Any = sa.delete(delivery_lanes).where(own)
    if await connection.scalar(pending) is not None:
        change = sa.update(delivery_lanes).where(own).values(due_at=due or now, in_flight=False)
    await connection.execute(change)


async def _drop(
    connection: AsyncConnection,
    endpoint_id: str,
    lead_id: str,
    before: datetime,
    now: datetime,
) -> int:
    kept = deliveries.c
    dropped = (
        await connection.execute(
            sa.update(deliveries)
            .where(
                kept.endpoint_id == endpoint_id,
                kept.lead_id == lead_id,
                kept.state == State.PENDING.value,
                kept.pending_since < before,
            )
            .values(
                state=State.FAILED.value,
                attempt_count=kept.attempt_count + 1,
                retry_at=None,
                ended_at=now,
            )
            .returning(kept.delivery_id, kept.attempt_count)
        )
    ).all()
    if dropped:
        await connection.execute(
            sa.insert(attempts),
            [
                {
                    "endpoint_id": endpoint_id,
                    "delivery_id": row.delivery_id,
                    "number": row.attempt_count,
                    "attempted_at": now,
                    "status": 0,
                    "latency_ms": 0,
                    "excerpt": "",
                    "error": WAITED_TOO_LONG,
                }
                for row in dropped
            ],
        )
    return len(dropped)
