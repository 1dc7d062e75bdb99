"""The edge on one port: JSON, server-sent events, grpc-web and gRPC, with stand-ins behind it."""

import json
import struct
from collections.abc import Iterator

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from scoreline.scoring.v1 import scoring_service_pb2, scoring_service_pb2_grpc
from stack import Stack
from tests.support.eventually import eventually
from tests.support.fake_service import EXPORT_PIECE

pytestmark = pytest.mark.xdist_group("stack")

BODY_LIMIT_BYTES = 5_000_000
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INGEST_EVENT = "/scoreline.ingest.v1.IngestService/IngestEvent"
PREFLIGHT = {
    "origin": "https://shop.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-api-key, content-type",
}


@pytest.fixture(scope="module")
def edge(fakes: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fakes.http_url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def channel(fakes: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(fakes.grpc_target) as channel:
        yield channel


def messages(answer: httpx.Response) -> list[dict[str, object]]:
    """The events of a server-sent event stream, as a browser reads them."""
    assert answer.headers["content-type"] == "text/event-stream"
    return [
        json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event
    ]


def test_json_in_and_out_with_the_names_of_the_protos(edge: httpx.Client) -> None:
    for name in ("event_id", "eventId"):  # either is taken
        answer = edge.post("/v1/events", json={name: "e1", "type": "page_view"})
        assert answer.status_code == 200
        assert answer.json() == {"receipt": {"event_id": "e1", "duplicate": False}}


def test_key_and_trace_reach_the_service_and_a_request_id_comes_back(edge: httpx.Client) -> None:
    answer = edge.post(
        "/v1/events", json={}, headers={"x-api-key": "K", "traceparent": TRACEPARENT}
    )
    assert answer.headers["seen-x-api-key"] == "K"
    assert answer.headers["seen-traceparent"] == TRACEPARENT
    assert answer.headers["x-request-id"] == answer.headers["seen-x-request-id"] != ""
    given = edge.post("/v1/events", json={}, headers={"x-request-id": "mine"})
    assert given.headers["x-request-id"] == given.headers["seen-x-request-id"] == "mine"


def test_an_error_of_a_service_is_json_with_its_status_and_details(edge: httpx.Client) -> None:
    answer = edge.get("/v1/leads/ada%40example.com")
    assert answer.status_code == 404
    assert answer.json() == {
        "code": 5,
        "message": "no lead ada@example.com",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "LEAD_NOT_FOUND",
                "domain": "scoreline",
                "metadata": {},
            }
        ],
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nothing", None, 404, 5),
        ("DELETE", "/v1/leads", None, 404, 5),
        ("GET", "/", None, 404, 5),
        ("POST", "/v1/events", b"{", 400, 3),
        ("POST", "/v1/events", b'{"event_id": 5}', 400, 3),
        ("GET", "/v1/leads/x?no_such_field=1", None, 400, 3),
        ("GET", "/v1/leads/x?api_key=K", None, 400, 3),
        ("POST", "/v1/events", b'{"event_id": "' + b"x" * BODY_LIMIT_BYTES + b'"}', 413, 8),
    ],
)
def test_the_edges_own_errors_are_json_of_the_same_shape(
    edge: httpx.Client, method: str, path: str, body: bytes | None, status: int, code: int
) -> None:
    answer = edge.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == code
    assert answer.json()["message"]
    assert answer.json()["details"] == []


def test_a_large_body_within_the_limit_passes(edge: httpx.Client) -> None:
    event_id = "x" * (BODY_LIMIT_BYTES - 1_000)
    answer = edge.post("/v1/events", json={"event_id": event_id})
    assert answer.json()["receipt"]["event_id"] == event_id


def test_a_service_that_is_down_is_unavailable_for_json_and_grpc(
    fakes: Stack, edge: httpx.Client, channel: grpc.Channel
) -> None:
    fakes.kill("scoring")
    try:
        answer = edge.get("/v1/leads/x")
        assert answer.status_code == 503
        assert answer.json()["code"] == 14
        with pytest.raises(grpc.RpcError) as error:
            scoring_service_pb2_grpc.ScoringServiceStub(channel).GetLead(
                scoring_service_pb2.GetLeadRequest(lead_id="x")
            )
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "{" not in error.value.details()
        down = eventually(lambda: (one := edge.get("/healthz")).status_code == 503 and one)
        assert down.json() == {"status": "NOT_SERVING"}
    finally:
        fakes.restart("scoring")
    for path in ("/healthz", "/readyz"):
        up = edge.get(path)
        assert (up.status_code, up.json()) == (200, {"status": "SERVING"})


