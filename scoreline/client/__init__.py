"""The SDK: a blocking and an asyncio client for the whole suite over one gRPC channel. The generated messages and stubs
it is made of are in scoreline/<area>/v1."""

from scoreline.client.aio.client import AsyncClient
from scoreline.client.blocking.client import Client
from scoreline.client.errors import ScorelineError
from scoreline.client.events import MalformedEvent, event, event_from_json
from scoreline.client.live_board import LiveBoard
from scoreline.client.sending import EventOutcome
from scoreline.client.settings import InvalidSettings, RetryPolicy

__all__ = [
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
]
