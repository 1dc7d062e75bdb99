"""Calling the services in tests: stubs with a key attached, and what a refusal says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

CALL_TIMEOUT_S = 20.0


class Keyed:
    """A stub whose calls carry an API key."""

    def __init__(self, stub: Any, api_key: str) -> None:
        self._stub = stub
        self._api_key = api_key

    def __getattr__(self, method: str) -> Any:
        def call(request: Any) -> Any:
            metadata = [("x-api-key", self._api_key)] if self._api_key else None
            return getattr(self._stub, method)(request, metadata=metadata, timeout=CALL_TIMEOUT_S)

        return call


@contextmanager
def channel(target: str) -> Iterator[grpc.Channel]:
    """A channel to host:port, closed at the end."""
    with grpc.insecure_channel(target) as opened:
        yield opened


class Refusal:
    """What a refused call said."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code = error.code()  # type: ignore[attr-defined]
        self.text = error.details()  # type: ignore[attr-defined]
        self.reason = ""
        self.metadata: dict[str, str] = {}
        self.fields: list[str] = []
        self.retry_after = False
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            self._read(detail)

    def _read(self, detail: Any) -> None:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            self.reason, self.metadata = info.reason, dict(info.metadata)
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            self.fields = [violation.field for violation in bad_request.field_violations]
        if detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            self.retry_after = True


@contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Iterator[list[Refusal]]:
    """The calls inside must be refused so. The list then holds what the refusal said."""
    said: list[Refusal] = []
    try:
        yield said
    except grpc.RpcError as error:
        said.append(Refusal(error))
        assert (said[0].code, said[0].reason) == (code, reason), said[0].text
        return
    raise AssertionError(f"not refused, expected {code.name} {reason}")
