"""Accounts and rules as processes on real servers, somebody who runs golden tests, and the bare servers for parts of
rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scoreline.rules.v1 import rules_service_pb2_grpc
from stack import Stack, StackConfig
from tests.support import grpc_calls, projects, rules_golden
from tests.support.grpc_calls import Keyed
from tests.support.projects import TestProject
from tests.support.rules_golden import FakeSimulation


@pytest.fixture(scope="session")
def simulation() -> FakeSimulation:
    """Runs golden tests for rules."""
    return FakeSimulation()


@pytest.fixture(scope="session")
def running(simulation: FakeSimulation) -> Iterator[Stack]:
    """Shared by the tests of the group `rules`. Nothing is killed here."""
    with rules_golden.serving(simulation) as target:
        env = {"SCORELINE_RULES_SCORING_TARGET": target}
        with Stack(StackConfig(services=("accounts", "rules"), envoy=False, env=env)) as stack:
            yield stack


@pytest.fixture
def project(running: Stack) -> TestProject:
    return projects.new_project(running, "rules")


@pytest.fixture
def rules(running: Stack, project: TestProject) -> Iterator[Keyed]:
    """RulesService as the project's first key sees it."""
    with grpc_calls.channel(running.service_target("rules")) as channel:
        yield Keyed(rules_service_pb2_grpc.RulesServiceStub(channel), project.api_key)
