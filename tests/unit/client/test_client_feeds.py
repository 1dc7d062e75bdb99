"""Watching leaderboards and activity with both clients: what is asked and shown, and what an outage makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.notify.v1.notify_service_pb2 import (
    WatchActivityResponse,
    WatchLeaderboardResponse,
    WatchScoresResponse,
)
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.001, max_wait_s=0.01)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def place(lead_id: str, position: int, score: float) -> dict[str, Any]:
    return {"lead_id": lead_id, "position": position, "rank": position, "score": score}


class Boards:
    """A server whose first stream breaks off."""

    def __init__(self) -> None:
        self.streams = 0

    def __call__(self, request: Any, context: Any) -> Iterator[WatchLeaderboardResponse]:
        self.streams += 1
        yield WatchLeaderboardResponse(board={"places": [place("a", 1, 9), place("b", 2, 5)]})
        yield WatchLeaderboardResponse(heartbeat={})
        if self.streams == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE))
        changes = [
            {"kind": 2, "place": place("b", 2, 5)},
            {"kind": 1, "place": place("c", 1, 10)},
            {"kind": 3, "place": place("a", 2, 9)},
        ]
        yield WatchLeaderboardResponse(update={"changes": changes})


def test_a_board_is_put_together_and_comes_again_after_an_outage(edge: FakeEdge) -> None:
    edge.on("WatchLeaderboard", Boards())
    board, kinds = scoreline.LiveBoard(), []
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch_leaderboard(limit=2, stages=["hot"])) as messages,
    ):
        for message in messages:
            board.take(message)
            kinds.append(message.WhichOneof("message"))
            if kinds[-1] == "update":
                break
    assert kinds == ["board", "board", "update"]
    assert [one.lead_id for one in board.places] == ["c", "a"]
    assert [(one.limit, [*one.stages]) for one in edge.requests["WatchLeaderboard"]] == [
        (2, ["hot"])
    ] * 2


async def test_the_same_in_an_event_loop(edge: FakeEdge) -> None:
    edge.on("WatchLeaderboard", Boards())
    board = scoreline.LiveBoard()
    async with (
        scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as client,
        aclosing(client.watch_leaderboard(heartbeats=True)) as messages,
    ):
        async for message in messages:
            board.take(message)
            if message.WhichOneof("message") == "update":
                break
    assert [one.lead_id for one in board.places] == ["c", "a"]


def events(request: Any, context: Any) -> Iterator[WatchActivityResponse]:
    yield WatchActivityResponse(heartbeat={})
    yield WatchActivityResponse(activity={"lead_id": "a", "type": "signup"}, skipped_count=3)


async def test_activity_says_what_was_left_out(edge: FakeEdge) -> None:
    edge.on("WatchActivity", events)
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(
            client.watch_activity(types=["signup"], lead_ids=["a"], min_interval_s=1.5)
        ) as messages,
    ):
        message = next(messages)
    assert (message.activity.type, message.skipped_count) == ("signup", 3)
    async with (
        scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as asynchronous,
        aclosing(asynchronous.watch_activity()) as feed,
    ):
        assert (await anext(feed)).skipped_count == 3
    request = edge.requests["WatchActivity"][0]
    assert ([*request.types], [*request.lead_ids]) == (["signup"], ["a"])
    assert request.min_interval.ToMilliseconds() == 1_500


def test_what_can_not_get_better_ends_a_feed(edge: FakeEdge) -> None:
    edge.on("WatchLeaderboard", lambda request, context: refuse(context, invalid()))
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        pytest.raises(errors.InvalidRequest),
        closing(client.watch_leaderboard(limit=101)) as messages,
    ):
        next(messages)


def invalid() -> Any:
    return status(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


def test_every_form_of_a_watch_is_asked_for(edge: FakeEdge) -> None:
    edge.on(
        "WatchScores",
        lambda request, context: iter([WatchScoresResponse(bulk_summary={"cause": 2})]),
    )
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(
            client.watch(
                filter="change.late", causes=["RULES"], latest_only=True, bulk_as_summary=True
            )
        ) as messages,
    ):
        assert next(messages).bulk_summary.cause == 2
        request = edge.requests["WatchScores"][0]
        assert (request.filter, [*request.causes]) == ("change.late", [2])
        assert request.latest_only
        assert request.bulk_causes_as_summary
        with pytest.raises(ValueError, match="none of the causes"):
            client.watch(causes=["WEATHER"])
