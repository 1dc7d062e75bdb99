"""Events out and into another project: everything that was sent, and the same scores."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pytest

from stack import Stack
from tests.e2e.conftest import HTTP_TIMEOUT_S
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

EVENTS: list[dict[str, Any]] = [
    {"event_id": "a-1", "type": "page_view", "anonymous_id": "visitor-1"},
    {"event_id": "a-2", "type": "page_view", "anonymous_id": "visitor-2"},
    {
        "event_id": "a-3",
        "type": "identify",
        "email": "ada@example.com",
        "anonymous_id": "visitor-1",
    },
    {
        "event_id": "a-4",
        "type": "identify",
        "external_id": "crm-1",
        "email": "ada@example.com",
        "anonymous_id": "visitor-2",
    },
    {"event_id": "=1+1", "type": "demo_request", "email": "ada@example.com"},
    {"event_id": "'=x", "type": "signup", "lead_id": "@lead", "source": "+source"},
    {
        "event_id": "a-7",
        "type": "purchase",
        "lead_id": "@lead",
        "properties": {"order_id": "007", "amount": 12.5, "notes": ['a "b"\n', None, True]},
    },
    {"event_id": "a-8", "type": "demo_request", "lead_id": "@lead"},
]


def scores(http: httpx.Client) -> list[tuple[Any, ...]]:
    leads = http.get("/v1/leads", params={"page_size": 100}).json()["leads"]
    return sorted(
        (
            lead["score"],
            lead["stage"],
            lead["event_count"],
            sorted((one["kind"], one["value"]) for one in lead["identities"]),
        )
        for lead in leads
    )


def counted(http: httpx.Client, events: int) -> list[tuple[Any, ...]]:
    def look() -> list[tuple[Any, ...]]:
        found = scores(http)
        assert sum(one[2] for one in found) >= events
        return found

    return eventually(look)


@pytest.fixture
def sent(http: httpx.Client) -> list[tuple[Any, ...]]:
    """What the leads are once everything was sent, and one event retracted."""
    for number, event in enumerate(EVENTS):
        whole = {"occur_time": f"2026-03-0{number + 1}T09:30:00.123456Z", **event}
        http.post("/v1/events", json=whole).raise_for_status()
    counted(http, len(EVENTS))
    retracted = {"event_ids": {"event_ids": ["a-8"]}, "reason": "a test"}
    http.post("/v1/events:retract", json=retracted).raise_for_status()
    return scores(http)


@pytest.mark.parametrize("form", ["CSV", "NDJSON"])
def test_what_is_exported_and_imported_scores_the_same(
    suite: Stack, http: httpx.Client, sent: list[tuple[Any, ...]], form: str
) -> None:
    answer = http.get("/v1/events:export", params={"format": f"EXPORT_FORMAT_{form}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-event-count"] == str(len(EVENTS) - 1)
    assert answer.headers["content-disposition"] == f'attachment; filename="events.{form.lower()}"'
    other: TestProject = new_project(suite, "copy")
    with httpx.Client(
        base_url=suite.http_url, headers=other.headers, trust_env=False, timeout=HTTP_TIMEOUT_S
    ) as copy:
        made = copy.post("/v1/imports", content=answer.content).json()["import"]

        def look() -> dict[str, Any]:
            found = copy.get(f"/v1/imports/{made['import_id']}").json()["import"]
            assert "end_time" in found
            return dict(found)

        ended = eventually(look)
        assert (ended["accepted_count"], ended["rejected_count"]) == (str(len(EVENTS) - 1), "0")
        imported = counted(copy, len(EVENTS) - 1)
        # The retracted event counts for nothing, but is still one of its lead's.
        assert [(one[0], one[1], one[3]) for one in imported] == [
            (one[0], one[1], one[3]) for one in sent
        ]
        again = copy.get("/v1/events:export", params={"format": f"EXPORT_FORMAT_{form}"})
    assert without_record_time(again.text, form) == without_record_time(answer.text, form)


def without_record_time(text: str, form: str) -> list[dict[str, Any]]:
    rows = (
        list(csv.DictReader(io.StringIO(text, newline="")))
        if form == "CSV"
        else [json.loads(line) for line in text.splitlines()]
    )
    for row in rows:
        assert row.pop("record_time")
    return sorted(rows, key=lambda row: str(row["event_id"]))


def test_nothing_of_a_file_is_a_formula(http: httpx.Client, sent: list[tuple[Any, ...]]) -> None:
    text = http.get("/v1/events:export").text
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert "'=1+1" in cells
    assert "''=x" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"type": "identify"}, ["a-3", "a-4"]),
        ({"lead_id": "@lead"}, ["'=x", "a-7"]),
        ({"lead_id": "anonymous:visitor-2"}, ["a-1", "a-2", "a-3", "a-4", "=1+1"]),
        (
            {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-03T09:30:00.123456Z"},
            ["a-2"],
        ),
    ],
)
def test_only_what_is_asked_for_is_exported(
    http: httpx.Client, sent: list[tuple[Any, ...]], params: dict[str, str], expected: list[str]
) -> None:
    answer = http.get("/v1/events:export", params={"format": "EXPORT_FORMAT_NDJSON", **params})
    found = [json.loads(line)["event_id"] for line in answer.text.splitlines()]
    assert sorted(found) == sorted(expected)
    assert answer.headers["x-event-count"] == str(len(expected))


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"format": "EXPORT_FORMAT_PARQUET"}, 400),
        ({"lead_id": "nobody"}, 404),
        ({"type": "x" * 65}, 400),
    ],
)
def test_what_cannot_be_exported_is_refused(
    http: httpx.Client, params: dict[str, str], status: int
) -> None:
    assert http.get("/v1/events:export", params=params).status_code == status
