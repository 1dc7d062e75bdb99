"""Accounts as a process on real servers, and the bare servers for its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scoreline.accounts.v1 import accounts_service_pb2_grpc
from stack import Stack, StackConfig
from tests.support import grpc_calls
from tests.support.grpc_calls import Keyed


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """Shared by the tests of the group `accounts`. Nothing is killed here."""
    with Stack(StackConfig(services=("accounts",), envoy=False)) as stack:
        yield stack


@pytest.fixture(scope="session")
def caller(running: Stack) -> Iterator[Callable[[str], Keyed]]:
    """Gives AccountsService as a key sees it."""
    with grpc_calls.channel(running.service_target("accounts")) as channel:
        stub = accounts_service_pb2_grpc.AccountsServiceStub(channel)
        yield lambda api_key: Keyed(stub, api_key)
