"""What score changes become for webhook endpoints: deliveries, written in the planner's transaction (planning.py)."""

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify import telling
from services.notify.conditions import Conditions
from services.notify.domain.endpoints import CHANGE_TYPES, Definition, event_types
from services.notify.domain.filtering import Change, Condition
from services.notify.ports import PublishedChange
from services.notify.tables import webhook_endpoints
from services.notify.telling import NewDelivery
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
        self._told_any = False

    async def wanted(self, connection: AsyncConnection) -> bool:
        """Whether an endpoint subscribes to score changes; disabled ones, too: what happens waits for them."""
        types = webhook_endpoints.c.definition["event_types"]
        return bool(
            await connection.scalar(
                sa.select(sa.exists().where(types.has_any(array(CHANGE_TYPES))))
            )
        )

    async def plan(self, connection: AsyncConnection, changes: Sequence[PublishedChange]) -> None:
        """Write the deliveries of some changes."""
        self._told_any = False
        if not changes:
            return
        wanted = await telling.project_endpoints(
            connection, {change.project_id for change in changes}
        )
        told = [
            one
            for published in changes
            for one in self._told(published, wanted.get(published.project_id, ()))
        ]
        self._told_any = bool(told)
        await telling.write(connection, told, self._clock.now())

    def planned(self) -> None:
        """There may be something to send."""
        if self._told_any:
            self._nudge()

    def _told(
        self, published: PublishedChange, endpoints: Iterable[tuple[str, Definition]]
    ) -> Iterable[NewDelivery]:
        change = published.change
        bodies: dict[str, str] = {}
        for endpoint_id, definition in endpoints:
            types = event_types(change, definition.qualified_stages)
            kinds = [one for one in types if one in definition.event_types]
            if not kinds or not self._passes(definition.filter, change):
                continue
            for kind in kinds:
                if kind not in bodies:
                    bodies[kind] = change_payload(kind, ScoreChange.FromString(published.encoded))
                yield NewDelivery(
                    endpoint_id, kind, change.lead_id, str(change.version), bodies[kind]
                )

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


def change_payload(event_type: str, change: ScoreChange) -> str:
    """The body that tells of a change: as Standard Webhooks has it, the change as HTTP has it."""
    data = MessageToDict(
        change, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return telling.payload(event_type, change.change_time.ToJsonString(), data)
