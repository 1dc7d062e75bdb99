"""The rules of a project that has not set its own, for a fold that shares nothing with the service's."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from tests.scenarios.reading import PRESETS, SIMPLE


@dataclass(frozen=True)
class SimpleRule:
    """What an event of a type earns."""

    rule_id: str
    event_type: str
    points: float


@dataclass(frozen=True)
class SimpleRules:
    """Points by event type, bounds and stages, nothing more."""

    rules: tuple[SimpleRule, ...]
    stages: tuple[tuple[str, float], ...]
    """Name and least score."""
    min_score: float
    max_score: float


def preset() -> SimpleRules:
    """The default preset, as it is."""
    content = yaml.safe_load((PRESETS / f"{SIMPLE}.yaml").read_text(encoding="utf-8"))
    return SimpleRules(
        rules=tuple(
            SimpleRule(rule["event_type"], rule["event_type"], rule["points"])
            for rule in content["rules"]
        ),
        stages=tuple((stage["name"], stage["min_score"]) for stage in content["stages"]),
        min_score=content["bounds"]["min_score"],
        max_score=content["bounds"]["max_score"],
    )
