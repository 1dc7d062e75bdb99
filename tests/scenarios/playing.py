"""How a scenario is played, wherever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from tests.scenarios.scenario import (
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
    Unmerge,
)
from tests.support.eventually import eventually


class Level(Protocol):
    """Where a scenario is played."""

    settle_s: float
    """How long what follows in the background (re-scoring) may take."""

    def activate(self, rules: RulesData) -> None: ...

    def send(self, events: Sequence[EventData]) -> None: ...

    def adjust(self, fact: Adjust) -> None: ...

    def retract(self, fact: Retract) -> None: ...

    def merge(self, fact: Merge) -> None: ...

    def unmerge(self, fact: Unmerge) -> None: ...

    def mark(self, name: str) -> None: ...

    def lead(self, reference: str) -> LeadState | None: ...

    def look(self, reference: str, at: datetime, known: str) -> Mapping[str, Any]: ...

    def simulate(self, draft: RulesData, reference: str, at: datetime) -> Mapping[str, Any]: ...


def play(scenario: Scenario, level: Level) -> None:
    """Do what each step says."""
    for step in scenario.steps:
        match step:
            case Activate(rules):
                level.activate(rules)
            case Send(events):
                level.send(events)
            case Adjust():
                level.adjust(step)
            case Retract():
                level.retract(step)
            case Merge():
                level.merge(step)
            case Unmerge():
                level.unmerge(step)
            case Mark(name):
                level.mark(name)
            case Expect(leads):
                for reference, wanted in leads.items():
                    expect(level, reference, wanted)
            case Look(at, known, leads):
                for reference, parts in leads.items():
                    look(level, reference, at, known, parts)
            case Simulate(draft, at, leads):
                for reference, parts in leads.items():
                    found = level.simulate(draft, reference, at)
                    assert {name: found[name] for name in parts} == parts, reference


def expect(level: Level, reference: str, wanted: LeadState | None) -> None:
    """The lead is as wanted, or soon is."""

    def check() -> bool:
        assert level.lead(reference) == wanted, reference
        return True

    eventually(check, timeout_s=level.settle_s)


def look(level: Level, reference: str, at: datetime, known: str, wanted: Mapping[str, Any]) -> None:
    """The lead was, as of an instant, as wanted, or soon is said to be."""

    def check() -> bool:
        found = level.look(reference, at, known)
        assert {name: found[name] for name in wanted} == wanted, (reference, at)
        return True

    eventually(check, timeout_s=level.settle_s)
