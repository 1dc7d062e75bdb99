"""Tasks end, even those that swallow a cancellation."""

import asyncio

from services.shared.tasks import cancel


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.wait([task], timeout=0.01)
    await cancel([task])
    assert swallowed == [1]
    assert task.cancelled()


async def test_a_task_that_fails_on_its_way_out_has_ended_too() -> None:
    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on the way out")

    task = asyncio.create_task(failing())
    await asyncio.wait([task], timeout=0.01)
    await cancel([task])
    assert isinstance(task.exception(), ValueError)
