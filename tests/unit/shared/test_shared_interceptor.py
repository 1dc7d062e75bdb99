"""What happens around every call, on a real in-process server: who may call, what an error tells, what is logged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
import structlog

from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from scoreline.scoring.v1 import scoring_service_pb2_grpc
from services.shared import context as call_context
from services.shared import contracts, logs
from services.shared.context import Caller
from services.shared.credentials import api_key_of
from services.shared.errors import DependencyUnavailable, ResourceNotFound
from services.shared.interceptor import CallInterceptor
from tests.support.grpc_calls import Refusal

KEYS = {
    "reader": Caller("p1", "key_reader", frozenset({scope_pb2.SCOPE_READ})),
    "sender": Caller("p2", "key_sender", frozenset({scope_pb2.SCOPE_INGEST})),
    "page": Caller(
        "p1", "key_page", frozenset({scope_pb2.SCOPE_READ}), ("https://*.example.com",), 2
    ),
}


class Callers:
    def find(self, api_key: str) -> Caller | None:
        return KEYS.get(api_key)


class TwoCalls:
    """A limit that lets two calls of a key pass."""

    def __init__(self) -> None:
        self.counted: list[str] = []

    async def count(self, caller: Caller) -> None:
        self.counted.append(caller.key_id)
        if len(self.counted) > caller.requests_per_minute:
            raise DependencyUnavailable("enough", 3.2)


class Scoring(scoring_service_pb2_grpc.ScoringServiceServicer):
    """Answers with who called, or fails as asked."""

    async def GetLead(self, request: pb.GetLeadRequest, context: object) -> pb.GetLeadResponse:
        if request.lead_id == "missing":
            raise ResourceNotFound("lead", "missing")
        if request.lead_id == "defect":
            raise ZeroDivisionError("secret detail")
        answer = pb.GetLeadResponse()
        answer.lead.lead_id = call_context.caller().project_id
        answer.lead.email = call_context.request().request_id
        answer.lead.company = call_context.request().traceparent
        return answer


@asynccontextmanager
async def stub(
    limit: TwoCalls | None = None,
) -> AsyncIterator[scoring_service_pb2_grpc.ScoringServiceAsyncStub]:
    interceptor = CallInterceptor(Callers(), contracts.required_scopes())
    interceptor.limit = limit
    server = grpc.aio.server()
    scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(Scoring(), interceptor.on(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield scoring_service_pb2_grpc.ScoringServiceStub(channel)
    await server.stop(None)


async def call(lead_id: str, *metadata: tuple[str, str]) -> pb.GetLeadResponse:
    async with stub() as scoring:
        return await scoring.GetLead(
            pb.GetLeadRequest(lead_id=lead_id), metadata=metadata, timeout=10
        )


async def refusal(lead_id: str, *metadata: tuple[str, str]) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(lead_id, *metadata)
    return Refusal(raised.value)


@pytest.mark.parametrize(
    "metadata",
    [
        ("x-api-key", "reader"),
        ("authorization", "Bearer reader"),
        ("authorization", "bearer  reader "),
    ],
)
async def test_the_project_comes_from_the_key(metadata: tuple[str, str]) -> None:
    assert (await call("l", metadata)).lead.lead_id == "p1"


@pytest.mark.parametrize(
    ("metadata", "code", "reason"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING"),
        (
            (("authorization", "Basic reader"),),
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIAL_MISSING",
        ),
        ((("x-api-key", "stranger"),), grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"),
        ((("x-api-key", "sender"),), grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"),
    ],
)
async def test_who_may_not_call(
    metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode, reason: str
) -> None:
    said = await refusal("l", *metadata)
    assert (said.code, said.reason) == (code, reason)


async def test_a_missing_scope_is_named() -> None:
    assert (await refusal("l", ("x-api-key", "sender"))).metadata == {"required_scope": "read"}


@pytest.mark.parametrize("metadata", [(), (("origin", "https://example.com"),)])
async def test_a_key_for_pages_of_certain_origins_takes_no_call_from_elsewhere(
    metadata: tuple[tuple[str, str], ...],
) -> None:
    said = await refusal("l", ("x-api-key", "page"), *metadata)
    assert (said.code, said.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ORIGIN_NOT_ALLOWED")
    origin = ("origin", "https://www.example.com")
    assert (await call("l", ("x-api-key", "page"), origin)).lead.lead_id == "p1"


async def test_calls_of_keys_with_a_limit_are_counted_and_others_not() -> None:
    limit = TwoCalls()
    page = (("x-api-key", "page"), ("origin", "https://www.example.com"))
    async with stub(limit) as scoring:

        async def get(*metadata: tuple[str, str]) -> None:
            await scoring.GetLead(pb.GetLeadRequest(lead_id="l"), metadata=metadata, timeout=10)

        await get(("x-api-key", "reader"))
        assert limit.counted == []
        await get(*page)
        await get(*page)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await get(*page)
        assert Refusal(raised.value).reason == "DEPENDENCY_UNAVAILABLE"
        # What becomes the header of an HTTP answer, in whole seconds that are enough.
        assert dict(raised.value.initial_metadata() or ())["retry-after"] == "4"
        # Who is refused before is not counted.
        with pytest.raises(grpc.aio.AioRpcError):
            await get(("x-api-key", "page"))
        assert limit.counted == ["key_page"] * 3


async def test_domain_errors_keep_their_code() -> None:
    said = await refusal("missing", ("x-api-key", "reader"))
    assert (said.code, said.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert said.metadata == {"resource_type": "lead", "resource": "missing"}


async def test_a_defect_tells_nothing_but_its_request_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("test", "info")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call("defect", ("x-api-key", "reader"), ("x-request-id", "r-17"))
    said = Refusal(raised.value)
    assert (said.code, said.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in said.text
    assert dict(raised.value.trailing_metadata() or ())["x-request-id"] == "r-17"
    structlog.reset_defaults()


async def test_request_and_trace_ids_reach_the_method() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    answer = await call(
        "l", ("x-api-key", "reader"), ("x-request-id", "r-1"), ("traceparent", trace)
    )
    assert (answer.lead.email, answer.lead.company) == ("r-1", trace)


async def test_a_malformed_trace_is_ignored_and_a_request_id_made() -> None:
    answer = await call("l", ("x-api-key", "reader"), ("traceparent", "nonsense"))
    assert answer.lead.company == ""
    assert len(answer.lead.email) == 32


def test_log_lines_are_json_with_the_ids_of_the_call(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("test", "info")
    structlog.contextvars.bind_contextvars(request_id="r-2", trace_id="t-2")
    logs.get("part").info("something", count=3)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert {
        "request_id": "r-2",
        "trace_id": "t-2",
        "count": 3,
        "service": "test",
    }.items() <= line.items()


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ([("x-api-key", "a"), ("authorization", "Bearer b")], "a"),
        ([("authorization", "Bearer b"), ("x-api-key", "a")], "a"),
        ([("authorization", "Bearer b")], "b"),
        ([], ""),
    ],
)
def test_the_api_key_header_wins(metadata: list[tuple[str, str | bytes]], key: str) -> None:
    assert api_key_of(metadata) == key


def test_every_method_has_a_required_scope_or_is_open() -> None:
    scopes = contracts.required_scopes()
    assert len(scopes) > 20
    assert scope_pb2.SCOPE_UNSPECIFIED not in scopes.values()
    assert [path for path, scope in scopes.items() if scope is None] == [
        "/scoreline.ingest.v1.WebhooksService/ReceiveWebhook"
    ]
