"""What a scenario file says, as values. Rules come in, then events and facts in the order they arrive, then what each
lead must be; `README.md` has the format. How a scenario is played is in `test_scenarios.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PRESETS = FOLDER.parents[1] / "services" / "rules" / "presets"
SIMPLE = "simple"
"""The rules of a project that has not set its own."""

DAY = "2026-03-01"
"""What gives only a time of day happens on this day."""

ALL_HISTORY = datetime(1970, 1, 1, tzinfo=UTC)

LOOKED_AT = {
    "score",
    "stage",
    "grade",
    "fit_grade",
    "engagement_grade",
    "velocity",
    "trend",
    "recent_points",
    "earlier_points",
    "risk",
    "inactivity_index",
    "engagement_score",
    "next_action",
    "next_transition",
    "events",
    "groups",
    "effects",
    "clipped",
    "limited",
    "faded",
    "next_stage",
}
"""What a `look` may expect of a lead."""


@dataclass(frozen=True)
class RulesData:
    """A rule set, and from when on it scores."""

    text: str
    """YAML, as rule sets are exported and imported."""
    preset: str = ""
    """The preset that it is; empty: none."""
    effective: datetime | None = None
    """None: as the rule set's binding says."""


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
        for kind, name in (
            ("email:", "email"),
            ("anonymous:", "anonymous_id"),
            ("external:", "external_id"),
        ):
            if self.who.startswith(kind):
                return name, self.who.removeprefix(kind)
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
class Adjust:
    """Points are given or taken by hand."""

    adjustment_id: str
    who: str
    points: float
    group: str
    at: datetime


@dataclass(frozen=True)
class Retract:
    """Events shall not count."""

    event_ids: tuple[str, ...]


@dataclass(frozen=True)
class Merge:
    """Two leads are one."""

    into: str
    who: str


@dataclass(frozen=True)
class Unmerge:
    """They are not."""

    who: str


@dataclass(frozen=True)
class Mark:
    """What is known now gets a name."""

    name: str


@dataclass(frozen=True)
class Expect:
    """What leads must be now, by reference; None where there must be no such lead."""

    leads: Mapping[str, LeadState | None]


@dataclass(frozen=True)
class Look:
    """What leads must come to at an instant, as known now or at a mark, by reference: some of LOOKED_AT."""

    at: datetime
    known: str
    leads: Mapping[str, Mapping[str, Any]]


Step = Activate | Send | Adjust | Retract | Merge | Unmerge | Mark | Expect | Look


@dataclass(frozen=True)
class Scenario:
    """A file."""

    name: str
    about: str
    steps: tuple[Step, ...]
    order_matters: bool = field(default=False)
    """Events must arrive as written: late ones are not replayed."""
    fold_only: bool = field(default=False)
    """The services have no calls for it yet."""


def load_all() -> list[Scenario]:
    """Every scenario there is."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]


def load(path: Path) -> Scenario:
    """One scenario. Raises where the file says something that this module does not know."""
    return parse(path.stem, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Scenario:
    """A scenario as a file has it."""
    content = yaml.safe_load(text)
    _only(content, "about", "order_matters", "fold_only", "rules", "preset", "steps")
    steps: list[Step] = []
    if "rules" in content:
        steps.append(Activate(_rules(content["rules"])))
    if "preset" in content:
        steps.append(Activate(preset(content["preset"])))
    steps += [_step(step) for step in content["steps"]]
    return Scenario(
        name,
        content["about"],
        tuple(steps),
        order_matters=content.get("order_matters", False),
        fold_only=content.get("fold_only", False),
    )


def preset(name: str = SIMPLE) -> RulesData:
    """A preset, as it is."""
    return RulesData((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"), preset=name)


def _step(step: dict[str, Any]) -> Step:
    ((kind, content),) = step.items()
    match kind:
        case "activate":
            return Activate(_activated(content))
        case "send":
            return Send(tuple(_event(event) for event in content))
        case "adjust":
            _only(content, "id", "who", "points", "group", "at")
            return Adjust(
                content["id"],
                content["who"],
                content["points"],
                content.get("group", ""),
                _instant(content["at"]),
            )
        case "retract":
            return Retract(tuple(content))
        case "merge":
            _only(content, "into", "who")
            return Merge(content["into"], content["who"])
        case "unmerge":
            return Unmerge(content)
        case "mark":
            return Mark(content)
        case "expect":
            return Expect({who: _lead(lead) for who, lead in content.items()})
        case "look":
            return _look(content)
    raise ValueError(f"no such step: {kind}")


def _activated(content: dict[str, Any]) -> RulesData:
    content = dict(content)
    effective = content.pop("effective", None)
    if "preset" in content:
        _only(content, "preset")
        found = preset(content["preset"])
    else:
        found = _rules(content)
    if effective is None:
        return found
    since = ALL_HISTORY if effective == "all_history" else _instant(effective)
    return RulesData(found.text, found.preset, since)


def _rules(content: dict[str, Any]) -> RulesData:
    """A rule set as its file has it, save for rules that only give points, which are short here."""
    content = dict(content)
    points = content.pop("points", [])
    bounds = content.get("bounds", {})
    if bounds:
        content["bounds"] = {f"{end}_score": value for end, value in bounds.items()}
    if "stages" in content:
        content["stages"] = [
            {"name": name, "min_score": least} for name, least in content["stages"].items()
        ]
    short = [_rule(number, rule) for number, rule in enumerate(points, start=1)]
    content["rules"] = [*short, *content.get("rules", [])]
    return RulesData(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def _rule(number: int, content: dict[str, Any]) -> dict[str, Any]:
    content = dict(content)
    enabled = content.pop("enabled", True)
    ((event_type, points),) = content.items()
    return {
        "rule_id": f"rule-{number}",
        "event_type": event_type,
        "points": points,
        "enabled": enabled,
    }


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


def _look(content: dict[str, Any]) -> Look:
    content = dict(content)
    at, known = _instant(content.pop("at")), content.pop("known", "")
    for lead in content.values():
        _only(lead, *LOOKED_AT)
        if lead.get("next_transition"):
            due = lead["next_transition"]
            _only(due, "at", "score", "stage", "velocity", "risk")
            lead["next_transition"] = {**due, "at": _instant(due["at"])}
    return Look(at, known, content)


def _only(content: Mapping[str, Any], *known: str) -> None:
    unknown = set(content) - set(known)
    if unknown:
        raise ValueError(f"not known here: {sorted(unknown)}")
