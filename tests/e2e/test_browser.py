"""What a page of another origin may do: preflight requests, and grpc-web over plain HTTP/1.1."""

from __future__ import annotations

import struct

import httpx
import pytest

from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.scoring.v1 import scoring_service_pb2

ORIGIN = "https://console.example.com"
TRAILERS = 0x80

GET_PROJECT = "/scoreline.accounts.v1.AccountsService/GetProject"
GET_LEAD = "/scoreline.scoring.v1.ScoringService/GetLead"


@pytest.mark.parametrize(
    ("path", "verb", "headers"),
    [
        ("/v1/events", "POST", "content-type,x-api-key"),
        ("/v1/leads/ada", "PATCH", "content-type,authorization"),
        ("/v1/rules/page_view", "DELETE", "x-api-key"),
        (GET_PROJECT, "POST", "content-type,x-grpc-web,x-user-agent,grpc-timeout,x-api-key"),
    ],
)
def test_a_preflight_request_is_answered(
    stranger: httpx.Client, path: str, verb: str, headers: str
) -> None:
    answer = stranger.options(
        path,
        headers={
            "origin": ORIGIN,
            "access-control-request-method": verb,
            "access-control-request-headers": headers,
        },
    )
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")
    assert verb in answer.headers["access-control-allow-methods"]
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(headers.split(",")) <= allowed


@pytest.mark.parametrize("path", ["/v1/project", "/v1/leads/nobody", "/v1/nothing"])
def test_a_page_may_read_the_answer(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")
    if answer.status_code == 200:
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_grpc_web_answers_a_call(http: httpx.Client) -> None:
    request = accounts_service_pb2.GetProjectRequest().SerializeToString()
    messages, trailers = grpc_web(http, GET_PROJECT, request)
    (message,) = messages
    answer = accounts_service_pb2.GetProjectResponse.FromString(message)
    assert answer.project.project_id.startswith("e2e-")
    assert trailers["grpc-status"] == "0"


def test_grpc_web_says_what_is_wrong(http: httpx.Client) -> None:
    request = scoring_service_pb2.GetLeadRequest(lead_id="nobody").SerializeToString()
    messages, trailers = grpc_web(http, GET_LEAD, request)
    assert messages == []
    assert trailers["grpc-status"] == "5"
    assert "nobody" in trailers["grpc-message"]
    assert trailers["grpc-status-details-bin"]


def grpc_web(http: httpx.Client, path: str, request: bytes) -> tuple[list[bytes], dict[str, str]]:
    """Messages and trailers of a call, from the frames of the body (or from the headers where there is no body)."""
    answer = http.post(
        path,
        content=struct.pack(">BI", 0, len(request)) + request,
        headers={
            "content-type": "application/grpc-web+proto",
            "x-grpc-web": "1",
            "origin": ORIGIN,
        },
    )
    assert answer.status_code == 200
    assert answer.http_version == "HTTP/1.1"
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    messages: list[bytes] = []
    trailers = {name: value for name, value in answer.headers.items() if name.startswith("grpc-")}
    body = answer.content
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        frame, body = body[5 : 5 + length], body[5 + length :]
        if flags & TRAILERS:
            for line in frame.decode().splitlines():
                name, _, value = line.partition(":")
                trailers[name.strip().lower()] = value.strip()
        else:
            messages.append(frame)
    return messages, trailers
