"""Leaderboards and activity as they change, through the edge: over gRPC and as server-sent events."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx

from scoreline import LiveBoard
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from stack import Stack
from tests.support.event_source import event_source
from tests.support.eventually import eventually
from tests.support.grpc_calls import Refusal
from tests.support.projects import TestProject

WATCH_TIMEOUT_S = 60.0
LIMIT = 5
LEADS = 12


def leaders(http: httpx.Client) -> list[tuple[Any, ...]]:
    """What GetLeaderboard answers."""
    answer = http.get("/v1/leaderboard", params={"page_size": LIMIT})
    answer.raise_for_status()
    return [
        (one["rank"], one["lead"]["lead_id"], one["lead"]["score"], one["lead"]["stage"])
        for one in answer.json().get("entries", ())
    ]


def watched(board: LiveBoard) -> list[tuple[Any, ...]]:
    return [(one.rank, one.lead_id, one.score, one.stage) for one in board.places]


def agrees(check: Callable[[], None]) -> None:
    """Wait until a check passes; its last failure says what differs."""
    eventually(lambda: check() is None)


def test_the_board_is_what_get_leaderboard_answers_whatever_happened(
    channel: grpc.Channel, project: TestProject, http: httpx.Client, beside: ThreadPoolExecutor
) -> None:
    stream = notify_service_pb2_grpc.NotifyServiceStub(channel).WatchLeaderboard(
        notify_service_pb2.WatchLeaderboardRequest(limit=LIMIT),
        metadata=project.metadata,
        timeout=WATCH_TIMEOUT_S,
    )
    board, messages = LiveBoard(), 0

    def follow() -> None:
        nonlocal messages
        try:
            for message in stream:
                board.take(message)
                messages += 1
        except grpc.RpcError as error:
            if Refusal(error).code != grpc.StatusCode.CANCELLED:
                raise

    following = beside.submit(follow)
    chance = random.Random(3)
    types = ["page_view", "demo_request", "signup", "unsubscribe", "purchase", "refund"]
    events = [
        {
            "event_id": f"e{number}",
            "type": chance.choice(types),
            "lead_id": f"lead-{chance.randrange(LEADS)}",
            "properties": {"order_id": f"o{number}", "form_id": f"f{number}"},
        }
        for number in range(240)
    ]
    for start in range(0, len(events), 40):
        http.post("/v1/events:batch", json={"events": events[start : start + 40]})
    eventually(lambda: leaders(http) and watched(board) == leaders(http))
    # Rules, merges and corrections change boards as well.
    http.patch("/v1/rules/signup", json={"points": 77}).raise_for_status()
    http.post("/v1/ruleSets/0:activate", json={}).raise_for_status()
    first, second = (lead_id for _, lead_id, *_ in leaders(http)[:2])
    merge = {"merged_lead_id": second, "reason": "the same"}
    http.post(f"/v1/leads/{first}:merge", json=merge).raise_for_status()
    eventually(lambda: second not in [one[1] for one in watched(board)])
    http.post(f"/v1/leads/{second}:unmerge", json={"reason": "no"}).raise_for_status()
    adjust = {"points": 500, "reason": "a gift"}
    http.post("/v1/leads/lead-7:adjust", json=adjust).raise_for_status()

    def gifted() -> None:
        assert watched(board) == leaders(http)
        assert "lead-7" in [one[1] for one in watched(board)], leaders(http)

    agrees(gifted)
    http.patch(
        "/v1/leads/lead-7", params={"update_mask": "display_name"}, json={"display_name": "G"}
    )
    eventually(lambda: "G" in [one.display_name for one in board.places], timeout_s=25)
    assert watched(board) == leaders(http)
    stream.cancel()
    following.result()
    assert messages > 3


def test_a_page_follows_the_board_and_the_activity(
    suite: Stack, project: TestProject, http: httpx.Client
) -> None:
    key = {"api_key": project.api_key, "heartbeat_interval": "1s"}
    with (
        event_source(f"{suite.http_url}/v1/leaderboard:watch", key, timeout_s=20) as boards,
        event_source(f"{suite.http_url}/v1/activity:watch", key, timeout_s=20) as feed,
    ):
        assert next(boards)["board"] == {"places": []}
        assert "heartbeat" in next(feed)
        event = {"event_id": "e1", "type": "demo_request", "lead_id": "ada"}
        http.post("/v1/events", json=event).raise_for_status()
        (change,) = next(one for one in boards if "update" in one)["update"]["changes"]
        shown = next(one for one in feed if "activity" in one)
    assert change["kind"] == "LEADERBOARD_CHANGE_KIND_ENTERED"
    assert (change["place"]["lead_id"], change["place"]["score"]) == ("ada", 50)
    activity = shown["activity"]
    assert (activity["event_id"], activity["delta"], activity["stage"]) == ("e1", 50, "warm")


def test_a_wrong_filter_is_said_with_its_place(http: httpx.Client) -> None:
    answer = http.get("/v1/scores:watch", params={"filter": "change.scor > 1"})
    assert answer.status_code == 400
    (violation,) = [
        one["field_violations"][0] for one in answer.json()["details"] if "field_violations" in one
    ]
    assert violation["field"] == "filter"
    assert "line 1, column 7" in violation["description"]
