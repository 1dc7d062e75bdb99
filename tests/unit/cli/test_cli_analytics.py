"""`scoreline analytics` and `export`: what people read, what scripts get, what is asked of the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.cli.analytics import duration
from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import movers_pb2
from scoreline.scoring.v1.intelligence_pb2 import RISK_LEVEL_MEDIUM
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge, refuse, status

MONDAY = 1_772_409_600
"""The second of March 2026."""
DAY = 86_400


def stamp(days: float) -> Timestamp:
    return Timestamp(seconds=round(MONDAY + days * DAY))


def counts(*pairs: tuple[str, int]) -> list[pb.TypeCount]:
    return [pb.TypeCount(type=name, event_count=count) for name, count in pairs]


ACTIVITY = pb.GetActivityResponse(
    points=[
        pb.ActivityPoint(
            time=stamp(0),
            event_count=1_200,
            types=counts(("page_view", 1_100), ("signup", 60), ("a", 30), ("b", 10)),
        ),
        pb.ActivityPoint(time=stamp(2), event_count=300, types=counts(("signup", 300))),
    ],
    totals=counts(("page_view", 1_100), ("signup", 360), ("a", 30), ("b", 10)),
)
TREND = pb.GetScoreTrendResponse(
    points=[
        pb.ScoreTrendPoint(time=stamp(0), lead_count=2, score_sum=60.5, change_count=3),
        pb.ScoreTrendPoint(time=stamp(1), lead_count=2, score_sum=60.5),
        pb.ScoreTrendPoint(time=stamp(2), lead_count=4, score_sum=90, change_count=1),
    ]
)
FUNNEL = pb.GetFunnelResponse(
    lead_count=10,
    stages=[
        pb.FunnelStage(stage="cold", reached_count=10, current_count=6, conversion=1),
        pb.FunnelStage(
            stage="warm", reached_count=4, current_count=4, conversion=0.4,
            median_time=Duration(seconds=100_000),
        ),
        pb.FunnelStage(stage="hot"),
    ],
)  # fmt: skip
COHORTS = pb.GetCohortsResponse(
    stage="hot",
    cohorts=[
        pb.Cohort(week=stamp(0), lead_count=8, reached_count=2, active_counts=[8, 4, 0, 1]),
        pb.Cohort(week=stamp(7), lead_count=1, reached_count=0, active_counts=[1] * 20),
    ],
)
COMPANIES = pb.GetCompanyDistributionResponse(
    companies=[pb.CompanyShare(company="[b]Acme[/b]", lead_count=3, mean_score=7.5, max_score=12)],
    company_count=5,
    unknown_count=1_234,
)
IMPACT = pb.GetRuleImpactResponse(
    rules=[
        pb.RuleImpact(rule_id="signup", event_count=40, lead_count=31, limited_count=9, points=620),
        pb.RuleImpact(rule_id="refund", event_count=2, lead_count=2, clipped_count=1, points=-60.5),
    ],
    rule_set_version=4,
    faded_points=-12.25,
    adjusted_points=5,
)

COMMANDS: dict[str, tuple[str, Any]] = {
    "activity": ("GetActivity", ACTIVITY),
    "trend": ("GetScoreTrend", TREND),
    "funnel": ("GetFunnel", FUNNEL),
    "cohorts": ("GetCohorts", COHORTS),
    "companies": ("GetCompanyDistribution", COMPANIES),
    "rules": ("GetRuleImpact", IMPACT),
}


def shown(edge: FakeEdge, command: str, *options: str) -> list[str]:
    method, answer = COMMANDS[command]
    edge.on(method, lambda request, context: answer)
    result = run(edge, "analytics", command, *options)
    assert result.exit_code == 0, result.output
    return [re.sub(r" +", " ", line).strip() for line in result.stdout.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_and_empty_answers(edge: FakeEdge, command: str) -> None:
    method, answer = COMMANDS[command]
    assert run(edge, "analytics", command).exit_code == 0
    edge.on(method, lambda request, context: answer)
    (line,) = json_lines(run(edge, "analytics", command, as_json=True))
    assert set(line) == {field.name for field in answer.DESCRIPTOR.fields}


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "companies"])
def test_times_are_handed_on(edge: FakeEdge, command: str) -> None:
    method, _ = COMMANDS[command]
    options = ("--since", "2026-03-02T00:00:00Z", "--until", "2026-03-03T00:00:00Z")
    run(edge, "analytics", command, *options)
    (request,) = edge.requests[method]
    assert (request.start_time, request.end_time) == (stamp(0), stamp(1))
    assert run(edge, "analytics", command, "--since", "yesterday").exit_code == 2


def test_activity(edge: FakeEdge) -> None:
    lines = shown(edge, "activity", "--hourly", "--type", "signup", "--lead", "ada")
    assert lines[1].startswith("2026-03-02 00:00 1,200 ███")
    assert lines[1].endswith("page_view 1,100, signup 60, a 30")
    assert any(line.startswith("signup 360 ") for line in lines)
    (request,) = edge.requests["GetActivity"]
    assert (request.interval, request.types, request.lead_id) == (
        pb.INTERVAL_HOUR,
        ["signup"],
        "ada",
    )


def test_trend(edge: FakeEdge) -> None:
    lines = shown(edge, "trend")
    assert lines[-2:] == ["2026-03-02 2 60.5 30.2 3", "2026-03-04 4 90 22.5 1"]
    assert shown(edge, "trend", "--lead", "ada")[-1] == "2026-03-04 90 1"


def test_funnel(edge: FakeEdge) -> None:
    lines = shown(edge, "funnel")
    assert re.fullmatch(r"cold 10 █+ 6", lines[1])
    assert re.fullmatch(r"warm 4 █+ 40.0% 1 d 3 h 4", lines[2])
    assert lines[-1] == "10 leads"


def test_cohorts(edge: FakeEdge) -> None:
    lines = shown(edge, "cohorts", "--stage", "hot")
    assert lines[0] == "week of leads hot active in the weeks since"
    assert lines[1] == "2026-03-02 8 2 (25%) █ 8 ▒ 4 0 ░ 1"
    assert lines[2].count("█") == 12
    assert lines[2].endswith("...")
    assert edge.requests["GetCohorts"][0].stage == "hot"


def test_companies(edge: FakeEdge) -> None:
    lines = shown(edge, "companies", "--limit", "1")
    assert re.fullmatch(r"\[b\]Acme\[/b\] 3 █+ 7.5 12", lines[1])
    assert lines[-1] == "4 more companies, 1,234 leads without one"
    assert edge.requests["GetCompanyDistribution"][0].limit == 1


def test_rules(edge: FakeEdge) -> None:
    lines = shown(edge, "rules")
    assert re.fullmatch(r"signup \+620 █+ 40 31 9", lines[1])
    assert re.fullmatch(r"refund -60.5 █+.? 2 2 1", lines[2])
    assert lines[-1] == "rules +559.5, by hand +5, time -12.25; rule set version 4"


MOVERS = movers_pb2.GetMoversResponse(
    up=[
        movers_pb2.Mover(
            lead_id="l-1", email="ada@example.com", display_name="[b]Ada", company="Acme",
            score_before=1, score_after=41.5, delta=40.5, stage_before="cold", stage_after="hot",
        )
    ],
    down=[
        movers_pb2.Mover(
            lead_id="l-2", score_before=9, score_after=4, delta=-5, stage_before="cold",
            stage_after="cold",
        )
    ],
    up_count=1_234,
    down_count=1,
    at_risk=[
        movers_pb2.LeadAtRisk(
            lead_id="l-3", email="bob@example.com", score=90, stage="qualified",
            risk=RISK_LEVEL_MEDIUM,
        )
    ],
    at_risk_count=7,
)  # fmt: skip


def test_movers(edge: FakeEdge) -> None:
    edge.on("GetMovers", lambda request, context: MOVERS)
    options = (
        "--since", "2026-03-02T00:00:00Z", "--until", "2026-03-03T00:00:00Z", "--limit", 3,
        "--stage", "warm", "--qualified-stage", "hot", "--at-risk-min", "medium",
    )  # fmt: skip
    result = run(edge, "analytics", "movers", *options)
    assert result.exit_code == 0, result.output
    lines = [re.sub(r" +", " ", line).strip() for line in result.stdout.splitlines()]
    assert "up: 1,234" in lines
    assert "[b]Ada Acme +40.5 1 41.5 cold → hot" in lines
    assert "l-2 -5 9 4 cold" in lines
    assert lines[lines.index("newly qualified: 0") + 1] == ""
    assert "bob@example.com 90 qualified medium" in lines
    assert edge.requests["GetMovers"] == [
        movers_pb2.GetMoversRequest(
            from_time=stamp(0), until_time=stamp(1), page_size=3, stages=["warm"],
            qualified_stages=["hot"], at_risk_min=RISK_LEVEL_MEDIUM,
        )
    ]  # fmt: skip
    (line,) = json_lines(run(edge, "analytics", "movers", as_json=True))
    assert (line["up_count"], line["up"][0]["delta"]) == (1_234, 40.5)
    for wrong in (("--at-risk-min", "low"), ("--limit", 101), ("--since", "yesterday")):
        assert run(edge, "analytics", "movers", *wrong).exit_code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (7_260, "2 h 1 min"),
        (86_400, "1 d"),
        (180_000, "2 d 2 h"),
    ],
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(Duration(seconds=seconds)) == text


def pieces(request: Any, context: Any) -> Any:
    return iter([HttpBody(content_type="text/csv", data=b"a,"), HttpBody(data=b"b\r\n")])


def test_an_export_goes_to_stdout_or_into_a_file(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on("ExportLeads", pieces)
    assert run(edge, "export", "leads").stdout_bytes == b"a,b\r\n"
    path = tmp_path / "leads.parquet"
    options = ("-o", path, "--stage", "hot", "--min-score", "1.5")
    result = run(edge, "export", "leads", *options)
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == b"a,b\r\n"
    request = edge.requests["ExportLeads"][1]
    assert (request.format, request.stages) == (pb.EXPORT_FORMAT_PARQUET, ["hot"])
    assert (request.min_score, request.HasField("max_score")) == (1.5, False)
    (line,) = json_lines(
        run(edge, "export", "leads", "-o", path, "--format", "ndjson", as_json=True)
    )
    assert line == {"file": str(path), "format": "ndjson", "bytes": 5}


def test_a_file_that_breaks_off_is_none(edge: FakeEdge, tmp_path: Path) -> None:
    def breaking(request: Any, context: Any) -> Any:
        yield HttpBody(data=b"a,")
        refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))

    edge.on("ExportLeads", breaking)
    path = tmp_path / "leads.csv"
    path.write_text("of yesterday")
    assert run(edge, "export", "leads", "-o", path).exit_code == 1
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_exported_is_said_in_one_line(edge: FakeEdge, tmp_path: Path) -> None:
    for options in (("--format", "xlsx"), ("-o", tmp_path / "none" / "leads.csv")):
        result = run(edge, "export", "leads", *options)
        assert result.exit_code in (1, 2)
        assert len(result.stderr.strip().splitlines()) == 1
    assert run(edge, "export", "leads", as_json=True).exit_code == 2
    edge.on("ExportLeads", refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"))
    assert run(edge, "export", "leads").exit_code == 1


def test_events_are_exported_as_asked(edge: FakeEdge) -> None:
    edge.on("ExportEvents", lambda _, __: iter([HttpBody(data=b"event_id\r\n")]))
    options = ["--type", "signup", "--lead", "email:a@b.example", "--from", "2026-03-01T00:00:00Z"]
    result = run(edge, "export", "events", "--format", "ndjson", *options)
    assert result.stdout_bytes == b"event_id\r\n"
    (request,) = edge.requests["ExportEvents"]
    assert (request.type, request.lead_id) == ("signup", "email:a@b.example")
    assert request.format == pb.EXPORT_FORMAT_NDJSON
    assert request.start_time.ToJsonString() == "2026-03-01T00:00:00Z"
    assert not request.HasField("end_time")
    assert run(edge, "export", "events", "--format", "parquet").exit_code == 2
