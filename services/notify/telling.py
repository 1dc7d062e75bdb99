"""What webhook endpoints are told, written down: deliveries, within the transaction of what they tell of, so that both
are there or neither is. They are sent by delivery_queue.py and endpoint_worker.py, which is to be nudged after the
commit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import endpoint_rows as rows
from services.notify.delivery_store import open_lanes
from services.notify.domain.endpoints import Definition, State, Told, delivery_id
from services.notify.tables import deliveries, webhook_endpoints
from services.shared.times import to_timestamp


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One thing to tell one endpoint."""

    endpoint_id: str
    event_type: str
    lead_id: str
    key: str
    body: str


async def tell(connection: AsyncConnection, events: Sequence[Told], now: datetime) -> int:
    """Write deliveries of the events, in their order, to all endpoints of their projects that subscribe to their types;
    how many are new. Telling the same again adds nothing.

    Lanes stay locked until the transaction ends, and are locked in one order: tell everything in one call, after
    whatever else the transaction locks.
    """
    wanted = await project_endpoints(connection, {event.project_id for event in events})
    planned = []
    for event in events:
        planned += addressed(
            event,
            [
                endpoint_id
                for endpoint_id, definition in wanted.get(event.project_id, ())
                if event.event_type in definition.event_types
            ],
        )
    return await write(connection, planned, now)


async def tell_one(
    connection: AsyncConnection, endpoint_id: str, event: Told, now: datetime
) -> bool:
    """Write the delivery of an event to one endpoint, whether it subscribes to the type or not. False when the event's
    project has no such endpoint."""
    wanted = await project_endpoints(connection, {event.project_id})
    if endpoint_id not in (one for one, _ in wanted.get(event.project_id, ())):
        return False
    await write(connection, addressed(event, [endpoint_id]), now)
    return True


def addressed(event: Told, endpoint_ids: Sequence[str]) -> list[NewDelivery]:
    """The event as it is told to each of these endpoints."""
    body = told_payload(event)
    return [
        NewDelivery(endpoint_id, event.event_type, event.lead_id, event.key, body)
        for endpoint_id in endpoint_ids
    ]


async def project_endpoints(
    connection: AsyncConnection, project_ids: set[str]
) -> dict[str, list[tuple[str, Definition]]]:
    """Endpoints by project, disabled ones, too: what happens waits for them. They stay until the transaction ends."""
    kept = webhook_endpoints.c
    query = (
        sa.select(kept.project_id, kept.endpoint_id, kept.definition)
        .where(kept.project_id.in_(project_ids))
        .order_by(kept.endpoint_id)
        .with_for_update(read=True, key_share=True)
    )
    found: dict[str, list[tuple[str, Definition]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.project_id, []).append(
            (row.endpoint_id, rows.definition(row.definition))
        )
    return found


async def write(connection: AsyncConnection, planned: Sequence[NewDelivery], now: datetime) -> int:
    """Write deliveries to endpoints that stay, with their lanes; how many are new."""
    if not planned:
        return 0
    await open_lanes(connection, [(one.endpoint_id, one.lead_id) for one in planned], now)
    written = await connection.execute(
        insert(deliveries).on_conflict_do_nothing().execution_options(preserve_rowcount=True),
        [
            {
                "endpoint_id": one.endpoint_id,
                "delivery_id": delivery_id(one.endpoint_id, one.lead_id, one.key, one.event_type),
                "lead_id": one.lead_id,
                "event_type": one.event_type,
                "payload": one.body,
                "state": State.PENDING.value,
                "attempt_count": 0,
                "attempts_before": 0,
                "pending_since": now,
                "created_at": now,
            }
            for one in planned
        ],
    )
    return written.rowcount


def payload(event_type: str, timestamp: str, data: Mapping[str, Any]) -> str:
    """A body as Standard Webhooks has it; the timestamp is as JSON has it."""
    body = {"type": event_type, "timestamp": timestamp, "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def told_payload(event: Told) -> str:
    """The body that tells of an event."""
    return payload(event.event_type, to_timestamp(event.time).ToJsonString(), event.data)
