"""What a scenario file says, as values. Rules come in, then events in the order they arrive, then what each lead must
be; `README.md` has the format. How a scenario is played is in `levels.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PRESET = FOLDER.parents[1] / "services" / "rules" / "presets" / "simple.yaml"

DAY = "2026-03-01"
"""Events that give only a time of day happen on this day."""


@dataclass(frozen=True)
class RuleData:
    """What an event of a type earns."""

    rule_id: str
    event_type: str
    points: float
    enabled: bool


@dataclass(frozen=True)
class RulesData:
    """A rule set."""

    rules: tuple[RuleData, ...]
    stages: tuple[tuple[str, float], ...]
    """Name and least score."""
    min_score: float | None
    max_score: float | None


@dataclass(frozen=True)
class EventData:
    """An event as it is sent."""

    event_id: str
    type: str
    who: str
    """A lead id, or a reference with its kind: `email:`, `anonymous:`, `external:`."""
    at: datetime
    properties: Mapping[str, Any]

    @property
    def reference(self) -> tuple[str, str]:
        """The field of `Event` that says who, and its value."""
        for kind, field in (
            ("email:", "email"),
            ("anonymous:", "anonymous_id"),
            ("external:", "external_id"),
        ):
            if self.who.startswith(kind):
                return field, self.who.removeprefix(kind)
        return "lead_id", self.who


@dataclass(frozen=True)
class TimelineStep:
    """An event with what it earned, and score and stage after it."""

    event_id: str
    earned: float
    score: float
    stage: str


@dataclass(frozen=True)
class LeadState:
    """A lead as it is seen from outside."""

    score: float
    stage: str
    version: int
    event_count: int
    timeline: tuple[TimelineStep, ...]


@dataclass(frozen=True)
class Activate:
    """Other rules come into force."""

    rules: RulesData


@dataclass(frozen=True)
class Send:
    """Events arrive, in this order."""

    events: tuple[EventData, ...]


@dataclass(frozen=True)
class Expect:
    """What leads must be now, by reference; None where there must be no such lead."""

    leads: Mapping[str, LeadState | None]


Step = Activate | Send | Expect


@dataclass(frozen=True)
class Scenario:
    """A file."""

    name: str
    about: str
    steps: tuple[Step, ...]


def load_all() -> list[Scenario]:
    """Every scenario there is."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]


def load(path: Path) -> Scenario:
    """One scenario. Raises where the file says something that this module does not know."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps: list[Step] = []
    if "rules" in content:
        steps.append(Activate(_rules(content["rules"])))
    steps += [_step(step) for step in content["steps"]]
    _only(content, "about", "rules", "steps")
    return Scenario(path.stem, content["about"], tuple(steps))


def preset() -> RulesData:
    """The rules of a project that has not set its own."""
    return _rules_of_service(yaml.safe_load(PRESET.read_text(encoding="utf-8")))


def _step(step: dict[str, Any]) -> Step:
    ((kind, content),) = step.items()
    if kind == "activate":
        return Activate(_rules(content))
    if kind == "send":
        return Send(tuple(_event(event) for event in content))
    if kind == "expect":
        return Expect({who: _lead(lead) for who, lead in content.items()})
    raise ValueError(f"no such step: {kind}")


def _rules(content: dict[str, Any]) -> RulesData:
    _only(content, "points", "stages", "bounds")
    bounds = content.get("bounds", {})
    _only(bounds, "min", "max")
    return RulesData(
        rules=tuple(_rule(number, rule) for number, rule in enumerate(content["points"], start=1)),
        stages=tuple(content.get("stages", {}).items()),
        min_score=bounds.get("min"),
        max_score=bounds.get("max"),
    )


def _rule(number: int, content: dict[str, Any]) -> RuleData:
    content = dict(content)
    enabled = content.pop("enabled", True)
    ((event_type, points),) = content.items()
    return RuleData(f"rule-{number}", event_type, points, enabled)


def _rules_of_service(content: dict[str, Any]) -> RulesData:
    bounds = content.get("bounds", {})
    return RulesData(
        rules=tuple(
            RuleData(rule["event_type"], rule["event_type"], rule["points"], True)
            for rule in content["rules"]
        ),
        stages=tuple((stage["name"], stage["min_score"]) for stage in content["stages"]),
        min_score=bounds.get("min_score"),
        max_score=bounds.get("max_score"),
    )


def _event(content: dict[str, Any]) -> EventData:
    _only(content, "id", "type", "who", "at", "properties")
    return EventData(
        event_id=content["id"],
        type=content["type"],
        who=content["who"],
        at=_instant(content["at"]),
        properties=content.get("properties", {}),
    )


def _instant(text: str) -> datetime:
    whole = text if "-" in text else f"{DAY}T{text}"
    return datetime.fromisoformat(whole).replace(tzinfo=UTC)


def _lead(content: dict[str, Any] | None) -> LeadState | None:
    if content is None:
        return None
    _only(content, "score", "stage", "version", "events", "timeline")
    return LeadState(
        score=content["score"],
        stage=content["stage"],
        version=content["version"],
        event_count=content["events"],
        timeline=tuple(TimelineStep(*step) for step in content["timeline"]),
    )


def _only(content: dict[str, Any], *known: str) -> None:
    unknown = set(content) - set(known)
    if unknown:
        raise ValueError(f"not known here: {sorted(unknown)}")
