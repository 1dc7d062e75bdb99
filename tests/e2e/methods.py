"""Calling every method of the contracts by name: the requests are whatever a test gives, empty where it gives none."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.shared import contracts
from tests.support.grpc_calls import CALL_TIMEOUT_S

METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for service in contracts.SERVICES
    for method in service.methods
}
"""Every method of the suite by its path."""


def call(
    channel: grpc.Channel, path: str, api_key: str, request: Message | None = None
) -> Message | None:
    """The first message of the answer; None when a stream ends without one. Raises grpc.RpcError."""
    method = METHODS[path]
    request_type = message_factory.GetMessageClass(method.input_type)
    answer_type = message_factory.GetMessageClass(method.output_type)
    send_nothing = method.client_streaming and request is None

    def requests() -> Iterator[Message]:
        if not send_nothing:
            yield request_type() if request is None else request

    stream = channel.stream_stream(path, request_type.SerializeToString, answer_type.FromString)(
        requests(),
        metadata=[("x-api-key", api_key)] if api_key else None,
        timeout=CALL_TIMEOUT_S,
    )
    try:
        first: Message | None = next(stream, None)
        return first
    finally:
        stream.cancel()
