"""What a rule set says, as the column `content` holds it: points in milli-points, times in microseconds, expressions as
their source. It is written out by hand, so that renaming a field in the domain does not lose what is there. No SQL."""

import json
from collections.abc import Mapping
from typing import Any

from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Binding,
    Bounds,
    Content,
    Decay,
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
    Stage,
    Velocity,
)

LEFT_OUT_OF_LISTS = ("rules", "next_actions", "tests")
"""Keys of the content that may be long; a list of versions goes without them."""


def content(rule_set: Content) -> dict[str, Any]:
    """What the rule set says."""
    return {
        "description": rule_set.description,
        "rules": [_rule_content(rule) for rule in rule_set.rules],
        "stages": [
            {"name": stage.name, "min_score_milli": stage.min_score_milli}
            for stage in rule_set.stages
        ],
        "bounds": _bounds_content(rule_set.bounds),
        "groups": [
            {
                "name": group.name,
                "bounds": _bounds_content(group.bounds),
                "decay": _decay_content(group.decay),
            }
            for group in rule_set.groups
        ],
        "decay": _decay_content(rule_set.decay),
        "grading": _grading_content(rule_set.grading),
        "velocity": _velocity_content(rule_set.velocity),
        "risk": _risk_content(rule_set.risk),
        "next_actions": [{"when": one.when, "action": one.action} for one in rule_set.next_actions],
        "late_events": rule_set.late_events.value,
        "binding": rule_set.binding.value,
        "tests": [_test_content(test) for test in rule_set.tests],
        "engagement_group": rule_set.engagement_group,
    }


