"""One unary call, blocking or not: credential, deadline, repeats where they are safe, errors translated. What is called
is up to the groups of methods (blocking.py, aio.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import grpc
import grpc.aio
import tenacity
from google.protobuf.message import Message

from scoreline.client import errors
from scoreline.client.settings import RetryPolicy, Settings

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


def may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed a little later, for a call that may be repeated.

    RESOURCE_EXHAUSTED without a wait is a limit, not a load: repeating it can't help.
    """
    if isinstance(error, errors.ResourceExhausted):
        return error.retry_after_s is not None
    return isinstance(error, errors.Unavailable | errors.DeadlineExceeded)


class Calls:
    """Makes blocking calls."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def once(
        self,
        method: grpc.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        timeout_s: float = 0,
    ) -> ResponseT:
        """One attempt. `timeout_s` is for methods that may need longer than what the client was made with."""
        deadline_s = max(timeout_s, self.settings.timeout_s)
        try:
            return method(request, timeout=deadline_s, metadata=self.settings.metadata)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error

    def repeated(
        self,
        method: grpc.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        timeout_s: float = 0,
    ) -> ResponseT:
        """As many attempts as the retry policy allows; for calls that may happen twice without harm."""
        answer: ResponseT = self.attempts()(self.once, method, request, timeout_s)
        return answer

    def attempts(self) -> tenacity.Retrying:
        """Repeats whatever it is given while `may_pass`."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=_wait(self.settings.retry),
            stop=tenacity.stop_before_delay(self.settings.retry.for_s),
            reraise=True,
        )


class AsyncCalls:
    """Makes calls in an event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def once(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        timeout_s: float = 0,
    ) -> ResponseT:
        """One attempt. `timeout_s` is for methods that may need longer than what the client was made with."""
        deadline_s = max(timeout_s, self.settings.timeout_s)
        try:
            return await method(request, timeout=deadline_s, metadata=self.settings.metadata)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error

    async def repeated(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        timeout_s: float = 0,
    ) -> ResponseT:
        """As many attempts as the retry policy allows; for calls that may happen twice without harm."""
        return await self.attempts()(self.once, method, request, timeout_s)

    def attempts(self) -> tenacity.AsyncRetrying:
        """Repeats whatever it is given while `may_pass`."""
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=_wait(self.settings.retry),
            stop=tenacity.stop_before_delay(self.settings.retry.for_s),
            reraise=True,
        )


def _wait(policy: RetryPolicy) -> Callable[[tenacity.RetryCallState], float]:
    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, errors.ScorelineError) else None
        return policy.wait_s(state.attempt_number, asked)

    return wait
