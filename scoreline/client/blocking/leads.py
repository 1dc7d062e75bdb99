"""Reading and editing leads, blocking."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from scoreline.client import analytics_requests, file_streams, quarantine_requests, requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.client.requests import CHANGES_PAGE_SIZE, PAGE_SIZE
from scoreline.scoring.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from scoreline.scoring.v1.facts_pb2 import (
    GetLeadIdentitiesRequest,
    GetLeadIdentitiesResponse,
    IdentityConflict,
)
from scoreline.scoring.v1.intelligence_pb2 import Intelligence
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from scoreline.scoring.v1.scoring_service_pb2 import (
    ExplainScoreResponse,
    GetLeaderboardRequest,
    GetLeadRequest,
    GetScoreResponse,
    GetStageCountsRequest,
    GetStageCountsResponse,
    LeaderboardEntry,
    ListScoreChangesRequest,
    ListTimelineRequest,
    TimelineEntry,
)
from scoreline.scoring.v1.scoring_service_pb2_grpc import ScoringServiceStub


class Leads:
    """Leads, their scores, and where each point came from. A `lead_id` may be a reference (`email:ada@example.com`)."""

    def __init__(
        self, calls: Calls, stub: ScoringServiceStub, analytics: AnalyticsServiceStub
    ) -> None:
        self._calls = calls
        self._stub = stub
        self._analytics = analytics

    def get(self, lead_id: str) -> Lead:
        """One lead."""
        return self._calls.repeated(self._stub.GetLead, GetLeadRequest(lead_id=lead_id)).lead

    def list(
        self,
        *,
        stages: Sequence[str] = (),
        min_score: float | None = None,
        max_score: float | None = None,
        query: str = "",
        last_event_from: datetime | None = None,
        last_event_until: datetime | None = None,
        order_by: str = "",
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Lead]:
        """All leads that match; pages are fetched as they are read. With times, only those whose newest event happened
        from then on, and before then."""
        request = requests.list_leads(
            stages,
            min_score,
            max_score,
            query,
            last_event_from,
            last_event_until,
            order_by,
            page_size,
        )
        return items(self._calls, self._stub.ListLeads, request, "leads")

    def identities(self, lead_id: str) -> GetLeadIdentitiesResponse:
        """Everything a lead is known by."""
        request = GetLeadIdentitiesRequest(lead_id=lead_id)
        return self._calls.repeated(self._stub.GetLeadIdentities, request)

    def conflicts(
        self, lead_id: str = "", *, page_size: int = PAGE_SIZE
    ) -> Iterator[IdentityConflict]:
        """What was said to be one lead and was not made one, newest first: of this lead, or of all. Pages are fetched
        as they are read."""
        request = quarantine_requests.conflicts(lead_id, page_size)
        return items(self._calls, self._stub.ListIdentityConflicts, request, "conflicts")

    def create(
        self,
        lead_id: str = "",
        *,
        email: str = "",
        display_name: str = "",
        company: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Lead:
        """Make a lead before its first event; `lead_id` or `email` is needed."""
        request = requests.create_lead(lead_id, email, display_name, company, attributes)
        return self._calls.once(self._stub.CreateLead, request).lead

    def update(
        self,
        lead_id: str,
        *,
        display_name: str | None = None,
        company: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        etag: str = "",
    ) -> Lead:
        """Change what is not None. With `etag`, raises Conflict when somebody was faster."""
        request = requests.update_lead(lead_id, display_name, company, attributes, etag)
        return self._calls.once(self._stub.UpdateLead, request).lead

    def leaderboard(
        self, *, limit: int = 10, stages: Sequence[str] = ()
    ) -> Sequence[LeaderboardEntry]:
        """The leads with the highest scores; at most 100."""
        request = GetLeaderboardRequest(page_size=limit, stages=stages)
        return self._calls.repeated(self._stub.GetLeaderboard, request).entries

    def stage_counts(self) -> GetStageCountsResponse:
        """How many leads are in each stage."""
        return self._calls.repeated(self._stub.GetStageCounts, GetStageCountsRequest())

    def timeline(
        self, lead_id: str, *, descending: bool = False, page_size: int = PAGE_SIZE
    ) -> Iterator[TimelineEntry]:
        """A lead's events in event time, each with its effects. The effects of all sum to the score."""
        request = ListTimelineRequest(lead_id=lead_id, page_size=page_size, descending=descending)
        return items(self._calls, self._stub.ListTimeline, request, "entries")

    def score_changes(self, lead_id: str, *, page_size: int = PAGE_SIZE) -> Iterator[ScoreChange]:
        """A lead's score changes in version order."""
        request = ListScoreChangesRequest(lead_id=lead_id, page_size=page_size)
        return items(self._calls, self._stub.ListScoreChanges, request, "score_changes")

    def project_score_changes(
        self,
        *,
        change_from: datetime | None = None,
        change_until: datetime | None = None,
        causes: Sequence[str] = (),
        lead_ids: Sequence[str] = (),
        page_size: int = CHANGES_PAGE_SIZE,
    ) -> Iterator[ScoreChange]:
        """Score changes of all leads, or of some, made in a stretch of time, in the order they were made; `causes` are
        names such as "EVENT". What is made while pages are read, or was in the 10 seconds before, is left out."""
        request = requests.list_project_score_changes(
            change_from, change_until, causes, lead_ids, page_size
        )
        return items(self._calls, self._stub.ListProjectScoreChanges, request, "score_changes")

    def score(
        self, lead_id: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> GetScoreResponse:
        """The score as of an event time, as known at a record time. Without them: as of now, with all that is known."""
        request = requests.get_score(lead_id, as_of, known_at)
        return self._calls.repeated(self._stub.GetScore, request)

    def explain(
        self,
        lead_id: str,
        *,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        limit: int = 0,
    ) -> ExplainScoreResponse:
        """Where each point of the score came from, the newest `limit` contributions (0: 100), totals over all."""
        request = requests.explain_score(lead_id, as_of, known_at, limit)
        return self._calls.repeated(self._stub.ExplainScore, request)

    def intelligence(
        self, lead_id: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> Intelligence:
        """Grade, velocity, trend, risk and next action, and what time alone will change next."""
        request = requests.get_intelligence(lead_id, as_of, known_at)
        return self._calls.repeated(self._stub.GetIntelligence, request).intelligence

    def export(
        self,
        form: str = "csv",
        *,
        stages: Sequence[str] = (),
        min_score: float | None = None,
        max_score: float | None = None,
    ) -> Generator[bytes, None, None]:
        """All leads that match as one file, in pieces: `csv`, `ndjson` or `parquet`. Put the pieces into a file as they
        come; one that ends with an error is not whole."""
        request = analytics_requests.export_leads(form, stages, min_score, max_score)
        call = self._analytics.ExportLeads(request, metadata=self._calls.settings.metadata)
        return file_streams.pieces(call)
