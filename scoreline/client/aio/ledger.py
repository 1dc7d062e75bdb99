"""Verifying the ledger and replaying leads from it, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from scoreline.client import ledger_streams, streaming
from scoreline.client.calls import AsyncCalls
from scoreline.scoring.v1.ledger_pb2 import (
    ReplayLeadsRequest,
    ReplayLeadsResponse,
    VerifyLedgerRequest,
    VerifyLedgerResponse,
)

if TYPE_CHECKING:
    from scoreline.scoring.v1.scoring_service_pb2_grpc import ScoringServiceAsyncStub


class Ledger:
    """The project's ledger. Needs a key with the scope `admin`."""

    def __init__(self, calls: AsyncCalls, stub: ScoringServiceAsyncStub) -> None:
        self._settings = calls.settings
        self._stub = stub

    def verify(
        self, *, from_position: int = 0, to_position: int = 0, lead_id: str = ""
    ) -> AsyncGenerator[VerifyLedgerResponse, None]:
        """Recompute the hash chain and every snapshot; a range of positions, or one lead. Progress and mismatches as
        they come; the last message is a summary. Without one nothing is proven: the error says why."""
        request = VerifyLedgerRequest(
            from_position=from_position, to_position=to_position, lead_id=lead_id
        )
        call = self._stub.VerifyLedger(request, metadata=self._settings.metadata)
        return streaming.messages_async(call)

    def replay(
        self,
        *,
        lead_id: str = "",
        stages: Sequence[str] = (),
        min_score: float | None = None,
        max_score: float | None = None,
        query: str = "",
        resume_token: str = "",
    ) -> AsyncGenerator[ReplayLeadsResponse, None]:
        """Compute leads anew from the ledger and mend what differs: all, those that match, or one. Progress after each
        batch; a broken connection is resumed, and `resume_token` continues a replay of another time."""
        request = ReplayLeadsRequest(
            lead_id=lead_id,
            stages=stages,
            min_score=min_score,
            max_score=max_score,
            query=query,
            resume_token=resume_token,
        )
        return ledger_streams.replay_async(
            lambda wanted: self._stub.ReplayLeads(wanted, metadata=self._settings.metadata),
            request,
            self._settings.retry,
        )
