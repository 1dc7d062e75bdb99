"""Webhook endpoints and deliveries as rows, both ways."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.notify.domain.endpoints import (
    Attempt,
    Definition,
    Delivery,
    Endpoint,
    Secret,
    Signing,
    State,
)
from services.shared import logs
from services.shared.sealing import Seal, SealBroken

log = logs.get("endpoints")


def endpoint(row: Any, secrets: Sequence[Any], seal: Seal) -> Endpoint:
    """An endpoint as its row has it, with its secrets, the newest first."""
    return Endpoint(
        row.endpoint_id,
        row.project_id,
        row.url,
        row.description,
        definition(row.definition),
        row.disabled,
        row.disabled_reason,
        row.failing_since,
        row.revision,
        row.created_at,
        row.updated_at,
        _headers(row, seal),
        _opened(secrets, seal),
    )


def changing(of: Endpoint, seal: Seal) -> dict[str, Any]:
    """What of a row changes."""
    wanted = of.definition
    return {
        "url": of.url,
        "description": of.description,
        "definition": {
            "event_types": list(wanted.event_types),
            "qualified_stages": list(wanted.qualified_stages),
            "filter": wanted.filter,
            "concurrency": wanted.concurrency,
            "signing": wanted.signing.value,
        },
        "sealed_headers": seal.close(json.dumps(dict(of.headers))),
        "disabled": of.disabled,
        "disabled_reason": of.disabled_reason,
        "failing_since": of.failing_since,
        "revision": of.revision,
        "updated_at": of.update_time,
    }


def definition(content: dict[str, Any]) -> Definition:
    """What an endpoint wants to be told."""
    return Definition(
        tuple(content["event_types"]),
        tuple(content["qualified_stages"]),
        content["filter"],
        content["concurrency"],
        Signing(content["signing"]),
    )


def delivery(row: sa.Row[Any], attempts: Sequence[Attempt]) -> Delivery:
    """A delivery as its row has it."""
    return Delivery(
        row.delivery_id,
        row.number,
        row.event_type,
        row.lead_id,
        State(row.state),
        row.created_at,
        row.retry_at,
        row.payload,
        tuple(attempts),
    )


def attempt(row: sa.Row[Any]) -> Attempt:
    """An attempt as its row has it."""
    return Attempt(row.attempted_at, row.status, row.latency_ms, row.excerpt, row.error)


def _headers(row: Any, seal: Seal) -> dict[str, str]:
    try:
        opened: dict[str, str] = json.loads(seal.open(row.sealed_headers))
    except SealBroken:
        # Without them the receiver refuses, which shows in the deliveries; they come back with the key.
        log.error("headers can't be opened", endpoint=row.endpoint_id)
        return {}
    return opened


def _opened(secrets: Sequence[Any], seal: Seal) -> tuple[Secret, ...]:
    opened = []
    for row in secrets:
        try:
            opened.append(Secret(seal.open(row.sealed), row.expires_at))
        except SealBroken:
            # The receiver refuses what this one would have proven, and it is tried again until the key is back.
            log.error("secret can't be opened", endpoint=row.endpoint_id, number=row.number)
    return tuple(opened)
