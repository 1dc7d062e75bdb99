"""Reading lists to their end, page by page, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from scoreline.client.calls import AsyncCalls


async def items(
    calls: AsyncCalls, method: grpc.aio.UnaryUnaryMultiCallable[Any, Any], request: Any, field: str
) -> AsyncIterator[Any]:
    """What the answers hold in `field`, page after page, each fetched when the one before has been read."""
    while True:
        page = await calls.repeated(method, request)
        for item in getattr(page, field):
            yield item
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
