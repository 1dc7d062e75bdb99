"""Requests into the domain with everything that is wrong at once, and field masks."""

from __future__ import annotations

import math

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import requests, yaml_writing
from services.rules.domain.editing import NO_CHANGE, RuleChanges, RuleSetChanges
from services.rules.domain.model import (
    Binding,
    Bounds,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    LateEvents,
    Limit,
    PerContribution,
    Rule,
    Stage,
)
from services.shared.errors import InvalidFields

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAY = Duration(seconds=86_400)


def fields(error: InvalidFields) -> list[str]:
    return [violation.field for violation in error.violations]


def update(rule: rule_set_pb2.Rule, *mask: str) -> pb.UpdateRuleRequest:
    return pb.UpdateRuleRequest(rule=rule, update_mask=FieldMask(paths=mask))


def update_set(rule_set: rule_set_pb2.RuleSet, *mask: str) -> pb.UpdateRuleSetRequest:
    return pb.UpdateRuleSetRequest(rule_set=rule_set, update_mask=FieldMask(paths=mask))


def test_a_new_rule() -> None:
    request = pb.CreateRuleRequest(rule=rule_set_pb2.Rule(event_type="Web Chat", points=-0.001))
    assert requests.new_rule(request) == Rule("web_chat", "web_chat", -1, True, "")
    request.rule.enabled = False
    request.rule.rule_id = "mine"
    request.rule.etag = "ignored"
    assert requests.new_rule(request) == Rule("mine", "web_chat", -1, False, "")


def test_everything_wrong_with_a_new_rule() -> None:
    rule = rule_set_pb2.Rule(rule_id="No", points=math.nan, description="\x00")
    with pytest.raises(InvalidFields) as caught:
        requests.new_rule(pb.CreateRuleRequest(rule=rule))
    assert fields(caught.value) == [
        "rule.event_type",
        "rule.rule_id",
        "rule.points",
        "rule.description",
    ]


def test_without_a_mask_what_is_set_changes() -> None:
    rule = rule_set_pb2.Rule(rule_id="chat", points=2, enabled=False)
    assert requests.rule_changes(update(rule)) == RuleChanges(points_milli=2_000, enabled=False)
    rule = rule_set_pb2.Rule(rule_id="chat", event_type="A-B", description="d", etag="1.1")
    assert requests.rule_changes(update(rule)) == RuleChanges(event_type="a_b", description="d")


def test_with_a_mask_what_is_named_changes() -> None:
    rule = rule_set_pb2.Rule(rule_id="chat", event_type="a", points=2, enabled=False)
    assert requests.rule_changes(update(rule, "points")) == RuleChanges(points_milli=2_000)
    empty = rule_set_pb2.Rule(rule_id="chat")
    assert requests.rule_changes(update(empty, "points", "enabled", "description")) == RuleChanges(
        points_milli=0, enabled=True, description=""
    )
    everything = RuleChanges("a", 2_000, False, "", "", "", (), False)
    assert requests.rule_changes(update(rule, "*")) == everything


def test_everything_wrong_with_a_change_of_a_rule() -> None:
    rule = rule_set_pb2.Rule(points=0.0001)
    with pytest.raises(InvalidFields) as caught:
        requests.rule_changes(update(rule, "event_type", "points", "rule_id", "nope"))
    assert fields(caught.value) == [
        "rule.rule_id",
        "update_mask",
        "update_mask",
        "rule.event_type",
        "rule.points",
    ]
    with pytest.raises(InvalidFields) as caught:
        requests.rule_changes(update(rule_set_pb2.Rule(rule_id="chat", etag="1.1")))
    assert fields(caught.value) == ["update_mask"]


def test_changes_of_a_rule_set() -> None:
    written = rule_set_pb2.RuleSet(
        version=9,
        description="new",
        stages=[rule_set_pb2.Stage(name="s", min_score=0.5)],
        bounds=rule_set_pb2.Bounds(max_score=0),
        rules=[rule_set_pb2.Rule(rule_id="ignored")],
    )
    everything = RuleSetChanges("new", (Stage("s", 500),), Bounds(None, 0))
    assert requests.rule_set_changes(update_set(written)) == everything
    assert requests.rule_set_changes(update_set(written, "*")) == RuleSetChanges(
        "new", (Stage("s", 500),), Bounds(None, 0), (), None, None, None, None, (),
        LateEvents.REPLAY, Binding.CURRENT, (), "",
    )  # fmt: skip
    assert requests.rule_set_changes(update_set(written, "stages")) == RuleSetChanges(
        stages=(Stage("s", 500),)
    )


