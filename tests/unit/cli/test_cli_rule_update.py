"""`scoreline rules update`: which parts of the draft it changes, as what, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from scoreline.cli.rule_update import PARTS
from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import convert, reading, requests
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge

DRAFT = rule_set_pb2.RuleSet(version=3, etag="3.2", rules=[rule_set_pb2.Rule(rule_id="chat")])

TEXT = """\
# Only these change.
stages:
  - {name: cold, min_score: 0}
  - name: hot
    min_score: 60
bounds: {max_score: 900}
"velocity":
  window: 24h
  saturating: true
next_actions: []
late_events: DISCARD_AND_AUDIT
"""


@pytest.fixture
def edge(edge: FakeEdge) -> FakeEdge:
    """Reads texts as the service does."""

    def validate(request: pb.ValidateRuleSetRequest, _: Any) -> pb.ValidateRuleSetResponse:
        read = requests.to_validate(request)
        none = pb.RuleSetFault(field="rules", description="are none")
        found = [*convert.findings(read.faults), none]
        return pb.ValidateRuleSetResponse(faults=found, rule_set=read.message)

    edge.on("ValidateRuleSet", validate)
    edge.on("UpdateRuleSet", lambda *_: pb.UpdateRuleSetResponse(rule_set=DRAFT))
    return edge


def updated(edge: FakeEdge, *arguments: object) -> pb.UpdateRuleSetRequest:
    result = run(edge, "rules", "update", *arguments)
    assert result.exit_code == 0, result.output
    assert "version 3 (draft) has 1 rule" in " ".join(result.stdout.split())
    request: pb.UpdateRuleSetRequest = edge.requests["UpdateRuleSet"][-1]
    return request


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "parts.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_parts_that_a_file_names_are_changed_and_no_others(edge: FakeEdge, file: Path) -> None:
    request = updated(edge, file, "--etag", "3.1")
    told = request.rule_set
    assert sorted(request.update_mask.paths) == [
        "bounds", "late_events", "next_actions", "stages", "velocity",
    ]  # fmt: skip
    assert told.etag == "3.1"
    assert [(stage.name, stage.min_score) for stage in told.stages] == [("cold", 0), ("hot", 60)]
    assert (told.bounds.HasField("min_score"), told.bounds.max_score) == (False, 900)
    assert (told.velocity.window.ToSeconds(), told.velocity.saturating) == (86_400, True)
    assert list(told.next_actions) == []
    assert told.late_events == rule_set_pb2.LATE_EVENTS_DISCARD_AND_AUDIT
    assert not told.binding


def test_a_description_by_itself_needs_no_file(edge: FakeEdge) -> None:
    request = updated(edge, "--description", "Spring")
    assert list(request.update_mask.paths) == ["description"]
    assert (request.rule_set.description, request.rule_set.etag) == ("Spring", "")
    assert "ValidateRuleSet" not in edge.requests


def test_a_description_stands_beside_a_file(edge: FakeEdge, file: Path) -> None:
    request = updated(edge, file, "--description", "Spring")
    assert set(request.update_mask.paths) == {
        "bounds", "description", "late_events", "next_actions", "stages", "velocity",
    }  # fmt: skip


def test_parts_are_taken_away(edge: FakeEdge) -> None:
    clear = [word for part in PARTS for word in ("--clear", part)]
    request = updated(edge, *clear)
    assert set(request.update_mask.paths) == set(PARTS) == set(reading.PARTS)
    assert request.rule_set == rule_set_pb2.RuleSet(bounds=rule_set_pb2.Bounds())


def test_a_file_may_be_json(edge: FakeEdge, file: Path) -> None:
    file.write_text(json.dumps({"risk": {"high_after": "14d"}}), encoding="utf-8")
    request = updated(edge, file)
    assert list(request.update_mask.paths) == ["risk"]
    assert request.rule_set.risk.high_after.ToSeconds() == 14 * 86_400


def test_the_draft_as_json(edge: FakeEdge) -> None:
    result = run(edge, "rules", "update", "--description", "x", as_json=True)
    assert json_lines(result)[0]["etag"] == "3.2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: []\n", "rules are changed by `scoreline rules set`"),
        ("etag: x\n", "etag is no part that can be changed"),
        ("colour: red\n", "colour is no part that can be changed"),
        ("{stages: []}\n", "nothing to change"),
        ("", "nothing to change"),
        ("stages:\n  - name: [\n", "yaml: line 3"),
        ("velocity: {window: soon}\n", "velocity.window"),
    ],
)
def test_what_is_refused_before_anything_changes(
    edge: FakeEdge, file: Path, text: str, said: str
) -> None:
    file.write_text(text, encoding="utf-8")
    result = run(edge, "rules", "update", file)
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert "are none" not in result.output
    assert "UpdateRuleSet" not in edge.requests


def test_nothing_is_changed_and_taken_away_at_once(edge: FakeEdge, file: Path) -> None:
    result = run(edge, "rules", "update", file, "--clear", "bounds")
    assert result.exit_code == 1
    assert "bounds can't be changed and taken away at once" in result.output
    assert run(edge, "rules", "update", "--clear", "rules").exit_code == 1
    assert run(edge, "rules", "update").exit_code == 1


def test_an_etag_that_is_not_current(edge: FakeEdge) -> None:
    edge.on(
        "UpdateRuleSet", refusing(grpc.StatusCode.ABORTED, "ETAG_MISMATCH", "somebody was faster")
    )
    result = run(edge, "rules", "update", "--description", "x", "--etag", "1.1")
    assert result.exit_code == 1
    assert "somebody was faster" in result.output


def test_faults_are_named(edge: FakeEdge, file: Path) -> None:
    faults = [("rule_set.velocity.window", "too long"), ("rule_set.groups", "in use")]
    edge.on(
        "UpdateRuleSet",
        refusing(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "no", violations=faults),
    )
    result = run(edge, "rules", "update", file)
    assert result.exit_code == 1
    assert "rule_set.velocity.window: too long" in result.output
