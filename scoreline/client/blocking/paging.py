"""Reading lists to their end, page by page, blocking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from scoreline.client.calls import Calls


def items(
    calls: Calls, method: grpc.UnaryUnaryMultiCallable[Any, Any], request: Any, field: str
) -> Iterator[Any]:
    """What the answers hold in `field`, page after page, each fetched when the one before has been read."""
    while True:
        page = calls.repeated(method, request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
