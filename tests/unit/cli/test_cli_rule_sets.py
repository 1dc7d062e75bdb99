"""`scoreline rules validate|create|import|export|diff|activate|rollback`: what they ask and what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from scoreline.cli.main import app
from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from tests.support.command_line import refusing, run
from tests.support.fake_edge import API_KEY, FakeEdge

DRAFT = rule_set_pb2.RuleSet(
    version=3,
    state=rule_set_pb2.RULE_SET_STATE_DRAFT,
    rules=[rule_set_pb2.Rule(rule_id="chat", event_type="chat", points=5)],
)
TEXT = "rules: [{event_type: chat, points: 5}]\n"


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def piped(edge: FakeEdge, text: str, *arguments: str) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY]
    return CliRunner().invoke(app, [*options, *arguments], input=text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def validation(**parts: Any) -> Any:
    return lambda *_: pb.ValidateRuleSetResponse(**parts)


def test_a_valid_text(edge: FakeEdge, file: Path) -> None:
    passed = golden_test_pb2.GoldenTestResult(name="One chat", passed=True)
    edge.on(
        "ValidateRuleSet", validation(valid=True, test_results=[passed, passed], rule_set=DRAFT)
    )
    assert lines(run(edge, "rules", "validate", file)) == [
        "golden tests",
        "✓ One chat",
        "✓ One chat",
        "valid: 1 rule, 2 golden tests passed",
    ]
    [request] = edge.requests["ValidateRuleSet"]
    assert request.yaml == TEXT
    lines(piped(edge, TEXT, "rules", "validate", "-"))
    assert edge.requests["ValidateRuleSet"][1].yaml == TEXT
    lines(run(edge, "rules", "validate", "--version", 7))
    assert edge.requests["ValidateRuleSet"][2].version == 7
    lines(run(edge, "rules", "validate"))
    assert edge.requests["ValidateRuleSet"][3].WhichOneof("source") == "version"


def test_faults_warnings_and_failing_tests_are_shown(edge: FakeEdge, file: Path) -> None:
    fault = pb.RuleSetFault(field="rules[3].when", description="line 1, column 4: \x1b[31mwrong")
    warning = pb.RuleSetFault(field="stages[1]", description="no score reaches it")
    edge.on("ValidateRuleSet", validation(faults=[fault], warnings=[warning]))
    result = run(edge, "rules", "validate", file)
    assert result.exit_code == 1
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "faults",
        "rules[3].when line 1, column 4: \ufffd[31mwrong",
        "warnings",
        "stages[1] no score reaches it",
        "not valid: 1 fault",
    ]
    failed = golden_test_pb2.GoldenTestResult(
        name="One chat", differences=["score is 75, not 80", "stage is hot, not warm"]
    )
    passed = golden_test_pb2.GoldenTestResult(name="Two", passed=True)
    edge.on("ValidateRuleSet", validation(test_results=[failed, passed]))
    result = run(edge, "rules", "validate", file)
    assert result.exit_code == 1
    assert "✗ One chat score is 75, not 80; stage is hot, not warm" in " ".join(
        result.stdout.split()
    )
    assert "not valid: 1 of 2 golden tests failed" in result.stdout
    result = run(edge, "rules", "validate", file, as_json=True)
    assert (result.exit_code, json.loads(result.stdout)["valid"]) == (1, False)


def test_a_text_is_imported(edge: FakeEdge, file: Path) -> None:
    edge.on("ImportRuleSet", lambda *_: pb.ImportRuleSetResponse(rule_set=DRAFT))
    assert "version 3 (draft) has 1 rule" in lines(run(edge, "rules", "import", file))[0]
    lines(piped(edge, TEXT, "rules", "import", "-", "--replace"))
    first, second = edge.requests["ImportRuleSet"]
    assert (first.yaml, first.replace_draft) == (TEXT, False)
    assert (second.yaml, second.replace_draft) == (TEXT, True)
    result = run(edge, "rules", "import", file, as_json=True)
    assert json.loads(result.stdout)["version"] == 3


def test_every_fault_of_a_text_has_a_line(edge: FakeEdge, file: Path) -> None:
    violations = (("rules[0].when", "is wrong"), ("colour", "is nothing there is"))
    edge.on(
        "ImportRuleSet",
        refusing(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", violations=violations),
    )
    result = run(edge, "rules", "import", file)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: 2 faults",
        "  rules[0].when: is wrong",
        "  colour: is nothing there is",
    ]


@pytest.mark.parametrize("command", ["import", "validate", "create"])
def test_files_that_can_not_be_read(edge: FakeEdge, tmp_path: Path, command: str) -> None:
    result = run(edge, "rules", command, tmp_path / "none.yaml")
    assert result.exit_code == 1
    assert "none.yaml: No such file" in result.stderr
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    assert "is not text in UTF-8" in run(edge, "rules", command, tmp_path / "odd").stderr


def test_what_list_gives_as_json_is_created(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on("GetRuleSet", lambda *_: pb.GetRuleSetResponse(rule_set=DRAFT))
    edge.on("CreateRuleSet", lambda *_: pb.CreateRuleSetResponse(rule_set=DRAFT))
    listed = run(edge, "rules", "list", as_json=True).stdout
    lines(piped(edge, listed, "rules", "create", "-"))
    [request] = edge.requests["CreateRuleSet"]
    assert request.rule_set.rules == DRAFT.rules
    for text in ("{", '{"colour": "red"}', "[]"):
        result = piped(edge, text, "rules", "create", "-")
        assert result.exit_code == 1
        assert "is no rule set in JSON" in result.stderr


def test_a_version_is_exported(edge: FakeEdge, tmp_path: Path) -> None:
    answer = pb.ExportRuleSetResponse(yaml=TEXT, version=2, etag="2.1")
    edge.on("ExportRuleSet", lambda *_: answer)
    assert run(edge, "rules", "export", 2).stdout == TEXT
    assert edge.requests["ExportRuleSet"][0].version == 2
    path = tmp_path / "rules.yaml"
    assert "version 2 is in" in run(edge, "rules", "export", "-o", path).stdout
    assert path.read_text(encoding="utf-8") == TEXT
    assert json.loads(run(edge, "rules", "export", as_json=True).stdout)["yaml"] == TEXT
    result = run(edge, "rules", "export", "-o", tmp_path / "no" / "where")
    assert (result.exit_code, "No such file" in result.stderr) == (1, True)


def test_what_changed_is_shown_by_signs(edge: FakeEdge) -> None:
    differences = [
        pb.RuleSetDifference(kind=kind, path=path, before=before, after=after)
        for kind, path, before, after in (
            (pb.DIFFERENCE_KIND_ADDED, "rules[chat]", "", "{points: 5}"),
            (pb.DIFFERENCE_KIND_REMOVED, "stages[hot]", "{min_score: 60}", ""),
            (pb.DIFFERENCE_KIND_CHANGED, "rules[view].points", "5", "10"),
            (pb.DIFFERENCE_KIND_MOVED, "rules[last]", "4", "1"),
        )
    ]
    edge.on(
        "DiffRuleSets",
        lambda *_: pb.DiffRuleSetsResponse(base_version=1, version=2, differences=differences),
    )
    assert lines(run(edge, "rules", "diff")) == [
        "version 1 -> version 2",
        "+ rules[chat]: {points: 5}",
        "- stages[hot]: {min_score: 60}",
        "~ rules[view].points: 5 -> 10",
        "~ rules[last]: from place 4 to 1",
    ]
    run(edge, "rules", "diff", 3, 4)
    assert [(one.base_version, one.version) for one in edge.requests["DiffRuleSets"]] == [
        (0, 0),
        (3, 4),
    ]
    assert len(json.loads(run(edge, "rules", "diff", as_json=True).stdout)["differences"]) == 4
    edge.on("DiffRuleSets", lambda *_: pb.DiffRuleSetsResponse(base_version=1, version=2))
    assert lines(run(edge, "rules", "diff"))[1] == "no difference"


def activated(effective_s: int) -> rule_set_pb2.Activation:
    made = rule_set_pb2.Activation(number=4, version=2)
    made.activate_time.FromJsonString("2026-05-01T12:00:00Z")
    made.effective_time.FromSeconds(effective_s)
    return made


def test_rules_are_put_in_force_from_a_time_on(edge: FakeEdge) -> None:
    edge.on("ActivateRuleSet", lambda *_: pb.ActivateRuleSetResponse(activation=activated(0)))
    assert lines(run(edge, "rules", "activate"))[0].endswith(
        "(activation 4) and scores all history"
    )
    later = activated(1_700_000_000)
    edge.on("ActivateRuleSet", lambda *_: pb.ActivateRuleSetResponse(activation=later))
    assert "and scores events from 2023-11-1" in lines(run(edge, "rules", "activate", 2))[0]
    for effective in ("all", "now", "2026-03-01T09:30:00Z"):
        run(edge, "rules", "activate", "--effective", effective)
    requests = edge.requests["ActivateRuleSet"]
    assert [one.effective for one in requests] == [0, 0, 1, 2, 0]
    assert [one.version for one in requests] == [0, 2, 0, 0, 0]
    assert requests[4].effective_time.ToJsonString() == "2026-03-01T09:30:00Z"
    assert not requests[3].HasField("effective_time")
    result = run(edge, "rules", "activate", "--effective", "tomorrow")
    assert (result.exit_code, "write all, now, or a time" in result.stderr) == (2, True)


def test_failing_golden_tests_are_said_line_by_line(edge: FakeEdge) -> None:
    violations = (
        ("rule_set.tests[0]", "`One chat`: score is 5, not 6"),
        ("rule_set.tests[2]", "`Two`: stage is cold, not warm"),
    )
    edge.on(
        "ActivateRuleSet",
        refusing(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE", violations=violations),
    )
    result = run(edge, "rules", "activate")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "  rule_set.tests[0]: `One chat`: score is 5, not 6",
        "  rule_set.tests[2]: `Two`: stage is cold, not warm",
    ]


def test_rules_are_put_back(edge: FakeEdge) -> None:
    edge.on("RollbackRuleSet", lambda *_: pb.RollbackRuleSetResponse(activation=activated(0)))
    assert "version 2 is in force" in lines(run(edge, "rules", "rollback"))[0]
    run(edge, "rules", "rollback", 1, "--effective", "now")
    first, second = edge.requests["RollbackRuleSet"]
    assert (first.version, first.effective) == (0, 0)
    assert (second.version, second.effective) == (1, pb.EFFECTIVE_NOW)
    assert json.loads(run(edge, "rules", "rollback", as_json=True).stdout)["number"] == 4


def test_activations_say_from_when_on_they_score(edge: FakeEdge) -> None:
    answer = pb.ListActivationsResponse(activations=[activated(1_700_000_000), activated(0)])
    edge.on("ListActivations", lambda *_: answer)
    shown = lines(run(edge, "rules", "activations"))
    assert "scores events from" in shown[0]
    assert "2023-11-1" in shown[1]
    assert "the first" in shown[2]


def test_what_a_rule_set_says_besides_its_rules(edge: FakeEdge) -> None:
    grade = rule_set_pb2.Grade
    action = rule_set_pb2.NextAction
    rule_set = rule_set_pb2.RuleSet(
        version=1,
        rules=DRAFT.rules,
        grading=rule_set_pb2.Grading(
            fit_group="fit",
            fit_grades=[grade(name="A", min_score=30), grade(name="B", min_score=0)],
            engagement_group="e",
            engagement_grades=[grade(name="1")],
        ),
        velocity=rule_set_pb2.Velocity(saturating=True, when="lead.x"),
        risk=rule_set_pb2.Risk(high_event_types=["unsubscribe"]),
        next_actions=[action(when="score > 5.0", action="call"), action(action="wait")],
        late_events=rule_set_pb2.LATE_EVENTS_DISCARD_AND_AUDIT,
        binding=rule_set_pb2.BINDING_AT_PROCESSING,
        tests=[rule_set_pb2.GoldenTest(name="t")],
        engagement_group="e",
    )
    rule_set.velocity.window.FromSeconds(86_400)
    rule_set.risk.high_after.FromSeconds(14 * 86_400)
    rule_set.risk.high_for.FromSeconds(90 * 86_400)
    edge.on("GetRuleSet", lambda *_: pb.GetRuleSetResponse(rule_set=rule_set))
    assert lines(run(edge, "rules", "list"))[3:] == [
        "grades of fit: A from 30, else B",
        "grades of e: always 1",
        "engagement score: group e",
        "velocity: 10 n / (n + 5) for n events in 1 d, rounded down, only if lead.x",
        "risk: high after 14 d without events; high after unsubscribe for 90 d",
        "next action, the first that applies:",
        "call if score > 5.0",
        "else wait",
        "late events: are kept and count for nothing",
        "rules of an event: those in force when it was recorded",
        "golden tests: 1",
    ]
