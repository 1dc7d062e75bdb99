"""Bounded retries and supervised loops."""

import asyncio

import pytest

from services.shared.retrying import UNHEALTHY_AFTER_FAILURES, SupervisedLoop, until_available
from tests.support.eventually import eventually_async


async def test_until_available_gives_the_first_success() -> None:
    tries = []

    async def attempt() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return "there"

    assert await until_available("it", attempt, OSError, timeout_s=5) == "there"
    assert len(tries) == 3


async def test_until_available_gives_up_with_the_last_error() -> None:
    async def attempt() -> None:
        raise ConnectionRefusedError("still away")

    with pytest.raises(ConnectionRefusedError, match="still away"):
        await until_available("it", attempt, OSError, timeout_s=0.2)


async def test_until_available_raises_other_errors_at_once() -> None:
    async def attempt() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await until_available("it", attempt, OSError, timeout_s=5)


async def test_a_loop_runs_again_and_says_that_it_is_unhealthy() -> None:
    runs = []

    async def body() -> None:
        runs.append(1)
        raise ValueError("again")

    loop = SupervisedLoop("test", body)
    assert loop.healthy
    task = asyncio.create_task(loop.run())
    await eventually_async(lambda: _done(not loop.healthy))
    assert len(runs) >= UNHEALTHY_AFTER_FAILURES
    loop.settled()
    assert loop.healthy
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_loop_that_runs_again_is_healthy_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.shared.retrying.MAX_DELAY_S", 0.05)
    mended = asyncio.Event()

    async def body() -> None:
        if not mended.is_set():
            raise ValueError("again")
        await asyncio.Event().wait()

    loop = SupervisedLoop("test", body)
    task = asyncio.create_task(loop.run())
    await eventually_async(lambda: _done(not loop.healthy))
    mended.set()
    await eventually_async(lambda: _done(loop.healthy))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _done(value: bool) -> bool:
    return value
