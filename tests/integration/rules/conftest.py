"""Accounts and rules as processes on real servers, and the bare servers for parts of rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scoreline.rules.v1 import rules_service_pb2_grpc
from stack import Stack, StackConfig
from tests.support import grpc_calls, projects
from tests.support.grpc_calls import Keyed
from tests.support.projects import TestProject
from tests.support.stack_fixtures import servers

__all__ = ["servers"]


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack(StackConfig(services=("accounts", "rules"), envoy=False)) as stack:
        yield stack


@pytest.fixture
def project(running: Stack) -> TestProject:
    return projects.new_project(running, "rules")


@pytest.fixture
def rules(running: Stack, project: TestProject) -> Iterator[Keyed]:
    """RulesService as the project's first key sees it."""
    with grpc_calls.channel(running.service_target("rules")) as channel:
        yield Keyed(rules_service_pb2_grpc.RulesServiceStub(channel), project.api_key)
