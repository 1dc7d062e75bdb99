"""What goes wrong is said in JSON: the status that fits, the gRPC code, the reason, and each field at fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.projects import TestProject

BODY_BYTES_MAX = 5_000_000


def details(answer: httpx.Response, kind: str) -> Any:
    """The one detail of a kind, e.g. `ErrorInfo`."""
    (found,) = [d for d in answer.json()["details"] if d["@type"].endswith(f"google.rpc.{kind}")]
    return found


def violated(answer: httpx.Response) -> set[str]:
    return {violation["field"] for violation in details(answer, "BadRequest")["field_violations"]}


def expect(answer: httpx.Response, status: int, code: int, reason: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == code
    info = details(answer, "ErrorInfo")
    assert (info["reason"], info["domain"]) == (reason, "scoreline")


def test_400_names_every_field_at_fault(http: httpx.Client) -> None:
    event = {
        "event_id": "x" * 129,
        "type": "9 lives",
        "lead_id": "ada",
        "external_id": "crm-1",
        "occur_time": "2200-01-01T00:00:00Z",
        "source": "s" * 65,
        "properties": {"deep": [[[[[[[[1]]]]]]]]},
    }
    answer = http.post("/v1/events", json=event)
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert violated(answer) == {
        "event",
        "event.event_id",
        "event.type",
        "event.occur_time",
        "event.source",
        "event.properties",
    }


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/leads?page_size=-1", "page_size"),
        ("/v1/leads?page_token=nonsense", "page_token"),
        ("/v1/leads?order_by=luck", "order_by"),
        ("/v1/leads?min_score=NaN", "min_score"),
        ("/v1/leaderboard?page_size=-1", "page_size"),
        ("/v1/leads/ada/timeline?page_token=nonsense", "page_token"),
        ("/v1/scores:watch?heartbeat_interval=100s", "heartbeat_interval"),
        ("/v1/scores:watch?min_delta=-1", "min_delta"),
    ],
)
def test_400_for_a_query_that_makes_no_sense(http: httpx.Client, path: str, field: str) -> None:
    http.post("/v1/leads", json={"lead_id": "ada"})
    answer = http.get(path)
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert field in violated(answer)


def test_400_for_what_is_no_rule(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/rules", json={"rule_id": "Not An Id", "event_type": "?", "points": 0.0001}
    )
    expect(answer, 400, 3, "INVALID_FIELDS")
    assert violated(answer) == {"rule.rule_id", "rule.event_type", "rule.points"}


@pytest.mark.parametrize(
    "body", ["{", "[]", '"text"', '{"event_id": {}}', '{"occur_time": "yesterday"}']
)
def test_400_for_what_is_not_the_message(http: httpx.Client, body: str) -> None:
    answer = http.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == 3


def test_400_for_a_parameter_nobody_knows(http: httpx.Client) -> None:
    answer = http.get("/v1/leads?page_sise=2")
    assert answer.status_code == 400
    assert answer.json()["code"] == 3


def test_400_for_a_token_of_nobodys(http: httpx.Client) -> None:
    answer = http.get("/v1/scores:watch?resume_token=AAAA")
    expect(answer, 400, 3, "RESUME_TOKEN_INVALID")


def test_401_without_a_key_or_with_a_wrong_one(stranger: httpx.Client) -> None:
    expect(stranger.get("/v1/leads"), 401, 16, "CREDENTIAL_MISSING")
    wrong = stranger.get("/v1/leads", headers={"x-api-key": "sl_wrong"})
    expect(wrong, 401, 16, "CREDENTIAL_INVALID")
    # The key in the URL is for event sources only.
    answer = stranger.get("/v1/leads?api_key=sl_wrong")
    assert answer.status_code in (400, 401)


def test_403_for_a_key_without_the_scope(http: httpx.Client, stranger: httpx.Client) -> None:
    made = http.post("/v1/apiKeys", json={"scopes": ["SCOPE_INGEST"]})
    made.raise_for_status()
    key = made.json()["secret"]
    answer = stranger.get("/v1/project", headers={"x-api-key": key})
    expect(answer, 403, 7, "SCOPE_MISSING")
    assert details(answer, "ErrorInfo")["metadata"] == {"required_scope": "read"}


def test_403_for_a_project_that_makes_projects(http: httpx.Client) -> None:
    answer = http.post("/v1/projects", json={"project_id": "mine"})
    expect(answer, 403, 7, "OPERATOR_ONLY")


@pytest.mark.parametrize(
    ("verb", "path", "kind"),
    [
        ("GET", "/v1/leads/nobody", "lead"),
        ("GET", "/v1/leads/email:nobody@example.com", "lead"),
        ("GET", "/v1/leads/nobody/timeline", "lead"),
        ("GET", "/v1/leads/nobody/scoreChanges", "lead"),
        ("PATCH", "/v1/leads/nobody?update_mask=company", "lead"),
        ("PATCH", "/v1/rules/nothing", "rule"),
        ("DELETE", "/v1/rules/nothing", "rule"),
        ("GET", "/v1/ruleSets/99", "rule_set"),
        ("POST", "/v1/ruleSets/99:activate", "rule_set"),
        ("POST", "/v1/apiKeys/key_aaaaaaaa:revoke", "api_key"),
    ],
)
def test_404_says_what_there_is_not(http: httpx.Client, verb: str, path: str, kind: str) -> None:
    bodies = {"PATCH": {"company": "Navy"} if kind == "lead" else {"points": 1}, "POST": {}}
    answer = http.request(verb, path, json=bodies.get(verb))
    expect(answer, 404, 5, "RESOURCE_NOT_FOUND")
    assert details(answer, "ErrorInfo")["metadata"]["resource_type"] == kind


def test_409_for_an_id_that_is_taken(http: httpx.Client, project: TestProject) -> None:
    lead = {"lead_id": "ada", "email": "ada@example.com"}
    http.post("/v1/leads", json=lead).raise_for_status()
    expect(http.post("/v1/leads", json=lead), 409, 6, "RESOURCE_ALREADY_EXISTS")
    other = {**lead, "lead_id": "ada-2"}
    expect(http.post("/v1/leads", json=other), 409, 6, "RESOURCE_ALREADY_EXISTS")
    rule = {"event_type": "page_view", "points": 2}
    expect(http.post("/v1/rules", json=rule), 409, 6, "RESOURCE_ALREADY_EXISTS")


def test_409_for_an_etag_that_is_not_current(http: httpx.Client) -> None:
    made = http.post("/v1/leads", json={"lead_id": "ada"}).json()["lead"]
    change = {"company": "Navy", "etag": made["etag"]}
    http.patch("/v1/leads/ada?update_mask=company", json=change).raise_for_status()
    answer = http.patch("/v1/leads/ada?update_mask=company", json=change)
    expect(answer, 409, 10, "ETAG_MISMATCH")

    http.patch("/v1/rules/page_view", json={"points": 2}).raise_for_status()
    answer = http.patch("/v1/rules/page_view", json={"points": 3, "etag": "old"})
    expect(answer, 409, 10, "ETAG_MISMATCH")


def test_413_for_a_body_beyond_the_limit(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/events",
        content=b'{"event_id": "' + b"x" * BODY_BYTES_MAX + b'"}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == 8


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/leads"),
        ("POST", "/v1/events:batch"),
        ("GET", "/v1/imports"),
        ("POST", "/v1/track"),
    ],
)
def test_headers_that_grpc_would_take_for_base64_change_nothing(
    http: httpx.Client, method: str, path: str
) -> None:
    # To gRPC a header whose name ends so is Base64, and one that is not fails the call.
    plain, with_one = (
        http.request(method, path, headers=headers, json={} if method == "POST" else None)
        for headers in ({}, {"x-any-bin": "no Base64!"})
    )
    assert with_one.status_code == plain.status_code in (200, 400)
    assert with_one.headers["content-type"] == "application/json"


def test_a_batch_of_the_wrong_size_is_refused_as_a_whole(http: httpx.Client) -> None:
    event = {"type": "page_view", "lead_id": "ada"}
    events = [{**event, "event_id": f"e{number}"} for number in range(1_001)]
    for wrong in ([], events):
        answer = http.post("/v1/events:batch", json={"events": wrong})
        expect(answer, 400, 3, "INVALID_FIELDS")
        assert violated(answer) == {"events"}
    answer = http.post("/v1/events:batch", json={"events": events[:1_000]})
    assert answer.json()["accepted_count"] == 1_000
