"""What happens around every call: request id and trace context into the log, the credential into a caller, the caller's
limit, errors into statuses. One interceptor instead of several, because each costs every call."""

# grpc's generic types exist for the type checker only.
from __future__ import annotations

import asyncio
import math
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NoReturn, Protocol, cast

import grpc
import structlog

from scoreline.common.v1 import error_reason_pb2, scope_pb2
from services.shared import broken_files, errors, logs, origins
from services.shared import context as call_context
from services.shared.context import Caller, Request
from services.shared.credentials import api_key_of

log = logs.get("calls")

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,128}$")

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class CredentialMissing(errors.ServiceError):
    """No credential was sent."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = error_reason_pb2.ERROR_REASON_CREDENTIAL_MISSING


class CredentialInvalid(errors.ServiceError):
    """The credential is unknown, malformed or revoked."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = error_reason_pb2.ERROR_REASON_CREDENTIAL_INVALID


class ScopeMissing(errors.ServiceError):
    """The credential lacks the scope the method needs."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = error_reason_pb2.ERROR_REASON_SCOPE_MISSING


class OriginNotAllowed(errors.ServiceError):
    """The credential is for pages of certain origins, and the call does not come from one."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = error_reason_pb2.ERROR_REASON_ORIGIN_NOT_ALLOWED


class InternalError(errors.ServiceError):
    """A defect; what happened is in the log only."""


class CallerSource(Protocol):
    """Says who holds an API key."""

    def find(self, api_key: str) -> Caller | None:
        """The holder; None when the key is unknown or revoked."""
        ...


class CallLimit(Protocol):
    """Counts the calls of keys that may not call as often as they like."""

    async def count(self, caller: Caller) -> None:
        """Count one call. Raises a ServiceError when the caller has used up his calls."""
        ...


