"""However a rule set is filled, the largest that is taken fits one message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.rules import convert
from services.rules.domain import errors
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    Content,
    Grade,
    Grading,
    Limit,
    NextAction,
    Rule,
)
from services.rules.domain.size import RULES_MAX, TEXT_BYTES_MAX, check_size

MESSAGE_BYTES_MAX = 900_000
"""Of the broker's 1 MB."""

LONG_US = 3_650 * 86_400 * 10**6 - 1
RULE = Rule("a", "a", 1, True, "")
GOLDEN = GoldenTest("t", (), Expectation(-(10**12), "s", "A1", 1, "medium", "a"), LONG_US)


def filled(properties: dict[str, Any], events: int) -> Content:
    """As many events with such properties."""
    event = GoldenEvent("e", LONG_US, properties, "")
    tests = [
        replace(GOLDEN, events=(event,) * min(100, events - at)) for at in range(0, events, 100)
    ]
    return Content(rules=(RULE,), tests=tuple(tests))


FILLINGS: dict[str, Callable[[int], Content]] = {
    "numbers": lambda count: filled({"a": [0.1] * count}, 400),
    "names": lambda count: filled({f"{n}": None for n in range(count)}, 400),
    "objects": lambda count: filled({"a": [{"a": {"a": True}}] * count}, 400),
    "events": lambda count: filled({}, count),
    "limits": lambda count: Content(
        rules=(replace(RULE, limits=(Limit(1_000, LONG_US, "k" * count),) * 4),) * RULES_MAX
    ),
    "rules": lambda count: Content(
        rules=(replace(RULE, points_milli=-(10**9) + 1, when="x" * count),) * RULES_MAX
    ),
}


def fits(content: Content) -> bool:
    try:
        check_size(content)
    except errors.TooLarge:
        return False
    return True


@pytest.mark.parametrize("filling", FILLINGS)
def test_the_largest_that_is_taken_fits(filling: str) -> None:
    made = FILLINGS[filling]
    most = 1
    while fits(made(2 * most)) and most < 2**15:
        most *= 2
    step = most
    while step := step // 2:
        if fits(made(most + step)):
            most += step
    assert not fits(made(most + 1))
    size = convert.content_message(made(most)).ByteSize()
    assert size < MESSAGE_BYTES_MAX
    # And the limit is not reached by nothing.
    assert size > TEXT_BYTES_MAX / 5


def test_every_small_part_counts() -> None:
    grades = Grading("g", (Grade("ß" * 8, 0),) * 8, "g", (Grade("ß" * 8, 0),) * 8)
    actions = (NextAction("a", "ß" * 1_024),) * 32
    content = Content(rules=(RULE,), grading=grades, next_actions=actions)
    actions_bytes = 32 * 2_048
    assert fits(replace(content, description="x" * (TEXT_BYTES_MAX - actions_bytes - 4_000)))
    assert not fits(replace(content, description="x" * (TEXT_BYTES_MAX - actions_bytes)))
