"""What callers and scoring are told: rule sets, presets and activations as the contract has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import convert, presets, requests
from services.rules.domain.editing import RuleSetChanges
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Activation,
    Binding,
    Bounds,
    Grade,
    Grading,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    LateEvents,
    Limit,
    NextAction,
    PerContribution,
    Risk,
    Rule,
    RuleSet,
    Stage,
    State,
    Velocity,
)
from tests.support.clocks import START

HOUR_US = 3_600_000_000

LIMITS = (Limit(3, 1_000_001, "event.id"), Limit(7))

RULE_SET = RuleSet(
    version=3,
    state=State.SUPERSEDED,
    revision=7,
    description="d",
    rules=(
        Rule("chat", "web_chat", -1_001, False, "r", "2.4"),
        Rule("form", "form", 1, True, "", "2.5", "intent", "true", LIMITS),
        Rule("once", "once", 1, True, "", "2.6", limits=(Limit(1),)),
        Rule("fit", "*", 1, True, "", "2.7", when="lead.size > 3", standing=True),
    ),
    stages=(Stage("cold", 0), Stage("hot", 59_999)),
    bounds=Bounds(0, None),
    create_time=START,
    update_time=START + timedelta(microseconds=1),
    groups=(
        Group("intent", Bounds(-1, None), IdleFactor(0, HOUR_US, 999_999)),
        Group("fading", None, PerContribution(HOUR_US, 1, HOUR_US + 1)),
        Group("halving", Bounds(None, None), HalfLife(3_650)),
        Group("plain"),
    ),
    decay=IdleAmount(7, HOUR_US, 1, -5),
    grading=Grading(
        "intent", (Grade("A", 10_001), Grade("B", -5)), "fading", (Grade("1", 1), Grade("2", 0))
    ),
    velocity=Velocity(HOUR_US, 1_500, "event.type != 'x'"),
    risk=Risk(1, 2_000_000, ("unsubscribe",), 0),
    next_actions=(NextAction("call", "score > 5.0"), NextAction("wait")),
    late_events=LateEvents.DISCARD_AND_AUDIT,
    binding=Binding.AT_EVENT_TIME,
    tests=(
        GoldenTest(
            "one",
            (
                GoldenEvent("signup", None, {"plan": "team", "seats": 2.5, "tags": [None, True]}),
                GoldenEvent("signup", 1_000_001, {}, "evt-1"),
            ),
            Expectation(1_001, "hot", "A1", 1_500, "low", ""),
            0,
        ),
        GoldenTest("two", (GoldenEvent("signup"),), Expectation(stage="")),
    ),
    engagement_group="fading",
)


def test_a_rule_set_as_the_contract_has_it() -> None:
    message = convert.rule_set_message(RULE_SET)
    assert (message.version, message.etag, message.description) == (3, "3.7", "d")
    assert message.state == rule_set_pb2.RULE_SET_STATE_SUPERSEDED
    rule, form, once, fit = message.rules
    assert (rule.rule_id, rule.event_type, rule.points, rule.description, rule.etag) == (
        "chat",
        "web_chat",
        -1.001,
        "r",
        "2.4",
    )
    assert rule.HasField("enabled")
    assert not rule.enabled
    assert not rule.limits
    assert (form.group, form.when, [limit.count for limit in form.limits]) == (
        "intent",
        "true",
        [3, 7],
    )
    assert (form.limits[0].key, form.limits[1].key) == ("event.id", "")
    assert form.limits[0].window.ToNanoseconds() == 1_000_001_000
    assert not once.limits[0].HasField("window")
    assert [one.standing for one in message.rules] == [False, False, False, True]
    assert fit.when == "lead.size > 3"
    assert [(stage.name, stage.min_score) for stage in message.stages] == [
        ("cold", 0.0),
        ("hot", 59.999),
    ]
    assert message.bounds.HasField("min_score")
    assert not message.bounds.HasField("max_score")
    assert message.update_time.nanos - message.create_time.nanos == 1_000


def test_an_activation_with_and_without_its_rule_set() -> None:
    activation = Activation("acme", 12, 3, START, "key_1")
    assert not convert.activation_message(activation).HasField("rule_set")
    entry = convert.activation_entry(activation, RULE_SET)
    assert (entry.subject, entry.version) == ("rules.acme.12", 1)
    told = rule_set_pb2.Activation.FromString(entry.payload)
    assert told.rule_set == convert.rule_set_message(RULE_SET)
    assert told.activate_time.ToDatetime(tzinfo=START.tzinfo) == START
    assert told.HasField("effective_time")
    assert told.effective_time.ToMicroseconds() == 0
    later = convert.activation_message(replace(activation, effective_time=START))
    assert later.effective_time.ToDatetime(tzinfo=START.tzinfo) == START


def test_what_is_answered_may_be_sent_back() -> None:
    """Groups, decay, conditions and limits come out as they went in."""
    message = convert.rule_set_message(RULE_SET)
    changes = requests.rule_set_changes(pb.UpdateRuleSetRequest(rule_set=message))
    expected = {**RULE_SET.said()}
    del expected["rules"]
    assert changes == RuleSetChanges(**expected)
    for rule, written in zip(RULE_SET.rules, message.rules, strict=True):
        made = requests.new_rule(pb.CreateRuleRequest(rule=written))
        assert replace(made, etag=rule.etag) == rule


def test_presets_have_neither_versions_nor_etags() -> None:
    preset = presets.load("default-b2b")
    message = convert.preset_message(preset)
    assert message.name == "default-b2b"
    assert (message.rule_set.version, message.rule_set.etag) == (0, "")
    assert not message.rule_set.HasField("create_time")
    assert {rule.etag for rule in message.rule_set.rules} == {""}
    assert len(message.rule_set.rules) == len(preset.rules)
    assert [group.name for group in message.rule_set.groups] == [
        group.name for group in preset.groups
    ]
    bounds = message.rule_set.bounds
    assert (bounds.min_score, bounds.max_score) == (0, 1000)
