"""`until_available` takes anything awaitable. What else it promises is in test_shared_retrying.py."""

from __future__ import annotations

from services.shared.retrying import until_available


async def test_what_a_lambda_returns_is_awaited_and_tried_again() -> None:
    tries = 0

    async def attempt(needed: int) -> int:
        nonlocal tries
        tries += 1
        if tries < needed:
            raise ConnectionError
        return tries

    assert await until_available("it", lambda: attempt(3), ConnectionError, 10) == 3
