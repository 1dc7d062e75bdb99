"""The presets: each is whole and says what the design says, and what is wrong with a file is said at once."""

from __future__ import annotations

import pytest

from services.rules import presets
from services.rules.config import RulesConfig
from services.rules.domain import editing, inspection
from services.rules.domain.model import (
    Bounds,
    Group,
    IdleAmount,
    IdleFactor,
    PerContribution,
    Stage,
)
from services.rules.domain.presets import first_version
from services.shared.config import InvalidConfig, load
from tests.support.clocks import START

DAY_US = 86_400_000_000

SALES_STAGES = (
    Stage("cold", 0),
    Stage("warm", 30_000),
    Stage("hot", 60_000),
    Stage("qualified", 100_000),
)


def points(name: str) -> dict[str, int]:
    return {rule.rule_id: rule.points_milli // 1000 for rule in presets.load(name).rules}


def test_which_there_are() -> None:
    assert presets.names() == [
        "default-b2b",
        "intelligence",
        "leadflow",
        "platform",
        "simple",
        "targetgrid-bullmq",
        "targetgrid-prisma",
    ]
    assert list(presets.load_all()) == presets.names()


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_can_be_put_in_force(name: str) -> None:
    preset = presets.load(name)
    rule_set = editing.rewrite(first_version(presets.load(presets.SIMPLE), START), preset, START)
    assert rule_set.rules
    assert inspection.faults(rule_set) == inspection.warnings(rule_set) == []
    assert preset.name == name
    assert preset.description


def test_the_simple_preset() -> None:
    preset = presets.load(presets.SIMPLE)
    points = {rule.rule_id: rule.points_milli // 1000 for rule in preset.rules}
    assert points == {
        "page_view": 1,
        "email_open": 1,
        "email_click": 3,
        "download": 10,
        "webinar_attended": 25,
        "form_submit": 20,
        "signup": 20,
        "demo_request": 50,
        "purchase": 100,
        "contract_signed": 100,
        "unsubscribe": -20,
        "bounce": -25,
        "refund": -50,
        "spam_complaint": -50,
    }
    assert all(rule.enabled and rule.event_type == rule.rule_id for rule in preset.rules)
    assert preset.bounds == Bounds(0, 1_000_000)
    assert preset.stages == (
        Stage("cold", 0),
        Stage("warm", 30_000),
        Stage("hot", 60_000),
        Stage("qualified", 100_000),
    )


def test_the_presets_of_other_systems() -> None:
    assert points("leadflow") == {"page_view": 5, "purchase": 100}
    leadflow = presets.load("leadflow")
    assert (leadflow.bounds, leadflow.stages, leadflow.decay) == (None, (), None)
    assert points("targetgrid-bullmq") == {
        "email_open": 10,
        "page_view": 5,
        "form_submission": 20,
        "demo_request": 50,
        "purchase": 100,
        "refund": -50,
    }
    bullmq = presets.load("targetgrid-bullmq")
    assert (bullmq.bounds, bullmq.stages) == (Bounds(None, 1_000_000), ())
    assert bullmq.decay == IdleAmount(30 * DAY_US, DAY_US, 5_000, 0)
    assert points("intelligence") == {
        "page_view": 1,
        "email_open": 3,
        "download": 10,
        "signup": 20,
        "demo_request": 30,
    }
    intelligence = presets.load("intelligence")
    assert intelligence.bounds == Bounds(0, None)
    assert intelligence.decay == IdleFactor(7 * DAY_US, DAY_US, 800_000)
    assert [stage.min_score_milli for stage in intelligence.stages] == [0, 11_000, 31_000, 60_000]
    assert points("platform") == {
        "page_view": 5,
        "signup": 20,
        "download": 10,
        "demo_request": 50,
        "contract_signed": 100,
    }
    platform = presets.load("platform")
    assert (platform.bounds, platform.stages) == (Bounds(0, None), SALES_STAGES)
    assert platform.decay == IdleFactor(7 * DAY_US, DAY_US, 950_000)
    assert points("targetgrid-prisma") == {
        "page_view": 5,
        "email_open": 10,
        "form_submit": 20,
        "demo_request": 50,
        "purchase": 100,
    }
    prisma = presets.load("targetgrid-prisma")
    assert (prisma.bounds, prisma.stages, prisma.decay) == (Bounds(None, 1_000_000), (), None)


def test_the_preset_for_b2b_sales() -> None:
    preset = presets.load("default-b2b")
    assert (preset.bounds, preset.stages, preset.decay) == (
        Bounds(0, 1_000_000),
        SALES_STAGES,
        None,
    )
    assert preset.groups == (
        Group("engagement", Bounds(0, 50_000), PerContribution(14 * DAY_US, 25, 56 * DAY_US)),
        Group("intent", Bounds(0, 200_000), PerContribution(30 * DAY_US, 25, 120 * DAY_US)),
        Group("fit", Bounds(-30_000, 50_000)),
        Group("negative", Bounds(-100_000, 0)),
        Group("lifecycle", Bounds(0, 200_000)),
    )
    assert all(rule.group for rule in preset.rules)
    by_group = {
        group.name: sum(rule.group == group.name for rule in preset.rules)
        for group in preset.groups
    }
    assert by_group == {"engagement": 5, "intent": 4, "fit": 7, "negative": 4, "lifecycle": 2}


def test_a_preset_with_faults_is_refused_with_all_of_them() -> None:
    text = """
        description: ''
        bounds: {min_score: 5, max_score: 1}
        stages: [{name: '', min_score: 0}]
        engagement_group: none
        rules:
          - {event_type: a, points: 1}
          - {event_type: A, points: 0.0001, group: nowhere, when: event.}
          - {event_type: b, points: 1, limits: [{count: 1, window: 1 week}]}
    """
    with pytest.raises(presets.InvalidPreset) as caught:
        presets.parse("mine", text)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "rules[2].limits[0].window",
        "rules[1].points",
        "rules[1].when",
        "rules[1].rule_id",
        "stages[0].name",
        "bounds.max_score",
        "rules[1].group",
        "engagement_group",
    ]


def test_a_preset_without_rules_is_none() -> None:
    with pytest.raises(presets.InvalidPreset, match="rules: are none"):
        presets.parse("mine", "description: nothing")


def test_the_setting_names_a_preset_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_RULES_DATABASE_URL", "postgresql://nobody@nowhere/x")
    assert load(RulesConfig, "SCORELINE_RULES_").default_preset == "simple"
    monkeypatch.setenv("SCORELINE_RULES_DEFAULT_PRESET", "default-b2b")
    assert load(RulesConfig, "SCORELINE_RULES_").default_preset == "default-b2b"
    monkeypatch.setenv("SCORELINE_RULES_DEFAULT_PRESET", "../simple")
    with pytest.raises(InvalidConfig, match=r"SCORELINE_RULES_DEFAULT_PRESET: .*default-b2b, "):
        load(RulesConfig, "SCORELINE_RULES_")
