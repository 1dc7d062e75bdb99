"""Facts as ledger entries: adjustments, retractions, links and unlinks. Their properties are canonical JSON, their ids
begin with `scoreline:`, as no sender's do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from services.scoring.domain.identity import identity_subject
from services.scoring.domain.model import ADJUSTMENT, LINK, RETRACTION, UNLINK, Entry
from services.scoring.ports import IncomingEvent

ID_PREFIX = "scoreline:"

LINK_ID_PREFIX = f"{ID_PREFIX}link:"
"""Before the id of the event that linked, or what is unique of a merge by hand."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who says so, and why."""

    reason: str
    actor: str
    """API key id; empty: an event of the project does."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Points to give or take by hand."""

    points: int
    """Milli-points."""
    group: str
    said: Said
    occurred_at: datetime | None
    """None: now."""
    adjustment_id: str
    """Empty: it is made anew with every call."""


def adjustment_event_id(unique: str) -> str:
    """The id of an adjustment's ledger entry."""
    return f"{ID_PREFIX}adjustment:{unique}"


def adjustment(
    project_id: str, subject: str, event_id: str, asked: Adjustment, content: bytes, now: datetime
) -> IncomingEvent:
    """Points given or taken under a reference. `content` is a hash of what was asked for."""
    properties = {"points": asked.points, "group": asked.group, **_said(asked.said)}
    at = asked.occurred_at or now
    return _fact(project_id, subject, Entry(event_id, ADJUSTMENT, at, properties), content)


def adjustment_content(subject: str, asked: Adjustment) -> bytes:
    """A hash of what was asked for: the same again is the same adjustment. Who asks does not matter."""
    at = asked.occurred_at
    content = [
        subject,
        asked.points,
        asked.group,
        asked.said.reason,
        None if at is None else at.isoformat(),
    ]
    return sha256(_json(content).encode()).digest()


def retraction(
    project_id: str, subject: str, unique: str, event_ids: Sequence[str], said: Said, at: datetime
) -> IncomingEvent:
    """Events that were kept under a reference count for nothing."""
    properties = {"event_ids": list(event_ids), **_said(said)}
    event_id = f"{ID_PREFIX}retraction:{unique}"
    return _fact(project_id, subject, Entry(event_id, RETRACTION, at, properties))


def link(
    project_id: str,
    lead_id: str,
    unique: str,
    merged: Sequence[str],
    subjects: Sequence[str],
    said: Said,
    at: datetime,
) -> IncomingEvent:
    """References, and the leads that had them, became one lead's."""
    properties = {
        "lead_id": lead_id,
        "merged_lead_ids": list(merged),
        "subjects": list(subjects),
        **_said(said),
    }
    entry = Entry(f"{LINK_ID_PREFIX}{unique}", LINK, at, properties)
    return _fact(project_id, identity_subject(lead_id), entry)


def unlink(
    project_id: str,
    lead_id: str,
    unique: str,
    unmerged: str,
    subjects: Sequence[str],
    said: Said,
    at: datetime,
) -> IncomingEvent:
    """References are those of the lead again that had them before it was merged."""
    properties = {
        "lead_id": lead_id,
        "unmerged_lead_id": unmerged,
        "subjects": list(subjects),
        **_said(said),
    }
    entry = Entry(f"{ID_PREFIX}unlink:{unique}", UNLINK, at, properties)
    return _fact(project_id, identity_subject(lead_id), entry)


def _fact(
    project_id: str, subject: str, entry: Entry, payload_hash: bytes | None = None
) -> IncomingEvent:
    text = _json(entry.properties)
    payload = text.encode()
    return IncomingEvent(
        project_id=project_id,
        subject=subject,
        entry=entry,
        properties_text=text,
        payload_hash=payload_hash or sha256(payload).digest(),
        payload=payload,
    )


def _said(said: Said) -> Mapping[str, str]:
    return {"reason": said.reason, "actor": said.actor}


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
