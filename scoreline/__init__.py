"""What other backends install: the wire (generated stubs in scoreline/<area>/v1), the SDK (scoreline/client) and the
command line (scoreline/cli). Nothing here runs in the services but the stubs, so the SDK is imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scoreline.client import AsyncClient as AsyncClient
    from scoreline.client import Client as Client
    from scoreline.client import EventOutcome as EventOutcome
    from scoreline.client import InvalidSettings as InvalidSettings
    from scoreline.client import LiveBoard as LiveBoard
    from scoreline.client import MalformedEvent as MalformedEvent
    from scoreline.client import RetryPolicy as RetryPolicy
    from scoreline.client import ScorelineError as ScorelineError
    from scoreline.client import event as event
    from scoreline.client import event_from_json as event_from_json

_SDK = (
    "AsyncClient",
    "Client",
    "EventOutcome",
    "InvalidSettings",
    "LiveBoard",
    "MalformedEvent",
    "RetryPolicy",
    "ScorelineError",
    "event",
    "event_from_json",
)


def __getattr__(name: str) -> Any:
    if name in _SDK:
        return getattr(import_module("scoreline.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
