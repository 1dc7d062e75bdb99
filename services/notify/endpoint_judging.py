"""What an attempt means for its endpoint: since when it fails, and that the service disables it, of which the project's
other endpoints are told. All within the transaction that writes down what came of the attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify import telling
from services.notify.delivery_store import open_lanes
from services.notify.domain import targets
from services.notify.domain.endpoints import ENDPOINT_DISABLED, FAILING, GONE, Attempt, Told
from services.notify.tables import webhook_endpoints
from services.shared.times import to_timestamp

FAILING_MAX = timedelta(days=5)
"""An endpoint all of whose attempts failed for so long is disabled."""

STATUS_GONE = 410


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about an endpoint."""

    failing_since: datetime | None
    """As it is from now on."""
    reason: str
    """Why it is disabled; empty: it is not."""
    told: tuple[str, ...] = ()
    """The endpoints to tell of it."""


async def judge(
    connection: AsyncConnection, endpoint: Any, lead_id: str, attempt: Attempt, now: datetime
) -> Verdict:
    """What an attempt for a lane means. Where the endpoint, a row that stays, is to be disabled this locks the lanes in
    which others are told of it, and that of the attempt with them: in the order in which everybody locks lanes."""
    if attempt.succeeded:
        return Verdict(None, "")
    failing_since = endpoint.failing_since or now
    reason = ""
    if attempt.status == STATUS_GONE:
        reason = GONE
    elif now - failing_since >= FAILING_MAX:
        reason = FAILING
    if not reason or endpoint.disabled:
        return Verdict(failing_since, "")
    found = await telling.project_endpoints(connection, {endpoint.project_id})
    told = tuple(
        one
        for one, definition in found[endpoint.project_id]
        if one != endpoint.endpoint_id and ENDPOINT_DISABLED in definition.event_types
    )
    lanes = [(endpoint.endpoint_id, lead_id), *((one, "") for one in told)]
    await open_lanes(connection, lanes, now)
    return Verdict(failing_since, reason, told)


async def carry_out(
    connection: AsyncConnection, endpoint: Any, verdict: Verdict, now: datetime
) -> str:
    """Do what was found; why the endpoint was disabled, if it was and had not been before."""
    kept = webhook_endpoints.c
    own = kept.endpoint_id == endpoint.endpoint_id
    if verdict.failing_since != endpoint.failing_since:
        since = {"failing_since": verdict.failing_since}
        await connection.execute(sa.update(webhook_endpoints).where(own).values(**since))
    if not verdict.reason:
        return ""
    disabled = await connection.execute(
        sa.update(webhook_endpoints)
        .where(own, ~kept.disabled)
        .values(
            disabled=True,
            disabled_reason=verdict.reason,
            revision=kept.revision + 1,
            updated_at=now,
        )
        .returning(kept.revision)
    )
    revision = disabled.scalar_one_or_none()
    if revision is None:
        return ""
    notice = disabled_event(endpoint, verdict, revision, now)
    await telling.write(connection, telling.addressed(notice, verdict.told), now)
    return verdict.reason


def disabled_event(endpoint: Any, verdict: Verdict, revision: int, now: datetime) -> Told:
    """What others are told of an endpoint, or its row, that was disabled."""
    target = targets.parse(endpoint.url, http_allowed=True)
    since = verdict.failing_since or now
    return Told(
        endpoint.project_id,
        ENDPOINT_DISABLED,
        "",
        f"{endpoint.endpoint_id} {revision}",
        now,
        {
            "endpoint_id": endpoint.endpoint_id,
            "description": endpoint.description,
            # What follows the host often lets in whoever knows it.
            "url": f"{target.scheme}://{target.authority}/",
            "reason": verdict.reason,
            "failing_since_time": to_timestamp(since).ToJsonString(),
        },
    )
