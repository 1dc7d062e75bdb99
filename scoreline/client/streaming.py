"""A stream of messages that changes nothing, followed to its end: errors translated, the call ended when the caller
stops. Such calls have no deadline, they take what the leads take; keepalive notices a dead connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import grpc

from scoreline.client import errors


def messages(call: Any) -> Generator[Any, None, None]:
    """The messages of a call. What breaks off is begun anew by the caller: there is nothing to resume."""
    try:
        yield from call
    except grpc.RpcError as failure:
        raise errors.from_rpc_error(failure) from failure
    finally:
        call.cancel()


async def messages_async(call: Any) -> AsyncGenerator[Any, None]:
    """Like `messages`, in an event loop."""
    try:
        async for message in call:
            yield message
    except grpc.RpcError as failure:
        raise errors.from_rpc_error(failure) from failure
    finally:
        call.cancel()
