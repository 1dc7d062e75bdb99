"""Every scenario file at three levels, with the same numbers. How a file is played is in playing.py; what a level does
with each step is in fold_level.py, service_level.py and edge_level.py."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest

from stack import Stack
from tests.scenarios.edge_level import EdgeLevel
from tests.scenarios.fold_level import Arrival, FoldLevel, arrivals_of
from tests.scenarios.playing import play
from tests.scenarios.reading import load_all
from tests.scenarios.scenario import Scenario
from tests.scenarios.service_level import ServiceLevel
from tests.support.projects import new_project

SCENARIOS = load_all()

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@pytest.mark.parametrize(
    ("scenario", "arrival"),
    [
        pytest.param(scenario, arrival, id=f"{scenario.name}-{arrival}")
        for scenario in SCENARIOS
        for arrival in arrivals_of(scenario.order_matters)
    ],
)
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
