"""The main job, from one end to the other: events in over HTTP, score changes out on a stream, whatever the order and
however often they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx

from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import (
    SCORE_CHANGE_CAUSE_EVENT,
    SCORE_CHANGE_CAUSE_RULES,
    ScoreChange,
)
from tests.support.eventually import eventually
from tests.support.projects import TestProject

WATCH_TIMEOUT_S = 40.0


@contextmanager
def watched(
    channel: grpc.Channel, project: TestProject, **request: Any
) -> Iterator[Iterator[ScoreChange]]:
    """The project's changes from now on."""
    stream = notify_service_pb2_grpc.NotifyServiceStub(channel).WatchScores(
        notify_service_pb2.WatchScoresRequest(**request),
        metadata=project.metadata,
        timeout=WATCH_TIMEOUT_S,
    )
    assert next(stream).WhichOneof("message") == "heartbeat"
    try:
        yield (m.score_change for m in stream if m.WhichOneof("message") == "score_change")
    finally:
        stream.cancel()


def send(http: httpx.Client, *events: tuple[str, str, str, str]) -> list[Any]:
    """Send (id, type, lead, time) in one batch; the receipts."""
    content = [
        {"event_id": event_id, "type": type_, "lead_id": lead_id, "occur_time": time}
        for event_id, type_, lead_id, time in events
    ]
    answer = http.post("/v1/events:batch", json={"events": content})
    answer.raise_for_status()
    return [result["receipt"] for result in answer.json()["results"]]


def lead(http: httpx.Client, lead_id: str) -> Any:
    answer = http.get(f"/v1/leads/{lead_id}")
    return answer.json()["lead"] if answer.status_code == 200 else None


def test_a_late_event_is_scored_as_if_it_had_been_on_time(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    http.patch(
        "/v1/ruleSets:draft?update_mask=bounds", json={"bounds": {"min_score": 0, "max_score": 60}}
    ).raise_for_status()
    version = http.post("/v1/ruleSets/0:activate", json={}).json()["activation"]["version"]
    http.post("/v1/leads", json={"lead_id": "witness"}).raise_for_status()
    eventually(lambda: lead(http, "witness")["rule_set_version"] == version)
    with watched(channel, project) as changes:
        seen = []
        for event in (
            ("e3", "refund", "ada", "2026-03-03T00:00:00Z"),
            ("e1", "demo_request", "ada", "2026-03-01T00:00:00Z"),
            ("e2", "signup", "ada", "2026-03-02T00:00:00Z"),
        ):
            send(http, event)
            seen.append(next(changes))
    # 50, then 20 of which the bound leaves 10, then -50.
    assert [(c.event_id, c.version, c.score, c.late) for c in seen] == [
        ("e3", 1, 0, False),
        ("e1", 2, 0, True),
        ("e2", 3, 10, True),
    ]
    timeline = http.get("/v1/leads/ada/timeline").json()["entries"]
    assert [(e["event_id"], e["score"]) for e in timeline] == [("e1", 50), ("e2", 60), ("e3", 10)]
    reasons = [effect["reason"] for entry in timeline for effect in entry["effects"]]
    assert reasons == ["EFFECT_REASON_APPLIED", "EFFECT_REASON_CLIPPED", "EFFECT_REASON_APPLIED"]


def test_an_activation_scores_everybody_anew_and_says_so(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    time = "2026-03-01T00:00:00Z"
    buyers = [f"lead-{number}" for number in range(30)]
    with watched(channel, project) as changes:
        send(http, *((f"e-{name}", "signup", name, time) for name in buyers))
        send(http, ("e-other", "page_view", "other", time))
        assert {next(changes).version for _ in (*buyers, "other")} == {1}
        http.patch("/v1/rules/signup", json={"points": 70}).raise_for_status()
        http.post("/v1/ruleSets/0:activate", json={}).raise_for_status()
        seen = [next(changes) for _ in buyers]
        # Whom the new rules leave as they are makes no change; the next event does.
        send(http, ("e-next", "page_view", "other", time))
        last = next(changes)
    assert {c.lead_id for c in seen} == set(buyers)
    for change in seen:
        assert (change.version, change.cause) == (2, SCORE_CHANGE_CAUSE_RULES)
        assert (change.previous_score, change.score, change.delta) == (20, 70, 50)
        assert (change.previous_stage, change.stage) == ("cold", "hot")
        assert (change.event_id, change.rule_set_version) == ("", 2)
    assert (last.lead_id, last.version, last.cause) == ("other", 2, SCORE_CHANGE_CAUSE_EVENT)


def test_sending_everything_again_changes_nothing(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    events = [
        (f"e{number}", kind, f"lead-{number % 7}", f"2026-03-{1 + number % 28:02}T00:00:00Z")
        for number, kind in enumerate(["page_view", "signup", "download", "refund"] * 50)
    ]
    with watched(channel, project) as changes:
        send(http, *events)
        assert sorted(next(changes).event_id for _ in events) == sorted(e[0] for e in events)
        before = http.get("/v1/leads?page_size=100").json()

        receipts = send(http, *reversed(events))
        assert all(receipt["duplicate"] for receipt in receipts)
        # In another batch, in another order, one by one.
        for event in events[:5]:
            send(http, event)
        send(http, ("after", "page_view", "after", "2026-03-01T00:00:00Z"))
        assert next(changes).lead_id == "after"
    after = http.get("/v1/leads?page_size=100").json()
    assert [one for one in after["leads"] if one["lead_id"] != "after"] == before["leads"]


def test_filters_choose_what_is_seen(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    time = "2026-03-01T00:00:00Z"
    with (
        watched(channel, project, lead_ids=["bob"]) as of_bob,
        watched(channel, project, min_delta=20) as large,
        watched(channel, project, stages=["hot"]) as hot,
        watched(channel, project, stage_changes_only=True) as stage_changes,
    ):
        send(
            http,
            ("a1", "page_view", "ada", time),
            ("b1", "signup", "bob", time),
            ("a2", "demo_request", "ada", time),
            ("a3", "signup", "ada", time),
            ("a4", "unsubscribe", "ada", time),
            ("b2", "demo_request", "bob", time),
        )
        for stream, wanted in (
            (of_bob, ["b1", "b2"]),
            (large, ["a2", "a3", "a4", "b1", "b2"]),
            (hot, ["a3", "a4", "b2"]),
            (stage_changes, ["a2", "a3", "a4", "b2"]),
        ):
            seen = [next(stream) for _ in wanted]
            # In order per lead; between leads there is none.
            seen.sort(key=lambda change: change.lead_id)
            assert [change.event_id for change in seen] == wanted
