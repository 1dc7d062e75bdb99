"""Watching leaderboards and activity, and other forms of score changes: what the commands ask and what they show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scoreline.notify.v1.notify_service_pb2 import (
    WatchActivityResponse,
    WatchLeaderboardResponse,
    WatchScoresResponse,
)
from tests.support.command_line import json_lines, run
from tests.support.fake_edge import FakeEdge


def board(request: Any, context: Any) -> Iterator[WatchLeaderboardResponse]:
    yield WatchLeaderboardResponse(
        board={
            "places": [
                {"position": 1, "rank": 1, "lead_id": "a", "display_name": "Ada", "score": 90.5},
                {"position": 2, "rank": 2, "lead_id": "b", "score": 20, "stage": "warm"},
            ]
        }
    )
    yield WatchLeaderboardResponse(heartbeat={})
    yield WatchLeaderboardResponse(
        update={
            "changes": [
                {"kind": 2, "place": {"position": 2, "rank": 2, "lead_id": "b", "score": 20}},
                {"kind": 1, "place": {"position": 1, "rank": 1, "lead_id": "c", "score": 99}},
                {
                    "kind": 3,
                    "place": {"position": 2, "rank": 2, "lead_id": "a", "score": 91},
                    "previous_rank": 1,
                    "previous_score": 90.5,
                },
            ]
        }
    )


def test_watch_leaderboard(edge: FakeEdge) -> None:
    edge.on("WatchLeaderboard", board)
    result = run(edge, "watch", "leaderboard", "--limit", 2, "--stage", "warm", "--updates", 2)
    assert result.exit_code == 0, result.output
    lines = [line.split(" ", 2)[2] for line in result.stdout.splitlines()]
    assert lines == [
        "#1 Ada 90.5",
        "#2 b 20 warm",
        "b left the board",
        "#1 c 99, new on the board",
        "#2 a 91, was #1 with 90.5",
    ]
    request = edge.requests["WatchLeaderboard"][0]
    assert (request.limit, [*request.stages]) == (2, ["warm"])
    shown = json_lines(run(edge, "watch", "leaderboard", "--updates", 2, as_json=True))
    assert [place["lead_id"] for place in shown[0]["board"]["places"]] == ["a", "b"]
    assert len(shown[1]["update"]["changes"]) == 3


def test_watch_activity(edge: FakeEdge) -> None:
    def events(request: Any, context: Any) -> Iterator[WatchActivityResponse]:
        yield WatchActivityResponse(heartbeat={})
        for number in range(3):
            one = {"lead_id": "a", "type": "signup", "delta": 20, "score": 20 * number}
            yield WatchActivityResponse(activity=one, skipped_count=1_200 * (number == 1))

    edge.on("WatchActivity", events)
    result = run(edge, "watch", "activity", "--type", "signup", "--interval", 0.5, "--limit", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert "a signup +20 -> 0" in lines[0]
    assert "1,200 left out" in lines[1]
    request = edge.requests["WatchActivity"][0]
    assert ([*request.types], request.min_interval.nanos) == (["signup"], 500_000_000)
    shown = json_lines(run(edge, "watch", "activity", "--limit", 2, as_json=True))
    assert shown[1]["skipped_count"] == 1_200


def test_watch_with_a_filter_causes_and_sums(edge: FakeEdge) -> None:
    def sums(request: Any, context: Any) -> Iterator[WatchScoresResponse]:
        yield WatchScoresResponse(
            resume_token="t",
            bulk_summary={
                "cause": 2,
                "rule_set_version": 7,
                "change_count": 100_000,
                "up_count": 60_000,
                "down_count": 30_000,
                "stage_change_count": 5_000,
            },
        )

    edge.on("WatchScores", sums)
    asked = ["--filter", "change.score > 5.0", "--cause", "rules", "--latest-only", "--summary"]
    result = run(edge, "watch", *asked, "--limit", 1)
    assert result.exit_code == 0, result.output
    assert "100,000 changes by rules 7: 60,000 up, 30,000 down, 5,000 of stage" in result.stdout
    request = edge.requests["WatchScores"][0]
    assert (request.filter, [*request.causes]) == ("change.score > 5.0", [2])
    assert request.latest_only
    assert request.bulk_causes_as_summary


@pytest.mark.parametrize("arguments", [["--cause", "weather"], ["leaderboard", "--limit", "101"]])
def test_wrong_usage_is_said(edge: FakeEdge, arguments: list[str]) -> None:
    assert run(edge, "watch", *arguments).exit_code == 2
