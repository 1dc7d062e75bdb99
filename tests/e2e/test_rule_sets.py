"""Rule sets as files through the whole suite: the real scoring runs golden tests, and what passes scores leads."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest

from stack import Stack
from tests.support import projects
from tests.support.eventually import eventually
from tests.support.projects import TestProject

TEXT = """
stages: [{name: cold}, {name: hot, min_score: 10}]
rules:
- {event_type: chat, points: 5, limits: [{count: 3, window: 1d}]}
- {rule_id: big, event_type: '*', points: 10, when: lead.size > 9, standing: true}
tests:
- {name: Two chats, events: [{type: chat}, {type: chat}], expected: {score: 10, stage: hot}}
- name: A big one that shrinks
  events: [{type: identify, properties: {size: 10}}, {type: identify, at: 1h, properties: {size: 2}}]
  expected: {score: 0, stage: cold}
"""


@pytest.fixture
def project(suite: Stack) -> TestProject:
    return projects.new_project(suite, "files")


def scoreline(suite: Stack, project: TestProject, *arguments: object) -> tuple[int, str]:
    """Exit code and all output of the command line."""
    options = ["--target", suite.grpc_target, "--api-key", project.api_key]
    done = subprocess.run(
        [sys.executable, "-m", "scoreline.cli", *options, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_file_is_checked_imported_compared_and_put_in_force(
    suite: Stack, project: TestProject, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(TEXT.replace("score: 10", "score: 11"), encoding="utf-8")
    code, said = scoreline(suite, project, "rules", "validate", file)
    assert (code, "score is 10, not 11" in said) == (1, True), said
    assert scoreline(suite, project, "rules", "import", file)[0] == 0
    code, said = scoreline(suite, project, "rules", "activate")
    assert (code, "score is 10, not 11" in said) == (1, True), said
    file.write_text(TEXT, encoding="utf-8")
    code, said = scoreline(suite, project, "rules", "validate", file)
    assert (code, "2 golden tests passed" in said) == (0, True), said
    assert scoreline(suite, project, "rules", "import", file, "--replace")[0] == 0
    code, said = scoreline(suite, project, "rules", "diff")
    assert (code, "+ rules[chat]: {rule_id: chat" in said) == (0, True), said
    code, said = scoreline(suite, project, "rules", "activate")
    assert (code, "scores all history" in said) == (0, True), said
    with httpx.Client(
        base_url=suite.http_url, headers={"x-api-key": project.api_key}, timeout=20
    ) as http:
        event = {"event_id": uuid.uuid4().hex, "type": "chat", "lead_id": "ada"}
        http.post("/v1/events", json=event).raise_for_status()

        def score() -> float:
            answer = http.get("/v1/leads/ada/score")
            return float(answer.json()["score"]) if answer.status_code == 200 else -1.0

        eventually(lambda: score() == 5)
        # Only the stages change; whoever has read another draft changes nothing.
        parts = tmp_path / "parts.yaml"
        parts.write_text("stages: [{name: cold}, {name: hot, min_score: 5}]\n", "utf-8")
        code, said = scoreline(suite, project, "rules", "update", parts, "--etag", "1.1")
        assert (code, "error: " in said) == (1, True), said
        code, said = scoreline(suite, project, "rules", "update", parts, "--description", "Stages")
        assert code == 0, said
        assert scoreline(suite, project, "rules", "activate")[0] == 0
        eventually(lambda: http.get("/v1/leads/ada/score").json()["stage"] == "hot")
        assert score() == 5
        # Two versions back: those rules know nothing of chats.
        assert scoreline(suite, project, "rules", "rollback", 1)[0] == 0
        eventually(lambda: score() == 0)


def test_every_preset_passes_its_own_tests_in_the_real_scoring(
    suite: Stack, project: TestProject
) -> None:
    with httpx.Client(
        base_url=suite.http_url, headers={"x-api-key": project.api_key}, timeout=40
    ) as http:
        presets = http.get("/v1/presets").json()["presets"]
        assert len(presets) == 7
        for preset in presets:
            body = json.dumps({"rule_set": preset["rule_set"]})
            found = http.post("/v1/ruleSets:validate", content=body).json()
            failed = [one for one in found.get("test_results", []) if not one.get("passed")]
            assert (found.get("valid"), failed) == (True, []), preset["name"]