def test_a_watch_is_an_event_stream_and_takes_its_key_from_the_query(edge: httpx.Client) -> None:
    answer = edge.get(
        "/v1/scores:watch", params={"api_key": "sl_a_b", "resume_token": "R 1+2&3%4=5"}
    )
    key, resumed, path = (one["resume_token"] for one in messages(answer))
    assert key == "sl_a_b"
    assert resumed == "R 1+2&3%4=5"
    assert "sl_a_b" not in str(path)
    assert "api_key" not in str(path)
    assert answer.headers["cache-control"] == "no-cache"


def test_a_key_in_the_header_wins_over_one_in_the_query(edge: httpx.Client) -> None:
    answer = edge.get("/v1/scores:watch?api_key=query", headers={"x-api-key": "header"})
    assert messages(answer)[0]["resume_token"] == "header"


def test_a_watch_without_any_key_has_none(edge: httpx.Client) -> None:
    for path in ("/v1/scores:watch", "/v1/scores:watch?api_key="):
        assert messages(edge.get(path))[0]["resume_token"] == ""


def test_neither_keys_nor_queries_nor_lead_references_are_logged(
    fakes: Stack, edge: httpx.Client
) -> None:
    marker = edge.get(
        "/v1/scores:watch?api_key=very-secret&resume_token=also-secret",
        headers={"authorization": "Bearer most-secret"},
    ).headers["x-request-id"]
    for path in ("/v1/leads/grace%40example.com", "/v1/leads/grace%40example.com?x=1", "/grace%40"):
        edge.get(path)
    log = fakes.data_dir.log_path("envoy")
    eventually(lambda: marker in log.read_text())
    line = next(json.loads(one) for one in log.read_text().splitlines() if marker in one)
    assert line["path"] == "/scoreline.notify.v1.NotifyService/WatchScores"
    assert line["status"] == 200
    everything = "".join(path.read_text() for path in (fakes.data_dir.path / "logs").iterdir())
    for secret in ("very-secret", "also-secret", "most-secret", "grace@", "grace%40"):
        assert secret not in everything


def test_a_page_of_any_origin_may_call(edge: httpx.Client) -> None:
    preflight = edge.options("/v1/events", headers=PREFLIGHT)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "x-api-key" in preflight.headers["access-control-allow-headers"]
    for path in ("/v1/leads/x", "/v1/nothing", "/v1/scores:watch"):
        answer = edge.get(path, headers={"origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example", path


def test_grpc_passes_with_streams_both_ways_and_error_details(channel: grpc.Channel) -> None:
    ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
    request = ingest_service_pb2.IngestEventRequest(event={"event_id": "g1"})
    assert ingest.IngestEvent(request).receipt.event_id == "g1"
    three = iter([ingest_service_pb2.StreamEventsRequest()] * 3)
    assert [one.sequence for one in ingest.StreamEvents(three)] == [1, 2, 3]
    with pytest.raises(grpc.RpcError) as error:
        scoring_service_pb2_grpc.ScoringServiceStub(channel).GetLead(
            scoring_service_pb2.GetLeadRequest(lead_id="x")
        )
    status = rpc_status.from_call(error.value)
    assert status is not None, error.value
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == "LEAD_NOT_FOUND"


def test_an_unknown_grpc_method_is_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/no.such.Service/Method")(b"")
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert error.value.details() == "No such gRPC method."


def test_reflection_answers_through_the_edge(channel: grpc.Channel) -> None:
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert "scoreline.accounts.v1.AccountsService" in services


def test_grpc_web_passes(edge: httpx.Client) -> None:
    request = ingest_service_pb2.IngestEventRequest(event={"event_id": "w1"}).SerializeToString()
    answer = edge.post(
        INGEST_EVENT,
        content=struct.pack(">BI", 0, len(request)) + request,
        headers={"content-type": "application/grpc-web+proto", "origin": "https://shop.example"},
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    flags, length = struct.unpack(">BI", answer.content[:5])
    assert flags == 0
    reply = ingest_service_pb2.IngestEventResponse.FromString(answer.content[5 : 5 + length])
    assert reply.receipt.event_id == "w1"
    trailers = answer.content[5 + length :]
    assert trailers[0] == 0x80  # a trailer frame
    assert b"grpc-status:0" in trailers


def test_a_file_passes_as_it_is_however_large(edge: httpx.Client) -> None:
    # More than a transcoded answer may have.
    with edge.stream("GET", "/v1/leads:export", params={"min_score": "40"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv"
        size, ends = 0, b""
        for piece in answer.iter_raw():
            size += len(piece)
            ends = (ends + piece)[-256:]
    assert size == 40 * len(EXPORT_PIECE)
    assert ends == EXPORT_PIECE[-256:]


def test_a_file_that_fails_at_once_is_an_error(edge: httpx.Client) -> None:
    answer = edge.get("/v1/leads:export", params={"min_score": "0", "max_score": "1"})
    assert answer.status_code == 429
    assert answer.json()["message"] == "too slow"
