"""Sending, reading and watching: what the commands ask, what they show, how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from scoreline.cli.main import app
from scoreline.ingest.v1.ingest_service_pb2 import IngestEventResponse
from scoreline.notify.v1.notify_service_pb2 import WatchScoresResponse
from scoreline.scoring.v1.scoring_service_pb2 import (
    EffectReason,
    GetLeaderboardResponse,
    GetLeadResponse,
    GetStageCountsResponse,
    ListLeadsResponse,
    ListTimelineResponse,
)
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import API_KEY, FakeEdge


def test_send(edge: FakeEdge) -> None:
    answer = IngestEventResponse()
    answer.receipt.event_id = "e-1"
    edge.on("IngestEvent", lambda request, context: answer)
    result = run(
        edge, "send", "page_view", "--email", "ada@example.com", "--event-id", "e-1",
        "-p", "path=/pricing?a=b", "-p", "seats:=5", "--occur-time", "2026-03-01T09:30:00+01:00",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "accepted e-1" in result.stdout
    event = edge.requests["IngestEvent"][0].event
    assert dict(event.properties) == {"path": "/pricing?a=b", "seats": 5}
    assert event.occur_time.seconds == 1772353800
    assert (
        json_lines(run(edge, "send", "x", "--lead-id", "l", as_json=True))[0]["event_id"] == "e-1"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "x"],
        ["send", "x", "--email", "a@b.example", "--lead-id", "l"],
        ["send", "x", "--lead-id", "l", "-p", "novalue"],
        ["send", "x", "--lead-id", "l", "-p", "n:=nojson"],
        ["send", "x", "--lead-id", "l", "--occur-time", "soon"],
        ["keys", "create"],
        ["keys", "create", "--scope", "everything"],
        ["watch", "--snapshot", "--resume-token", "t"],
        ["simulate", "--rate", "5", "--out", "x.ndjson"],
        ["simulate", "--end", "tomorrow"],
        ["simulate", "--out", "x.txt"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_asks_nothing(edge: FakeEdge, arguments: list[str]) -> None:
    result = run(edge, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr
    assert not edge.requests


NO_LEAD = refusing(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no lead 'l-1'")
NO_KEY = refusing(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID", "unknown key")
NO_SCOPE = refusing(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", "lacks the scope `read`")
TOO_LONG = (("lead_id", "is too long"),)
BAD_FIELD = refusing(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", violations=TOO_LONG)
DEFECT = refusing(grpc.StatusCode.INTERNAL, "INTERNAL", "internal error")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (NO_LEAD, "no lead 'l-1'"),
        (NO_KEY, "--api-key"),
        (NO_SCOPE, "keys create"),
        (BAD_FIELD, "lead_id: is too long"),
        (DEFECT, "request id req-1"),
    ],
)
def test_a_refusal_is_one_clear_line(edge: FakeEdge, refusal: Any, said: str) -> None:
    edge.on("GetLead", refusal)
    result = run(edge, "lead", "l-1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_nobody_answers(edge: FakeEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoreline.cli.session.RETRY_FOR_S", 0.0)
    arguments = ["--target", "127.0.0.1:1", "--api-key", API_KEY, "leads"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 4
    assert "can't reach the suite at 127.0.0.1:1" in result.stderr
    assert "scoreline up" in result.stderr


def test_no_key(edge: FakeEdge) -> None:
    result = CliRunner().invoke(app, ["--target", edge.target, "leads"])
    assert result.exit_code == 2
    assert "SCORELINE_API_KEY" in result.stderr


def test_a_running_suite_is_found_with_its_key(
    edge: FakeEdge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "none"
    data_dir.mkdir()
    (data_dir / "suite.json").write_text(json.dumps({"grpc_target": edge.target}))
    (data_dir / "secrets").write_text(json.dumps({"api_key": "sl_local_key"}))
    assert CliRunner().invoke(app, ["leads"]).exit_code == 0
    assert edge.keys == {"sl_local_key"}
    # Its key never goes to another suite.
    with FakeEdge() as other:
        assert CliRunner().invoke(app, ["--target", other.target, "leads"]).exit_code == 2
        assert not other.requests


def test_a_suite_is_found_above_the_working_directory(
    edge: FakeEdge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCORELINE_DATA_DIR")
    (tmp_path / ".scoreline").mkdir()
    (tmp_path / ".scoreline" / "suite.json").write_text(json.dumps({"grpc_target": edge.target}))
    (tmp_path / ".scoreline" / "secrets").write_text(json.dumps({"api_key": "sl_local_key"}))
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    assert CliRunner().invoke(app, ["leads"]).exit_code == 0
    assert edge.keys == {"sl_local_key"}


def leads_answer(request: Any, context: Any) -> ListLeadsResponse:
    page = int(request.page_token or 0)
    answer = ListLeadsResponse(next_page_token=str(page + 1))
    for number in range(request.page_size):
        answer.leads.add(
            lead_id=f"l-{page}-{number}", score=1.5, stage="warm", email="[bold]x\x1b[2J"
        )
    return answer


def test_leads(edge: FakeEdge) -> None:
    edge.on("ListLeads", leads_answer)
    counts = GetStageCountsResponse(total_count=1234)
    counts.stage_counts.add(stage="warm", lead_count=1234)
    edge.on("GetStageCounts", lambda request, context: counts)
    result = run(edge, "leads", "--limit", 7, "--stage", "warm", "--min-score", 1, "-q", "ada")
    assert result.exit_code == 0, result.output
    request = edge.requests["ListLeads"][0]
    assert (request.page_size, request.query, [*request.stages]) == (7, "ada", ["warm"])
    assert request.order_by == "score desc"
    assert len(edge.requests["ListLeads"]) == 1
    assert "1,234 leads: 1,234 warm" in result.stdout
    # Foreign text is shown, neither obeyed as markup nor by the terminal.
    assert "[bold]x\ufffd[2J" in result.stdout
    assert "\x1b[2J" not in result.stdout
    found = json_lines(run(edge, "leads", "--limit", 3, as_json=True))
    assert [one["lead_id"] for one in found] == ["l-0-0", "l-0-1", "l-0-2"]


def test_leads_that_have_been_idle(edge: FakeEdge) -> None:
    edge.on("ListLeads", lambda request, context: ListLeadsResponse())
    before = datetime.now(UTC)
    result = run(edge, "leads", "--idle-days", 1.5, as_json=True)
    assert result.exit_code == 0, result.output
    request = edge.requests["ListLeads"][0]
    until = request.last_event_time_until.ToDatetime(UTC)
    assert before <= until + timedelta(days=1.5) <= datetime.now(UTC)
    assert not request.HasField("last_event_time_from")
    run(edge, "leads", as_json=True)
    assert not edge.requests["ListLeads"][1].HasField("last_event_time_until")
    for days in (-1, 1e6, "nan"):
        assert run(edge, "leads", "--idle-days", days).exit_code == 2


def test_leaderboard(edge: FakeEdge) -> None:
    answer = GetLeaderboardResponse()
    for rank, score in ((1, 80.0), (2, 40.0)):
        entry = answer.entries.add(rank=rank)
        entry.lead.lead_id = f"l-{rank}"
        entry.lead.score = score
    edge.on("GetLeaderboard", lambda request, context: answer)
    result = run(edge, "leaderboard", "--limit", 2)
    first, second = result.stdout.splitlines()[1:3]
    assert first.count("█") == 2 * second.count("█") > 0
    assert [one["rank"] for one in json_lines(run(edge, "leaderboard", as_json=True))] == [1, 2]


def timeline(score: float) -> tuple[GetLeadResponse, ListTimelineResponse]:
    lead = GetLeadResponse()
    lead.lead.lead_id = "l-1"
    lead.lead.score = score
    entries = ListTimelineResponse()
    running = 0.0
    for number, effect in enumerate((1.001, 20.2, -5.3)):
        running += effect
        entry = entries.entries.add(event_id=f"e-{number}", type="download", score=running)
        entry.occur_time.CopyFrom(Timestamp(seconds=1_700_000_000 + number))
        entry.effects.add(rule_id="download", rule_points=effect, points=effect)
    entries.entries[1].effects[0].rule_points = 30
    entries.entries[1].effects[0].reason = EffectReason.EFFECT_REASON_CLIPPED
    return lead, entries


def test_a_lead_is_explained_to_the_last_thousandth(edge: FakeEdge) -> None:
    lead, entries = timeline(15.901)
    edge.on("GetLead", lambda request, context: lead)
    edge.on("ListTimeline", lambda request, context: entries)
    result = run(edge, "lead", "email:ada@example.com", "--limit", 2)
    assert result.exit_code == 0, result.output
    assert edge.requests["GetLead"][0].lead_id == "email:ada@example.com"
    assert edge.requests["ListTimeline"][0].lead_id == "l-1"
    # Floats, or cutting off where to round, would give another sum.
    assert "effects of 3 events: +21.201 -5.3 = 15.901, which is the score" in result.stdout
    assert "... 1 earlier events" in result.stdout
    assert "gives +30, the bounds the rest" in result.stdout
    assert "█" in result.stdout
    lines = json_lines(run(edge, "lead", "l-1", as_json=True))
    assert lines[0]["score"] == 15.901
    assert [one["event_id"] for one in lines[1:]] == ["e-0", "e-1", "e-2"]


def test_a_sum_that_is_not_the_score_is_not_called_so(edge: FakeEdge) -> None:
    lead, entries = timeline(26.0)
    edge.on("GetLead", lambda request, context: lead)
    edge.on("ListTimeline", lambda request, context: entries)
    result = run(edge, "lead", "l-1")
    assert "which is the score" not in result.stdout
    assert "the score is 26" in result.stdout


def changes(request: Any, context: Any) -> Iterator[WatchScoresResponse]:
    for version in (1, 2, 3):
        message = WatchScoresResponse(resume_token=f"t{version}")
        message.score_change.lead_id = "l-1"
        message.score_change.version = version
        message.score_change.event_type = "signup"
        message.score_change.delta = 20
        message.score_change.score = 20 * version
        message.score_change.stage = "warm"
        yield message


def test_watch(edge: FakeEdge) -> None:
    edge.on("WatchScores", changes)
    result = run(edge, "watch", "--limit", 2, "--lead", "l-1", "--min-delta", 5)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert "l-1 signup +20 -> 40 " in lines[1]
    request = edge.requests["WatchScores"][0]
    assert ([*request.lead_ids], request.min_delta) == (["l-1"], 5)
    shown = json_lines(run(edge, "watch", "--limit", 3, as_json=True))
    assert [one["score_change"]["version"] for one in shown] == [1, 2, 3]
    assert shown[2]["resume_token"] == "t3"
