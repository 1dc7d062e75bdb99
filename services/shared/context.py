"""Who is calling, and which request this is: set by the call interceptor, read by servicers and the log."""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a credential. The project of every read and write comes from here."""

    project_id: str
    key_id: str
    scopes: frozenset[int]
    """Values of scoreline.common.v1.Scope."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of the pages that may use the key (origins.py); empty: any caller may."""
    requests_per_minute: int = 0
    """How many requests ingest takes with the key; 0: no limit."""


@dataclass(frozen=True, slots=True)
class Request:
    """What ties log lines, answers and stored events of one call together."""

    request_id: str
    traceparent: str
    """W3C trace context as the caller sent it; empty when it sent none."""
    credential: str
    """The API key as sent, to be handed on in calls made in the caller's name; never logged."""


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
_request: ContextVar[Request | None] = ContextVar("request", default=None)

Metadata = Iterable[tuple[str, str | bytes]]


def enter(request: Request, caller: Caller | None) -> None:
    """Say whose call the current task serves. Each gRPC call runs in a task of its own."""
    _request.set(request)
    _caller.set(caller)


def caller() -> Caller:
    """The caller of the current call; only methods with a required scope have one."""
    found = _caller.get()
    if found is None:
        raise LookupError("no caller: the method is open, or this is not a call")
    return found


def request() -> Request:
    """The current request."""
    found = _request.get()
    if found is None:
        raise LookupError("not inside a call")
    return found