def parts(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Content that `content` gave; what was stored before there were groups, conditions, grades and the
    rest has none. LEFT_OUT_OF_LISTS may have been."""
    return {
        "description": stored["description"],
        "rules": tuple(_rule(rule) for rule in stored.get("rules", ())),
        "stages": tuple(
            Stage(stage["name"], stage["min_score_milli"]) for stage in stored["stages"]
        ),
        "bounds": _bounds(stored["bounds"]),
        "groups": tuple(
            Group(group["name"], _bounds(group["bounds"]), _decay(group["decay"]))
            for group in stored.get("groups", ())
        ),
        "decay": _decay(stored.get("decay")),
        "grading": _grading(stored.get("grading")),
        "velocity": _velocity(stored.get("velocity")),
        "risk": _risk(stored.get("risk")),
        "next_actions": tuple(
            NextAction(one["action"], one["when"]) for one in stored.get("next_actions", ())
        ),
        "late_events": LateEvents(stored.get("late_events", LateEvents.REPLAY.value)),
        "binding": Binding(stored.get("binding", Binding.CURRENT.value)),
        "tests": tuple(_test(test) for test in stored.get("tests", ())),
        "engagement_group": stored.get("engagement_group", ""),
    }


def _rule_content(rule: Rule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "event_type": rule.event_type,
        "points_milli": rule.points_milli,
        "enabled": rule.enabled,
        "description": rule.description,
        "etag": rule.etag,
        "group": rule.group,
        "when": rule.when,
        "limits": [
            {"count": limit.count, "window_us": limit.window_us, "key": limit.key}
            for limit in rule.limits
        ],
        "standing": rule.standing,
    }


def _rule(stored: Mapping[str, Any]) -> Rule:
    # A rule had one limit at most before it could have several.
    earlier = [stored["limit"]] if stored.get("limit") else []
    return Rule(
        rule_id=stored["rule_id"],
        event_type=stored["event_type"],
        points_milli=stored["points_milli"],
        enabled=stored["enabled"],
        description=stored["description"],
        etag=stored["etag"],
        group=stored.get("group", ""),
        when=stored.get("when", ""),
        limits=tuple(
            Limit(limit["count"], limit["window_us"], limit["key"])
            for limit in stored.get("limits", earlier)
        ),
        standing=stored.get("standing", False),
    )


def _bounds_content(bounds: Bounds | None) -> dict[str, int | None] | None:
    if bounds is None:
        return None
    return {"min_score_milli": bounds.min_score_milli, "max_score_milli": bounds.max_score_milli}


def _bounds(stored: Mapping[str, Any] | None) -> Bounds | None:
    return Bounds(stored["min_score_milli"], stored["max_score_milli"]) if stored else None


def _decay_content(decay: Decay | None) -> dict[str, Any] | None:
    match decay:
        case None:
            return None
        case IdleFactor():
            return {
                "kind": "idle_factor",
                "after_idle_us": decay.after_idle_us,
                "every_us": decay.every_us,
                "factor_millionths": decay.factor_millionths,
            }
        case IdleAmount():
            return {
                "kind": "idle_amount",
                "after_idle_us": decay.after_idle_us,
                "every_us": decay.every_us,
                "points_milli": decay.points_milli,
                "floor_milli": decay.floor_milli,
            }
        case PerContribution():
            return {
                "kind": "contribution",
                "every_us": decay.every_us,
                "percent": decay.percent,
                "gone_after_us": decay.gone_after_us,
            }
        case HalfLife():
            return {"kind": "half_life", "days": decay.days}


def _decay(stored: Mapping[str, Any] | None) -> Decay | None:
    if stored is None:
        return None
    match stored["kind"]:
        case "idle_factor":
            return IdleFactor(
                stored["after_idle_us"], stored["every_us"], stored["factor_millionths"]
            )
        case "idle_amount":
            return IdleAmount(
                stored["after_idle_us"],
                stored["every_us"],
                stored["points_milli"],
                stored["floor_milli"],
            )
        case "contribution":
            return PerContribution(stored["every_us"], stored["percent"], stored["gone_after_us"])
        case "half_life":
            return HalfLife(stored["days"])
        case kind:
            raise LookupError(f"stored decay of an unknown kind: {kind}")


def _grading_content(grading: Grading | None) -> dict[str, Any] | None:
    if grading is None:
        return None
    return {
        "fit_group": grading.fit_group,
        "fit_grades": [_grade_content(grade) for grade in grading.fit_grades],
        "engagement_group": grading.engagement_group,
        "engagement_grades": [_grade_content(grade) for grade in grading.engagement_grades],
    }


def _grade_content(grade: Grade) -> dict[str, Any]:
    return {"name": grade.name, "min_score_milli": grade.min_score_milli}


def _grading(stored: Mapping[str, Any] | None) -> Grading | None:
    if stored is None:
        return None
    fit, engagement = (
        tuple(Grade(one["name"], one["min_score_milli"]) for one in stored[grades])
        for grades in ("fit_grades", "engagement_grades")
    )
    return Grading(stored["fit_group"], fit, stored["engagement_group"], engagement)


def _velocity_content(velocity: Velocity | None) -> dict[str, Any] | None:
    if velocity is None:
        return None
    return {
        "window_us": velocity.window_us,
        "per_event_milli": velocity.per_event_milli,
        "when": velocity.when,
    }


def _velocity(stored: Mapping[str, Any] | None) -> Velocity | None:
    if stored is None:
        return None
    return Velocity(stored["window_us"], stored["per_event_milli"], stored["when"])


def _risk_content(risk: Risk | None) -> dict[str, Any] | None:
    if risk is None:
        return None
    return {
        "medium_after_us": risk.medium_after_us,
        "high_after_us": risk.high_after_us,
        "high_event_types": list(risk.high_event_types),
        "high_for_us": risk.high_for_us,
    }


def _risk(stored: Mapping[str, Any] | None) -> Risk | None:
    if stored is None:
        return None
    return Risk(
        stored["medium_after_us"],
        stored["high_after_us"],
        tuple(stored["high_event_types"]),
        stored["high_for_us"],
    )


def _test_content(test: GoldenTest) -> dict[str, Any]:
    expected = test.expected
    return {
        "name": test.name,
        "events": [
            {
                "type": event.type,
                "at_us": event.at_us,
                # As text: Postgres' own JSON has no doubles, and would give 1e300 back as a whole number.
                "properties": json.dumps(event.properties, ensure_ascii=False),
                "event_id": event.event_id,
            }
            for event in test.events
        ],
        "after_us": test.after_us,
        "expected": {
            "score_milli": expected.score_milli,
            "stage": expected.stage,
            "grade": expected.grade,
            "velocity_milli": expected.velocity_milli,
            "risk": expected.risk,
            "next_action": expected.next_action,
        },
    }


def _test(stored: Mapping[str, Any]) -> GoldenTest:
    events = tuple(
        GoldenEvent(
            event["type"], event["at_us"], json.loads(event["properties"]), event["event_id"]
        )
        for event in stored["events"]
    )
    expected = stored["expected"]
    return GoldenTest(
        stored["name"],
        events,
        Expectation(
            expected["score_milli"],
            expected["stage"],
            expected["grade"],
            expected["velocity_milli"],
            expected["risk"],
            expected["next_action"],
        ),
        stored["after_us"],
    )
