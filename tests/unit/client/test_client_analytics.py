"""Analytics and exports of both clients: the same methods, requests and answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

import scoreline
from scoreline.client import errors, settings
from scoreline.client.aio.analytics import Analytics as AsyncAnalytics
from scoreline.client.blocking.analytics import Analytics
from scoreline.client.settings import RetryPolicy
from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import movers_pb2
from scoreline.scoring.v1.intelligence_pb2 import RISK_LEVEL_HIGH, RISK_LEVEL_MEDIUM
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.001, max_wait_s=0.01)
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

CALLS: list[tuple[str, dict[str, Any], str, Any]] = [
    (
        "activity",
        {"start": START, "end": END, "hourly": True, "types": ["signup"], "lead_id": "ada"},
        "GetActivity",
        pb.GetActivityRequest(interval=pb.INTERVAL_HOUR, types=["signup"], lead_id="ada"),
    ),
    (
        "score_trend",
        {"start": START, "end": END, "lead_id": "ada"},
        "GetScoreTrend",
        pb.GetScoreTrendRequest(lead_id="ada"),
    ),
    ("funnel", {"start": START, "end": END}, "GetFunnel", pb.GetFunnelRequest()),
    (
        "cohorts",
        {"start": START, "end": END, "stage": "hot"},
        "GetCohorts",
        pb.GetCohortsRequest(stage="hot"),
    ),
    ("rule_impact", {"start": START, "end": END}, "GetRuleImpact", pb.GetRuleImpactRequest()),
]


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def once_away(edge: FakeEdge, method: str, deadlines: list[float]) -> None:
    """The first attempt fails, as it may."""

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        deadlines.append(context.time_remaining())
        if len(edge.requests[method]) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))
        return getattr(pb, method + "Response")()

    edge.on(method, answer)


@pytest.mark.parametrize(("name", "arguments", "method", "request_"), CALLS)
async def test_each_call_is_made_with_its_times_and_repeated(
    edge: FakeEdge, name: str, arguments: dict[str, Any], method: str, request_: Any
) -> None:
    request_.start_time.FromDatetime(START)
    request_.end_time.FromDatetime(END)
    deadlines: list[float] = []
    once_away(edge, method, deadlines)
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        getattr(client.analytics, name)(**arguments)
    async with scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as aio:
        await getattr(aio.analytics, name)(**arguments)
    assert edge.requests[method] == [request_] * 3
    limit = settings.LEDGER_TIMEOUT_S if name == "rule_impact" else settings.ANALYTICS_TIMEOUT_S
    assert all(abs(deadline - limit) < 10 for deadline in deadlines)


async def test_companies_and_absent_times(edge: FakeEdge) -> None:
    with scoreline.Client(edge.target, API_KEY) as client:
        client.analytics.companies(limit=7)
        client.analytics.activity()
    async with scoreline.AsyncClient(edge.target, API_KEY) as aio:
        await aio.analytics.companies()
    assert [one.limit for one in edge.requests["GetCompanyDistribution"]] == [7, 0]
    (request,) = edge.requests["GetActivity"]
    assert not request.HasField("start_time")
    assert request.interval == pb.INTERVAL_DAY
    with pytest.raises(ValueError, match="time zone"):
        client.analytics.funnel(start=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point


async def test_movers(edge: FakeEdge) -> None:
    edge.on("GetMovers", lambda request, context: movers_pb2.GetMoversResponse(up_count=3))
    asked: dict[str, Any] = {
        "start": START, "end": END, "limit": 7, "stages": ["warm"], "qualified_stages": ["hot"],
        "at_risk_min": "medium",
    }  # fmt: skip
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        assert client.analytics.movers(**asked).up_count == 3
        client.analytics.movers()
        with pytest.raises(ValueError, match="medium, high"):
            client.analytics.movers(at_risk_min="low")
    async with scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as aio:
        assert (await aio.analytics.movers(**asked)).up_count == 3
    first, plain, second = edge.requests["GetMovers"]
    assert first == second
    assert plain == movers_pb2.GetMoversRequest(at_risk_min=RISK_LEVEL_HIGH)
    expected = movers_pb2.GetMoversRequest(
        page_size=7, stages=["warm"], qualified_stages=["hot"], at_risk_min=RISK_LEVEL_MEDIUM
    )
    expected.from_time.FromDatetime(START)
    expected.until_time.FromDatetime(END)
    assert first == expected


def test_the_clients_are_twins() -> None:
    for name, method in inspect.getmembers(Analytics, inspect.isfunction):
        twin = getattr(AsyncAnalytics, name)
        if not name.startswith("_"):
            # One gives a generator where the other gives an asynchronous one.
            assert inspect.signature(method).parameters == inspect.signature(twin).parameters
            assert method.__doc__ == twin.__doc__


async def test_an_export_comes_in_pieces(edge: FakeEdge) -> None:
    bodies = [HttpBody(content_type="text/csv", data=b"a"), HttpBody(data=b"b")]
    edge.on("ExportLeads", lambda request, context: iter(bodies))
    with scoreline.Client(edge.target, API_KEY) as client:
        assert list(client.leads.export("parquet", stages=["hot"], max_score=9)) == [b"a", b"b"]
        with pytest.raises(ValueError, match="csv, ndjson, parquet"):
            client.leads.export("xlsx")
    async with scoreline.AsyncClient(edge.target, API_KEY) as aio:
        assert [piece async for piece in aio.leads.export()] == [b"a", b"b"]
    first, second = edge.requests["ExportLeads"]
    assert (first.format, list(first.stages), first.max_score) == (
        pb.EXPORT_FORMAT_PARQUET,
        ["hot"],
        9,
    )
    assert (second.format, second.HasField("min_score")) == (pb.EXPORT_FORMAT_CSV, False)


async def test_an_export_that_breaks_off_says_so(edge: FakeEdge) -> None:
    def breaking(request: Any, context: Any) -> Any:
        yield HttpBody(data=b"a")
        refuse(context, status(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"))

    edge.on("ExportLeads", breaking)
    with scoreline.Client(edge.target, API_KEY) as client:
        pieces = client.leads.export()
        assert next(pieces) == b"a"
        with pytest.raises(errors.ResourceExhausted):
            next(pieces)
    async with scoreline.AsyncClient(edge.target, API_KEY) as aio:
        with pytest.raises(errors.ResourceExhausted):
            assert [piece async for piece in aio.leads.export()]
