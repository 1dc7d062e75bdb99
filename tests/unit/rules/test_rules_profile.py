"""Grades, velocity, risk, next actions, policies, golden tests and standing rules in requests: what is kept, and that
everything wrong is said at once, under its path."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import requests
from services.rules.domain.editing import RuleSetChanges
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Binding,
    Grade,
    Grading,
    LateEvents,
    NextAction,
    Risk,
    Rule,
    Velocity,
)
from services.shared.errors import InvalidFields, LimitExceeded

HOUR_US = 3_600 * 10**6
DAY_US = 24 * HOUR_US
GRADES = [{"name": "A", "min_score": 30}, {"name": "B", "min_score": 10.5}]
GRADING = {
    "fit_group": "fit", "fit_grades": GRADES, "engagement_group": "e",
    "engagement_grades": [{"name": "1"}],
}  # fmt: skip
EVENT = {"type": "Sign Up"}


def rule_set(**parts: Any) -> rule_set_pb2.RuleSet:
    return ParseDict(parts, rule_set_pb2.RuleSet())


def changes(**parts: Any) -> RuleSetChanges:
    return requests.rule_set_changes(pb.UpdateRuleSetRequest(rule_set=rule_set(**parts)))


def faults(**parts: Any) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        changes(**parts)
    return [one.field.removeprefix("rule_set.") for one in caught.value.violations]


def test_everything_is_kept() -> None:
    made = changes(
        grading=GRADING,
        velocity={"window": "3600s", "per_event": 0.5, "when": "event.type == 'x'"},
        risk={"medium_after": "0s", "high_after": "86400s", "high_event_types": ["Opt Out"]},
        next_actions=[{"when": "score > 5.0 && events.x > 1", "action": "call"}, {"action": "no"}],
        late_events="LATE_EVENTS_DISCARD_AND_AUDIT",
        binding="BINDING_AT_PROCESSING",
        tests=[
            {
                "name": "one",
                "events": [EVENT, {"type": "x", "at": "60s", "properties": {"a": [1, "b"]}}],
                "after": "86400s",
                "expected": {"score": -0.5, "risk": "low", "velocity": 2.5, "stage": ""},
            }
        ],
        engagement_group="e",
    )
    assert made == RuleSetChanges(
        grading=Grading("fit", (Grade("A", 30_000), Grade("B", 10_500)), "e", (Grade("1", 0),)),
        velocity=Velocity(HOUR_US, 500, "event.type == 'x'"),
        risk=Risk(0, DAY_US, ("opt_out",), None),
        next_actions=(NextAction("call", "score > 5.0 && events.x > 1"), NextAction("no")),
        late_events=LateEvents.DISCARD_AND_AUDIT,
        binding=Binding.AT_PROCESSING,
        tests=(
            GoldenTest(
                "one",
                (GoldenEvent("sign_up"), GoldenEvent("x", 60 * 10**6, {"a": [1, "b"]})),
                Expectation(score_milli=-500, stage="", velocity_milli=2_500, risk="low"),
                DAY_US,
            ),
        ),
        engagement_group="e",
    )
    saturating = changes(velocity={"window": "2592000s", "saturating": True}).velocity
    assert saturating == Velocity(30 * DAY_US, None)


def test_what_is_named_and_not_set_is_emptied() -> None:
    mask = FieldMask(
        paths=["grading", "velocity", "risk", "next_actions", "late_events", "binding", "tests"]
    )
    request = pb.UpdateRuleSetRequest(update_mask=mask)
    assert requests.rule_set_changes(request) == RuleSetChanges(
        grading=None, velocity=None, risk=None, next_actions=(), late_events=LateEvents.REPLAY,
        binding=Binding.CURRENT, tests=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "written", "paths"),
    [
        ("grading", {}, ["fit_group", "fit_grades", "engagement_group", "engagement_grades"]),
        ("grading", GRADING | {"fit_group": "No", "fit_grades": GRADES * 5},
         ["fit_group", "fit_grades"]),
        ("grading", GRADING | {"fit_grades": GRADES[::-1]}, ["fit_grades[1].min_score"]),
        ("grading", GRADING | {"fit_grades": [{"name": "A"}, {"name": "A", "min_score": -1}]},
         ["fit_grades[1].name"]),
        ("grading", GRADING | {"fit_grades": [{"name": "x" * 9, "min_score": 0.0001}]},
         ["fit_grades[0].name", "fit_grades[0].min_score"]),
        ("velocity", {"window": "3600s"}, [""]),
        ("velocity", {"window": "3600s", "saturating": False}, ["saturating"]),
        ("velocity", {"window": "3599s", "saturating": True}, ["window"]),
        ("velocity", {"window": "2592001s", "per_event": 0}, ["window", "per_event"]),
        ("velocity", {"window": "3600s", "per_event": 1000.001}, ["per_event"]),
        ("velocity", {"window": "3600s", "per_event": 0.0015}, ["per_event"]),
        ("velocity", {"window": "3600s", "per_event": "NaN"}, ["per_event"]),
        ("velocity", {"window": "3600s", "per_event": 1, "when": "score > 1"}, ["when"]),
        ("risk", {"medium_after": "-1s", "high_after": "315360001s", "high_for": "315360001s"},
         ["medium_after", "high_after", "high_for"]),
        ("risk", {"medium_after": "2s", "high_after": "1s"}, ["high_after"]),
        ("risk", {"high_event_types": ["*", "a b", "A-B", ""]},
         ["high_event_types[0]", "high_event_types[2]", "high_event_types[3]"]),
        ("risk", {"high_event_types": [f"t{n}" for n in range(33)]}, ["high_event_types"]),
    ],
)  # fmt: skip
def test_what_is_wrong(part: str, written: dict[str, Any], paths: list[str]) -> None:
    assert faults(**{part: written}) == [f"{part}.{path}".removesuffix(".") for path in paths]


@pytest.mark.parametrize(
    "when",
    ["event.type == 'x'", "lead.", "1 + 1", "x" * 1_025, "scores > 1", "groups.exists(a, "],
)
def test_next_actions_are_about_a_leads_situation(when: str) -> None:
    assert faults(next_actions=[{"action": "a"}, {"when": when, "action": "b"}]) == [
        "next_actions[1].when"
    ]


@pytest.mark.parametrize(
    "when",
    [
        "score > 5.0 && stage == 'hot' && grade == 'A1' && fit_grade == 'A'",
        "engagement_grade == '1' && velocity > 6.0 && risk == 'low' && trend == 'increasing'",
        "groups.fit > 3.0 && has(events.unsubscribe) && lead.size > 3",
        "['a', 'b'].exists(one, one == lead.plan)",
    ],
)
def test_what_next_actions_may_be_about(when: str) -> None:
    assert changes(next_actions=[{"when": when, "action": "a"}]).next_actions == (
        NextAction("a", when),
    )


def test_a_fault_of_an_action_has_its_place() -> None:
    request = pb.UpdateRuleSetRequest(
        rule_set=rule_set(next_actions=[{"when": "score >\n  bogus", "action": "Call!"}])
    )
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(request)
    said = {one.field: one.description for one in caught.value.violations}
    assert list(said) == ["rule_set.next_actions[0].action", "rule_set.next_actions[0].when"]
    assert said["rule_set.next_actions[0].when"].startswith("line 2, column 3: ")


def golden(**parts: Any) -> dict[str, Any]:
    return {"name": "t", "events": [EVENT], "expected": {"score": 1}} | parts


DEEP: dict[str, Any] = {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ([golden(), golden()], ["[1].name"]),
        ([golden(name="")], ["[0].name"]),
        ([golden(name="x" * 129)], ["[0].name"]),
        ([golden(events=[])], ["[0].events"]),
        ([golden(events=[EVENT] * 101)], ["[0].events"]),
        ([golden(events=[EVENT, {"type": "*"}, {"type": "?"}, {}])],
         ["[0].events[1].type", "[0].events[2].type", "[0].events[3].type"]),
        ([golden(events=[EVENT | {"at": "-1s"}, EVENT | {"at": "315360001s"}])],
         ["[0].events[0].at", "[0].events[1].at"]),
        ([golden(events=[EVENT | {"properties": {"a": "\x00"}}])], ["[0].events[0].properties"]),
        ([golden(events=[EVENT | {"properties": DEEP}])], ["[0].events[0].properties"]),
        ([golden(events=[EVENT | {"properties": {"a": "x" * 32_768}}])],
         ["[0].events[0].properties"]),
        ([golden(events=[EVENT | {"event_id": "x" * 129}, EVENT | {"event_id": "\n"}])],
         ["[0].events[0].event_id", "[0].events[1].event_id"]),
        ([golden(after="-1s")], ["[0].after"]),
        ([golden(expected={})], ["[0].expected"]),
        ([golden(expected={"score": 0.0001, "velocity": -1, "risk": "none", "stage": "\n"})],
         ["[0].expected.stage", "[0].expected.risk", "[0].expected.velocity",
          "[0].expected.score"]),
        ([golden(expected={"grade": "x" * 17, "next_action": "x" * 65, "velocity": 1e300})],
         ["[0].expected.grade", "[0].expected.next_action", "[0].expected.velocity"]),
        ([golden(name=f"t{n}") for n in range(51)], [""]),
    ],
)  # fmt: skip
def test_what_is_no_golden_test(written: list[dict[str, Any]], paths: list[str]) -> None:
    assert faults(tests=written) == [f"tests{path}" for path in paths]


@pytest.mark.parametrize("field", ["score", "velocity"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_no_test_can_expect(field: str, value: float) -> None:
    written = rule_set(tests=[golden()])
    setattr(written.tests[0].expected, field, value)
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(pb.UpdateRuleSetRequest(rule_set=written))
    assert [one.field for one in caught.value.violations] == [f"rule_set.tests[0].expected.{field}"]


def test_policies_there_are() -> None:
    written = rule_set()
    written.late_events = 9  # type: ignore[assignment]
    written.binding = 9  # type: ignore[assignment]
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(pb.UpdateRuleSetRequest(rule_set=written))
    fields = [one.field for one in caught.value.violations]
    assert fields == ["rule_set.late_events", "rule_set.binding"]


STANDING = rule_set_pb2.Rule(
    rule_id="big", event_type="*", points=5, when="lead.size > 9", standing=True
)


def standing(**fields: Any) -> rule_set_pb2.Rule:
    made = rule_set_pb2.Rule()
    made.CopyFrom(STANDING)
    made.MergeFrom(rule_set_pb2.Rule(**fields))
    return made


def test_a_standing_rule_is_kept() -> None:
    made = requests.new_rule(pb.CreateRuleRequest(rule=STANDING))
    assert made == Rule("big", "*", 5_000, True, "", when="lead.size > 9", standing=True)


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        (standing(event_type="identify"), ["rule.event_type"]),
        (standing(limits=[rule_set_pb2.Limit(count=1)]), ["rule.limits"]),
        (standing(when="event.type == 'x'"), ["rule.when"]),
        (standing(when="lead.size > 9 && event.source == 'crm'"), ["rule.when"]),
        (rule_set_pb2.Rule(event_type="*", standing=True), ["rule.when"]),
        (rule_set_pb2.Rule(event_type="x", standing=True, limits=[rule_set_pb2.Limit(count=1)]),
         ["rule.event_type", "rule.limits", "rule.when"]),
        # A condition that is none is said once.
        (standing(when="lead."), ["rule.when"]),
    ],
)  # fmt: skip
def test_what_is_no_standing_rule(rule: rule_set_pb2.Rule, paths: list[str]) -> None:
    with pytest.raises(InvalidFields) as caught:
        requests.new_rule(pb.CreateRuleRequest(rule=rule))
    assert [one.field for one in caught.value.violations] == paths


def test_the_whole_of_a_changed_rule_is_looked_at() -> None:
    """Each change is right by itself."""
    requests.check_whole_rule(Rule("big", "*", 1, True, "", when="lead.size > 9", standing=True))
    requests.check_whole_rule(Rule("any", "page_view", 1, True, ""))
    with pytest.raises(InvalidFields) as caught:
        requests.check_whole_rule(Rule("big", "page_view", 1, True, "", standing=True))
    assert [one.field for one in caught.value.violations] == ["rule.event_type", "rule.when"]


def test_a_whole_rule_set_has_all_its_faults_said() -> None:
    written = rule_set(
        rules=[
            {"event_type": "a", "points": 1},
            {"event_type": "A", "points": 0.0001},
            {"event_type": "b", "rule_id": "a"},
        ],
        stages=[{"name": ""}],
        tests=[golden(name="")],
    )
    with pytest.raises(InvalidFields) as caught:
        requests.whole_rule_set(pb.CreateRuleSetRequest(rule_set=written))
    assert [one.field for one in caught.value.violations] == [
        "rule_set.rules[1].points",
        "rule_set.rules[1].rule_id",
        "rule_set.rules[2].rule_id",
        "rule_set.stages[0].name",
        "rule_set.tests[0].name",
    ]


def test_more_rules_than_there_may_be_are_not_even_looked_at() -> None:
    written = rule_set_pb2.RuleSet(rules=[rule_set_pb2.Rule(event_type="?")] * 501)
    with pytest.raises(LimitExceeded) as caught:
        requests.whole_rule_set(pb.CreateRuleSetRequest(rule_set=written))
    assert caught.value.metadata == {"limit": "500"}
    found = requests.to_validate(pb.ValidateRuleSetRequest(rule_set=written))
    assert [field for field, _ in found.faults] == ["rules"]


def test_what_is_validated_is_answered_as_it_was_read() -> None:
    written = rule_set(rules=[{"event_type": "Page View", "points": 1}])
    found = requests.to_validate(pb.ValidateRuleSetRequest(rule_set=written))
    assert found.faults == []
    assert found.message is not None
    assert found.message.rules[0].rule_id == "page_view"
    text = "rules: [{event_type: Page View, points: 1}]"
    again = requests.to_validate(pb.ValidateRuleSetRequest(yaml=text))
    assert again.message == found.message
    wrong = requests.to_validate(pb.ValidateRuleSetRequest(yaml="rules: [{event_type: '?'}]"))
    assert [field for field, _ in wrong.faults] == ["rules[0].event_type"]
    assert wrong.message is not None
    unreadable = requests.to_validate(pb.ValidateRuleSetRequest(yaml="rules: ["))
    assert [field for field, _ in unreadable.faults] == ["yaml"]
    assert unreadable.message is None
    with pytest.raises(InvalidFields) as caught:
        requests.to_validate(pb.ValidateRuleSetRequest())
    assert [one.field for one in caught.value.violations] == ["source"]


@pytest.mark.parametrize("kind", [pb.ActivateRuleSetRequest, pb.RollbackRuleSetRequest])
def test_from_when_on_rules_are_to_score(kind: Any) -> None:
    assert requests.effective(kind()).time is None
    assert not requests.effective(kind()).now
    assert requests.effective(kind(effective=pb.EFFECTIVE_NOW)).now
    everything = requests.effective(kind(effective=pb.EFFECTIVE_ALL_HISTORY)).time
    assert everything is not None
    assert everything.timestamp() == 0
    request = kind()
    request.effective_time.FromJsonString("2026-03-01T09:30:00.000001Z")
    found = requests.effective(request).time
    assert found is not None
    assert found.isoformat() == "2026-03-01T09:30:00.000001+00:00"
    request.effective_time.Clear()
    request.effective_time.SetInParent()
    assert requests.effective(request).time == everything


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"effective": 7}, "effective"),
        ({"effective_time": {"seconds": -1}}, "effective_time"),
        ({"effective_time": {"seconds": 1, "nanos": -1}}, "effective_time"),
        ({"effective_time": {"seconds": 2**40}}, "effective_time"),
        ({"effective_time": {"seconds": 1}, "effective": pb.EFFECTIVE_NOW}, "effective"),
    ],
)
def test_what_is_no_effective_time(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        requests.effective(pb.ActivateRuleSetRequest(**fields))
    assert [one.field for one in caught.value.violations] == [path]


def test_durations_of_every_part_are_whole_microseconds() -> None:
    half = Duration(seconds=86_400, nanos=500)
    written = rule_set_pb2.RuleSet(
        velocity=rule_set_pb2.Velocity(window=half, saturating=True),
        risk=rule_set_pb2.Risk(medium_after=half),
    )
    with pytest.raises(InvalidFields) as caught:
        requests.rule_set_changes(pb.UpdateRuleSetRequest(rule_set=written))
    assert [one.field for one in caught.value.violations] == [
        "rule_set.velocity.window",
        "rule_set.risk.medium_after",
    ]
