"""Contacts in HubSpot (its CRM API v3: `contacts/batch/upsert`, one contact at a time)."""

import re
from collections.abc import Mapping
from typing import Any

from services.notify.crm import Mapped, Record, record_id, said, written
from services.notify.domain.actions import HubSpot, Outcome
from services.notify.guarded_http import Answer, GuardedHttp

_PATH = "/crm/v3/objects/contacts/batch/upsert"

_TOKEN = re.compile(r"[!-~]+")

_AGAIN = frozenset({"CONFLICT", "RATE_LIMITS"})
"""Categories of errors that pass: another request was making the same contact, or there were too many requests."""


class HubSpotContacts:
    """A Crm. `base`: where HubSpot's API is, without a slash at the end."""

    def __init__(self, http: GuardedHttp, base: str) -> None:
        self._http = http
        self._url = f"{base}{_PATH}"

    def mapped(self, action: HubSpot) -> Mapped:
        """What the action says of its contact."""
        return Mapped("hubspot.id_value", action.id_value, "hubspot.properties", action.properties)

    def problems(self, action: HubSpot) -> list[tuple[str, str]]:
        """What else is wrong with it."""
        if _TOKEN.fullmatch(action.access_token):
            return []
        return [("hubspot.access_token", "must be ASCII without spaces")]

    def shown(self, action: HubSpot, record: Record) -> Mapping[str, Any]:
        """The contact as it would be sent."""
        return {
            "id_property": action.id_property,
            "id": record.id,
            "properties": _properties(record),
        }

    async def upsert(self, action: HubSpot, record: Record) -> Outcome:
        """Change the contact, or make it. Raises NoAnswer."""
        contact = {
            "idProperty": action.id_property,
            "id": record.id,
            "properties": _properties(record),
        }
        answer = await self._http.send(
            "POST",
            self._url,
            {"Authorization": f"Bearer {action.access_token}"},
            json={"inputs": [contact]},
        )
        content = answer.json()
        if answer.status in (200, 201, 207) and isinstance(content, dict):
            made = _first(content.get("results"))
            if made is not None:
                how = "made" if made.get("new") is True else "changed"
                return Outcome(detail=f"contact {record_id(made.get('id', ''))} {how}")
        return _failed(answer, content, record)


def _properties(record: Record) -> dict[str, str]:
    """HubSpot takes texts only, whatever the property is of."""
    return {name: written(value) for name, value in record.fields.items()}


def _failed(answer: Answer, content: Any, record: Record) -> Outcome:
    """Why: as the answer says, or of several parts (207) the first error."""
    if not isinstance(content, dict):
        return answer.failed(f"HubSpot answered {answer.status}")
    problem = _first(content.get("errors")) if answer.status == 207 else content
    message = (problem or {}).get("message", "")
    category = (problem or {}).get("category", "")
    about = said(message, record)
    error = f"HubSpot answered {answer.status}" + (f": {about}" if about else "")
    if category in _AGAIN:
        return Outcome(error=error, retry_after_s=answer.retry_after_s)
    if answer.status < 300:
        return Outcome(error=error, permanent=True)
    return answer.failed(error)


def _first(found: Any) -> dict[str, Any] | None:
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else None
