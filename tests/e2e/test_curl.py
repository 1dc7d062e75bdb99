"""What the README promises to anybody with curl."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject

CURL_TIMEOUT_S = 30


class Curl:
    """curl against the edge, with a key."""

    def __init__(self, url: str, *options: str) -> None:
        self._url = url
        self._options = options

    def __call__(self, path: str, *options: str, data: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        body = () if data is None else ("--json", json.dumps(data))
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--noproxy", "*"),
                *("--write-out", "\n%{http_code}"),
                *self._options,
                *options,
                *body,
                f"{self._url}{path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=CURL_TIMEOUT_S,
        )
        content, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(content)


@pytest.fixture(params=["--http1.1", "--http2-prior-knowledge"])
def curl(request: pytest.FixtureRequest, suite: Stack, project: TestProject) -> Curl:
    return Curl(suite.http_url, request.param, "--header", f"x-api-key: {project.api_key}")


def test_an_event_becomes_a_score_with_its_reasons(curl: Curl) -> None:
    event = {
        "event_id": "e1",
        "type": "Demo Request",
        "email": "Ada@Example.com",
        "occur_time": "2026-03-01T09:30:00Z",
        "source": "website",
        "properties": {"plan": "team", "seats": 12},
    }
    status, answer = curl("/v1/events", data=event)
    assert status == 200
    assert answer["receipt"] == {
        "event_id": "e1",
        "occur_time": "2026-03-01T09:30:00Z",
        "duplicate": False,
    }

    def scored() -> Any:
        status, answer = curl("/v1/leads/email:ada@example.com")
        return status == 200 and answer["lead"]

    lead = eventually(scored)
    assert lead["lead_id"].startswith("ld_")
    assert (lead["email"], lead["score"], lead["stage"]) == ("ada@example.com", 50, "warm")
    assert lead["identities"] == [{"kind": "LEAD_IDENTITY_KIND_EMAIL", "value": "ada@example.com"}]

    status, timeline = curl(f"/v1/leads/{lead['lead_id']}/timeline")
    assert status == 200
    (entry,) = timeline["entries"]
    assert (entry["type"], entry["source"], entry["score"]) == ("demo_request", "website", 50)
    assert entry["properties"] == {"plan": "team", "seats": 12}
    assert [(e["rule_id"], e["points"], e["reason"]) for e in entry["effects"]] == [
        ("demo_request", 50, "EFFECT_REASON_APPLIED")
    ]

    status, changes = curl(f"/v1/leads/{lead['lead_id']}/scoreChanges")
    assert status == 200
    assert [(c["version"], c["previous_score"], c["score"]) for c in changes["score_changes"]] == [
        (1, 0, 50)
    ]

    status, board = curl("/v1/leaderboard?page_size=3")
    assert status == 200
    assert [(e["rank"], e["lead"]["lead_id"]) for e in board["entries"]] == [(1, lead["lead_id"])]

    status, counts = curl("/v1/stageCounts")
    assert status == 200
    assert {c["stage"]: c["lead_count"] for c in counts["stage_counts"]} == {
        "cold": 0,
        "warm": 1,
        "hot": 0,
        "qualified": 0,
    }


def test_one_bad_event_fails_no_other(curl: Curl) -> None:
    events = [
        {"event_id": "e1", "type": "page_view", "lead_id": "ada"},
        {"event_id": "", "type": "1st", "lead_id": "ada"},
        {"event_id": "e2", "type": "page_view", "external_id": "crm-9"},
    ]
    status, answer = curl("/v1/events:batch", data={"events": events})
    assert status == 200
    assert (answer["accepted_count"], answer["rejected_count"]) == (2, 1)
    first, second, third = answer["results"]
    assert (first["receipt"]["event_id"], third["receipt"]["event_id"]) == ("e1", "e2")
    assert second["error"]["code"] == 3
    (bad,) = [d for d in second["error"]["details"] if d["@type"].endswith("BadRequest")]
    fields = {violation["field"] for violation in bad["field_violations"]}
    assert fields == {"events[1].event_id", "events[1].type"}


def test_a_bearer_token_does_as_well(suite: Stack, project: TestProject) -> None:
    curl = Curl(suite.http_url, "--header", f"Authorization: Bearer {project.api_key}")
    assert curl("/v1/project")[1]["project"]["project_id"] == project.project_id


def test_a_lead_is_made_changed_and_found(curl: Curl) -> None:
    lead = {"lead_id": "lead-43", "email": "grace@example.com", "company": "Navy"}
    status, made = curl("/v1/leads", data={**lead, "attributes": {"seats": 12}})
    assert status == 200
    status, changed = curl(
        "/v1/leads/lead-43?update_mask=company,attributes.seats",
        "--request",
        "PATCH",
        data={"company": "US Navy", "etag": made["lead"]["etag"]},
    )
    assert status == 200, changed
    assert (changed["lead"]["company"], changed["lead"]["attributes"]) == ("US Navy", {})
    for parameters in ("query=NAVY", "max_score=0", "stages=cold", "order_by=create_time%20desc"):
        status, found = curl(f"/v1/leads?{parameters}")
        assert status == 200, found
        assert [one["lead_id"] for one in found["leads"]] == ["lead-43"], parameters
    assert curl("/v1/leads?min_score=0.001")[1]["leads"] == []


def test_pages_follow_each_other(curl: Curl) -> None:
    names = [f"lead-{number}" for number in range(5)]
    for name in names:
        assert curl("/v1/leads", data={"lead_id": name})[0] == 200
    seen: list[str] = []
    token = ""
    while True:
        status, page = curl(f"/v1/leads?page_size=2&page_token={token}")
        assert status == 200
        seen += [lead["lead_id"] for lead in page["leads"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == names
