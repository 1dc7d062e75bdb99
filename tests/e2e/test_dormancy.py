"""Score changes are read for watchers, and for webhook endpoints, only where there are some. The first of each is told
of all that happens from then on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import grpc
import httpx
import nats
import psycopg
import pytest

from scoreline.notify.v1 import notify_service_pb2 as pb
from scoreline.notify.v1 import notify_service_pb2_grpc as pb_grpc
from stack import Stack, StackConfig
from tests.support.eventually import eventually

# A suite of its own: nobody watches it, and nobody has endpoints.
pytestmark = pytest.mark.timeout(120)

WATCH_S = 60.0


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    with Stack(StackConfig()) as made:
        yield made


@pytest.fixture
def http(own: Stack) -> Iterator[httpx.Client]:
    headers = {"x-api-key": own.api_key}
    with httpx.Client(base_url=own.http_url, headers=headers, timeout=30) as opened:
        yield opened


def scored(http: httpx.Client, lead_id: str, version: int) -> None:
    """Have another event of a lead scored, which comes to that version."""
    event = {"event_id": f"{lead_id}-{version}", "type": "signup", "lead_id": lead_id}
    assert http.post("/v1/events", json=event).status_code == 200

    def is_so() -> bool:
        lead = http.get(f"/v1/leads/{lead_id}")
        return lead.status_code == 200 and int(lead.json()["lead"]["version"]) == version

    eventually(is_so)


async def _stream(stack: Stack) -> tuple[int, int]:
    client = await nats.connect(stack.nats_url)
    try:
        state = (await client.jetstream().stream_info("SCORES")).state
    finally:
        await client.close()
    return state.consumer_count, state.last_seq


def passed_over(stack: Stack) -> bool:
    """Whether nobody reads the stream, and all that is in it counts as told to whom it may concern."""
    readers, last = asyncio.run(_stream(stack))
    with psycopg.connect(stack.superuser_url) as database:
        row = database.execute(
            "SELECT asleep, sequence FROM notify.positions WHERE reader = 'scores'"
        ).fetchone()
    return readers == 0 and row == (True, last)


def test_the_first_watcher_sees_the_leads_and_all_that_changes(
    own: Stack, http: httpx.Client
) -> None:
    scored(http, "first", 1)
    scored(http, "first", 2)
    eventually(lambda: passed_over(own))
    with grpc.insecure_channel(own.grpc_target) as channel:
        call = pb_grpc.NotifyServiceStub(channel).WatchScores(
            pb.WatchScoresRequest(include_snapshot=True),
            metadata=[("x-api-key", own.api_key)],
            timeout=WATCH_S,
        )
        assert next(call).snapshot_lead.version == 2
        assert next(call).snapshot_complete.lead_count == 1
        for version in (3, 4):
            scored(http, "first", version)
            assert next(call).score_change.version == version
        call.cancel()


def test_the_first_endpoint_is_told_of_the_next_change_and_not_of_the_last_one_before(
    own: Stack, http: httpx.Client
) -> None:
    scored(http, "second", 1)

    def planner_sleeps() -> bool:
        with psycopg.connect(own.superuser_url) as database:
            row = database.execute("SELECT asleep FROM notify.positions WHERE reader = 'scores'")
            return row.fetchone() == (True,)

    eventually(planner_sleeps)
    scored(http, "second", 2)
    wanted = {"url": "https://hooks.example.com/", "event_types": ["score.changed"]}
    made = http.post("/v1/webhookEndpoints", json={"webhook_endpoint": wanted})
    assert made.status_code == 200, made.text
    endpoint_id = made.json()["webhook_endpoint"]["endpoint_id"]
    scored(http, "second", 3)
    scored(http, "second", 4)

    def told() -> bool:
        answer = http.get(f"/v1/webhookEndpoints/{endpoint_id}/deliveries").json()
        bodies = [json.loads(one["payload"]) for one in answer["deliveries"]]
        versions = sorted(int(body["data"]["version"]) for body in bodies)
        assert 2 not in versions
        return versions == [3, 4]

    eventually(told)
    assert http.delete(f"/v1/webhookEndpoints/{endpoint_id}").status_code == 200
    eventually(planner_sleeps)
