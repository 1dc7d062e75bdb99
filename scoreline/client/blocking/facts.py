"""What people say about leads, blocking: points by hand, events that shall not count, leads that are one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scoreline.client import fact_requests as requests
from scoreline.client.calls import Calls
from scoreline.client.settings import LEDGER_TIMEOUT_S
from scoreline.scoring.v1.facts_pb2 import (
    AdjustScoreResponse,
    RetractEventsResponse,
    UnmergeLeadsResponse,
)
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.scoring_service_pb2_grpc import ScoringServiceStub


class Facts:
    """Corrections, each of them an entry of the ledger with its reason. A `lead_id` may be a reference."""

    def __init__(self, calls: Calls, stub: ScoringServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def adjust(
        self,
        lead_id: str,
        points: float,
        reason: str,
        *,
        group: str = "",
        occur_time: datetime | None = None,
        adjustment_id: str = "",
    ) -> AdjustScoreResponse:
        """Give points, or take them where they are negative, from `occur_time` (now) on. The same `adjustment_id`
        counts once; without one it gets a random one."""
        request = requests.adjust(lead_id, points, reason, group, occur_time, adjustment_id)
        return self._calls.repeated(self._stub.AdjustScore, request)

    def retract(
        self,
        event_ids: Sequence[str] = (),
        *,
        reason: str,
        types: Sequence[str] = (),
        source: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
        lead_id: str = "",
        validate_only: bool = False,
    ) -> RetractEventsResponse:
        """Make events count for nothing: those with these ids, or all that fit everything else that is given. With
        `validate_only` only count them."""
        request = requests.retract(
            event_ids, reason, types, source, start, end, lead_id, validate_only
        )
        return self._calls.repeated(self._stub.RetractEvents, request, LEDGER_TIMEOUT_S)

    def merge(self, lead_id: str, merged_lead_id: str, reason: str = "") -> Lead:
        """Make the second lead part of the first, and give that one."""
        request = requests.merge(lead_id, merged_lead_id, reason)
        return self._calls.once(self._stub.MergeLeads, request).lead

    def unmerge(self, merged_lead_id: str, reason: str = "") -> UnmergeLeadsResponse:
        """Undo a merge, by the id that the lead had before."""
        request = requests.unmerge(merged_lead_id, reason)
        return self._calls.once(self._stub.UnmergeLeads, request)
