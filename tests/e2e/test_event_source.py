"""Watching as a web page does: an EventSource, the key in the URL, JSON messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from stack import Stack
from tests.support.event_source import NotAnEventStream, event_source
from tests.support.projects import TestProject

SILENCE_S = 20.0
HEARTBEAT_S = "1s"


def changes(stream: Iterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The next so many messages that are changes."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        message = next(stream)
        if "score_change" in message:
            found.append(message)
    return found


def send(http: httpx.Client, event_id: str, event_type: str, lead_id: str) -> None:
    event = {"event_id": event_id, "type": event_type, "lead_id": lead_id}
    http.post("/v1/events", json=event).raise_for_status()


def test_a_page_sees_a_change_arrive(
    suite: Stack, project: TestProject, http: httpx.Client
) -> None:
    url = f"{suite.http_url}/v1/scores:watch"
    parameters = {"api_key": project.api_key, "heartbeat_interval": HEARTBEAT_S}
    with event_source(url, parameters, timeout_s=SILENCE_S) as stream:
        opened = next(stream)
        assert opened["heartbeat"] == {}
        assert opened["resume_token"]
        send(http, "e1", "demo_request", "ada")
        (message,) = changes(stream, 1)
    change = message["score_change"]
    assert message["resume_token"]
    assert (change["lead_id"], change["version"], change["event_id"]) == ("ada", 1, "e1")
    assert (change["score"], change["delta"], change["stage"]) == (50, 50, "warm")
    assert change["cause"] == "SCORE_CHANGE_CAUSE_EVENT"


def test_a_silent_stream_says_that_it_is_alive(suite: Stack, project: TestProject) -> None:
    url = f"{suite.http_url}/v1/scores:watch"
    parameters = {"api_key": project.api_key, "heartbeat_interval": HEARTBEAT_S}
    with event_source(url, parameters, timeout_s=SILENCE_S) as stream:
        beats = [next(stream) for _ in range(3)]
    assert all("heartbeat" in beat and beat["resume_token"] for beat in beats)


def test_a_new_source_goes_on_where_the_old_one_was(
    suite: Stack, project: TestProject, http: httpx.Client
) -> None:
    url = f"{suite.http_url}/v1/scores:watch"
    key = {"api_key": project.api_key}
    with event_source(url, key, timeout_s=SILENCE_S) as stream:
        next(stream)
        send(http, "e1", "page_view", "ada")
        (last,) = changes(stream, 1)
    send(http, "e2", "page_view", "ada")
    send(http, "e3", "page_view", "ada")
    resumed = {**key, "resume_token": last["resume_token"]}
    with event_source(url, resumed, timeout_s=SILENCE_S) as stream:
        missed = changes(stream, 2)
    assert [message["score_change"]["version"] for message in missed] == [2, 3]


def test_a_page_can_begin_with_what_there_is(
    suite: Stack, project: TestProject, http: httpx.Client
) -> None:
    for name in ("ada", "bob"):
        http.post("/v1/leads", json={"lead_id": name}).raise_for_status()
    url = f"{suite.http_url}/v1/scores:watch"
    parameters = {"api_key": project.api_key, "include_snapshot": "true", "lead_ids": "bob"}
    with event_source(url, parameters, timeout_s=SILENCE_S) as stream:
        assert next(stream)["snapshot_lead"]["lead_id"] == "bob"
        assert next(stream)["snapshot_complete"] == {"lead_count": 1}
        send(http, "e1", "page_view", "ada")
        send(http, "e2", "page_view", "bob")
        (message,) = changes(stream, 1)
    assert message["score_change"]["lead_id"] == "bob"


def test_without_a_key_there_is_no_stream(suite: Stack) -> None:
    url = f"{suite.http_url}/v1/scores:watch"
    for parameters in ({}, {"api_key": "sl_aaaaaaaa_nobodys"}):
        with (
            pytest.raises(NotAnEventStream, match=r"^401 .*CREDENTIAL_"),
            event_source(url, parameters, timeout_s=SILENCE_S),
        ):
            pass


def test_the_key_is_not_in_the_logs(suite: Stack, project: TestProject, http: httpx.Client) -> None:
    url = f"{suite.http_url}/v1/scores:watch"
    with event_source(url, {"api_key": project.api_key}, timeout_s=SILENCE_S) as stream:
        next(stream)
    http.get("/v1/project").raise_for_status()
    for component in ("envoy", *suite.config.services):
        assert project.api_key not in suite.data_dir.log_path(component).read_text()
