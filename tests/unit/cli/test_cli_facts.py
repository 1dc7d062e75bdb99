"""`scoreline leads merge|unmerge|adjust` and `scoreline events retract`: what they ask, what they show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1.facts_pb2 import (
    AdjustScoreResponse,
    MergeLeadsResponse,
    RetractEventsResponse,
    UnmergeLeadsResponse,
)
from scoreline.scoring.v1.lead_pb2 import Lead
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge

ADA = Lead(
    lead_id="ada",
    email="ada@example.com",
    score=141,
    stage="hot",
    event_count=1_204,
    merged_lead_ids=["ld_x"],
)
VISITOR = Lead(lead_id="ld_x", score=21, stage="cold", event_count=2)


def test_merge_and_unmerge(edge: FakeEdge) -> None:
    edge.on("MergeLeads", lambda request, context: MergeLeadsResponse(lead=ADA))
    edge.on(
        "UnmergeLeads",
        lambda request, context: UnmergeLeadsResponse(lead=ADA, unmerged_lead=VISITOR),
    )
    merged = run(edge, "leads", "merge", "email:ada@example.com", "ld_x", "--reason", "the same")
    assert merged.exit_code == 0, merged.output
    assert "ada@example.com  141 points  hot  1,204 events" in merged.stdout
    assert "one with one other lead now" in merged.stdout
    (asked,) = edge.requests["MergeLeads"]
    assert (asked.lead_id, asked.merged_lead_id, asked.reason) == (
        "email:ada@example.com",
        "ld_x",
        "the same",
    )
    unmerged = run(edge, "leads", "unmerge", "ld_x")
    assert unmerged.stdout.splitlines() == [
        "ld_x  21 points  cold  2 events",
        "ada@example.com  141 points  hot  1,204 events",
    ]
    (found,) = json_lines(run(edge, "leads", "unmerge", "ld_x", as_json=True))
    assert found["unmerged_lead"]["lead_id"] == "ld_x"
    (found,) = json_lines(run(edge, "leads", "merge", "a", "b", as_json=True))
    assert found["merged_lead_ids"] == ["ld_x"]


def adjusted(points: float) -> Any:
    def answer(request: Any, context: Any) -> AdjustScoreResponse:
        made = AdjustScoreResponse(event_id="scoreline:adjustment:x")
        change = made.score_change
        change.lead_id, change.stage = "ada", "warm"
        change.previous_score, change.delta, change.score = 20, points, 20 + points
        return made

    return answer


def test_adjust(edge: FakeEdge) -> None:
    edge.on("AdjustScore", adjusted(-5))
    result = run(
        edge, "leads", "adjust", "ada", "-5", "--reason", "too eager", "--group", "fit",
        "--at", "2026-03-01T09:30:00Z", "--id", "x",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "ada  20 -5 = 15 points  warm" in result.stdout
    assert "the rest" not in result.stdout
    (asked,) = edge.requests["AdjustScore"]
    assert (asked.lead_id, asked.points, asked.reason) == ("ada", -5, "too eager")
    assert (asked.group, asked.adjustment_id) == ("fit", "x")
    assert asked.occur_time.ToDatetime(UTC) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    # Bounds took the rest, which is said.
    edge.on("AdjustScore", adjusted(3))
    assert "of +12.5: the rest" in run(edge, "leads", "adjust", "a", 12.5, "--reason", "r").stdout
    assert edge.requests["AdjustScore"][-1].adjustment_id
    (found,) = json_lines(run(edge, "leads", "adjust", "a", 1, "--reason", "r", as_json=True))
    assert found["score_change"]["score"] == 23


def test_retract(edge: FakeEdge) -> None:
    answer = RetractEventsResponse(
        retracted_count=1_300,
        lead_count=7,
        unknown_event_ids=["e8", "[e9]", *"abcdef"],
        unknown_count=8,
    )
    edge.on("RetractEvents", lambda request, context: answer)
    result = run(edge, "events", "retract", "e1", "e8", "[e9]", "--reason", "a scanner")
    assert result.exit_code == 0, result.output
    assert "1,300 events of 7 leads count for nothing now" in result.stdout
    assert "8 are not in the ledger: e8, [e9], a, b, c, ..." in result.stdout
    (asked,) = edge.requests["RetractEvents"]
    assert list(asked.event_ids.event_ids) == ["e1", "e8", "[e9]"]
    assert (asked.reason, asked.validate_only) == ("a scanner", False)

    result = run(
        edge, "events", "retract", "--type", "email_click", "--source", "mail", "--since",
        "2026-03-01T00:00:00Z", "--until", "2026-03-02T00:00:00Z", "--lead", "ada",
        "--reason", "a scanner", "--dry-run",
    )  # fmt: skip
    assert "would be retracted" in result.stdout
    asked = edge.requests["RetractEvents"][-1]
    assert (list(asked.filter.types), asked.filter.source) == (["email_click"], "mail")
    assert (asked.filter.lead_id, asked.validate_only) == ("ada", True)
    assert asked.filter.end_time.seconds - asked.filter.start_time.seconds == 86_400
    (found,) = json_lines(run(edge, "events", "retract", "e1", "--reason", "r", as_json=True))
    assert found["lead_count"] == 7


@pytest.mark.parametrize(
    "arguments",
    [
        ["events", "retract", "--reason", "r"],
        ["events", "retract", "e1", "--lead", "ada", "--reason", "r"],
        ["events", "retract", "e1"],
        ["events", "retract", "--since", "soon", "--reason", "r"],
        ["leads", "adjust", "ada", "5"],
        ["leads", "adjust", "ada", "five", "--reason", "r"],
        ["leads", "adjust", "ada", "5", "--reason", "r", "--at", "soon"],
        ["leads", "merge", "ada"],
        ["leads", "unmerge"],
    ],
)
def test_wrong_usage_asks_nothing(edge: FakeEdge, arguments: list[str]) -> None:
    result = run(edge, *arguments)
    assert result.exit_code == 2, result.output
    assert not edge.requests


def test_a_refusal_is_one_line(edge: FakeEdge) -> None:
    edge.on("UnmergeLeads", refusing(grpc.StatusCode.FAILED_PRECONDITION, "LEAD_NOT_MERGED"))
    result = run(edge, "leads", "unmerge", "ada")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
