"""What expressions cost: never much more than was told before, and together no more than a rule set may."""

from __future__ import annotations

import random
import time

import pytest

from services.shared.cel import Environment
from services.shared.cel_budget import (
    ANY_TYPE,
    EVENT_COST_US_MAX,
    LOOK,
    LOOPING_MAX,
    Spent,
    overspent,
)
from services.shared.cel_cost import Cost

ENVIRONMENT = Environment(("event", "lead"))

SLOWER = 20
"""What other work on the machine may make of a time."""

LETTERS = random.Random(7)


def mixed(length: int) -> str:
    return "".join(LETTERS.choice("ab") for _ in range(length))


LISTS = " + ".join(["event.properties.l"] * 20)
COSTLY = [
    ("event.properties.n == 1", {"n": 1}),
    (f"({LISTS}) == [1]", {"l": [0] * 1_990}),
    ("event.properties.l == event.properties.m", {"l": [{"a": 1}] * 450, "m": [{"a": 1}] * 450}),
    ("event.properties.s.contains(event.properties.p)", {"s": "a" * 16_000, "p": "a" * 9_000 + "b"}),
    ("event.properties.s.matches('(a|b)*a(a|b){50}c')", {"s": mixed(4_096)}),
    ("event.properties.s.matches('(a{1,100}){1,10}x')", {"s": "a" * 4_096}),
    ("event.properties.l.exists(x, x.matches('(a|b)*a(a|b){50}c'))", {"l": [mixed(60)] * 98}),
    ("event.properties.l.exists(x, event.properties.s.matches('(a|b)*a(a|b){20}c'))",
     {"l": [1] * 48, "s": mixed(3_000)}),
    (f"event.properties.l.all(x, ({LISTS}).size() > 0)", {"l": [0] * 95}),
    (f"({LISTS}).all(x, ({LISTS}).size() > 0)", {"l": [0] * 30}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "properties"), COSTLY, ids=[one[:60] for one, _ in COSTLY])
def test_what_is_told_is_about_the_worst(source: str, properties: dict[str, object]) -> None:
    expression = ENVIRONMENT.condition(source)
    given = ENVIRONMENT.given({"event": {"properties": properties}, "lead": {}})
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert expression.value(given) is not None
        times.append(time.perf_counter() - began)
    assert min(times) * 1_000_000 < SLOWER * expression.cost.us


def test_plain_expressions_cost_next_to_nothing_and_loops_a_lot() -> None:
    def us(source: str) -> int:
        return ENVIRONMENT.condition(source).cost.us

    plain = us('event.properties.path == "/pricing" && lead.size > 10')
    assert plain < 100
    assert us('event.properties.l.exists(x, x == "a")') < 1_000
    small = 'event.properties.s.matches("^(c-level|vp)$")'
    assert 10 * plain < us(small) < 10_000
    looping = us(f"event.properties.l.exists(x, {small})")
    assert 10 * us(small) < looping < EVENT_COST_US_MAX
    # More turns where the list is made longer.
    longer = us(f"(event.properties.l + event.properties.l).exists(x, {small})")
    assert longer > 1.9 * looping
    assert us("event.properties.l + event.properties.l == []") > 1_000


def spent(field: str, event_type: str, us: int, loops: bool = False) -> Spent:
    return Spent(field, event_type, Cost(us, loops))


def refused(*expressions: Spent) -> list[str]:
    return [field for field, _ in overspent(expressions)]


HALF = EVENT_COST_US_MAX // 2


def test_one_event_may_cost_so_much_and_no_more() -> None:
    assert refused(spent("a", "view", HALF), spent("b", "view", HALF)) == []
    assert refused(spent("a", "view", HALF), spent("b", "view", HALF + 1)) == ["b"]
    # Events of different types are different events; what is for all is for each.
    assert refused(spent("a", "view", HALF + 1), spent("b", "form", HALF + 1)) == []
    views = (spent("a", "view", HALF), spent("b", "form", HALF + 1))
    assert refused(*views, spent("c", ANY_TYPE, HALF)) == ["c"]
    assert refused(spent("c", ANY_TYPE, HALF), *views) == ["b"]
    assert refused(spent("c", ANY_TYPE, HALF), spent("d", ANY_TYPE, HALF + 1)) == ["d"]
    # Next actions are for no event.
    assert refused(*views, spent("n", LOOK, HALF + 1), spent("c", ANY_TYPE, HALF - 1)) == []
    assert refused(spent("n", LOOK, HALF), spent("m", LOOK, HALF + 1)) == ["m"]


def test_what_is_refused_leaves_room_for_others() -> None:
    found = list(
        overspent(
            [spent("a", "view", HALF), spent("b", "view", 2 * HALF), spent("c", "view", HALF)]
        )
    )
    assert [field for field, _ in found] == ["b"]
    assert "an event of the type takes 1,500 ms at worst, 1,000 ms are allowed" in found[0][1]


def test_only_so_many_may_loop() -> None:
    looping = [spent(f"l{n}", f"type-{n}", 1, loops=True) for n in range(LOOPING_MAX + 2)]
    plain = spent("p", "view", 1)
    assert refused(*looping, plain) == [f"l{LOOPING_MAX}", f"l{LOOPING_MAX + 1}"]
