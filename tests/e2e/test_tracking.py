"""Events of pages through the edge, as browsers send them: the key in the URL, no headers of their own, any content
type. And what such a key, which everyone can read, is not good for."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from scoreline.common.v1 import scope_pb2
from stack import Stack
from tests.e2e.test_http_errors import details, expect, violated
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_key

PAGE = "https://www.shop.example"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def page_key(suite: Stack, project: TestProject) -> TestProject:
    return new_key(
        suite, project, [scope_pb2.SCOPE_TRACK], allowed_origins=["https://*.shop.example"]
    )


def track(
    stranger: httpx.Client,
    key: TestProject,
    *events: dict[str, Any],
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    """As `navigator.sendBeacon(url, text)` does."""
    return stranger.post(
        f"/v1/track?api_key={key.api_key}",
        content=json.dumps({"events": events, **more}),
        headers={
            "content-type": "text/plain;charset=UTF-8",
            "origin": PAGE,
            "user-agent": FIREFOX,
            **(headers or {}),
        },
    )


def visit(event_id: str, lead_id: str = "anna", **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "type": "page_view", "lead_id": lead_id, **fields}


def timeline(http: httpx.Client, lead_id: str, count: int) -> list[dict[str, Any]]:
    """The lead's entries, when there are so many."""

    def entries() -> list[dict[str, Any]]:
        answer = http.get(f"/v1/leads/{lead_id}/timeline")
        found: list[dict[str, Any]] = answer.json().get("entries", [])
        return found if len(found) >= count else []

    return eventually(entries)


def test_a_beacon_is_taken_without_a_preflight_request(
    stranger: httpx.Client, http: httpx.Client, page_key: TestProject
) -> None:
    answer = track(stranger, page_key, visit("t-1"), visit("t-2", anonymous_id="v-1", lead_id=""))
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert (answer.json()["accepted_count"], answer.json()["rejected_count"]) == (2, 0)
    assert timeline(http, "anna", 1)
    assert timeline(http, "anonymous:v-1", 1)
    again = track(stranger, page_key, visit("t-1"))
    assert again.json()["results"][0]["receipt"]["duplicate"] is True


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "application/x-odd", ""]
)
def test_the_content_type_does_not_matter(
    stranger: httpx.Client, page_key: TestProject, content_type: str
) -> None:
    answer = track(stranger, page_key, visit("c-1"), headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted_count"] == 1


def test_each_event_has_its_own_result(stranger: httpx.Client, page_key: TestProject) -> None:
    answer = track(
        stranger,
        page_key,
        visit("r-1"),
        visit(""),
        visit("r-3", colour="red"),
        {"event_id": "r-4", "type": "x", "lead_id": 5},
        "no event",  # type: ignore[arg-type]
        visit("r-6"),
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["receipt"]["event_id"] for one in results if "receipt" in one] == ["r-1", "r-6"]
    refused = [
        one["error"]["details"][1]["field_violations"][0] for one in results if "error" in one
    ]
    assert [one["field"] for one in refused] == [
        "events[1].event_id",
        "events[2].colour",
        "events[3].lead_id",
        "events[4]",
    ]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "body"),
        (b'{"events": {}}', "body"),
        (b'{"events": []}', "events"),
        (json.dumps({"events": [{}] * 51}).encode(), "events"),
        (b'{"events": [{}], "sent_time": "noon"}', "sent_time"),
        (b'{"events": [{}], "sent_time": 5}', "sent_time"),
        (b'{"events": [NaN]}', "body"),
        (b"[" * 200_000, "body"),
        (b"\xff\xfe\x00", "body"),
        (b'{"events": ["' + b"x" * 262_144 + b'"]}', "body"),
    ],
)
def test_a_body_that_says_nothing_is_400(
    stranger: httpx.Client, page_key: TestProject, content: bytes, field: str
) -> None:
    answer = stranger.post(
        f"/v1/track?api_key={page_key.api_key}", content=content, headers={"origin": PAGE}
    )
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert violated(answer) == {field}


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example", "null"])
def test_other_pages_can_not_use_the_key(
    stranger: httpx.Client, page_key: TestProject, origin: str
) -> None:
    answer = track(stranger, page_key, visit("o-1"), headers={"origin": origin})
    expect(answer, 403, 7, "ORIGIN_NOT_ALLOWED")


def test_programs_without_an_origin_can_not_use_it_either(
    stranger: httpx.Client, page_key: TestProject
) -> None:
    answer = stranger.post(f"/v1/track?api_key={page_key.api_key}", json={"events": [visit("p-1")]})
    expect(answer, 403, 7, "ORIGIN_NOT_ALLOWED")


def test_the_key_reads_and_changes_nothing(
    stranger: httpx.Client, suite: Stack, project: TestProject
) -> None:
    key = new_key(suite, project, [scope_pb2.SCOPE_TRACK]).headers
    event = {"event_id": "n-1", "type": "x", "lead_id": "anna"}
    for answer in (
        stranger.get("/v1/leads", headers=key),
        stranger.get("/v1/leads/anna", headers=key),
        stranger.get("/v1/project", headers=key),
        stranger.get("/v1/apiKeys", headers=key),
        stranger.get("/v1/scores:watch", headers=key),
        stranger.post("/v1/events", headers=key, json=event),
        stranger.post("/v1/events:batch", headers=key, json={"events": [event]}),
        stranger.post("/v1/leads", headers=key, json={"lead_id": "anna"}),
    ):
        expect(answer, 403, 7, "SCOPE_MISSING")
    # And in a URL it opens nothing else.
    for path in ("/v1/leads", "/v1/events"):
        answer = stranger.get(f"{path}?api_key={key['x-api-key']}")
        assert answer.status_code in (400, 401, 404), answer.text


