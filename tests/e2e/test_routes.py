"""Every HTTP route of the contracts reaches its method, and what no route says is answered as JSON too."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import httpx
import pytest
from google.api import annotations_pb2
from google.rpc import code_pb2

from services.shared import contracts
from stack import Stack
from tests.support.eventually import eventually

REQUIRED = contracts.required_scopes()

# Whole numbers where the field is one; anything else is a name.
VARIABLES = {"version": "1"}


def routes() -> list[tuple[str, str, str, str]]:
    """Verb, path template, service and method path of every annotated method."""
    found = []
    for service in contracts.SERVICES:
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            if verb is not None:
                name = service.full_name.split(".")[1]
                path = f"/{service.full_name}/{method.name}"
                found.append((verb.upper(), getattr(rule, verb), name, path))
    return found


def filled(template: str) -> str:
    return re.sub(r"\{([^}]+)\}", lambda name: VARIABLES.get(name[1], "some-name"), template)


def refused_calls(suite: Stack, service: str, request_id: str) -> list[Any]:
    lines = suite.data_dir.log_path(service).read_text().splitlines()
    found = (json.loads(line) for line in lines if request_id in line)
    return [line for line in found if line["event"] == "call refused"]


@pytest.mark.parametrize(("verb", "template", "service", "method"), routes())
def test_a_route_reaches_its_method(
    suite: Stack, stranger: httpx.Client, verb: str, template: str, service: str, method: str
) -> None:
    request_id = uuid.uuid4().hex
    answer = stranger.request(
        verb,
        filled(template),
        headers={"x-request-id": request_id},
        json={} if verb in ("POST", "PATCH") else None,
    )
    # A method that is open looks for what was named before it asks for proof.
    status, code = (401, 16) if REQUIRED[method] is not None else (404, 5)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == request_id
    assert answer.json()["code"] == code
    # The service's own log says which method the stranger was sent away from.
    (line,) = eventually(lambda: refused_calls(suite, service, request_id))
    assert (line["method"], line["code"]) == (method, code_pb2.Code.Name(code))


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/nothing"),
        ("GET", "/v2/leads"),
        ("DELETE", "/v1/leads/ada"),
        ("POST", "/v1/leaderboard"),
        ("GET", "/v1/leads/ada/nothing"),
        ("POST", "/scoreline.nothing.v1.NothingService/Nothing"),
    ],
)
def test_what_is_not_there_is_not_found(http: httpx.Client, verb: str, path: str) -> None:
    answer = http.request(verb, path)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert content["code"] in (5, 12)
    assert content["message"]


def test_the_gateway_says_how_it_is(stranger: httpx.Client) -> None:
    assert stranger.get("/healthz").status_code == 200
    assert stranger.get("/readyz").status_code == 200
