"""Loops that run beside a test and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from services.shared.tasks import cancel


@asynccontextmanager
async def background(loop: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run `loop` until the block ends; an error it ended with is raised then."""
    task = asyncio.create_task(loop)
    try:
        yield task
    except Exception:
        # Where it was waiting says why the test did not get what it waited for.
        task.print_stack()
        raise
    finally:
        await cancel([task])
        if not task.cancelled() and (error := task.exception()):
            raise error
