"""Calling ScoringService in this process as the holder of one key or another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from scoreline.common.v1 import scope_pb2
from services.scoring.handlers import EventHandlers
from services.shared.context import Caller
from tests.support.grpc_calls import Refusal
from tests.support.scoring_store import InMemoryStore

ALL = frozenset({scope_pb2.SCOPE_INGEST, scope_pb2.SCOPE_READ, scope_pb2.SCOPE_ADMIN})

KEYS = {
    "p1": Caller("p1", "key_1", ALL),
    "p2": Caller("p2", "key_2", ALL),
    "reader": Caller("p1", "key_3", frozenset({scope_pb2.SCOPE_READ})),
    "writer": Caller("p1", "key_4", frozenset({scope_pb2.SCOPE_INGEST})),
}
"""API keys and who holds them."""

CALL_TIMEOUT_S = 10.0


class KnownCallers:
    """The holders of `KEYS`."""

    def find(self, api_key: str) -> Caller | None:
        return KEYS.get(api_key)


@dataclass
class Api:
    """A service over a store, called with a key."""

    store: InMemoryStore
    events: EventHandlers
    stub: Any
    key: str

    def holding(self, key: str) -> Api:
        """The same service as another key sees it."""
        return Api(self.store, self.events, self.stub, key)

    async def call(self, method: str, request: Any) -> Any:
        metadata = (("x-api-key", self.key),)
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=CALL_TIMEOUT_S)


@contextmanager
def fails(code: grpc.StatusCode, reason: str, *fields: str) -> Iterator[None]:
    """The call inside must be refused so, with violations of these fields."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        said = Refusal(error)
        assert (said.code, said.reason, said.fields) == (code, reason, list(fields)), said.text
        return
    raise AssertionError(f"not refused, expected {code.name} {reason}")