def test_named_fields_that_are_not_set_are_emptied() -> None:
    empty = rule_set_pb2.RuleSet()
    changes = requests.rule_set_changes(update_set(empty, "description", "stages", "bounds"))
    assert changes == RuleSetChanges("", (), None)
    assert requests.rule_set_changes(update_set(empty, "stages")).bounds == NO_CHANGE


def test_everything_wrong_with_a_change_of_a_rule_set() -> None:
    written = rule_set_pb2.RuleSet(
        description="x" * 1025,
        stages=[rule_set_pb2.Stage(name="")],
        bounds=rule_set_pb2.Bounds(min_score=2, max_score=1),
    )
    mask = ("description", "stages", "bounds", "rules", "bounds.min_score")
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(update_set(written, *mask))
    assert fields(caught.value) == [
        "update_mask",
        "update_mask",
        "rule_set.description",
        "rule_set.stages[0].name",
        "rule_set.bounds.max_score",
    ]
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(pb.UpdateRuleSetRequest())
    assert fields(caught.value) == ["update_mask"]


def test_whole_rule_sets_that_cost_too_much_are_refused_with_the_place() -> None:
    looping = "event.properties.l.exists(x, x == 1)"
    rules = [
        rule_set_pb2.Rule(rule_id=f"r{n}", event_type=f"type_{n}", points=1, when=looping)
        for n in range(20)
    ]
    velocity = rule_set_pb2.Velocity(window=DAY, saturating=True, when=looping)
    written = rule_set_pb2.RuleSet(rules=rules, velocity=velocity)
    with pytest.raises(InvalidFields) as refused:
        requests.whole_rule_set(pb.CreateRuleSetRequest(rule_set=written))
    assert fields(refused.value) == ["rule_set.velocity.when"]
    text = yaml_writing.write(written)
    with pytest.raises(InvalidFields) as refused:
        requests.imported_rule_set(pb.ImportRuleSetRequest(yaml=text))
    assert fields(refused.value) == ["velocity.when"]
    velocity.when = ""
    written = rule_set_pb2.RuleSet(rules=rules, velocity=velocity)
    assert requests.whole_rule_set(pb.CreateRuleSetRequest(rule_set=written)).rules


def test_versions() -> None:
    assert requests.version(0, "version") == 0
    with pytest.raises(InvalidFields) as caught:
        requests.version(-1, "rule_set_version")
    assert fields(caught.value) == ["rule_set_version"]


def test_group_condition_and_limit_of_a_new_rule() -> None:
    rule = rule_set_pb2.Rule(
        event_type="form",
        group="intent",
        when="event.properties.size > 3",
        limits=[
            rule_set_pb2.Limit(
                count=3, window=Duration(seconds=1, nanos=5_000), key="event.properties.form"
            ),
            rule_set_pb2.Limit(count=9),
        ],
    )
    made = requests.new_rule(pb.CreateRuleRequest(rule=rule))
    assert (made.group, made.when) == ("intent", "event.properties.size > 3")
    assert made.limits == (Limit(3, 1_000_005, "event.properties.form"), Limit(9))
    rule.limits[0].ClearField("window")
    made = requests.new_rule(pb.CreateRuleRequest(rule=rule))
    assert made.limits[0] == Limit(3, None, "event.properties.form")


def test_everything_wrong_with_group_condition_and_limit() -> None:
    rule = rule_set_pb2.Rule(
        event_type="form",
        group="No",
        when="event.type ==\n  bogus",
        limits=[
            rule_set_pb2.Limit(count=1),
            rule_set_pb2.Limit(count=1_001, window=Duration(nanos=999_999_999), key="1 +"),
        ],
    )
    with pytest.raises(InvalidFields) as caught:
        requests.new_rule(pb.CreateRuleRequest(rule=rule))
    assert fields(caught.value) == [
        "rule.group",
        "rule.when",
        "rule.limits[1].count",
        "rule.limits[1].window",
        "rule.limits[1].key",
    ]
    said = {violation.field: violation.description for violation in caught.value.violations}
    assert said["rule.when"].startswith("line 2, column 3: ")
    assert said["rule.limits[1].key"].startswith("line 1, column 4: ")


@pytest.mark.parametrize(
    "when",
    [
        "1 + 1",
        "'text'",
        "lead.",
        "x" * 1_025,
        "event.type == '\x00'",
        "event.tags.exists(a, event.tags.exists(b, event.tags.exists(c, a == b && b == c)))",
        "(" * 200 + "true" + ")" * 200,
    ],
)
def test_what_is_no_condition(when: str) -> None:
    rule = rule_set_pb2.Rule(rule_id="chat", when=when)
    with pytest.raises(InvalidFields) as caught:
        requests.rule_changes(update(rule))
    assert fields(caught.value) == ["rule.when"]


def test_a_limit_has_to_say_how_often() -> None:
    rule = rule_set_pb2.Rule(rule_id="chat", limits=[rule_set_pb2.Limit()])
    with pytest.raises(InvalidFields) as caught:
        requests.rule_changes(update(rule))
    assert fields(caught.value) == ["rule.limits[0].count"]


def test_a_rule_has_four_limits_at_most() -> None:
    rule = rule_set_pb2.Rule(rule_id="chat", limits=[rule_set_pb2.Limit(count=1)] * 4)
    assert requests.rule_changes(update(rule)) == RuleChanges(limits=(Limit(1),) * 4)
    rule.limits.add(count=1)
    with pytest.raises(InvalidFields) as caught:
        requests.rule_changes(update(rule))
    assert fields(caught.value) == ["rule.limits"]


def test_group_condition_and_limit_change_when_set_or_named() -> None:
    full = rule_set_pb2.Rule(
        rule_id="chat", group="g", when="true", limits=[rule_set_pb2.Limit(count=1)]
    )
    changes = RuleChanges(group="g", when="true", limits=(Limit(1),))
    assert requests.rule_changes(update(full)) == changes
    assert requests.rule_changes(update(full, "when")) == RuleChanges(when="true")
    empty = rule_set_pb2.Rule(rule_id="chat")
    changes = RuleChanges(group="", when="", limits=())
    assert requests.rule_changes(update(empty, "group", "when", "limits")) == changes
    assert requests.rule_changes(update(empty, "group")).limits == NO_CHANGE


def test_groups_and_every_kind_of_decay() -> None:
    factor = rule_set_pb2.IdleFactorDecay(
        after_idle=DAY, every=Duration(seconds=3_600), factor=0.95
    )
    amount = rule_set_pb2.IdleAmountDecay(every=DAY, points=0.5, floor=-1)
    contribution = rule_set_pb2.ContributionDecay(every=DAY, percent=25, gone_after=DAY)
    kinds = [
        (rule_set_pb2.Decay(idle_factor=factor), IdleFactor(DAY_US, HOUR_US, 950_000)),
        (rule_set_pb2.Decay(idle_amount=amount), IdleAmount(0, DAY_US, 500, -1_000)),
        (rule_set_pb2.Decay(contribution=contribution), PerContribution(DAY_US, 25, DAY_US)),
        (rule_set_pb2.Decay(half_life=rule_set_pb2.HalfLifeDecay(days=14)), HalfLife(14)),
    ]
    for written, kept in kinds:
        changed = requests.rule_set_changes(update_set(rule_set_pb2.RuleSet(decay=written)))
        assert changed == RuleSetChanges(decay=kept)
        group = rule_set_pb2.Group(name="g", decay=written, bounds=rule_set_pb2.Bounds(max_score=5))
        changed = requests.rule_set_changes(update_set(rule_set_pb2.RuleSet(groups=[group])))
        assert changed == RuleSetChanges(groups=(Group("g", Bounds(None, 5_000), kept),))
    empty = rule_set_pb2.RuleSet()
    changed = requests.rule_set_changes(update_set(empty, "groups", "decay"))
    assert changed == RuleSetChanges(groups=(), decay=None)


def test_everything_wrong_with_groups_and_decay() -> None:
    written = rule_set_pb2.RuleSet(
        groups=[
            rule_set_pb2.Group(name="a", bounds=rule_set_pb2.Bounds(min_score=1)),
            rule_set_pb2.Group(name="a", bounds=rule_set_pb2.Bounds(max_score=-1)),
            rule_set_pb2.Group(decay=rule_set_pb2.Decay()),
        ],
        decay=rule_set_pb2.Decay(
            idle_amount=rule_set_pb2.IdleAmountDecay(
                after_idle=Duration(seconds=-1), points=0, floor=math.nan
            )
        ),
    )
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(update_set(written))
    assert fields(caught.value) == [
        "rule_set.groups[0].bounds.min_score",
        "rule_set.groups[1].name",
        "rule_set.groups[1].bounds.max_score",
        "rule_set.groups[2].name",
        "rule_set.groups[2].decay",
        "rule_set.decay.idle_amount.after_idle",
        "rule_set.decay.idle_amount.every",
        "rule_set.decay.idle_amount.points",
        "rule_set.decay.idle_amount.floor",
    ]
