"""AnalyticsService as its callers see it, over real Postgres: what is refused and why, what an empty project gives,
and messages field by field."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import analytics_service_pb2_grpc
from scoreline.scoring.v1.intelligence_pb2 import RISK_LEVEL_LOW, RISK_LEVEL_MEDIUM
from scoreline.scoring.v1.movers_pb2 import GetMoversRequest, GetMoversResponse, Mover
from services.scoring import analytics_handlers, analytics_queries
from services.scoring.analytics_handlers import READS_MAX, AnalyticsHandlers
from services.scoring.analytics_servicer import AnalyticsServicer
from services.scoring.domain.activity import Risk
from services.scoring.domain.decay import DAY
from services.scoring.exporting import Exports
from services.scoring.handlers import EventHandlers
from services.shared import contracts
from services.shared.context import Caller
from services.shared.db import Database
from services.shared.interceptor import CallInterceptor
from services.shared.times import to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_calls import CALL_TIMEOUT_S, fails
from tests.support.scoring_subjects import PostgresSubject

INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
MIDNIGHT = START.replace(hour=0, minute=0, second=0, microsecond=0)


class Api:
    """The service over a store, called by the holder of a project's key."""

    def __init__(self, database: Database, project: str, stub: Any, clock: MovableClock) -> None:
        self.project = project
        self.clock = clock
        self.events = EventHandlers(PostgresSubject(database).store, clock)
        self._stub = stub

    async def call(self, method: str, request: Any, key: str = "all") -> Any:
        metadata = (("x-api-key", key),)
        call = getattr(self._stub, method)(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
        return [message async for message in call] if method == "ExportLeads" else await call


class Callers:
    """Holders of keys of one project."""

    def __init__(self, project: str) -> None:
        self._project = project

    def find(self, api_key: str) -> Caller | None:
        if api_key == "writer":
            return Caller(self._project, "key_2", frozenset({scope_pb2.SCOPE_INGEST}))
        return Caller(self._project, "key_1", frozenset({scope_pb2.SCOPE_READ}))


@pytest.fixture
async def api(scoring_database: Database, project: str) -> AsyncIterator[Api]:
    store, clock = PostgresSubject(scoring_database).store, MovableClock(START + timedelta(days=2))
    interceptor = CallInterceptor(Callers(project), contracts.required_scopes())
    server = grpc.aio.server()
    servicer = AnalyticsServicer(AnalyticsHandlers(store, clock), Exports(store))
    analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(
        servicer, interceptor.on(server)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        yield Api(scoring_database, project, stub, clock)
    await server.stop(None)


@pytest.fixture
async def filled(api: Api) -> Api:
    """Ada signs up thrice within two hours, Bob looks at a page a day later; both are scored by then."""
    await api.events.record_activation(cases.activation(1, project_id=api.project))
    await api.events.apply_events(
        [cases.incoming(f"a{n}", "signup", 60 * n, "lead:ada", api.project) for n in range(3)]
        + [cases.incoming("b1", "page_view", 1_500, "lead:bob", api.project, company=" Acme")]
        + [cases.incoming("b2", "identify", 1_501, "lead:bob", api.project, company=" Acme")]
    )
    return api


def at(days: float) -> Timestamp:
    return to_timestamp(MIDNIGHT + timedelta(days=days))


METHODS = {
    "GetActivity": pb.GetActivityRequest,
    "GetScoreTrend": pb.GetScoreTrendRequest,
    "GetFunnel": pb.GetFunnelRequest,
    "GetCohorts": pb.GetCohortsRequest,
    "GetRuleImpact": pb.GetRuleImpactRequest,
}


@pytest.mark.parametrize("method", METHODS)
async def test_times_must_be_in_order_and_in_the_calendar(api: Api, method: str) -> None:
    request = METHODS[method]
    with fails(*INVALID, "start_time"):
        await api.call(method, request(start_time=at(9), end_time=at(1)))
    for field in ("start_time", "end_time"):
        with fails(*INVALID, field):
            await api.call(method, request(**{field: Timestamp(seconds=10**12)}))
    # The ends of the calendar are no reason to fail.
    first, last = datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    await api.call(method, request(end_time=to_timestamp(first)))
    await api.call(
        method,
        request(start_time=to_timestamp(last - timedelta(hours=1)), end_time=to_timestamp(last)),
    )


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetActivity", pb.GetActivityRequest(start_time=at(0), end_time=at(10_001)), "start_time"),
        (
            "GetActivity",
            pb.GetActivityRequest(start_time=at(0), end_time=at(417), interval=pb.INTERVAL_HOUR),
            "start_time",
        ),
        ("GetActivity", pb.GetActivityRequest(interval=7), "interval"),
        ("GetActivity", pb.GetActivityRequest(types=["x"] * 33), "types"),
        ("GetActivity", pb.GetActivityRequest(types=["x", ""]), "types[1]"),
        ("GetActivity", pb.GetActivityRequest(lead_id="\n"), "lead_id"),
        (
            "GetScoreTrend",
            pb.GetScoreTrendRequest(start_time=at(0), end_time=at(1_001)),
            "start_time",
        ),
        ("GetScoreTrend", pb.GetScoreTrendRequest(lead_id="x" * 300), "lead_id"),
        ("GetCohorts", pb.GetCohortsRequest(start_time=at(0), end_time=at(7 * 105)), "start_time"),
        ("GetCohorts", pb.GetCohortsRequest(stage="warm"), "stage"),
        ("GetMovers", GetMoversRequest(from_time=at(0), until_time=at(31.01)), "from_time"),
        ("GetMovers", GetMoversRequest(from_time=at(1), until_time=at(1)), "from_time"),
        ("GetMovers", GetMoversRequest(from_time=at(9)), "from_time"),
        ("GetMovers", GetMoversRequest(until_time=Timestamp(seconds=10**12)), "until_time"),
        ("GetMovers", GetMoversRequest(page_size=-1), "page_size"),
        ("GetMovers", GetMoversRequest(stages=["x"] * 33), "stages"),
        ("GetMovers", GetMoversRequest(qualified_stages=["\0"]), "qualified_stages"),
        ("GetMovers", GetMoversRequest(at_risk_min=RISK_LEVEL_LOW), "at_risk_min"),
        ("GetMovers", GetMoversRequest(at_risk_min=9), "at_risk_min"),
        ("GetCohorts", pb.GetCohortsRequest(stage="\0"), "stage"),
        ("GetCompanyDistribution", pb.GetCompanyDistributionRequest(limit=-1), "limit"),
        ("GetCompanyDistribution", pb.GetCompanyDistributionRequest(limit=1_001), "limit"),
        ("ExportLeads", pb.ExportLeadsRequest(format=9), "format"),
        ("ExportLeads", pb.ExportLeadsRequest(stages=["x"] * 33), "stages"),
        ("ExportLeads", pb.ExportLeadsRequest(min_score=float("nan")), "min_score"),
        ("ExportLeads", pb.ExportLeadsRequest(max_score=1e300), "max_score"),
    ],
)
async def test_limits(api: Api, method: str, request_: Any, field: str) -> None:
    with fails(*INVALID, field):
        await api.call(method, request_)


