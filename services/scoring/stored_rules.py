"""Rule sets as the table `activations` keeps them: JSON, points in milli-points, times in microseconds, conditions as
their source. Reading one compiles its conditions, which is why those in force are kept in memory."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from services.scoring.conditions import condition, key, situation
from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import Decay, HalfLife, IdleAmount, IdleFactor, PerContribution
from services.scoring.domain.lead import RulesInForce
from services.scoring.domain.model import (
    Binding,
    Bounds,
    Grade,
    Grading,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Rule,
    RuleSet,
    Stage,
)

T = TypeVar("T")

CACHED_RULES_MAX = 10_000
"""Rules kept compiled, of all projects: 6 KB for each condition and key."""

_DECAYS: dict[str, type[Decay]] = {
    "idle_factor": IdleFactor,
    "idle_amount": IdleAmount,
    "half_life": HalfLife,
    "contribution": PerContribution,
}
_DECAY_NAMES = {kind: name for name, kind in _DECAYS.items()}


class RulesCache:
    """Rule sets, compiled: the newest of each project that was asked for lately, with all versions that it looks back
    on. Those that were asked for the longest ago go when there are too many rules; a project's own never goes for
    itself."""

    def __init__(self, rules_max: int = CACHED_RULES_MAX) -> None:
        self._rules_max = rules_max
        self._by_project: OrderedDict[str, RulesInForce] = OrderedDict()
        self._rules = 0

    def get(self, project_id: str) -> RulesInForce | None:
        """The newest that is known of a project."""
        found = self._by_project.get(project_id)
        if found is not None:
            self._by_project.move_to_end(project_id)
        return found

    def put(self, project_id: str, rules: RulesInForce) -> None:
        """Keep it, unless a newer one is known."""
        known = self._by_project.get(project_id)
        if known is not None:
            if known.activation >= rules.activation:
                return
            self._rules -= _size(known)
        self._by_project[project_id] = rules
        self._by_project.move_to_end(project_id)
        self._rules += _size(rules)
        while self._rules > self._rules_max and len(self._by_project) > 1:
            _, gone = self._by_project.popitem(last=False)
            self._rules -= _size(gone)


def _size(rules: RulesInForce) -> int:
    newest = rules.rule_set
    versions = [one.rule_set for one in newest.activations] or [newest]
    # One that has no rules takes room as well.
    return sum(1 + len(one.rules) for one in versions)


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
        "grading": rule_set.grading and asdict(rule_set.grading),
        "velocity": rule_set.velocity and _velocity_json(rule_set.velocity),
        "risk": rule_set.risk and _risk_json(rule_set.risk),
        "next_actions": [
            {"action": one.action, "when": one.when_source} for one in rule_set.next_actions
        ],
        "late_events": rule_set.late_events.value,
        "binding": rule_set.binding.value,
        "engagement_group": rule_set.engagement_group,
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
        grading=_read(stored, "grading", _grading),
        velocity=_read(stored, "velocity", _velocity),
        risk=_read(stored, "risk", _risk),
        next_actions=tuple(
            NextAction(one["action"], situation(one["when"]) if one["when"] else None, one["when"])
            for one in stored.get("next_actions", ())
        ),
        late_events=LateEvents(stored.get("late_events", "replay")),
        binding=Binding(stored.get("binding", "current")),
        engagement_group=stored.get("engagement_group", ""),
    )


def _read(stored: Mapping[str, Any], name: str, reader: Callable[[Any], T]) -> T | None:
    """A part of a rule set; None where it has none, or is older than such parts."""
    found = stored.get(name)
    return None if found is None else reader(found)


def _grading(stored: Mapping[str, Any]) -> Grading:
    return Grading(
        fit_group=stored["fit_group"],
        fit_grades=tuple(Grade(**one) for one in stored["fit_grades"]),
        engagement_group=stored["engagement_group"],
        engagement_grades=tuple(Grade(**one) for one in stored["engagement_grades"]),
    )


def _velocity_json(velocity: Velocity) -> dict[str, Any]:
    return {
        "window": velocity.window,
        "per_event": velocity.per_event,
        "when": velocity.when_source,
    }


def _velocity(stored: Mapping[str, Any]) -> Velocity:
    when = stored["when"]
    return Velocity(stored["window"], stored["per_event"], condition(when) if when else None, when)


def _risk_json(risk: Risk) -> dict[str, Any]:
    return {**asdict(risk), "high_event_types": sorted(risk.high_event_types)}


def _risk(stored: Mapping[str, Any]) -> Risk:
    return Risk(**{**stored, "high_event_types": frozenset(stored["high_event_types"])})


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "event_type": rule.event_type,
        "points": rule.points,
        "enabled": rule.enabled,
        "group": rule.group,
        "when": rule.when_source,
        "limits": [
            {"count": limit.count, "window": limit.window, "key": limit.key_source}
            for limit in rule.limits
        ],
        "standing": rule.standing,
    }


def _rule(stored: Mapping[str, Any]) -> Rule:
    when = stored.get("when", "")
    # Once a rule had one limit at most.
    limits = stored["limits"] if "limits" in stored else [stored.get("limit")]
    return Rule(
        rule_id=stored["rule_id"],
        event_type=stored["event_type"],
        points=stored["points"],
        enabled=stored["enabled"],
        group=stored.get("group", ""),
        when=condition(when) if when else None,
        when_source=when,
        limits=tuple(_limit(limit) for limit in limits if limit),
        standing=stored.get("standing", False),
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
