"""A stand-in for any of the five services, for tests of the stack and the edge: a real gRPC server process
that keeps the process contract (environment, health, SIGTERM drains) and answers a few RPCs with what it was sent. It
knows no rules and keeps no data. `migrate NAME...` stands in for the package of the services.

Which service it is comes from the LISTEN variable it is given. FAKE_<NAME> makes it misbehave:
`exit` ends at once with a complaint, `deaf` never becomes SERVING, `migrate-exit` fails its migration.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import grpc
import psycopg
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.scoring.v1 import (
    analytics_service_pb2,
    analytics_service_pb2_grpc,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
)
from tests.support.eventually import eventually

WATCH_MESSAGES = 3
EXPORT_PIECE = bytes(range(256)) * 4096
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
DATABASE_WAIT_S = 30


class Ingest(ingest_service_pb2_grpc.IngestServiceServicer):
    """Acknowledges everything."""

    def IngestEvent(
        self, request: ingest_service_pb2.IngestEventRequest, context: grpc.ServicerContext
    ) -> ingest_service_pb2.IngestEventResponse:
        _echo_metadata(context)
        receipt = ingest_service_pb2.EventReceipt(event_id=request.event.event_id)
        return ingest_service_pb2.IngestEventResponse(receipt=receipt)

    def StreamEvents(
        self,
        request_iterator: Iterator[ingest_service_pb2.StreamEventsRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[ingest_service_pb2.StreamEventsResponse]:
        for sequence, _ in enumerate(request_iterator, start=1):
            yield ingest_service_pb2.StreamEventsResponse(sequence=sequence)


class Scoring(scoring_service_pb2_grpc.ScoringServiceServicer):
    """Knows no lead."""

    def GetLead(
        self, request: scoring_service_pb2.GetLeadRequest, context: grpc.ServicerContext
    ) -> scoring_service_pb2.GetLeadResponse:
        details = any_pb2.Any()
        details.Pack(error_details_pb2.ErrorInfo(reason="LEAD_NOT_FOUND", domain="scoreline"))
        context.abort_with_status(
            rpc_status.to_status(
                status_pb2.Status(
                    code=code_pb2.NOT_FOUND, message=f"no lead {request.lead_id}", details=[details]
                )
            )
        )
        raise AssertionError("abort_with_status raises")


class Analytics(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    """Exports as many megabytes as `min_score` says; with `max_score` it fails after them."""

    def ExportLeads(
        self, request: analytics_service_pb2.ExportLeadsRequest, context: grpc.ServicerContext
    ) -> Iterator[HttpBody]:
        for number in range(int(request.min_score)):
            yield HttpBody(content_type="" if number else "text/csv", data=EXPORT_PIECE)
        if request.HasField("max_score"):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too slow")


class Notify(notify_service_pb2_grpc.NotifyServiceServicer):
    """Streams a few heartbeats whose token is what arrived as x-api-key, then the resume token of the request."""

    def WatchScores(
        self, request: notify_service_pb2.WatchScoresRequest, context: grpc.ServicerContext
    ) -> Iterator[notify_service_pb2.WatchScoresResponse]:
        metadata = {str(name): str(value) for name, value in context.invocation_metadata()}
        yield _heartbeat(metadata.get("x-api-key", ""))
        yield _heartbeat(request.resume_token)
        yield _heartbeat(metadata.get("x-envoy-original-path", ""))


def _heartbeat(token: str) -> notify_service_pb2.WatchScoresResponse:
    return notify_service_pb2.WatchScoresResponse(
        resume_token=token, heartbeat=notify_service_pb2.Heartbeat()
    )


def _echo_metadata(context: grpc.ServicerContext) -> None:
    metadata = {str(name): str(value) for name, value in context.invocation_metadata()}
    context.set_trailing_metadata([])
    context.send_initial_metadata(
        [
            (f"seen-{name}", metadata[name])
            for name in ("x-request-id", "traceparent", "x-api-key")
            if name in metadata
        ]
    )


def _name() -> str:
    for variable in os.environ:
        if match := re.fullmatch(r"SCORELINE_([A-Z]+)_LISTEN", variable):
            return match[1].lower()
    raise SystemExit("no SCORELINE_<NAME>_LISTEN in the environment")


def _migrate(name: str) -> None:
    if os.environ.get(f"FAKE_{name.upper()}") == "migrate-exit":
        raise SystemExit(f"{name}: revision 0042 can't be applied")
    url = os.environ[f"SCORELINE_{name.upper()}_MIGRATION_DATABASE_URL"]

    def connected() -> psycopg.Connection | None:
        try:
            return psycopg.connect(url)
        except psycopg.OperationalError:
            return None

    with eventually(connected, timeout_s=DATABASE_WAIT_S) as database:
        database.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
        database.execute("INSERT INTO starts DEFAULT VALUES")


def _serve(name: str) -> None:
    mode = os.environ.get(f"FAKE_{name.upper()}")
    if mode == "exit":
        raise SystemExit("the moon is in the wrong phase")
    grpc_name = f"scoreline.{name}.v1.{name.capitalize()}Service"
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=8),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ],
    )
    statuses = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(statuses, server)
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(Ingest(), server)
    scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(Scoring(), server)
    analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(Analytics(), server)
    notify_service_pb2_grpc.add_NotifyServiceServicer_to_server(Notify(), server)
    reflection.enable_server_reflection([grpc_name, reflection.SERVICE_NAME], server)
    server.add_insecure_port(os.environ[f"SCORELINE_{name.upper()}_LISTEN"])
    server.start()
    if mode != "deaf":
        for one in ("", grpc_name):
            statuses.set(one, health_pb2.HealthCheckResponse.SERVING)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    sys.stdout.write(f"{name} listening at {time.time():.3f}\n")
    sys.stdout.flush()
    told.wait()
    statuses.enter_graceful_shutdown()
    server.stop(grace=1).wait()
    sys.stdout.write(f"{name} drained\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["migrate"]:
        for one in sys.argv[2:]:
            _migrate(one)
    else:
        _serve(_name())
