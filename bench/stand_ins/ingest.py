"""Answers IngestEvent at once with a receipt of the usual size, and WatchScores with as many score changes as the
request says: what grpc.aio, and Envoy before it, can do at most."""

import os
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from scoreline.ingest.v1 import ingest_service_pb2
from scoreline.notify.v1 import notify_service_pb2
from scoreline.scoring.v1 import score_change_pb2

UNARY = "/scoreline.ingest.v1.IngestService/IngestEvent"
STREAM = "/scoreline.notify.v1.NotifyService/WatchScores"

Context = grpc.aio.ServicerContext[bytes, bytes]


def receipt() -> bytes:
    """An answer to IngestEvent."""
    answer = ingest_service_pb2.IngestEventResponse()
    answer.receipt.event_id = "unary-00000000-00000000"
    answer.receipt.occur_time.seconds = 1_772_000_000
    return answer.SerializeToString()


def score_change() -> bytes:
    """A message of WatchScores."""
    change = score_change_pb2.ScoreChange(
        lead_id="lead-0000001",
        version=7,
        cause=score_change_pb2.SCORE_CHANGE_CAUSE_EVENT,
        event_id="watch-00000000",
        event_type="page_view",
        previous_score=41.0,
        score=42.0,
        delta=1.0,
        previous_stage="warm",
        stage="warm",
        rule_set_version=1,
    )
    change.occur_time.seconds = change.change_time.seconds = 1_772_000_000
    answer = notify_service_pb2.WatchScoresResponse(resume_token="x" * 64, score_change=change)
    return answer.SerializeToString()


class Echo(grpc.GenericRpcHandler):
    """Both methods, bytes in and bytes out."""

    def __init__(self) -> None:
        one, change = receipt(), score_change()

        async def unary(request: bytes, context: Context) -> bytes:
            return one

        async def stream(request: bytes, context: Context) -> AsyncIterator[bytes]:
            for _ in range(int(request)):
                yield change

        self._handlers = {
            UNARY: grpc.unary_unary_rpc_method_handler(unary),
            STREAM: grpc.unary_stream_rpc_method_handler(stream),
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """See grpc.GenericRpcHandler."""
        return self._handlers.get(handler_call_details.method)


async def serve() -> None:
    """Until it is ended."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    for name in ("", "scoreline.ingest.v1.IngestService"):
        await status.set(name, health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(os.environ["SCORELINE_INGEST_LISTEN"])
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__" and sys.argv[1:2] != ["migrate"]:
    uvloop.run(serve())
