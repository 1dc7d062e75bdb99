"""`scoreline send-cloud-events`, `scoreline track` and the terms of keys: what they ask and what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scoreline.accounts.v1.accounts_service_pb2 import ListApiKeysResponse, UpdateApiKeyResponse
from scoreline.ingest.v1.ingest_service_pb2 import ReceiveCloudEventsResponse, TrackResponse
from tests.support.command_line import json_lines, run
from tests.support.fake_edge import FakeEdge


def answering(kind: type[Any]) -> Any:
    """Accepts every event but those that are no objects."""

    def answer(request: Any, context: object) -> Any:
        body = json.loads(request.body.data)
        made = kind()
        for event in body if isinstance(body, list) else body["events"]:
            result = made.results.add()
            if isinstance(event, dict):
                result.receipt.event_id = event["id"]
            else:
                result.error.message = "must be an [object]"
        return made

    return answer


def test_cloud_events_are_sent_in_batches(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on("ReceiveCloudEvents", answering(ReceiveCloudEventsResponse))
    file = tmp_path / "events.json"
    file.write_text(json.dumps([{"id": str(number)} for number in range(1_500)]))
    result = run(edge, "send-cloud-events", file, "--type-prefix", "com.example.")
    assert (result.exit_code, result.stdout) == (0, "1500 accepted (0 sent before), 0 rejected\n")
    sent = edge.requests["ReceiveCloudEvents"]
    assert [len(json.loads(one.body.data)) for one in sent] == [1_000, 500]
    assert {one.type_prefix for one in sent} == {"com.example."}
    assert {one.body.content_type for one in sent} == {"application/cloudevents-batch+json"}


def test_one_cloud_event_alone(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on("ReceiveCloudEvents", answering(ReceiveCloudEventsResponse))
    file = tmp_path / "event.json"
    file.write_text('{"id": "a"}')
    (line,) = json_lines(run(edge, "send-cloud-events", file, as_json=True))
    assert line["receipt"]["event_id"] == "a"


@pytest.mark.parametrize("content", ['{"events": [{"id": "a"}, 5]}', '[{"id": "a"}, 5]'])
def test_tracked_events_and_what_is_wrong_with_them(
    edge: FakeEdge, tmp_path: Path, content: str
) -> None:
    edge.on("Track", answering(TrackResponse))
    file = tmp_path / "page.json"
    file.write_text(content)
    result = run(edge, "track", file)
    assert result.exit_code == 3
    assert "event 2: must be an [object]" in result.stdout
    assert "1 accepted (0 sent before), 1 rejected" in result.stdout
    assert json.loads(edge.requests["Track"][0].body.data) == {"events": [{"id": "a"}, 5]}


@pytest.mark.parametrize("content", ["", "{", "[]", None])
@pytest.mark.parametrize("command", ["send-cloud-events", "track"])
def test_a_file_that_is_none(
    edge: FakeEdge, tmp_path: Path, command: str, content: str | None
) -> None:
    file = tmp_path / "odd.json"
    if content is not None:
        file.write_text(content)
    result = run(edge, command, file)
    assert result.exit_code == 2
    assert "FILE" in result.stderr


def test_keys_have_terms(edge: FakeEdge) -> None:
    run(
        edge, "keys", "create", "--scope", "track", "--origin", "https://a.example",
        "--origin", "https://*.b.example", "--requests-per-minute", 30,
    )  # fmt: skip
    asked = edge.requests["CreateApiKey"][0].api_key
    assert (list(asked.scopes), list(asked.allowed_origins), asked.requests_per_minute) == (
        [4],
        ["https://a.example", "https://*.b.example"],
        30,
    )
    run(edge, "keys", "create", "--scope", "track")
    assert not edge.requests["CreateApiKey"][1].api_key.HasField("requests_per_minute")
    listed = ListApiKeysResponse()
    listed.api_keys.add(key_id="k", scopes=[4], allowed_origins=["https://a.example"])
    listed.api_keys.add(key_id="l", scopes=[4], requests_per_minute=17)
    edge.on("ListApiKeys", lambda request, context: listed)
    shown = run(edge, "keys", "list").stdout
    for said in ("track", "https://a.example", "default", "17"):
        assert said in shown


def test_keys_are_updated(edge: FakeEdge) -> None:
    edge.on("UpdateApiKey", lambda request, context: UpdateApiKeyResponse(api_key=request.api_key))
    result = run(edge, "keys", "update", "k", "--origin", "https://a.example", "--name", "web")
    assert result.stdout == "k (web): https://a.example, default requests a minute\n"
    run(edge, "keys", "update", "k", "--any-origin", "--requests-per-minute", 0)
    first, second = edge.requests["UpdateApiKey"]
    assert list(first.update_mask.paths) == ["display_name", "allowed_origins"]
    assert list(second.update_mask.paths) == ["allowed_origins", "requests_per_minute"]
    assert list(second.api_key.allowed_origins) == []
    assert not second.api_key.HasField("requests_per_minute")
    for wrong in (["k"], ["k", "--origin", "https://a.example", "--any-origin"]):
        assert run(edge, "keys", "update", *wrong).exit_code == 2
