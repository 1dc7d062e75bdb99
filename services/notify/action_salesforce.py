"""Records in Salesforce (its REST API: upsert by an external id), with tokens of the client credentials flow."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from weakref import WeakValueDictionary

from services.notify.crm import Mapped, Record, record_id, said
from services.notify.domain.actions import Outcome, Salesforce, Unrenderable
from services.notify.domain.said import one_line
from services.notify.guarded_http import Answer, GuardedHttp
from services.shared.clock import Clock

API = "/services/data/v62.0"

TOKEN_TTL = timedelta(hours=1)
"""Tokens do not say how long they are good for: the organisation decides, 15 minutes at least. One that is not any more
is answered with 401, and a fresh one is taken."""

TOKENS_MAX = 1_000

CODE_CHARS_MAX = 100
"""Of an error code."""

_AGAIN = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED",
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "CONCURRENT_REQUESTS_LIMIT_EXCEEDED",
    }
)
"""Error codes that pass, whatever status they come with."""


class _Refused(Exception):
    """No token; carries the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class SalesforceRecords:
    """A Crm."""

    def __init__(self, http: GuardedHttp, clock: Clock) -> None:
        self._http = http
        self._tokens = _Tokens(http, clock)

    def mapped(self, action: Salesforce) -> Mapped:
        """What the action says of its record."""
        return Mapped(
            "salesforce.external_id", action.external_id, "salesforce.fields", action.fields
        )

    def problems(self, action: Salesforce) -> list[tuple[str, str]]:
        """What else is wrong with it."""
        found = []
        problem = self._http.problem(action.instance_url)
        if problem is None and urlsplit(action.instance_url)[2:] not in (
            ("", "", ""),
            ("/", "", ""),
        ):
            problem = "must be the organisation's domain alone, without a path"
        if problem is not None:
            found.append(("salesforce.instance_url", problem))
        if action.external_id_field in action.fields:
            field = f"salesforce.fields[{action.external_id_field}]"
            found.append(
                (field, "is the field that the record is found by: its value is external_id")
            )
        return found

    def shown(self, action: Salesforce, record: Record) -> Mapping[str, Any]:
        """The record as it would be sent."""
        return {
            "object_type": action.object_type,
            "external_id_field": action.external_id_field,
            "external_id": record.id,
            "fields": dict(record.fields),
        }

    async def upsert(self, action: Salesforce, record: Record) -> Outcome:
        """Change the record, or make it. Raises NoAnswer, Unrenderable."""
        if record.id in (".", ".."):
            raise Unrenderable("external_id: must not be dots alone: it is part of a path")
        try:
            token = await self._tokens.get(action)
            answer = await self._patch(action, record, token)
            if answer.status == 401:
                token = await self._tokens.get(action, instead_of=token)
                answer = await self._patch(action, record, token)
        except _Refused as refused:
            return refused.outcome
        if answer.status in (200, 201, 204):
            content = answer.json()
            found = record_id(content.get("id", "")) if isinstance(content, dict) else ""
            how = "made" if answer.status == 201 else "changed"
            return Outcome(detail=" ".join(part for part in ("record", found, how) if part))
        return _failed(answer, record)

    async def _patch(self, action: Salesforce, record: Record, token: str) -> Answer:
        path = "/".join(
            quote(part, safe="")
            for part in ("sobjects", action.object_type, action.external_id_field, record.id)
        )
        return await self._http.send(
            "PATCH",
            f"{_base(action)}{API}/{path}",
            {"Authorization": f"Bearer {token}"},
            json=dict(record.fields),
        )


class _Tokens:
    """Access tokens by organisation and app, the least used forgotten first."""

    def __init__(self, http: GuardedHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, action: Salesforce, instead_of: str = "") -> str:
        """A token, another one than `instead_of`, which is good no more. Raises NoAnswer, _Refused."""
        key = _key(action)
        # Whoever comes while one is being asked for takes that one.
        async with self._asking.setdefault(key, asyncio.Lock()):
            token, until = self._known.get(key, (instead_of, self._clock.now()))
            if token == instead_of or until <= self._clock.now():
                token = await self._ask(action)
                self._known[key] = (token, self._clock.now() + TOKEN_TTL)
            self._known.move_to_end(key)
        while len(self._known) > TOKENS_MAX:
            self._known.popitem(last=False)
        return token

    async def _ask(self, action: Salesforce) -> str:
        answer = await self._http.send(
            "POST",
            f"{_base(action)}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": action.client_id,
                "client_secret": action.client_secret,
            },
        )
        content = answer.json()
        token = content.get("access_token") if isinstance(content, dict) else None
        if answer.status != 200 or not isinstance(token, str) or not _sendable(token):
            raise _Refused(_no_token(answer, content))
        return token


def _base(action: Salesforce) -> str:
    return action.instance_url.rstrip("/")


def _key(action: Salesforce) -> str:
    """Whose token: who does not know the secret is not given it."""
    parts = (_base(action).lower(), action.client_id, action.client_secret)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _sendable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _no_token(answer: Answer, content: Any) -> Outcome:
    about = content.get("error_description") if isinstance(content, dict) else None
    shown = f": {one_line(about)[:200]}" if about else ""
    error = f"Salesforce gives no token, answered {answer.status}{shown}"
    if answer.status < 300:
        return Outcome(error=error)
    return answer.failed(error)


def _failed(answer: Answer, record: Record) -> Outcome:
    if answer.status == 300:
        return Outcome(error="Salesforce has several records with that external id", permanent=True)
    content = answer.json()
    first = content[0] if isinstance(content, list) and content else content
    code = str(first.get("errorCode", "")) if isinstance(first, dict) else ""
    message = said(first.get("message", ""), record) if isinstance(first, dict) else ""
    parts = [f"Salesforce answered {answer.status}", one_line(code)[:CODE_CHARS_MAX], message]
    error = ": ".join(part for part in parts if part)
    if code in _AGAIN:
        return Outcome(error=error, retry_after_s=answer.retry_after_s)
    return answer.failed(error)
