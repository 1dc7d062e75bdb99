"""What score changes become for webhook endpoints: deliveries, written in the planner's transaction (planning.py)."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify import endpoint_rows as rows
from services.notify.conditions import Conditions
from services.notify.delivery_store import open_lanes
from services.notify.domain.endpoints import Definition, State, delivery_id, event_types
from services.notify.domain.filtering import Change, Condition
from services.notify.ports import PublishedChange
from services.notify.tables import deliveries, webhook_endpoints
from services.shared import logs
from services.shared.cel import InvalidExpression
from services.shared.clock import Clock

log = logs.get("endpoints")

COMPILED_MAX = 2_000
"""Filters kept ready; when there are more all are compiled anew."""


class EndpointPlan:
    """A planning.Plan. `nudge` is called when there is something to send."""

    def __init__(self, conditions: Conditions, clock: Clock, nudge: Callable[[], None]) -> None:
        self._conditions = conditions
        self._clock = clock
        self._nudge = nudge
        self._compiled: dict[str, Condition | None] = {}

    async def plan(self, connection: AsyncConnection, changes: Sequence[PublishedChange]) -> None:
        """Write the deliveries of some changes."""
        if not changes:
            return
        wanted = await _endpoints(connection, {change.project_id for change in changes})
        now = self._clock.now()
        told = [
            {
                "endpoint_id": endpoint_id,
                "delivery_id": delivery_id(endpoint_id, lead_id, version, event_type),
                "lead_id": lead_id,
                "event_type": event_type,
                "payload": body,
                "state": State.PENDING.value,
                "attempt_count": 0,
                "attempts_before": 0,
                "pending_since": now,
                "created_at": now,
            }
            for published in changes
            for endpoint_id, event_type, body in self._told(
                published, wanted.get(published.project_id, ())
            )
            for lead_id, version in [(published.change.lead_id, published.change.version)]
        ]
        if not told:
            return
        lanes = [(str(one["endpoint_id"]), str(one["lead_id"])) for one in told]
        await open_lanes(connection, lanes, now)
        await connection.execute(insert(deliveries).on_conflict_do_nothing(), told)

    def planned(self) -> None:
        """There may be something to send."""
        self._nudge()

    def _told(
        self, published: PublishedChange, endpoints: Iterable[tuple[str, Definition]]
    ) -> Iterable[tuple[str, str, str]]:
        """Endpoint, type and body of each thing to tell."""
        bodies: dict[str, str] = {}
        for endpoint_id, definition in endpoints:
            types = event_types(published.change, definition.qualified_stages)
            kinds = [one for one in types if one in definition.event_types]
            if not kinds or not self._passes(definition.filter, published.change):
                continue
            for kind in kinds:
                if kind not in bodies:
                    bodies[kind] = payload(kind, ScoreChange.FromString(published.encoded))
                yield endpoint_id, kind, bodies[kind]

    def _passes(self, source: str, change: Change) -> bool:
        if not source:
            return True
        if source not in self._compiled:
            if len(self._compiled) >= COMPILED_MAX:
                self._compiled.clear()
            try:
                self._compiled[source] = self._conditions.compile(source)
            except InvalidExpression as error:
                # It compiled when it was set. Better to tell too much than to be silent about what was asked for.
                log.error("filter does not compile any more", exc_info=error)
                self._compiled[source] = None
        condition = self._compiled[source]
        return condition is None or condition.holds(change)


def payload(event_type: str, change: ScoreChange) -> str:
    """The body that tells of a change: as Standard Webhooks has it, the change as HTTP has it."""
    data = MessageToDict(
        change, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    body: dict[str, Any] = {
        "type": event_type,
        "timestamp": change.change_time.ToJsonString(),
        "data": data,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


async def _endpoints(
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
