"""A replay of the ledger, followed as it goes: errors translated, and continued after its last message when the
connection breaks. The calls have no deadline, they take what the ledger takes; keepalive notices a dead connection.
How a stream is opened is up to the clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import grpc
import grpc.aio

from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.client.watching import TRANSPORT_CODES, Outage
from scoreline.scoring.v1.ledger_pb2 import (
    ReplayLeadsRequest,
    ReplayLeadsResponse,
)


def replay(
    open_stream: Callable[[ReplayLeadsRequest], Any],
    request: ReplayLeadsRequest,
    retry: RetryPolicy,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[ReplayLeadsResponse, None, None]:
    """The messages of a replay until it is done, each once, whatever breaks off on the way for no longer than the retry
    policy allows."""
    outage = Outage(retry, retry.for_s)
    while True:
        error: errors.ScorelineError = unfinished()
        call = open_stream(request)
        try:
            for message in call:
                outage.over()
                request.resume_token = message.resume_token
                yield message
                if message.done:
                    return
        except grpc.RpcError as failure:
            error = errors.from_rpc_error(failure)
        finally:
            call.cancel()
        if not may_resume(error):
            raise error
        sleep(outage.wait_s(error))


async def replay_async(
    open_stream: Callable[[ReplayLeadsRequest], Any],
    request: ReplayLeadsRequest,
    retry: RetryPolicy,
) -> AsyncGenerator[ReplayLeadsResponse, None]:
    """Like `replay`, in an event loop."""
    outage = Outage(retry, retry.for_s)
    while True:
        error: errors.ScorelineError = unfinished()
        call = open_stream(request)
        try:
            async for message in call:
                outage.over()
                request.resume_token = message.resume_token
                yield message
                if message.done:
                    return
        except grpc.RpcError as failure:
            error = errors.from_rpc_error(failure)
        finally:
            call.cancel()
        if not may_resume(error):
            raise error
        await asyncio.sleep(outage.wait_s(error))


def may_resume(error: errors.ScorelineError) -> bool:
    """Whether a stream that ended so is worth opening anew."""
    if isinstance(error, errors.Unavailable):
        return True
    return error.from_transport and error.code in TRANSPORT_CODES


def unfinished() -> errors.Unavailable:
    """What a stream that just ended ended with."""
    return errors.Unavailable(
        "the service ended the stream before it was done", code=grpc.StatusCode.UNAVAILABLE
    )
