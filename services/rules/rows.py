"""What a rule set says, as the column `content` holds it: points in milli-points, times in microseconds, expressions as
their source. It is written out by hand, so that renaming a field in the domain does not lose what is there. No SQL."""

from collections.abc import Mapping
from typing import Any

from services.rules.domain.model import (
    Bounds,
    Decay,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    Limit,
    PerContribution,
    Rule,
    RuleSet,
    Stage,
)


def content(rule_set: RuleSet) -> dict[str, Any]:
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
    }


def parts(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a RuleSet that `content` gave; what was stored before there were groups, conditions, limits and
    decay has none. Rules may have been left out."""
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
    }


def _rule_content(rule: Rule) -> dict[str, Any]:
    limit = rule.limit
    return {
        "rule_id": rule.rule_id,
        "event_type": rule.event_type,
        "points_milli": rule.points_milli,
        "enabled": rule.enabled,
        "description": rule.description,
        "etag": rule.etag,
        "group": rule.group,
        "when": rule.when,
        "limit": limit and {"count": limit.count, "window_us": limit.window_us, "key": limit.key},
    }


def _rule(stored: Mapping[str, Any]) -> Rule:
    limit = stored.get("limit")
    return Rule(
        rule_id=stored["rule_id"],
        event_type=stored["event_type"],
        points_milli=stored["points_milli"],
        enabled=stored["enabled"],
        description=stored["description"],
        etag=stored["etag"],
        group=stored.get("group", ""),
        when=stored.get("when", ""),
        limit=limit and Limit(limit["count"], limit["window_us"], limit["key"]),
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
