"""Files over HTTP: the body is the file, however long, and the query says what it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

ENDED = ("STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED")
LARGE_ROWS = 1_000
LARGE_ROW_BYTES = 60_000


def post(http: httpx.Client, content: Any, **params: Any) -> dict[str, Any]:
    answer = http.post("/v1/imports", params=params, content=content)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["import"])


def ended(http: httpx.Client, made: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        found = http.get(f"/v1/imports/{made['import_id']}").json()["import"]
        assert found["state"] in ENDED
        return dict(found)

    return eventually(look)


def test_a_file_is_a_body_and_its_query(http: httpx.Client) -> None:
    content = b"Mail;Type;amount\nada@example.com;signup;5\nnobody;signup;6\n"
    made = post(http, content, file_name="a.csv", columns=["Mail=email", "amount=properties.paid"])
    assert made["size_bytes"] == str(len(content))
    found = ended(http, made)
    assert (found["accepted_count"], found["rejected_count"]) == ("1", "1")
    assert (found["format"], found["delimiter"]) == ("IMPORT_FORMAT_CSV", ";")
    assert found["first_rejected_rows"][0]["line"] == "3"
    report = http.get(f"/v1/imports/{made['import_id']}/report")
    assert report.headers["content-type"] == "text/csv; charset=utf-8"
    assert report.text.splitlines()[1].startswith("3,rejected,imp:")
    listed = http.get("/v1/imports").json()["imports"]
    assert [one["import_id"] for one in listed] == [made["import_id"]]

    def scored() -> bool:
        lead = http.get("/v1/leads/email:ada@example.com")
        return lead.status_code == 200 and lead.json()["lead"]["event_count"] == 1

    eventually(scored)


def test_a_form_body_type_changes_nothing(http: httpx.Client) -> None:
    # What curl sends for --data-binary without being told.
    answer = http.post(
        "/v1/imports",
        content=gzip.compress(b'{"type":"signup","lead_id":"l"}\n'),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200, answer.text
    assert ended(http, answer.json()["import"])["accepted_count"] == "1"


def test_a_file_larger_than_any_buffer_passes_the_edge(http: httpx.Client) -> None:
    pad = b"x" * LARGE_ROW_BYTES

    def content() -> Iterator[bytes]:
        yield b"lead_id,type,pad\n"
        for number in range(LARGE_ROWS):
            yield b"l-%d,signup,%s\n" % (number, pad)

    made = post(http, content(), columns="pad=")
    assert int(made["size_bytes"]) > LARGE_ROWS * LARGE_ROW_BYTES
    assert ended(http, made)["accepted_count"] == str(LARGE_ROWS)


def test_an_import_is_watched_over_http(http: httpx.Client) -> None:
    made = post(http, b"lead_id,type\n" + b"l,signup\n" * 5_000)
    with http.stream("GET", f"/v1/imports/{made['import_id']}:watch") as answer:
        lines = [line for line in answer.iter_lines() if line]
    last = json.loads(lines[-1].removeprefix("data: "))["import"]
    assert (last["state"], last["row_count"]) == ("STATE_SUCCEEDED", "5000")


def test_a_cancelled_import_ends(http: httpx.Client) -> None:
    made = post(http, b"lead_id,type\n" + b"l,signup\n" * 200_000)
    answer = http.post(f"/v1/imports/{made['import_id']}:cancel", json={})
    assert answer.json()["import"]["state"] == "STATE_CANCELLED"
    again = post(http, b"lead_id,type\nl,signup\n")
    ended(http, again)
    late = http.post(f"/v1/imports/{again['import_id']}:cancel", json={})
    assert (late.status_code, late.json()["details"][0]["reason"]) == (400, "RESOURCE_STATE")


@pytest.mark.parametrize(
    ("params", "content", "status", "reason"),
    [
        ({"columns": "Mail"}, b"a", 400, "INVALID_FIELDS"),
        ({"format": "IMPORT_FORMAT_CSV"}, b"", 400, "INVALID_FIELDS"),
    ],
)
def test_a_file_that_is_refused_says_why(
    http: httpx.Client, params: dict[str, str], content: bytes, status: int, reason: str
) -> None:
    answer = http.post("/v1/imports", params=params, content=content)
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (status, reason)


def test_a_stranger_sends_no_file(suite: Stack, stranger: httpx.Client, http: httpx.Client) -> None:
    assert stranger.post("/v1/imports", content=b"lead_id,type\n").status_code == 401
    other: TestProject = new_project(suite, "other")
    made = post(http, b"lead_id,type\nl,signup\n")
    for path in ("", ":watch", "/report"):
        answer = stranger.get(f"/v1/imports/{made['import_id']}{path}", headers=other.headers)
        assert answer.status_code == 404, path