class CallInterceptor:
    """Wraps every method of the services that are registered through `on`. Once, when they are: an interceptor as grpc
    has them is asked for each call, which costs a fifth of what else a call does."""

    def __init__(self, callers: CallerSource, required_scopes: Mapping[str, int | None]) -> None:
        self._callers = callers
        self._required_scopes = required_scopes
        self.limit: CallLimit | None = None
        """Asked for callers with a limit; None: the service has none."""

    def on(self, server: grpc.aio.Server) -> grpc.aio.Server:
        """Where to register services of a server, and nothing else. Those that are registered at the server itself are
        open to everyone: probes and tools need no credential."""
        return cast(grpc.aio.Server, _Registrar(self, server))

    def wrap(
        self, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of a method (`/package.Service/Method`) with everything around it."""
        serialisation = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            wrap = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
            return wrap(self._streaming(method, behaviour), **serialisation)
        wrap_unary = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
        return wrap_unary(self._unary(method, behaviour), **serialisation)

    def _unary(self, method: str, behaviour: Any) -> Callable[[Any, ServicerContext], Any]:
        async def call(request: Any, context: ServicerContext) -> Any:
            try:
                limited = self._enter(method, context)
                if limited is not None:
                    await limited
                return await behaviour(request, context)
            except errors.ServiceError as error:
                await _refuse(method, context, error)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: logged in full, answered as INTERNAL
                await _defect(method, context, error)

        return call

    def _streaming(
        self, method: str, behaviour: Any
    ) -> Callable[[Any, ServicerContext], AsyncIterator[Any]]:
        async def call(request: Any, context: ServicerContext) -> AsyncIterator[Any]:
            begun = is_file = False
            try:
                limited = self._enter(method, context)
                if limited is not None:
                    await limited
                # Closed here and now when the call ends early: what the method holds must not wait for the collector.
                async with aclosing(behaviour(request, context)) as messages:
                    async for message in messages:
                        if not begun:
                            begun = True
                            is_file = broken_files.is_file(
                                message, context.invocation_metadata() or ()
                            )
                            if is_file:
                                # Whatever ends the call from now on.
                                context.set_trailing_metadata(broken_files.TOO_MANY)
                        yield message
                if is_file:
                    context.set_trailing_metadata(())
            except errors.ServiceError as error:
                await _refuse(method, context, error, begun, is_file)
            except (asyncio.CancelledError, GeneratorExit, grpc.aio.AbortError):
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: logged in full, answered as INTERNAL
                await _defect(method, context, error, begun, is_file)

        return call

    def _enter(self, method: str, context: ServicerContext) -> Awaitable[None] | None:
        """Let the call in or raise; what is given back is still to be waited for."""
        metadata = context.invocation_metadata() or ()
        request = _request_of(metadata)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        if request.traceparent:
            structlog.contextvars.bind_contextvars(trace_id=request.traceparent[3:35])
        call_context.enter(request, None)
        required = self._required_scopes[method]
        if required is None:
            return None
        caller = self._authorise(required, request.credential, metadata)
        call_context.enter(request, caller)
        if caller.requests_per_minute and self.limit is not None:
            return self.limit.count(caller)
        return None

    def _authorise(self, required: int, api_key: str, metadata: Any) -> Caller:
        if not api_key:
            raise CredentialMissing(
                "send an API key as `x-api-key` or as `authorization: Bearer <key>`"
            )
        caller = self._callers.find(api_key)
        if caller is None:
            raise CredentialInvalid("the API key is unknown or revoked")
        if required not in caller.scopes:
            name = scope_pb2.Scope.Name(required).removeprefix("SCOPE_").lower()
            raise ScopeMissing(
                f"the API key lacks the scope `{name}`", metadata={"required_scope": name}
            )
        if caller.allowed_origins and not origins.allows(
            caller.allowed_origins, _origin_of(metadata)
        ):
            raise OriginNotAllowed("the API key may only be used by pages of its allowed origins")
        return caller


class _Registrar:
    """What generated code registers a service's methods at: the part of grpc.aio.Server that it calls."""

    def __init__(self, interceptor: CallInterceptor, server: grpc.aio.Server) -> None:
        self._interceptor = interceptor
        self._server = server

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        wrapped = {
            name: self._interceptor.wrap(f"/{service}/{name}", handler)
            for name, handler in handlers.items()
        }
        self._server.add_registered_method_handlers(service, wrapped)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """The same methods once more, for servers that know no registered ones: never unwrapped."""


def _request_of(metadata: Any) -> Request:
    request_id, traceparent = "", ""
    for name, value in metadata:
        if name == "x-request-id" and isinstance(value, str) and _REQUEST_ID.match(value):
            request_id = value
        elif name == "traceparent" and isinstance(value, str) and _TRACEPARENT.match(value):
            traceparent = value
    return Request(request_id or uuid.uuid4().hex, traceparent, api_key_of(metadata))


def _origin_of(metadata: Any) -> str:
    for name, value in metadata:
        if name == "origin" and isinstance(value, str):
            return value
    return ""


async def _refuse(
    method: str,
    context: ServicerContext,
    error: errors.ServiceError,
    begun: bool = False,
    is_file: bool = False,
) -> NoReturn:
    reason = error_reason_pb2.ErrorReason.Name(error.reason)
    log.info("call refused", method=method, code=error.code.name, reason=reason)
    status = errors.to_status(error)
    trailing = (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("x-request-id", call_context.request().request_id),
        *(broken_files.TOO_MANY if is_file and begun else ()),
    )
    if error.retry_after_s is not None and not begun:
        # What becomes an HTTP header at the edge; trailers do not. Too late once something has been sent.
        wait_s = max(1, math.ceil(error.retry_after_s))
        await context.send_initial_metadata((("retry-after", str(wait_s)),))
    await context.abort(error.code, error.message, trailing)


async def _defect(
    method: str,
    context: ServicerContext,
    error: Exception,
    begun: bool = False,
    is_file: bool = False,
) -> NoReturn:
    log.error("call failed", method=method, exc_info=error)
    await _refuse(
        method,
        context,
        InternalError("internal error; the log has it under x-request-id"),
        begun,
        is_file,
    )
