"""What was accepted and can't be processed, in an event loop."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

from scoreline.client import quarantine_requests as requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.client.requests import PAGE_SIZE
from scoreline.client.settings import LEDGER_TIMEOUT_S
from scoreline.ingest.v1.quarantine_service_pb2 import (
    CountQuarantinedRequest,
    CountQuarantinedResponse,
    DiscardQuarantinedResponse,
    GetQuarantinedRequest,
    QuarantinedItem,
    RedriveQuarantinedResponse,
)

if TYPE_CHECKING:
    from scoreline.ingest.v1.quarantine_service_pb2_grpc import QuarantineServiceAsyncStub


class Quarantine:
    """What is in quarantine. A filter's `reason` is undecodable, conflict, poison or mapping_failed; all that is given
    must fit."""

    def __init__(self, calls: AsyncCalls, stub: QuarantineServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    def list(
        self,
        *,
        reason: str = "",
        source_id: str = "",
        event_id: str = "",
        seen_after: datetime | None = None,
        seen_before: datetime | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[QuarantinedItem]:
        """Items without their bytes, newest first; pages are fetched as they are read."""
        wanted = requests.which(reason, source_id, event_id, seen_after, seen_before)
        request = requests.list_items(wanted, page_size)
        return items(self._calls, self._stub.ListQuarantined, request, "items")

    async def get(self, item_id: str) -> QuarantinedItem:
        """One item with its bytes."""
        request = GetQuarantinedRequest(item_id=item_id)
        return (await self._calls.repeated(self._stub.GetQuarantined, request)).item

    async def redrive(
        self,
        item_id: str = "",
        *,
        reason: str = "",
        source_id: str = "",
        event_id: str = "",
        seen_after: datetime | None = None,
        seen_before: datetime | None = None,
        everything: bool = False,
    ) -> RedriveQuarantinedResponse:
        """Have one item processed once more, or all of a filter, or everything."""
        wanted = requests.which(reason, source_id, event_id, seen_after, seen_before)
        request = requests.redrive(item_id, wanted, everything)
        if item_id:
            return await self._calls.once(self._stub.RedriveQuarantined, request, LEDGER_TIMEOUT_S)
        total = RedriveQuarantinedResponse()
        while True:
            part = await self._calls.repeated(
                self._stub.RedriveQuarantined, request, LEDGER_TIMEOUT_S
            )
            requests.add_redriven(total, part)
            if not part.next_page_token:
                return total
            request.page_token = part.next_page_token

    async def discard(
        self,
        item_id: str = "",
        *,
        reason: str = "",
        source_id: str = "",
        event_id: str = "",
        seen_after: datetime | None = None,
        seen_before: datetime | None = None,
        everything: bool = False,
    ) -> DiscardQuarantinedResponse:
        """Throw one item away for good, or all of a filter, or everything."""
        wanted = requests.which(reason, source_id, event_id, seen_after, seen_before)
        request = requests.discard(item_id, wanted, everything)
        if item_id:
            return await self._calls.once(self._stub.DiscardQuarantined, request)
        total = DiscardQuarantinedResponse()
        while True:
            part = await self._calls.repeated(
                self._stub.DiscardQuarantined, request, LEDGER_TIMEOUT_S
            )
            requests.add_discarded(total, part)
            if not part.more:
                return total

    async def count(self) -> builtins.list[CountQuarantinedResponse.ReasonCount]:
        """How many items there are, by reason."""
        request = CountQuarantinedRequest()
        answer = await self._calls.repeated(self._stub.CountQuarantined, request)
        return builtins.list(answer.counts)
