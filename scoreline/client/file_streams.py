"""Files that come in pieces: errors translated. The calls have no deadline, a file takes what it takes; keepalive
notices a dead connection. A file that breaks off is no file: it is asked for anew, from its beginning."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import grpc

from scoreline.client import errors


def pieces(call: Any) -> Generator[bytes, None, None]:
    """The bytes of a stream of google.api.HttpBody."""
    try:
        for body in call:
            yield body.data
    except grpc.RpcError as failure:
        raise errors.from_rpc_error(failure) from failure
    finally:
        call.cancel()


async def pieces_async(call: Any) -> AsyncGenerator[bytes, None]:
    """Like `pieces`, in an event loop."""
    try:
        async for body in call:
            yield body.data
    except grpc.RpcError as failure:
        raise errors.from_rpc_error(failure) from failure
    finally:
        call.cancel()