async def test_leads_nobody_knows_and_keys_that_may_not_read(api: Api) -> None:
    for method in ("GetActivity", "GetScoreTrend"):
        with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            await api.call(method, METHODS[method](lead_id="nobody"))
    others = (("ExportLeads", pb.ExportLeadsRequest), ("GetMovers", GetMoversRequest))
    for method, request in (*METHODS.items(), *others):
        with fails(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
            await api.call(method, request(), key="writer")


async def test_an_empty_project(api: Api) -> None:
    assert await api.call("GetActivity", pb.GetActivityRequest()) == pb.GetActivityResponse()
    trend = await api.call("GetScoreTrend", pb.GetScoreTrendRequest())
    # Thirty days up to now are parts of 31.
    assert len(trend.points) == 31
    assert {(one.lead_count, one.score_sum) for one in trend.points} == {(0, 0.0)}
    assert await api.call("GetFunnel", pb.GetFunnelRequest()) == pb.GetFunnelResponse()
    assert await api.call("GetCohorts", pb.GetCohortsRequest()) == pb.GetCohortsResponse()
    movers = await api.call("GetMovers", GetMoversRequest())
    now = api.clock.now()
    week = (to_timestamp(now - timedelta(days=7)), to_timestamp(now))
    assert movers == GetMoversResponse(from_time=week[0], until_time=week[1])
    companies = await api.call("GetCompanyDistribution", pb.GetCompanyDistributionRequest())
    assert companies == pb.GetCompanyDistributionResponse()
    assert await api.call("GetRuleImpact", pb.GetRuleImpactRequest()) == pb.GetRuleImpactResponse()
    (message,) = await api.call(
        "ExportLeads", pb.ExportLeadsRequest(format=pb.EXPORT_FORMAT_NDJSON)
    )
    assert (message.content_type, message.data) == ("application/x-ndjson", b"")


async def test_activity(filled: Api) -> None:
    found = await filled.call("GetActivity", pb.GetActivityRequest())
    assert [(one.time, one.event_count) for one in found.points] == [(at(0), 3), (at(1), 2)]
    assert [(one.type, one.event_count) for one in found.points[1].types] == [
        ("identify", 1),
        ("page_view", 1),
    ]
    assert [(one.type, one.event_count) for one in found.totals] == [
        ("signup", 3),
        ("identify", 1),
        ("page_view", 1),
    ]


async def test_too_many_counts_are_refused(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics_handlers, "ACTIVITY_COUNTS_MAX", 3)
    await filled.call("GetActivity", pb.GetActivityRequest())
    monkeypatch.setattr(analytics_handlers, "ACTIVITY_COUNTS_MAX", 2)
    with fails(StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        await filled.call("GetActivity", pb.GetActivityRequest())


async def test_what_takes_too_long_is_too_much(
    filled: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics_queries, "QUERY_S_MAX", 0.05)
    monkeypatch.setattr(analytics_queries, "_TREND", "SELECT pg_sleep(20)")
    with fails(StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        await filled.call("GetScoreTrend", pb.GetScoreTrendRequest())


async def test_so_many_at_once_and_no_more(
    filled: Api, scoring_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics_queries, "_TREND", "SELECT now(), 0, 0, 0 FROM pg_sleep(0.2)")
    calls = [
        asyncio.create_task(filled.call("GetScoreTrend", pb.GetScoreTrendRequest()))
        for _ in range(2 * READS_MAX)
    ]
    in_use = 0
    while not all(call.done() for call in calls):
        pool: Any = scoring_database.engine.pool
        in_use = max(in_use, pool.checkedout())
        await asyncio.wait(calls, timeout=0.01)
    assert in_use == READS_MAX
    await asyncio.gather(*calls)


async def test_score_trend(filled: Api) -> None:
    request = pb.GetScoreTrendRequest(start_time=at(0), end_time=at(2))
    found = await filled.call("GetScoreTrend", request)
    assert [
        (one.time, one.lead_count, one.score_sum, one.change_count) for one in found.points
    ] == [(at(0), 1, 60.0, 3), (at(1), 2, 61.0, 2)]
    request.lead_id = "bob"
    found = await filled.call("GetScoreTrend", request)
    assert [(one.lead_count, one.score_sum) for one in found.points] == [(0, 0.0), (1, 1.0)]


async def test_movers(filled: Api) -> None:
    await filled.events.apply_events(
        [cases.incoming("a9", "refund", 1_600, "lead:ada", filled.project)]
    )
    span = {"from_time": at(1), "until_time": at(2)}
    found = await filled.call("GetMovers", GetMoversRequest(**span))
    (up,), (down,) = found.up, found.down
    assert up == Mover(
        lead_id="bob", score_after=1, delta=1, stage_before="cold", stage_after="cold"
    )
    assert down == Mover(
        lead_id="ada", score_before=60, score_after=10, delta=-50, stage_before="hot",
        stage_after="cold",
    )  # fmt: skip
    assert (found.up_count, found.down_count, found.newly_qualified_count) == (1, 1, 0)
    request = GetMoversRequest(qualified_stages=["cold"], stages=["warm"], **span)
    found = await filled.call("GetMovers", request)
    assert (len(found.up), found.up_count, found.down_count) == (0, 0, 0)
    (new,) = found.newly_qualified
    assert (new.lead_id, new.score, new.stage) == ("ada", 10, "cold")
    assert new.enter_time == to_timestamp(START + timedelta(minutes=1_600))


async def test_leads_at_risk(filled: Api) -> None:
    rules = replace(cases.RULES, risk=Risk(medium_after=DAY, high_after=2 * DAY))
    await filled.events.record_activation(cases.activation(2, rules, filled.project))
    while await filled.events.rescore_next():
        pass
    # By now Ada has been away for nearly two days, Bob for nearly one.
    request = GetMoversRequest(qualified_stages=["hot", "cold"])
    found = await filled.call("GetMovers", request)
    assert (len(found.at_risk), found.at_risk_count) == (0, 0)
    request.at_risk_min = RISK_LEVEL_MEDIUM
    (one,) = (await filled.call("GetMovers", request)).at_risk
    assert (one.lead_id, one.score, one.stage, one.risk) == ("ada", 60, "hot", RISK_LEVEL_MEDIUM)
    assert one.last_event_time == to_timestamp(START + timedelta(minutes=120))


async def test_funnel(filled: Api) -> None:
    found = await filled.call("GetFunnel", pb.GetFunnelRequest())
    assert found.lead_count == 2
    assert [
        (one.stage, one.reached_count, one.current_count, one.conversion) for one in found.stages
    ] == [("cold", 2, 1, 1.0), ("warm", 1, 0, 0.5), ("hot", 1, 1, 1.0)]
    assert not found.stages[0].HasField("median_time")
    assert [one.median_time.seconds for one in found.stages[1:]] == [3_600, 3_600]
    nobody = await filled.call("GetFunnel", pb.GetFunnelRequest(start_time=at(2)))
    assert (nobody.lead_count, nobody.stages[2].conversion) == (0, 0.0)


async def test_cohorts(filled: Api) -> None:
    # The first of March is a Sunday: Ada and Bob are of different weeks.
    found = await filled.call("GetCohorts", pb.GetCohortsRequest(stage="warm"))
    assert found.stage == "warm"
    assert [
        (one.week, one.lead_count, one.reached_count, list(one.active_counts))
        for one in found.cohorts
    ] == [(at(-6), 1, 1, [1, 0]), (at(1), 1, 0, [1])]
    request = pb.GetCohortsRequest(start_time=at(-1), end_time=at(0.9))
    found = await filled.call("GetCohorts", request)
    assert (found.stage, [one.reached_count for one in found.cohorts]) == ("hot", [1])


async def test_companies(filled: Api) -> None:
    found = await filled.call("GetCompanyDistribution", pb.GetCompanyDistributionRequest())
    assert (found.company_count, found.unknown_count) == (1, 1)
    (acme,) = found.companies
    assert (acme.company, acme.lead_count, acme.mean_score, acme.max_score) == ("Acme", 1, 1.0, 1.0)


async def test_rule_impact(filled: Api) -> None:
    found = await filled.call("GetRuleImpact", pb.GetRuleImpactRequest())
    assert found.rule_set_version == 1
    counts = {one.rule_id: (one.event_count, one.lead_count, one.points) for one in found.rules}
    assert counts["r-signup"] == (3, 1, 60.0)
    assert counts["r-page_view"] == (1, 1, 1.0)
    assert counts["r-purchase"] == (0, 0, 0.0)


async def test_export(filled: Api) -> None:
    (message,) = await filled.call("ExportLeads", pb.ExportLeadsRequest())
    assert message.content_type == "text/csv; charset=utf-8"
    header, *rows = message.data.decode().splitlines()
    assert [
        dict(zip(header.split(","), row.split(","), strict=True))["lead_id"] for row in rows
    ] == [
        "ada",
        "bob",
    ]
