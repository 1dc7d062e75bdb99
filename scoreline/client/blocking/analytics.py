"""What all leads together did and became, blocking."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime

from scoreline.client import analytics_requests as requests
from scoreline.client import file_streams
from scoreline.client.calls import Calls
from scoreline.client.settings import ANALYTICS_TIMEOUT_S, LEDGER_TIMEOUT_S
from scoreline.scoring.v1.analytics_service_pb2 import (
    GetActivityResponse,
    GetCohortsResponse,
    GetCompanyDistributionRequest,
    GetCompanyDistributionResponse,
    GetFunnelResponse,
    GetRuleImpactResponse,
    GetScoreTrendResponse,
)
from scoreline.scoring.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from scoreline.scoring.v1.movers_pb2 import GetMoversResponse


class Analytics:
    """Exact answers over all leads of the project. Times are event times; `end` is now when absent."""

    def __init__(self, calls: Calls, stub: AnalyticsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def activity(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        hourly: bool = False,
        types: Sequence[str] = (),
        lead_id: str = "",
    ) -> GetActivityResponse:
        """Events by day (or hour) and type, of all leads or one: of the last 30 days when `start` is absent."""
        request = requests.activity(start, end, hourly, types, lead_id)
        return self._calls.repeated(self._stub.GetActivity, request, ANALYTICS_TIMEOUT_S)

    def score_trend(
        self, *, start: datetime | None = None, end: datetime | None = None, lead_id: str = ""
    ) -> GetScoreTrendResponse:
        """Scores day by day, of all leads together or one: of the last 30 days when `start` is absent."""
        request = requests.score_trend(start, end, lead_id)
        return self._calls.repeated(self._stub.GetScoreTrend, request, ANALYTICS_TIMEOUT_S)

    def movers(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 0,
        stages: Sequence[str] = (),
        qualified_stages: Sequence[str] = (),
        at_risk_min: str = "high",
    ) -> GetMoversResponse:
        """Whose score moved most up and down, who is newly qualified and who of the qualified is at risk, `limit` of
        each (0: 10): of the last 7 days when `start` is absent, at most 31. `stages` says in which one movers must be
        now, `qualified_stages` which count as qualified (`qualified`); `at_risk_min` is `medium` or `high`."""
        request = requests.movers(start, end, limit, stages, qualified_stages, at_risk_min)
        return self._calls.repeated(self._stub.GetMovers, request, ANALYTICS_TIMEOUT_S)

    def funnel(
        self, *, start: datetime | None = None, end: datetime | None = None
    ) -> GetFunnelResponse:
        """How leads go from stage to stage; with times, only leads first seen then."""
        request = requests.funnel(start, end)
        return self._calls.repeated(self._stub.GetFunnel, request, ANALYTICS_TIMEOUT_S)

    def cohorts(
        self, *, start: datetime | None = None, end: datetime | None = None, stage: str = ""
    ) -> GetCohortsResponse:
        """What became of the leads first seen in each week: of the last 12 weeks when `start` is absent. `stage` is the
        one to reach, the highest when absent."""
        request = requests.cohorts(start, end, stage)
        return self._calls.repeated(self._stub.GetCohorts, request, ANALYTICS_TIMEOUT_S)

    def companies(self, *, limit: int = 0) -> GetCompanyDistributionResponse:
        """The companies of the leads, most leads first: `limit` of them (0: 50)."""
        request = GetCompanyDistributionRequest(limit=limit)
        method = self._stub.GetCompanyDistribution
        return self._calls.repeated(method, request, ANALYTICS_TIMEOUT_S)

    def rule_impact(
        self, *, start: datetime | None = None, end: datetime | None = None
    ) -> GetRuleImpactResponse:
        """What each rule in force gives, for events of that time or of all history. Folds the whole ledger: may take
        minutes."""
        request = requests.rule_impact(start, end)
        return self._calls.repeated(self._stub.GetRuleImpact, request, LEDGER_TIMEOUT_S)

    def export_events(
        self,
        form: str = "csv",
        *,
        type: str = "",
        lead_id: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Generator[bytes, None, None]:
        """All events that match as one file that can be imported, in pieces: `csv` or `ndjson`, in the order they were
        recorded. One that ends with an error is not whole."""
        request = requests.export_events(form, type, lead_id, start, end)
        call = self._stub.ExportEvents(request, metadata=self._calls.settings.metadata)
        return file_streams.pieces(call)
