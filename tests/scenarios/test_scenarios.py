"""Every scenario file at three levels, with the same numbers. How a file is played is here; what a level does with each
step is in fold_level.py, service_level.py and edge_level.py."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

import httpx
import pytest

from stack import Stack
from tests.scenarios.edge_level import EdgeLevel
from tests.scenarios.fold_level import ARRIVALS, Arrival, FoldLevel
from tests.scenarios.scenario import (
    Activate,
    EventData,
    Expect,
    LeadState,
    RulesData,
    Scenario,
    Send,
    load_all,
)
from tests.scenarios.service_level import ServiceLevel
from tests.support.eventually import eventually
from tests.support.projects import new_project

SCENARIOS = load_all()

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


class Level(Protocol):
    """Where a scenario is played."""

    settle_s: float
    """How long what follows in the background (re-scoring) may take."""

    def activate(self, rules: RulesData) -> None: ...

    def send(self, events: Sequence[EventData]) -> None: ...

    def lead(self, reference: str) -> LeadState | None: ...


@every_scenario
@pytest.mark.parametrize("arrival", ARRIVALS)
def test_fold(scenario: Scenario, arrival: Arrival) -> None:
    play(scenario, FoldLevel(arrival))


@every_scenario
def test_service(scenario: Scenario, suite: Stack) -> None:
    project = new_project(suite, scenario.name.replace("_", "-"))
    with ExitStack() as channels:
        play(scenario, ServiceLevel(suite, project, channels))


@every_scenario
def test_edge(scenario: Scenario, suite: Stack) -> None:
    project = new_project(suite, scenario.name.replace("_", "-"))
    with httpx.Client(
        base_url=suite.http_url, headers=project.headers, trust_env=False, timeout=20
    ) as http:
        play(scenario, EdgeLevel(http))


def play(scenario: Scenario, level: Level) -> None:
    """Do what each step says."""
    for step in scenario.steps:
        match step:
            case Activate(rules):
                level.activate(rules)
            case Send(events):
                level.send(events)
            case Expect(leads):
                for reference, wanted in leads.items():
                    expect(level, reference, wanted)


def expect(level: Level, reference: str, wanted: LeadState | None) -> None:
    """The lead is as wanted, or soon is."""

    def check() -> bool:
        assert level.lead(reference) == wanted, reference
        return True

    eventually(check, timeout_s=level.settle_s)
