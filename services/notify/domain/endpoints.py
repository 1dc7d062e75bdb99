"""Webhook endpoints and what they are told: the things themselves, which changes become which events, and what an event
is called. Sending is in `endpoint_sender.py`, keeping in `store.py` and `delivery_store.py`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from services.notify.domain.filtering import Change

SCORE_CHANGED = "score.changed"
STAGE_CHANGED = "lead.stage_changed"
QUALIFIED = "lead.qualified"
MERGED = "lead.merged"
RULES_ACTIVATED = "rules.activated"
AUTOMATION_EXECUTED = "automation.executed"
ENDPOINT_DISABLED = "webhook_endpoint.disabled"

CHANGE_TYPES = (SCORE_CHANGED, STAGE_CHANGED, QUALIFIED, MERGED)
"""What score changes are (`event_types`)."""

EVENT_TYPES = (
    *CHANGE_TYPES,
    RULES_ACTIVATED,
    AUTOMATION_EXECUTED,
    ENDPOINT_DISABLED,
)

QUALIFIED_STAGES = ("qualified",)
"""Where an endpoint names none."""

CONCURRENCY = 8
"""Where an endpoint names none."""

GONE = "gone"
FAILING = "failing"


class Signing(Enum):
    """How deliveries are signed (Standard Webhooks)."""

    HMAC = "v1"
    ED25519 = "v1a"


@dataclass(frozen=True, slots=True)
class Definition:
    """What an endpoint wants to be told, and how."""

    event_types: tuple[str, ...]
    qualified_stages: tuple[str, ...] = QUALIFIED_STAGES
    filter: str = ""
    """CEL over score changes, which alone it applies to; empty: everything."""
    concurrency: int = CONCURRENCY
    signing: Signing = Signing.HMAC


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs."""

    text: str = field(repr=False)
    expire_time: datetime | None = None
    """None for the newest."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where changes are pushed to."""

    endpoint_id: str
    project_id: str
    url: str
    description: str
    definition: Definition
    disabled: bool
    disabled_reason: str
    failing_since: datetime | None
    revision: int
    create_time: datetime
    update_time: datetime
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    """Those valid now, the newest first."""


class State(Enum):
    """What became of a delivery."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try."""

    attempt_time: datetime
    status: int
    """HTTP; 0: there was no answer."""
    latency_ms: int
    excerpt: str
    error: str
    """Why it failed where the status does not say so."""
    retry_after_s: float = 0.0
    """How long the receiver asked to be left alone."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it: an answer of 2xx, whole."""
        return 200 <= self.status < 300 and not self.error


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that is told to one endpoint."""

    delivery_id: str
    number: int
    event_type: str
    lead_id: str
    state: State
    create_time: datetime
    retry_time: datetime | None
    payload: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Something other than a score change that endpoints are told of."""

    project_id: str
    event_type: str
    lead_id: str
    """What is about one lead is told in one order with everything else about it; empty: about none."""
    key: str
    """Tells it from everything else of its project, type and lead, for ever: the same again is the same delivery."""
    time: datetime
    """When it happened."""
    data: Mapping[str, Any]
    """What there is to say, as JSON has it."""


def event_types(change: Change, qualified_stages: tuple[str, ...]) -> list[str]:
    """What a change is, in the words that endpoints use."""
    moved = change.stage != change.previous_stage
    found = []
    if moved or change.delta_points:
        found.append(SCORE_CHANGED)
    if moved:
        found.append(STAGE_CHANGED)
        if change.stage in qualified_stages:
            found.append(QUALIFIED)
    if change.merged_into:
        found.append(MERGED)
    return found


def delivery_id(endpoint_id: str, lead_id: str, key: str, event_type: str) -> str:
    """The id of telling that endpoint this: always the same, so that planning it twice makes one of it. The key of a
    score change is its version."""
    told = "\n".join((endpoint_id, lead_id, key, event_type))
    return f"msg_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
