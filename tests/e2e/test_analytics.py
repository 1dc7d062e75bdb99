"""Analytics and exports through the edge: as JSON, and as files that others can read."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

LEADS = ("ada", "bob", "eve")

# Lately, or all of it would have faded.
NINE = (datetime.now(UTC) - timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
DAY = NINE.replace(hour=0)
MONDAY = DAY - timedelta(days=DAY.weekday())


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


SPAN = {
    "start_time": stamp(DAY - timedelta(days=1)),
    "end_time": stamp(DAY + timedelta(days=1)),
}


@pytest.fixture
def filled(http: httpx.Client) -> httpx.Client:
    """Three leads with some events of one hour, all scored."""
    events = [
        {
            "event_id": f"{lead}-{number}",
            "type": "demo_request" if number == 0 else "page_view",
            "lead_id": lead,
            "occur_time": stamp(NINE + timedelta(minutes=number)),
        }
        for lead in LEADS
        for number in range(3)
    ]
    http.post("/v1/events:batch", json={"events": events}).raise_for_status()
    eventually(lambda: scored(http))
    edited = http.patch("/v1/leads/ada?update_mask=company", json={"company": "=Acme"})
    edited.raise_for_status()
    return http


def scored(http: httpx.Client) -> bool:
    found = http.get("/v1/leads").raise_for_status().json()["leads"]
    return [one["event_count"] for one in found] == [3, 3, 3]


def get(http: httpx.Client, path: str, **params: str) -> Any:
    return http.get(path, params=params).raise_for_status().json()


def test_activity(filled: httpx.Client) -> None:
    found = get(filled, "/v1/analytics/activity", interval="INTERVAL_HOUR", **SPAN)
    (point,) = found["points"]
    assert (point["time"], point["event_count"]) == (stamp(NINE), "9")
    assert [(one["type"], one["event_count"]) for one in found["totals"]] == [
        ("page_view", "6"),
        ("demo_request", "3"),
    ]
    found = get(filled, "/v1/analytics/activity", types="page_view", lead_id="ada", **SPAN)
    assert found["points"][0]["event_count"] == "2"


def test_score_trend(filled: httpx.Client) -> None:
    points = get(filled, "/v1/analytics/scoreTrend", **SPAN)["points"]
    assert [(one["lead_count"], one["change_count"]) for one in points] == [
        ("0", "0"),
        ("3", "9"),
    ]


def test_movers(filled: httpx.Client) -> None:
    found = get(
        filled, "/v1/analytics/movers", from_time=SPAN["start_time"], qualified_stages="warm",
        page_size="2",
    )  # fmt: skip
    scores = {one["lead_id"]: one["score"] for one in get(filled, "/v1/leads")["leads"]}
    assert [one["delta"] for one in found["up"]] == sorted(scores.values())[:0:-1]
    assert {one["lead_id"]: one["score_after"] for one in found["up"]}.items() <= scores.items()
    assert {one["score_before"] for one in found["up"]} == {0}
    assert (found["up_count"], found["down_count"], found["down"]) == (3, 0, [])
    assert (found["newly_qualified_count"], len(found["newly_qualified"])) == (3, 2)
    assert {one["enter_time"] for one in found["newly_qualified"]} == {stamp(NINE)}


def test_funnel_and_cohorts(filled: httpx.Client) -> None:
    funnel = get(filled, "/v1/analytics/funnel")
    assert funnel["lead_count"] == "3"
    assert [one["stage"] for one in funnel["stages"]] == ["cold", "warm", "hot", "qualified"]
    assert [one["reached_count"] for one in funnel["stages"]][:2] == ["3", "3"]
    found = get(filled, "/v1/analytics/cohorts", stage="warm", **SPAN)
    (cohort,) = found["cohorts"]
    assert (cohort["week"], cohort["lead_count"]) == (stamp(MONDAY), "3")
    assert (cohort["reached_count"], cohort["active_counts"][0]) == ("3", "3")


def test_companies_and_rule_impact(filled: httpx.Client) -> None:
    companies = get(filled, "/v1/analytics/companies")
    assert (companies["company_count"], companies["unknown_count"]) == ("1", "2")
    impact = get(filled, "/v1/analytics/ruleImpact")
    counts = {one["rule_id"]: one["event_count"] for one in impact["rules"]}
    assert counts["demo_request"] == "3"


def export(http: httpx.Client, form: str, **params: str) -> httpx.Response:
    answer = http.get("/v1/leads:export", params={"format": f"EXPORT_FORMAT_{form}", **params})
    return answer.raise_for_status()


def test_csv(filled: httpx.Client) -> None:
    answer = export(filled, "CSV")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="leads.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["lead_id"] for row in rows] == list(LEADS)
    assert [row["company"] for row in rows] == ["'=Acme", "", ""]
    assert answer.content.endswith(b"\r\n")
    assert answer.headers["x-lead-count"] == "3"


def test_ndjson(filled: httpx.Client) -> None:
    answer = export(filled, "NDJSON")
    assert answer.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert (rows[0]["lead_id"], rows[0]["company"]) == ("ada", "=Acme")
    assert {row["first_event_time"] for row in rows} == {stamp(NINE)}


def test_parquet(filled: httpx.Client) -> None:
    answer = export(filled, "PARQUET")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.column("lead_id").to_pylist() == list(LEADS)
    listed = {one["lead_id"]: one["score"] for one in get(filled, "/v1/leads")["leads"]}
    rows = zip(table.column("lead_id").to_pylist(), table.column("score").to_pylist(), strict=True)
    assert dict(rows) == listed


def test_an_empty_project_exports_empty_files(suite: Stack) -> None:
    empty = new_project(suite, "empty")
    with httpx.Client(
        base_url=suite.http_url, headers=empty.headers, trust_env=False, timeout=20
    ) as http:
        assert export(http, "CSV").text.startswith("lead_id,email,")
        answer = export(http, "NDJSON")
        assert (answer.content, answer.headers["x-lead-count"]) == (b"", "0")
        assert pq.read_table(io.BytesIO(export(http, "PARQUET").content)).num_rows == 0
        assert get(http, "/v1/analytics/funnel")["lead_count"] == "0"


def test_a_filter_and_what_is_wrong_with_it(filled: httpx.Client) -> None:
    assert export(filled, "NDJSON", min_score="100000").content == b""
    assert len(export(filled, "NDJSON", stages="warm", min_score="1").text.splitlines()) == 3
    answer = filled.get("/v1/leads:export", params={"min_score": "NaN"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    answer = filled.get("/v1/analytics/cohorts", params={"stage": "lukewarm"})
    assert answer.status_code == 400
    assert "cold, warm, hot" in answer.json()["message"]


def test_another_projects_leads_are_not_in_the_file(suite: Stack, filled: httpx.Client) -> None:
    other: TestProject = new_project(suite, "other")
    answer = filled.get(
        "/v1/leads:export",
        params={"format": "EXPORT_FORMAT_NDJSON"},
        headers=other.headers,
    )
    assert answer.content == b""