def test_a_wrong_clock_is_put_right(
    stranger: httpx.Client, http: httpx.Client, page_key: TestProject
) -> None:
    now = datetime.now(UTC)
    wrong_now = now - timedelta(days=400)
    happened = wrong_now - timedelta(minutes=10)

    def send(event_id: str, lead_id: str, occurred: datetime, sent: datetime) -> dict[str, Any]:
        answer = track(
            stranger,
            page_key,
            visit(event_id, lead_id, occur_time=occurred.isoformat()),
            sent_time=sent.isoformat(),
        )
        assert answer.json()["accepted_count"] == 1, answer.text
        receipt: dict[str, Any] = answer.json()["results"][0]["receipt"]
        return receipt

    def off_s(receipt: dict[str, Any], expected: datetime) -> float:
        return abs((datetime.fromisoformat(receipt["occur_time"]) - expected).total_seconds())

    put_right = send("w-1", "carl", happened, wrong_now)
    assert off_s(put_right, now - timedelta(minutes=10)) < 30
    # Within five minutes a clock is taken for right.
    nearly = send("w-2", "carl", now - timedelta(minutes=10), now - timedelta(minutes=4))
    assert off_s(nearly, now - timedelta(minutes=10)) < 0.001
    # Sent again with another reading of the same clock: the same event, no conflict.
    again = send("w-1", "carl", happened, wrong_now + timedelta(seconds=1))
    assert again["duplicate"] is True
    entries = timeline(http, "carl", 2)
    assert len(entries) == 2


def test_what_a_crawler_does_is_kept_and_marked(
    stranger: httpx.Client, http: httpx.Client, page_key: TestProject
) -> None:
    first = track(stranger, page_key, visit("b-1", "dora"), headers={"user-agent": GOOGLEBOT})
    assert first.json()["accepted_count"] == 1
    # Judged otherwise when it is sent again, it is still the same event.
    second = track(stranger, page_key, visit("b-1", "dora"), visit("b-2", "dora"))
    assert [one["receipt"]["duplicate"] for one in second.json()["results"]] == [True, False]
    entries = {one["event_id"]: one for one in timeline(http, "dora", 2)}
    assert entries["b-1"]["properties"] == {"suspect": True}
    assert not entries["b-2"].get("properties")


def test_a_key_has_its_requests_of_a_minute(
    stranger: httpx.Client, suite: Stack, project: TestProject
) -> None:
    def next_minute_begins() -> bool:
        return time.time() % 60 < 50

    key = new_key(suite, project, [scope_pb2.SCOPE_TRACK], requests_per_minute=3)
    # Not over the turn of a minute.
    eventually(next_minute_begins)
    answers = [track(stranger, key, visit(f"m-{number}")) for number in range(6)]
    # Finding out whether the key is known took none: those calls lack the scope.
    assert [one.status_code for one in answers] == [200] * 3 + [429] * 3
    refused = answers[-1]
    expect(refused, 429, 8, "RATE_LIMITED")
    assert details(refused, "ErrorInfo")["metadata"] == {"requests_per_minute": "3"}
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert details(refused, "RetryInfo")["retry_delay"]
    # Another key of the project goes on.
    other = new_key(suite, project, [scope_pb2.SCOPE_TRACK])
    assert track(stranger, other, visit("m-9")).status_code == 200


def test_two_visitors_of_one_computer_stay_two_leads(
    stranger: httpx.Client, http: httpx.Client, page_key: TestProject
) -> None:
    def lead_of(reference: str) -> str:
        return str(http.get(f"/v1/leads/{reference}").json()["lead"]["lead_id"])

    def says(event_id: str, **who: str) -> dict[str, Any]:
        return {"event_id": event_id, "type": "identify", **who}

    ada, bob = "ada@example.com", "bob@example.com"
    first = says("p-1", anonymous_id="shared", email=ada)
    assert track(stranger, page_key, first).status_code == 200
    assert track(stranger, page_key, says("p-2", anonymous_id="shared", email=bob)).is_success
    conflict = eventually(lambda: http.get("/v1/identityConflicts").json()["conflicts"])
    assert [one["event_id"] for one in conflict] == ["p-2"]
    assert lead_of(f"email:{ada}") == lead_of("anonymous:shared") != lead_of(f"email:{bob}")
    # A program's key may say that they are one.
    both = says("p-3", anonymous_id="shared", email=bob)
    http.post("/v1/events", json=both).raise_for_status()
    eventually(lambda: lead_of(f"email:{ada}") == lead_of(f"email:{bob}"))


def test_the_key_is_in_no_log(stranger: httpx.Client, suite: Stack, page_key: TestProject) -> None:
    assert track(stranger, page_key, visit("l-1")).status_code == 200
    # One that is refused, too.
    track(stranger, page_key, visit("l-2"), headers={"origin": "https://evil.example"})
    logs = [path for path in suite.data_dir.path.rglob("*.log") if path.is_file()]
    assert logs
    for path in logs:
        assert page_key.api_key not in path.read_text(errors="replace"), path.name
