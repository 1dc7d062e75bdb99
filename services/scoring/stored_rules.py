"""Rule sets as the table `activations` keeps them: JSON, points in milli-points, times in microseconds, conditions as
their source. Reading one compiles its conditions."""

from collections.abc import Mapping
from typing import Any

from services.scoring.conditions import condition, key
from services.scoring.domain.decay import Decay, HalfLife, IdleAmount, IdleFactor, PerContribution
from services.scoring.domain.model import Bounds, Group, Limit, Rule, RuleSet, Stage

_DECAYS: dict[str, type[Decay]] = {
    "idle_factor": IdleFactor,
    "idle_amount": IdleAmount,
    "half_life": HalfLife,
    "contribution": PerContribution,
}
_DECAY_NAMES = {kind: name for name, kind in _DECAYS.items()}


def to_json(rule_set: RuleSet) -> dict[str, Any]:
    """A rule set as JSON."""
    return {
        "version": rule_set.version,
        "rules": [_rule_json(rule) for rule in rule_set.rules],
        "stages": [{"name": s.name, "min_score": s.min_score} for s in rule_set.stages],
        "bounds": _bounds_json(rule_set.bounds),
        "groups": [
            {
                "name": group.name,
                "bounds": _bounds_json(group.bounds),
                "decay": _decay_json(group.decay),
            }
            for group in rule_set.groups
        ],
        "decay": _decay_json(rule_set.decay),
    }


def from_json(stored: Mapping[str, Any]) -> RuleSet:
    """The rule set that `to_json` gave; what an older one lacks has its default."""
    return RuleSet(
        version=stored["version"],
        rules=tuple(_rule(rule) for rule in stored["rules"]),
        stages=tuple(Stage(**stage) for stage in stored["stages"]),
        bounds=Bounds(**stored["bounds"]),
        groups=tuple(
            Group(group["name"], Bounds(**group["bounds"]), _decay(group["decay"]))
            for group in stored.get("groups", ())
        ),
        decay=_decay(stored.get("decay")),
    )


def _rule_json(rule: Rule) -> dict[str, Any]:
    limit = rule.limit
    return {
        "rule_id": rule.rule_id,
        "event_type": rule.event_type,
        "points": rule.points,
        "enabled": rule.enabled,
        "group": rule.group,
        "when": rule.when_source,
        "limit": limit and {"count": limit.count, "window": limit.window, "key": limit.key_source},
    }


def _rule(stored: Mapping[str, Any]) -> Rule:
    when, limit = stored.get("when", ""), stored.get("limit")
    return Rule(
        rule_id=stored["rule_id"],
        event_type=stored["event_type"],
        points=stored["points"],
        enabled=stored["enabled"],
        group=stored.get("group", ""),
        when=condition(when) if when else None,
        when_source=when,
        limit=limit and _limit(limit),
    )


def _limit(stored: Mapping[str, Any]) -> Limit:
    source = stored["key"]
    return Limit(stored["count"], stored["window"], key(source) if source else None, source)


def _bounds_json(bounds: Bounds) -> dict[str, Any]:
    return {"min_score": bounds.min_score, "max_score": bounds.max_score}


def _decay_json(decay: Decay | None) -> dict[str, Any] | None:
    if decay is None:
        return None
    fields = {name: getattr(decay, name) for name in decay.__slots__}
    return {"kind": _DECAY_NAMES[type(decay)], **fields}


def _decay(stored: Mapping[str, Any] | None) -> Decay | None:
    if stored is None:
        return None
    fields = {name: value for name, value in stored.items() if name != "kind"}
    return _DECAYS[stored["kind"]](**fields)
