"""Scenario files, read into values; README.md has the format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.scenarios.scenario import (
    LOOKED_AT,
    SIMULATED,
    Activate,
    Adjust,
    EventData,
    Expect,
    LeadState,
    Look,
    Mark,
    Merge,
    Retract,
    RulesData,
    Scenario,
    Send,
    Simulate,
    Step,
    TimelineStep,
    Unmerge,
)

FOLDER = Path(__file__).parent
PRESETS = FOLDER.parents[1] / "services" / "rules" / "presets"
SIMPLE = "simple"
"""The rules of a project that has not set its own."""

DAY = "2026-03-01"
"""What gives only a time of day happens on this day."""

ALL_HISTORY = datetime(1970, 1, 1, tzinfo=UTC)


def load_all() -> list[Scenario]:
    """Every scenario there is."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]


def load(path: Path) -> Scenario:
    """One scenario. Raises where the file says something that this module does not know."""
    return parse(path.stem, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Scenario:
    """A scenario as a file has it."""
    content = yaml.safe_load(text)
    _only(content, "about", "order_matters", "rules", "preset", "steps")
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
        case "simulate":
            return _simulate(content)
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
    _only(content, "id", "type", "who", "also", "at", "properties")
    return EventData(
        event_id=content["id"],
        type=content["type"],
        who=content["who"],
        at=_instant(content["at"]),
        properties=content.get("properties", {}),
        also=tuple(content.get("also", ())),
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


def _simulate(content: dict[str, Any]) -> Simulate:
    content = dict(content)
    draft, at = _activated(content.pop("draft")), _instant(content.pop("at"))
    for lead in content.values():
        _only(lead, *SIMULATED)
    return Simulate(draft, at, content)


def _only(content: Mapping[str, Any], *known: str) -> None:
    unknown = set(content) - set(known)
    if unknown:
        raise ValueError(f"not known here: {sorted(unknown)}")
