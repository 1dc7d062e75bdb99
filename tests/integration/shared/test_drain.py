"""A graceful end, on a real service process: SIGTERM makes it NOT_SERVING and take no new call, while what is under way
goes on to its end and is durable."""

import os
import signal
from collections.abc import Iterator
from queue import Queue

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scoreline.ingest.v1 import ingest_service_pb2 as pb
from scoreline.ingest.v1 import ingest_service_pb2_grpc
from stack import Stack, StackConfig
from tests.support.eventually import eventually

CALL_TIMEOUT_S = 30

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(StackConfig(services=("accounts", "ingest"), envoy=False)) as started:
        yield started


def requests(event_ids: "Queue[str | None]") -> Iterator[pb.StreamEventsRequest]:
    while (event_id := event_ids.get()) is not None:
        request = pb.StreamEventsRequest()
        request.event.event_id = event_id
        request.event.type = "page_view"
        request.event.lead_id = "lead-1"
        yield request


def stored_events(stack: Stack) -> int:
    streams = httpx.get(f"{stack.nats_monitor_url}/jsz?streams=true").json()
    details = streams["account_details"][0]["stream_detail"]
    return int(next(s["state"]["messages"] for s in details if s["name"] == "EVENTS"))


def test_sigterm_finishes_what_is_under_way(stack: Stack) -> None:
    target = stack.service_target("ingest")
    key = [("x-api-key", stack.api_key)]
    event_ids: Queue[str | None] = Queue()
    with grpc.insecure_channel(target) as channel:
        ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
        answers = ingest.StreamEvents(requests(event_ids), metadata=key, timeout=CALL_TIMEOUT_S)
        health = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=CALL_TIMEOUT_S
        )
        assert next(health).status == SERVING
        event_ids.put("before")
        assert next(answers).result.receipt.event_id == "before"

        process_id = stack.pid("ingest")
        assert process_id is not None
        os.kill(process_id, signal.SIGTERM)
        assert next(health).status == NOT_SERVING

        event_ids.put("after")
        assert next(answers).result.receipt.event_id == "after"
        health.cancel()
        event_ids.put(None)
        assert list(answers) == []
    eventually(stack.ended)
    assert stack.terminate("ingest") == 0
    assert stored_events(stack) == 2
    with grpc.insecure_channel(target) as channel, pytest.raises(grpc.RpcError) as refused:
        ingest_service_pb2_grpc.IngestServiceStub(channel).IngestEvent(
            pb.IngestEventRequest(), metadata=key, timeout=CALL_TIMEOUT_S
        )
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


def test_a_call_that_never_ends_is_cut_off_after_the_drain_timeout() -> None:
    environment = {"SCORELINE_ACCOUNTS_DRAIN_TIMEOUT_S": "0.5"}
    with (
        Stack(StackConfig(services=("accounts",), envoy=False, env=environment)) as stack,
        grpc.insecure_channel(stack.service_target("accounts")) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=CALL_TIMEOUT_S
        )
        assert next(health).status == SERVING
        assert stack.terminate("accounts", timeout_s=5) == 0
