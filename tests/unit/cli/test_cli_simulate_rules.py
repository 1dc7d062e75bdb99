"""`scoreline simulate-rules` and `compare-rules`: what people read, what scripts get, exit codes; and the client
methods behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict

import scoreline
from scoreline.client import errors
from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2, rules_service_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import API_KEY, FakeEdge

DRAFT = rule_set_pb2.RuleSet(description="a draft")


def scored(score: float, stage: str, action: str = "") -> dict[str, Any]:
    return {"score": score, "stage": stage, "next_action": action}


LEAD = {
    "lead_id": "ada\x1b[2J",
    "before": scored(20, "warm", "nurture"),
    "after": scored(52.5, "hot", "call"),
}

SUMMARY = {
    "lead_count": 1_000, "event_count": 12_345, "changed_count": 260, "stage_changed_count": 45,
    "action_changed_count": 7, "score_sum_before": 12_000, "score_sum_after": 13_000.5,
    "migrations": [
        {"from_stage": "cold", "to_stage": "cold", "lead_count": 900},
        {"from_stage": "warm", "to_stage": "warm", "lead_count": 55},
        {"from_stage": "warm", "to_stage": "hot", "lead_count": 45},
    ],
    "stage_flows": [
        {"stage": "cold", "before_count": 900, "after_count": 900},
        {"stage": "warm", "before_count": 100, "after_count": 55, "leaving_count": 45},
        {"stage": "hot", "after_count": 45, "entering_count": 45},
    ],
    "histogram": [
        {"min_score": 0, "max_score": 50, "before_count": 1_000, "after_count": 900},
        {"min_score": 50, "max_score": 100, "after_count": 100},
    ],
    "largest_movers": [LEAD, {"lead_id": "bob", "before": scored(9, "cold"), "after": scored(4, "cold")}],
    "changes_per_day": [
        {"day": "2026-02-28", "before_count": 8, "after_count": 1},
        {"day": "2026-03-01", "after_count": 4},
    ],
    "as_of": "2026-03-01T12:00:00Z", "rule_set_version": 3,
}  # fmt: skip


def simulation(request: Any, context: Any) -> Iterator[pb.SimulateRuleSetResponse]:
    if not request.summary_only:
        yield ParseDict({"lead": LEAD}, pb.SimulateRuleSetResponse())
    progress = {"lead_count": 200, "lead_total": 1_000, "event_count": 99}
    yield ParseDict({"progress": progress}, pb.SimulateRuleSetResponse())
    yield ParseDict({"summary": SUMMARY}, pb.SimulateRuleSetResponse())


def validation(request: Any, context: Any) -> rules_service_pb2.ValidateRuleSetResponse:
    made = rules_service_pb2.ValidateRuleSetResponse(valid=True, rule_set=DRAFT)
    made.rule_set.description = request.yaml
    return made


@pytest.fixture
def suite(edge: FakeEdge) -> FakeEdge:
    edge.on("ValidateRuleSet", validation)
    edge.on("SimulateRuleSet", simulation)
    edge.on("CompareRuleSets", lambda request, context: comparison(("new", 0.75), ("old", 0.5)))
    return edge


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text("stages: []", encoding="utf-8")
    return path


def test_a_simulation_that_people_can_read(suite: FakeEdge, draft: Path) -> None:
    result = run(suite, "simulate-rules", draft)
    assert result.exit_code == 0, result.output
    (request,) = suite.requests["SimulateRuleSet"]
    assert request.rule_set.description == "stages: []"
    assert (request.summary_only, request.changed_only, request.days) == (True, False, 30)
    assert not request.HasField("as_of")
    said = " ".join(result.stdout.split())
    for part in (
        "1,000 leads: 260 scores (26.0 %), 45 stages and 7 next actions change; "
        "all scores together 12000 -> 13000.5 (+1000.5)",
        "beside version 3, over 12,345 events",
        "cold warm hot cold 900 · · warm · 55 45",
        "warm 100 ██▎ 55 █▎ -45 45",
        "hot 0 45 █ +45 45",
        "0 to 50 1,000 ████████████████████ 900 ██████████████████",
        "50 to 100 0 100 ██",
        "ada�[2J 20 52.5 +32.5 warm -> hot nurture -> call",
        "bob 9 4 -5 cold",
        "before █ 8",
        "after ▁▄ 5",
        "2026-02-28 to 2026-03-01",
    ):
        assert part in said, (part, said)
    assert "\x1b" not in result.stdout


def test_what_is_asked_of_a_simulation(suite: FakeEdge) -> None:
    suite.on(
        "GetRuleSet", lambda request, context: rules_service_pb2.GetRuleSetResponse(rule_set=DRAFT)
    )
    options = "--sample 0.25 --stage hot --lead ada --lead bob --as-of 2026-03-01T09:30:00Z"
    result = run(suite, "simulate-rules", *options.split(), "--days", 7, "--list", "changed")
    assert result.exit_code == 0, result.output
    (request,) = suite.requests["SimulateRuleSet"]
    assert request.rule_set == DRAFT
    assert (request.sample, list(request.stages)) == (0.25, ["hot"])
    assert (list(request.lead_ids), request.days) == (["ada", "bob"], 7)
    assert (request.summary_only, request.changed_only) == (False, True)
    assert request.as_of.ToDatetime(UTC) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert "20 warm -> 52.5 hot (+32.5); nurture -> call" in result.stdout
    assert run(suite, "simulate-rules", "--list", "all").exit_code == 0
    assert not suite.requests["SimulateRuleSet"][-1].changed_only


def test_a_simulation_for_scripts(suite: FakeEdge, draft: Path) -> None:
    lines = json_lines(run(suite, "simulate-rules", draft, "--list", "all", as_json=True))
    assert [list(line) for line in lines] == [["lead"], ["progress"], ["summary"]]
    assert lines[0]["lead"]["after"]["score"] == 52.5
    assert lines[2]["summary"]["stage_flows"][1]["leaving_count"] == "45"


def test_nothing_changes_and_nobody_is_there(suite: FakeEdge) -> None:
    def answer(**summary: Any) -> None:
        made = pb.SimulateRuleSetResponse(summary=pb.SimulationSummary(**summary))
        suite.on("SimulateRuleSet", lambda request, context: iter([made]))

    answer(lead_count=0)
    result = run(suite, "simulate-rules")
    assert (result.exit_code, "0 leads: 0 scores (-)" in result.stdout) == (0, True)
    flow = pb.StageFlow(stage="", before_count=2, after_count=2)
    answer(
        lead_count=2,
        stage_flows=[flow],
        histogram=[pb.HistogramBin(min_score=0, max_score=1, before_count=2, after_count=2)],
        changes_per_day=[pb.DailyChanges(day="2026-03-01")],
        migrations=[pb.StageMigration(lead_count=2)],
    )
    result = run(suite, "simulate-rules")
    assert result.exit_code == 0, result.output
    assert "2 leads: nothing changes" in result.stdout
    assert "no stage" in result.stdout


def test_rules_that_can_not_be_applied_are_not_simulated(suite: FakeEdge, draft: Path) -> None:
    fault = rules_service_pb2.RuleSetFault(field="rules[3].when", description="line 1: what?")
    found = rules_service_pb2.ValidateRuleSetResponse(faults=[fault])
    suite.on("ValidateRuleSet", lambda request, context: found)
    result = run(suite, "simulate-rules", draft)
    assert result.exit_code == 1
    assert "rules[3].when" in result.stderr
    assert "can't be applied" in result.stderr
    assert not suite.requests["SimulateRuleSet"]
    (said,) = json_lines(run(suite, "simulate-rules", draft, as_json=True))
    assert said["faults"][0]["field"] == "rules[3].when"


def test_rules_whose_tests_fail_are_simulated(suite: FakeEdge, draft: Path) -> None:
    def failing(request: Any, context: Any) -> Any:
        made = validation(request, context)
        made.valid = False
        made.test_results.append(golden_test_pb2.GoldenTestResult(name="t"))
        return made

    suite.on("ValidateRuleSet", failing)
    assert run(suite, "simulate-rules", draft).exit_code == 0


def test_a_simulation_that_breaks_off_or_is_refused(suite: FakeEdge) -> None:
    suite.on("SimulateRuleSet", lambda request, context: iter([]))
    result = run(suite, "simulate-rules")
    assert (result.exit_code, "broken off" in result.stderr) == (1, True)
    violations = (("lead_ids[0]", "is required"),)
    refusal = refusing(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", violations=violations)
    suite.on("SimulateRuleSet", refusal)
    result = run(suite, "simulate-rules")
    assert (result.exit_code, "lead_ids[0]: is required" in result.stderr) == (1, True)
    assert run(suite, "simulate-rules", "/nowhere.yaml").exit_code == 1


def variant(name: str, discrimination: float | None) -> pb.VariantOutcome:
    return pb.VariantOutcome(
        name=name, lead_count=500, converted_count=40, mean_score=12.5, mean_score_converted=33,
        stages=[
            pb.StageOutcome(stage="cold", lead_count=400, converted_count=10),
            pb.StageOutcome(stage="hot", lead_count=100, converted_count=30),
        ],
        discrimination=discrimination,
    )  # fmt: skip


def comparison(*told: tuple[str, float | None]) -> Iterator[pb.CompareRuleSetsResponse]:
    yield pb.CompareRuleSetsResponse(progress=pb.SimulationProgress(lead_count=1))
    summary = pb.ComparisonSummary(variants=[variant(*one) for one in told])
    yield pb.CompareRuleSetsResponse(summary=summary)


def test_a_comparison_that_people_can_read(suite: FakeEdge, draft: Path) -> None:
    options = ["--conversion", "purchase", "--conversion", "contract", "--seed", "s"]
    result = run(suite, "compare-rules", "current", draft, *options, "--weight", 1, "--weight", 3)
    assert result.exit_code == 0, result.output
    (request,) = suite.requests["CompareRuleSets"]
    now, new = request.variants
    assert (now.name, now.HasField("rule_set"), now.weight) == ("current", False, 1)
    assert (new.name, new.rule_set.description, new.weight) == ("draft", "stages: []", 3)
    assert (list(request.conversion_types), request.seed) == (["purchase", "contract"], "s")
    said = " ".join(result.stdout.split())
    for part in (
        "new tells best who converts: 0.750, before old with 0.500",
        "new 500 40 8.0 % 12.5 33 0.750 ███████████████",
        "old: who converted, by stage",
        "hot 100 30 30.0 % ██████",
    ):
        assert part in said, (part, said)
    (line, end) = json_lines(
        run(suite, "compare-rules", "current", draft, "--conversion", "x", as_json=True)
    )
    assert line["progress"]["lead_count"] == "1"
    assert end["summary"]["variants"][0]["discrimination"] == 0.75


def test_variants_that_can_not_be_told_apart(suite: FakeEdge, draft: Path) -> None:
    arguments = ("compare-rules", "current", draft, "--conversion", "x")
    suite.on("CompareRuleSets", lambda request, context: comparison(("a", None), ("b", 0.5)))
    assert "Too few leads" in run(suite, *arguments).stdout
    suite.on("CompareRuleSets", lambda request, context: comparison(("a", 0.5), ("b", 0.5)))
    assert "No variant tells better" in run(suite, *arguments).stdout
    suite.on("CompareRuleSets", lambda request, context: iter([]))
    assert run(suite, *arguments).exit_code == 1


def test_wrong_usage(suite: FakeEdge, draft: Path) -> None:
    twice = ("compare-rules", draft, draft, "--conversion", "x")
    assert run(suite, *twice).exit_code == 2
    assert run(suite, "compare-rules", "current", draft).exit_code == 2
    uneven = ("compare-rules", "current", draft, "--conversion", "x", "--weight", 2)
    assert run(suite, *uneven).exit_code == 2


def test_files_of_one_name_are_told_apart(suite: FakeEdge, draft: Path) -> None:
    other = draft.parent / "other"
    other.mkdir()
    (other / "draft.yaml").write_text("rules: []", encoding="utf-8")
    result = run(suite, "compare-rules", draft, other / "draft.yaml", "--conversion", "x")
    assert result.exit_code == 0, result.output
    (request,) = suite.requests["CompareRuleSets"]
    assert len({one.name for one in request.variants}) == 2


async def test_the_clients_methods(suite: FakeEdge) -> None:
    made = pb.TestRuleSetResponse(results=[golden_test_pb2.GoldenTestResult(name="t", passed=True)])
    suite.on("TestRuleSet", lambda request, context: made)
    with scoreline.Client(suite.target, API_KEY) as client:
        assert [one.name for one in client.simulations.test(DRAFT)] == ["t"]
        kinds = [m.WhichOneof("message") for m in client.simulations.simulate(DRAFT, days=3)]
        assert kinds == ["lead", "progress", "summary"]
        with pytest.raises(ValueError, match="no such variant: c"):
            client.simulations.compare(
                {"a": None, "b": DRAFT}, conversion_types=["x"], weights={"c": 1}
            )
    async with scoreline.AsyncClient(suite.target, API_KEY) as client:
        assert [one.name for one in await client.simulations.test(DRAFT)] == ["t"]
        simulated = client.simulations.simulate(DRAFT, days=3)
        assert [m.WhichOneof("message") async for m in simulated] == kinds
        compared = client.simulations.compare({"a": None, "b": DRAFT}, conversion_types=["x"])
        assert [m.WhichOneof("message") async for m in compared] == ["progress", "summary"]
        suite.on("SimulateRuleSet", refusing(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"))
        with pytest.raises(errors.PermissionDenied):
            _ = [m async for m in client.simulations.simulate()]
    requests = suite.requests["SimulateRuleSet"]
    assert requests[0] == requests[1]
    assert requests[0].days == 3
