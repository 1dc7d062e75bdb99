"""Parts of the suite away and back: what callers are told meanwhile, and that nothing is lost. Kills in the middle of a
load are in tests/faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import pytest

from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from stack import Stack
from tests.support.event_source import event_source
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

pytestmark = pytest.mark.xdist_group("fragile")

HTTP_TIMEOUT_S = 20.0
WATCH_TIMEOUT_S = 40.0

BACK_WITHIN_S = 30.0
"""From the restart of the broker until events are taken again."""


@pytest.fixture
def project(fragile: Stack) -> TestProject:
    return new_project(fragile, "outages")


@pytest.fixture
def http(fragile: Stack, project: TestProject) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=fragile.http_url, headers=project.headers, trust_env=False, timeout=HTTP_TIMEOUT_S
    ) as client:
        yield client


@contextmanager
def away(stack: Stack, name: str) -> Iterator[None]:
    """Without a component for as long as the block lasts."""
    stack.kill(name)
    try:
        yield
    finally:
        stack.restart(name)


def attempt(http: httpx.Client, event_id: str) -> httpx.Response:
    event = {"event_id": event_id, "type": "page_view", "lead_id": "ada"}
    return http.post("/v1/events", json=event)


def send(http: httpx.Client, event_id: str) -> None:
    """Until it is acknowledged: what the test before took away may be noticed late, when /healthz was asked already;
    for a moment the edge then refuses events."""

    def taken() -> bool:
        answer = attempt(http, event_id)
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    eventually(taken, timeout_s=BACK_WITHIN_S)


def score(http: httpx.Client) -> Any:
    answer = http.get("/v1/leads/ada")
    return answer.json()["lead"]["score"] if answer.status_code == 200 else None


def expect_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == 14


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("accounts", "/v1/project"),
        ("rules", "/v1/rules"),
        ("scoring", "/v1/leaderboard"),
        ("ingest", "/v1/events"),
        ("notify", "/v1/scores:watch"),
    ],
)
def test_503_while_a_service_is_away(
    fragile: Stack, http: httpx.Client, service: str, path: str
) -> None:
    verb = "POST" if service == "ingest" else "GET"
    event = {"event_id": "e1", "type": "page_view", "lead_id": "ada"} if verb == "POST" else None
    with away(fragile, service):
        expect_unavailable(http.request(verb, path, json=event))
        eventually(lambda: http.get("/healthz").status_code == 503)
        others = {"/v1/project", "/v1/rules", "/v1/leaderboard"} - {path}
        for other in others:
            assert http.get(other).status_code == 200, other
    with http.stream(verb, path, json=event) as answer:
        assert answer.status_code == 200


def test_events_wait_for_scoring(fragile: Stack, http: httpx.Client) -> None:
    with away(fragile, "scoring"):
        for number in range(5):
            assert attempt(http, f"e{number}").status_code == 200
    eventually(lambda: score(http) == 5)


def test_rules_are_not_needed_to_score(fragile: Stack, http: httpx.Client) -> None:
    with away(fragile, "rules"):
        send(http, "e1")
        eventually(lambda: score(http) == 1)


def test_an_activation_waits_for_scoring(fragile: Stack, http: httpx.Client) -> None:
    send(http, "e1")
    eventually(lambda: score(http) == 1)
    with away(fragile, "scoring"):
        for points in (2, 3, 4):
            http.patch("/v1/rules/page_view", json={"points": points}).raise_for_status()
            http.post("/v1/ruleSets/0:activate", json={}).raise_for_status()
    eventually(lambda: score(http) == 4)


def test_nothing_is_acknowledged_without_the_broker(fragile: Stack, http: httpx.Client) -> None:
    send(http, "before")
    with away(fragile, "nats"):
        expect_unavailable(attempt(http, "during"))
    send(http, "during")
    eventually(lambda: score(http) == 2, timeout_s=BACK_WITHIN_S)


def test_reads_are_refused_without_the_database_and_events_are_kept(
    fragile: Stack, http: httpx.Client
) -> None:
    send(http, "e1")
    eventually(lambda: score(http) == 1)
    with away(fragile, "postgres"):
        expect_unavailable(http.get("/v1/leads/ada"))
        assert attempt(http, "e2").status_code == 200
    eventually(lambda: score(http) == 2, timeout_s=BACK_WITHIN_S)


def test_a_watch_goes_on_after_notify_was_killed(
    fragile: Stack, project: TestProject, http: httpx.Client
) -> None:
    with grpc.insecure_channel(fragile.grpc_target) as channel:
        stub = notify_service_pb2_grpc.NotifyServiceStub(channel)

        def watch(token: str) -> Any:
            request = notify_service_pb2.WatchScoresRequest(resume_token=token)
            return stub.WatchScores(request, metadata=project.metadata, timeout=WATCH_TIMEOUT_S)

        stream = watch("")
        token = next(stream).resume_token
        send(http, "e1")
        message = next(m for m in stream if m.WhichOneof("message") == "score_change")
        token = message.resume_token
        with away(fragile, "notify"):
            with pytest.raises(grpc.RpcError) as broken:
                list(stream)
            assert broken.value.code() in (  # type: ignore[attr-defined]
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.INTERNAL,
            )
            for number in range(2, 5):
                send(http, f"e{number}")
            eventually(lambda: score(http) == 4)
        resumed = watch(token)
        changes = (m for m in resumed if m.WhichOneof("message") == "score_change")
        versions = [next(changes).score_change.version for _ in range(3)]
        resumed.cancel()
    assert versions == [2, 3, 4]


def test_a_stopping_service_says_goodbye(
    fragile: Stack, project: TestProject, http: httpx.Client
) -> None:
    with grpc.insecure_channel(fragile.service_target("notify")) as channel:
        stream = notify_service_pb2_grpc.NotifyServiceStub(channel).WatchScores(
            notify_service_pb2.WatchScoresRequest(),
            metadata=project.metadata,
            timeout=WATCH_TIMEOUT_S,
        )
        token = next(stream).resume_token
        try:
            assert fragile.terminate("notify") == 0
            with pytest.raises(grpc.RpcError) as ended:
                list(stream)
        finally:
            fragile.restart("notify")
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
    assert token
    send(http, "e1")
    parameters = {"api_key": project.api_key, "resume_token": token}
    url = f"{fragile.http_url}/v1/scores:watch"
    with event_source(url, parameters, timeout_s=HTTP_TIMEOUT_S) as source:
        change = next(m["score_change"] for m in source if "score_change" in m)
    assert (change["event_id"], change["version"]) == ("e1", 1)
