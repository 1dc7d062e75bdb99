"""What the trailers of a file's call are, for whom, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import analytics_service_pb2_grpc
from services.shared import contracts
from services.shared.broken_files import EDGE_TRAILERS_MAX, TOO_MANY, TRANSCODED
from services.shared.context import Caller
from services.shared.errors import DependencyUnavailable
from services.shared.interceptor import CallInterceptor

KEY = ("x-api-key", "key")
HTTP = (TRANSCODED, "/v1/leads:export")


class Callers:
    def find(self, api_key: str) -> Caller | None:
        return Caller("p1", "key_1", frozenset({scope_pb2.SCOPE_READ}))


class Analytics(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    """Two pieces, and what `min_score` says."""

    async def ExportLeads(
        self, request: pb.ExportLeadsRequest, context: object
    ) -> AsyncIterator[HttpBody]:
        if request.min_score == 1:
            raise DependencyUnavailable("at once")
        yield HttpBody(data=b"a")
        yield HttpBody(data=b"b")
        if request.min_score == 2:
            raise DependencyUnavailable("in the middle", 5)
        if request.min_score == 3:
            raise ZeroDivisionError


class Notify(notify_service_pb2_grpc.NotifyServiceServicer):
    """A stream of messages that fails."""

    async def WatchScores(
        self, request: object, context: object
    ) -> AsyncIterator[notify_service_pb2.WatchScoresResponse]:
        yield notify_service_pb2.WatchScoresResponse()
        raise DependencyUnavailable("in the middle")


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    services = CallInterceptor(Callers(), contracts.required_scopes()).on(server)
    analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(Analytics(), services)
    notify_service_pb2_grpc.add_NotifyServiceServicer_to_server(Notify(), services)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def ended(
    channel: grpc.aio.Channel, how: int, *metadata: tuple[str, str]
) -> tuple[bytes, grpc.StatusCode, int]:
    """What came, the status, and how many trailers say that the file broke off."""
    stub = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
    call = stub.ExportLeads(pb.ExportLeadsRequest(min_score=how), metadata=(KEY, *metadata))
    came = b""
    try:
        async for piece in call:
            came += piece.data
    except grpc.aio.AioRpcError:
        pass
    trailers = [name for name, _ in await call.trailing_metadata()]
    return came, await call.code(), trailers.count(TOO_MANY[0][0])


async def test_a_whole_file_has_none(channel: grpc.aio.Channel) -> None:
    assert await ended(channel, 0, HTTP) == (b"ab", grpc.StatusCode.OK, 0)
    assert await ended(channel, 0) == (b"ab", grpc.StatusCode.OK, 0)


@pytest.mark.parametrize("how", [2, 3])
async def test_half_a_file_has_more_than_the_edge_takes(
    channel: grpc.aio.Channel, how: int
) -> None:
    came, code, trailers = await ended(channel, how, HTTP)
    assert (came, code) == (b"ab", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL][how - 2])
    assert trailers > EDGE_TRAILERS_MAX


async def test_who_calls_over_grpc_is_told_by_the_status(channel: grpc.aio.Channel) -> None:
    assert await ended(channel, 2) == (b"ab", grpc.StatusCode.UNAVAILABLE, 0)


async def test_what_fails_at_once_is_a_plain_error(channel: grpc.aio.Channel) -> None:
    assert await ended(channel, 1, HTTP) == (b"", grpc.StatusCode.UNAVAILABLE, 0)


async def test_streams_of_messages_are_no_files(channel: grpc.aio.Channel) -> None:
    stub = notify_service_pb2_grpc.NotifyServiceStub(channel)
    call = stub.WatchScores(notify_service_pb2.WatchScoresRequest(), metadata=(KEY, HTTP))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        [one async for one in call]
    assert TOO_MANY[0][0] not in [name for name, _ in failed.value.trailing_metadata()]
