"""Simulating rules through the gateway: server-sent events over HTTP, and the same from the command line; then the
rules are activated, and the leads have the scores that were foretold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from stack import Stack
from tests.support.event_source import messages
from tests.support.eventually import eventually
from tests.support.projects import TestProject

COMMAND_TIMEOUT_S = 50
AS_OF = "2026-03-05T00:00:00Z"

DRAFT = """\
rules:
  - {event_type: page_view, points: 7}
  - {event_type: demo_request, points: 40, when: event.properties.plan == 'team'}
stages:
  - {name: cold, min_score: 0}
  - {name: hot, min_score: 40}
decay: {idle_amount: {every: 1d, points: 1}}
tests:
  - {name: a look, events: [{type: page_view}], expected: {score: 7, stage: cold}}
"""


def streamed(http: httpx.Client, path: str, content: dict[str, Any]) -> list[dict[str, Any]]:
    with http.stream("POST", path, json=content) as answer:
        if answer.status_code != 200:
            answer.read()
            raise AssertionError(answer.text)
        assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
        return [json.loads(message) for message in messages(answer.iter_lines())]


def event_count(http: httpx.Client, lead_id: str) -> int:
    answer = http.get(f"/v1/leads/{lead_id}")
    return int(answer.json()["lead"]["event_count"]) if answer.status_code == 200 else 0


def send(http: httpx.Client) -> None:
    content = [
        {"event_id": f"e{n}", "type": kind, "lead_id": lead, "occur_time": time, "properties": more}
        for n, (kind, lead, time, more) in enumerate(
            (
                ("page_view", "ada", "2026-03-01T10:00:00Z", {}),
                ("demo_request", "ada", "2026-03-01T11:00:00Z", {"plan": "team"}),
                ("demo_request", "bob", "2026-03-02T11:00:00Z", {"plan": "free"}),
                ("purchase", "bob", "2026-03-03T11:00:00Z", {}),
            )
        )
    ]
    http.post("/v1/events:batch", json={"events": content}).raise_for_status()
    eventually(lambda: event_count(http, "ada") == 2 and event_count(http, "bob") == 2)


def score(http: httpx.Client, lead_id: str) -> tuple[float, str]:
    answer = http.get(f"/v1/leads/{lead_id}/score", params={"as_of": AS_OF})
    answer.raise_for_status()
    return answer.json()["score"], answer.json()["stage"]


def test_what_is_simulated_comes_true(
    suite: Stack, project: TestProject, http: httpx.Client, tmp_path: Path
) -> None:
    send(http)
    read = http.post("/v1/ruleSets:validate", json={"yaml": DRAFT}).json()
    assert read["valid"], read
    found = streamed(http, "/v1/ruleSets:simulate", {"rule_set": read["rule_set"], "as_of": AS_OF})
    assert [next(iter(one)) for one in found] == ["lead", "lead", "progress", "summary"]
    leads = {one["lead"]["lead_id"]: one["lead"] for one in found[:2]}
    after = {name: (one["after"]["score"], one["after"]["stage"]) for name, one in leads.items()}
    # Idle for three whole days, and for one.
    assert after == {"ada": (44.0, "hot"), "bob": (0.0, "cold")}
    for name, one in leads.items():
        assert score(http, name) == (one["before"]["score"], one["before"]["stage"])

    draft = tmp_path / "draft.yaml"
    draft.write_text(DRAFT, encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).parent / "scoreline", "simulate-rules", draft, "--as-of", AS_OF],
        env={
            **os.environ,
            "SCORELINE_TARGET": suite.grpc_target,
            "SCORELINE_API_KEY": project.api_key,
            "COLUMNS": "140",
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 leads:" in done.stdout
    assert "From stage (rows) to stage (columns)" in done.stdout

    http.post("/v1/ruleSets:import", json={"yaml": DRAFT, "replace_draft": True}).raise_for_status()
    http.post("/v1/ruleSets/0:activate", json={}).raise_for_status()
    eventually(lambda: {name: score(http, name) for name in after} == after)


def test_variants_and_tests_over_http(http: httpx.Client) -> None:
    send(http)
    variants = [{"name": "a"}, {"name": "b", "rule_set": {"rules": [], "stages": []}}]
    found = streamed(
        http,
        "/v1/ruleSets:compare",
        {"variants": variants, "conversion_types": ["purchase"], "as_of": AS_OF},
    )
    assert [next(iter(one)) for one in found] == ["progress", "summary"]
    outcomes = found[-1]["summary"]["variants"]
    assert sum(int(one["converted_count"]) for one in outcomes) == 1
    tests = [{"name": "t", "events": [{"type": "x"}], "expected": {"score": 1}}]
    answer = http.post("/v1/ruleSets:test", json={"rule_set": {"tests": tests}})
    answer.raise_for_status()
    assert answer.json()["results"][0]["differences"] == ["score is 0, not 1"]
    refused = http.post("/v1/ruleSets:simulate", json={"days": 400})
    assert refused.status_code == 400
    assert "days" in refused.text
