"""A project of its own for each test, and ways to the edge of the running suite."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from stack import Stack
from tests.support.projects import TestProject, new_project

HTTP_TIMEOUT_S = 20.0


@pytest.fixture
def project(suite: Stack) -> TestProject:
    """A new project with the default preset."""
    return new_project(suite, "e2e")


@pytest.fixture
def http(suite: Stack, project: TestProject) -> Iterator[httpx.Client]:
    """JSON over HTTP with the project's key."""
    with httpx.Client(
        base_url=suite.http_url, headers=project.headers, trust_env=False, timeout=HTTP_TIMEOUT_S
    ) as client:
        yield client


@pytest.fixture
def stranger(suite: Stack) -> Iterator[httpx.Client]:
    """HTTP without a key."""
    with httpx.Client(base_url=suite.http_url, trust_env=False, timeout=HTTP_TIMEOUT_S) as client:
        yield client


@pytest.fixture
def channel(suite: Stack) -> Iterator[grpc.Channel]:
    """Plain gRPC through the edge."""
    with grpc.insecure_channel(suite.grpc_target) as opened:
        yield opened


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Threads for what goes on beside the test."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool
