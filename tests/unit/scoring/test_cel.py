"""CEL: what compiles, where it says that something does not, what can't be evaluated, and what it may cost."""

from __future__ import annotations

import time

import pytest

from services.shared import cel
from services.shared.cel import Environment, InvalidExpression

ENVIRONMENT = Environment(("event", "lead"))


def holds(source: str, **properties: object) -> bool:
    variables = {"event": {"properties": properties}, "lead": {}}
    return ENVIRONMENT.condition(source).holds(variables)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("event.x +", "line 1, column 10: Syntax error"),
        ("foo == 1", "line 1, column 1: undeclared reference to 'foo'"),
        ("event.a == 1 &&\n  event.b == 'x' +", "line 2, column 19: Syntax error"),
        ("event.x ? true : 1", "line 1, column 9: found no matching overload"),
        ("", "line 1, column "),
    ],
)
def test_what_does_not_compile_says_where(source: str, place: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        ENVIRONMENT.condition(source)
    assert str(refused.value).startswith(place), refused.value
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("source", "kind"), [("1 + 1", "int"), ("'a'", "string"), ("[1]", "list")])
def test_a_condition_is_true_or_false_and_a_key_anything(source: str, kind: str) -> None:
    with pytest.raises(InvalidExpression, match=f"true or false, is of type {kind}"):
        ENVIRONMENT.condition(source)
    ENVIRONMENT.key(source)


def test_a_condition_of_unknown_type_holds_when_it_turns_out_true() -> None:
    assert holds("event.properties.flag", flag=True)
    assert not holds("event.properties.flag", flag=False)
    assert not holds("event.properties.flag", flag="true")
    assert not holds("event.properties.flag", flag=1)


def test_numbers_compare_whatever_way_they_are_written() -> None:
    assert holds("event.properties.n == 3 && event.properties.n == 3.0", n=3)
    assert holds("event.properties.n > 2 && event.properties.n < 2.6", n=2.5)
    assert holds("event.properties.n > 9007199254740992.0", n=1e300)
    assert holds("event.properties.n in [1, 2, 3]", n=2)


@pytest.mark.parametrize(
    "source",
    [
        "event.properties.missing == 1",
        "event.properties.text > 1",
        "1 / 0 == 1",
        "lead.title == 'cto'",
        "event.properties.text.size",
    ],
)
def test_what_cant_be_evaluated_does_not_hold(source: str) -> None:
    assert not holds(source, text="a")
    assert ENVIRONMENT.key(source).value({"event": {"properties": {}}, "lead": {}}) is None


def test_what_cant_be_evaluated_may_be_irrelevant() -> None:
    assert holds("event.properties.missing == 1 || true")
    assert holds("!has(event.properties.missing)")


@pytest.mark.parametrize(
    "source",
    [
        "x" * (cel.SOURCE_CHARS_MAX + 1),
        "event.l.exists(a, event.l.exists(b, a == b))",
        "event.l.all(a, a > 0) && event.l.all(b, b > 0)",
        # Over a map, their order is another in each process.
        "event.l.map(a, a)[0] == 'x'",
        "event.l.filter // a\n (a, true) == ['x']",
        # Comments and line breaks before the parenthesis hide nothing.
        "event.l.exists // all\n (a, event . l . exists\n// again\n// and again\n(b, a == b))",
        "(" * 300 + "true" + ")" * 300,
        "true && " * 120 + "true" + " || (true" * 8,
    ],
)
def test_what_may_cost_too_much_is_refused(source: str) -> None:
    with pytest.raises(InvalidExpression):
        ENVIRONMENT.condition(source)


def test_one_loop_is_fine() -> None:
    assert holds("event.properties.l.exists(x, x == 'b')", l=["a", "b"])
    assert holds("event.properties.l.exists_one(x, x.n > 1)", l=[{"n": 1}, {"n": 2}])
    assert not holds("event.properties.l.exists(x, x.n > 1)", l=["a"])


def test_loops_over_much_are_not_evaluated_and_never_take_long() -> None:
    reads = " + ".join(["event.properties.l"] * 25)
    source = f"event.properties.l.exists(x, ({reads}).size() > 0)"
    many: list[object] = [0] * 16_000
    began = time.perf_counter()
    assert not holds(source, l=many)
    assert not holds(source, l=[many])
    assert not holds(source, l=[{"deep": many}])
    assert holds(source, l=[0] * (cel.COMPREHENSION_VALUES_MAX - 10))
    assert time.perf_counter() - began < 5
    assert not holds("event.properties.l.all(x, x.contains('b'))", l=["b" * 20_000])
    # Without a loop, size does not matter.
    assert holds("event.properties.l.size() == 16000 && 0 in event.properties.l", l=many)


def test_literal_loops_end_with_the_evaluators_budget() -> None:
    numbers = ",".join("1" for _ in range(400))
    assert holds(f"[{numbers}].all(x, x == 1)")
