"""Waiting for a condition instead of for a time: tests never sleep and hope."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

TIMEOUT_S = 40.0
"""Generous, for a loaded machine whose disk stalls: only a test that fails waits so long."""

POLL_S = 0.02


def eventually(check: Callable[[], T], *, timeout_s: float = TIMEOUT_S) -> T:
    """Call `check` until it returns something true, and return that.

    An AssertionError it raises counts as not yet; the last one is raised when time is up.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found, failure = _look(check)
        if found:
            return found
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {timeout_s} s: {inspect.getsource(check)}")
        time.sleep(POLL_S)


async def eventually_async(check: Callable[[], Awaitable[T]], *, timeout_s: float = TIMEOUT_S) -> T:
    """`eventually` for a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        failure: AssertionError | None = None
        try:
            if found := await check():
                return found
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {timeout_s} s: {inspect.getsource(check)}")
        await asyncio.sleep(POLL_S)


def _look(check: Callable[[], T]) -> tuple[T | None, AssertionError | None]:
    try:
        return check(), None
    except AssertionError as error:
        return None, error
