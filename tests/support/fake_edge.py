"""The whole API in one process with programmable answers, for tests of what calls it: the SDK and the command line. It
listens on a real port and knows nothing of leads or rules; what it answers is up to each test."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2, message_factory
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.ingest.v1 import (
    imports_service_pb2,
    ingest_service_pb2,
    quarantine_service_pb2,
    webhooks_service_pb2,
)
from scoreline.notify.v1 import (
    automations_service_pb2,
    follow_ups_service_pb2,
    notify_service_pb2,
    webhook_endpoints_service_pb2,
)
from scoreline.rules.v1 import rules_service_pb2
from scoreline.scoring.v1 import (
    analytics_service_pb2,
    scoring_service_pb2,
    simulation_service_pb2,
)

API_KEY = "sl_testtest_0123456789abcdef0123456789abcdef"

_SERVICES = [
    service
    for module in (
        accounts_service_pb2,
        ingest_service_pb2,
        imports_service_pb2,
        quarantine_service_pb2,
        webhooks_service_pb2,
        notify_service_pb2,
        webhook_endpoints_service_pb2,
        automations_service_pb2,
        follow_ups_service_pb2,
        rules_service_pb2,
        scoring_service_pb2,
        simulation_service_pb2,
        analytics_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
]

Behaviour = Callable[[Any, grpc.ServicerContext], Any]


def status(
    code: grpc.StatusCode,
    reason: str = "",
    message: str = "refused",
    *,
    violations: tuple[tuple[str, str], ...] = (),
    retry_after_s: float | None = None,
    metadata: dict[str, str] | None = None,
) -> status_pb2.Status:
    """A refusal as the services send it."""
    made = status_pb2.Status(code=code.value[0], message=message)
    details: list[Message] = []
    if reason:
        info = error_details_pb2.ErrorInfo(
            reason=reason, domain="scoreline", metadata=metadata or {}
        )
        details.append(info)
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, description in violations:
            bad.field_violations.add(field=field, description=description)
        details.append(bad)
    if retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


def trailing(refusal: status_pb2.Status, request_id: str = "req-1") -> tuple[tuple[str, Any], ...]:
    """The trailing metadata that goes with a refusal."""
    return (
        ("grpc-status-details-bin", refusal.SerializeToString()),
        ("x-request-id", request_id),
    )


def refuse(context: grpc.ServicerContext, refusal: status_pb2.Status) -> None:
    """End a call with a refusal."""
    code = next(code for code in grpc.StatusCode if code.value[0] == refusal.code)
    context.set_trailing_metadata(trailing(refusal))
    context.abort(code, refusal.message)


class FakeEdge:
    """Answers with an empty message unless told otherwise by `on`. Use it as a context manager."""

    def __init__(self) -> None:
        self._behaviours: dict[str, Behaviour] = {}
        self._lock = threading.Lock()
        self.requests: dict[str, list[Any]] = defaultdict(list)
        """What each method was asked, by name, in order."""
        self.keys: set[str] = set()
        """API keys that came with calls."""
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        for service in _SERVICES:
            methods = {method.name: self._handler(method) for method in service.methods}
            generic = grpc.method_handlers_generic_handler(service.full_name, methods)
            self._server.add_generic_rpc_handlers((generic,))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> FakeEdge:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def on(self, method: str, behaviour: Behaviour) -> None:
        """Answer a method so: a message, or for a stream an iterator of messages."""
        self._behaviours[method] = behaviour

    def _handler(self, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
        response_type = message_factory.GetMessageClass(method.output_type)
        request_type = message_factory.GetMessageClass(method.input_type)
        name = method.name

        def take(request: Any, context: grpc.ServicerContext) -> None:
            with self._lock:
                self.requests[name].append(request)
                sent = dict(context.invocation_metadata())
                self.keys.add(str(sent.get("x-api-key", "")))

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            take(request, context)
            behaviour = self._behaviours.get(name)
            return behaviour(request, context) if behaviour else response_type()

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            take(request, context)
            behaviour = self._behaviours.get(name)
            if behaviour:
                yield from behaviour(request, context)

        wrap: Any = grpc.unary_unary_rpc_method_handler
        behave: Any = answer
        if method.client_streaming and not method.server_streaming:
            # The behaviour is asked with all messages in a list.
            wrap = grpc.stream_unary_rpc_method_handler
            behave = lambda requests, context: answer(list(requests), context)  # noqa: E731
        elif method.server_streaming:
            wrap, behave = grpc.unary_stream_rpc_method_handler, stream
        handler: grpc.RpcMethodHandler[Any, Any] = wrap(
            behave,
            request_deserializer=request_type.FromString,
            response_serializer=response_type.SerializeToString,
        )
        return handler


def accept_all(request: Any, context: grpc.ServicerContext) -> Any:
    """BatchIngestEvents that takes everything."""
    response = ingest_service_pb2.BatchIngestEventsResponse(accepted_count=len(request.events))
    for event in request.events:
        response.results.add().receipt.event_id = event.event_id
    return response
