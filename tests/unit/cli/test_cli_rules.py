"""`scoreline rules`: what is shown of groups, conditions, limits and decay, and what is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from typer.testing import CliRunner, Result

from scoreline.cli import rule_texts
from scoreline.cli.main import app
from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge

DAY = Duration(seconds=86_400)

RULE_SET = rule_set_pb2.RuleSet(
    version=2,
    state=rule_set_pb2.RULE_SET_STATE_DRAFT,
    description="Ours",
    rules=[
        rule_set_pb2.Rule(
            rule_id="chat",
            event_type="web_chat",
            points=5,
            enabled=True,
            group="intent",
            when="lead.size > 3",
            limits=[rule_set_pb2.Limit(count=2, window=DAY), rule_set_pb2.Limit(count=9)],
        ),
        rule_set_pb2.Rule(rule_id="view", event_type="page_view", points=1, enabled=False),
    ],
    groups=[
        rule_set_pb2.Group(
            name="intent",
            bounds=rule_set_pb2.Bounds(min_score=0, max_score=50.5),
            decay=rule_set_pb2.Decay(half_life=rule_set_pb2.HalfLifeDecay(days=14)),
        ),
        rule_set_pb2.Group(name="free"),
    ],
    decay=rule_set_pb2.Decay(
        idle_factor=rule_set_pb2.IdleFactorDecay(
            after_idle=Duration(seconds=7 * 86_400), every=DAY, factor=0.95
        )
    ),
    bounds=rule_set_pb2.Bounds(max_score=1000),
)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        running.on("GetRuleSet", lambda *_: pb.GetRuleSetResponse(rule_set=RULE_SET))
        running.on("ListRules", lambda *_: pb.ListRulesResponse(rules=RULE_SET.rules))
        yield running


def run(edge: FakeEdge, *arguments: str) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY]
    runner = CliRunner(env={"COLUMNS": "140"})
    return runner.invoke(app, [*options, *arguments])


def shown(edge: FakeEdge, *arguments: str) -> list[str]:
    result = run(edge, *arguments)
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_rules_are_listed_with_all_that_they_say(edge: FakeEdge) -> None:
    assert shown(edge, "rules", "list") == [
        "version 2 (draft) Ours",
        "rule event type points group when limits description",
        "chat web_chat +5 intent lead.size > 3 2 in 1 d, 9",
        "view page_view +1 (disabled)",
        "group intent: at least 0, at most 50.5; halves every 14 d",
        "group free: no bounds, no decay",
        "score: at most 1000",
        "decay: times 0.95 every 1 d after 7 d without events",
    ]


def test_columns_that_no_rule_needs_are_left_out(edge: FakeEdge) -> None:
    plain = rule_set_pb2.RuleSet(version=1, rules=[RULE_SET.rules[1]])
    edge.on("GetRuleSet", lambda *_: pb.GetRuleSetResponse(rule_set=plain))
    lines = shown(edge, "rules", "list")
    assert lines[1:] == ["rule event type points description", "view page_view +1 (disabled)"]


def test_presets_are_listed_and_applied(edge: FakeEdge) -> None:
    preset = pb.Preset(name="mine", rule_set=RULE_SET)
    edge.on("ListPresets", lambda *_: pb.ListPresetsResponse(presets=[preset]))
    edge.on("ApplyPreset", lambda *_: pb.ApplyPresetResponse(rule_set=RULE_SET))
    assert shown(edge, "rules", "presets")[:2] == [
        "preset rules groups stages description",
        "mine 2 2 0 Ours",
    ]
    assert json.loads(run(edge, "--json", "rules", "presets").stdout)["name"] == "mine"
    assert "2 rules" in shown(edge, "rules", "apply", "mine")[0]
    assert json.loads(run(edge, "--json", "rules", "apply", "mine").stdout)["version"] == 2
    assert [one.preset for one in edge.requests["ApplyPreset"]] == ["mine", "mine"]


def changed(edge: FakeEdge, *arguments: str) -> Any:
    """What `rules set web_chat 5` sends besides: the rule and the names of its changed fields."""
    shown(edge, "rules", "set", "web_chat", "5", *arguments)
    request = edge.requests["UpdateRule"][-1]
    return request.rule, sorted(request.update_mask.paths)


def test_what_is_not_said_does_not_change(edge: FakeEdge) -> None:
    assert changed(edge)[1] == ["points"]


def test_group_condition_and_limit_are_set(edge: FakeEdge) -> None:
    rule, paths = changed(
        edge, "--group", "g", "--when", "true", "--limit", "3/7d", "--key", "event.id"
    )
    assert paths == ["group", "limits", "points", "when"]
    assert (rule.group, rule.when) == ("g", "true")
    assert list(rule.limits) == [
        rule_set_pb2.Limit(count=3, window=Duration(seconds=7 * 86_400), key="event.id")
    ]


def test_group_condition_and_limit_are_taken_away(edge: FakeEdge) -> None:
    rule, paths = changed(edge, "--group", "", "--when", "", "--limit", "")
    assert paths == ["group", "limits", "points", "when"]
    assert (rule.group, rule.when, list(rule.limits)) == ("", "", [])


def test_a_new_rule_has_them_too(edge: FakeEdge) -> None:
    shown(edge, "rules", "set", "fair", "5", "--group", "g", "--limit", "1")
    [request] = edge.requests["CreateRule"]
    assert (request.rule.group, list(request.rule.limits)) == ("g", [rule_set_pb2.Limit(count=1)])
    shown(edge, "rules", "set", "fair", "5")
    assert not edge.requests["CreateRule"][-1].rule.limits
    shown(
        edge, "rules", "set", "*", "5", "--rule-id", "big", "--when", "lead.size > 9", "--standing"
    )
    assert edge.requests["CreateRule"][-1].rule.standing


def test_a_rule_may_have_several_limits(edge: FakeEdge) -> None:
    rule, paths = changed(edge, "--limit", "1/1d", "--limit", "3/30d", "--key", "event.id")
    assert paths == ["limits", "points"]
    assert [(one.count, one.key) for one in rule.limits] == [(1, "event.id"), (3, "")]
    rule, paths = changed(edge, "--no-standing")
    assert (paths, rule.standing) == (["points", "standing"], False)


@pytest.mark.parametrize("arguments", [["--limit", "often"], ["--limit", "1/d"], ["--key", "a"]])
def test_what_is_no_limit(edge: FakeEdge, arguments: list[str]) -> None:
    assert run(edge, "rules", "set", "web_chat", "5", *arguments).exit_code == 2
    assert edge.requests["UpdateRule"] == []


@pytest.mark.parametrize(
    ("decay", "text"),
    [
        (rule_set_pb2.Decay(), ""),
        (
            rule_set_pb2.Decay(
                idle_amount=rule_set_pb2.IdleAmountDecay(
                    every=Duration(seconds=5_400), points=5, floor=-1
                )
            ),
            "-5 every 90 m without events, not below -1",
        ),
        (
            rule_set_pb2.Decay(
                contribution=rule_set_pb2.ContributionDecay(
                    every=DAY, percent=25, gone_after=Duration(seconds=1, nanos=500_000_000)
                )
            ),
            "each contribution -25 % every 1 d, gone after 1.5 s",
        ),
    ],
)
def test_decay_in_words(decay: rule_set_pb2.Decay, text: str) -> None:
    assert rule_texts.decay_text(decay) == text
