"""Stacks of stand-in services: these tests are about starting, stopping and passing on, not about scores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack import Stack, StackConfig

FAKE_SERVICE = "tests.support.fake_service"


@pytest.fixture(scope="session")
def fakes() -> Iterator[Stack]:
    """All five services as stand-ins, with real servers and the real edge. Shared by the tests of the group `stack`:
    restart what you kill."""
    with Stack(StackConfig(module=FAKE_SERVICE)) as stack:
        yield stack
