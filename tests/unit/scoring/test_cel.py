"""CEL: what compiles, where it says that something does not, what can't be evaluated, and what it may cost."""

from __future__ import annotations

import time

import pytest

from services.shared import cel
from services.shared.cel import Environment, InvalidExpression
from services.shared.cel_cost import LOOP_VALUES_MAX

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
    assert holds(source, l=[0] * (LOOP_VALUES_MAX - 1))
    assert not holds(source, l=[0] * LOOP_VALUES_MAX)
    # What it does not look at does not matter.
    assert holds(source, l=[0], other=many)
    assert time.perf_counter() - began < 5
    assert not holds("event.properties.l.all(x, x.contains('b'))", l=["b" * 20_000])
    # Without a loop, more may be read.
    assert holds("event.properties.l.size() == 1999 && 0 in event.properties.l", l=[0] * 1_999)
    assert not holds("event.properties.l.size() == 2000", l=[0] * 2_000)
    assert holds("!has(event.properties.l) || true", l=[0] * 1_999)


def test_a_variable_of_a_loop_hides_nothing() -> None:
    source = "[1].exists(lead, true) && event.properties.n == 1 && lead.l.size() > 0"
    given = {"event": {"properties": {"n": 1}}, "lead": {"l": [0] * 99}}
    assert ENVIRONMENT.condition(source).holds({**given, "lead": {"l": [0] * 90}})
    assert not ENVIRONMENT.condition(source).holds({**given, "lead": {"l": [0] * 100}})


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("event.x.matches(event.properties.p)", "line 1, column 33: matches needs a pattern that"),
        ("matches(event.x,\n  'a' + 'b')", "line 2, column 7: matches needs a pattern that"),
        ("true && event.x.matches('(')", "line 1, column 25: is no pattern: missing )"),
        (
            "event.x.matches('" + "a" * 513 + "')",
            "line 1, column 17: a pattern must be at most 512",
        ),
        ("event.x.matches('[\\\\pL]{9}')", "line 1, column 17: a pattern must need at most 4,000"),
        ("event.l.exists(a, event.l.exists(b, a == b))", "line 1, column 33: must loop at most 1"),
        ("event.l.map(a, a)[0] == 'x'", "line 1, column 12: must not use map or filter"),
    ],
)
def test_what_is_refused_for_its_cost_says_where(source: str, place: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        ENVIRONMENT.condition(source)
    assert str(refused.value).startswith(place), refused.value


def test_texts_are_not_taken_for_loops_or_patterns() -> None:
    assert holds("event.properties.s == 'map(x) all(y) exists(z) all(a)'", s="x") is False
    assert holds("'for all (of us), all (of you)'.contains(event.properties.s)", s="all (of")


def test_patterns_are_not_looked_for_in_long_texts() -> None:
    long, short = "a" * 4_097, "a" * 4_096
    assert holds("event.properties.s.matches('^a+$')", s=short, other=long)
    assert not holds("event.properties.s.matches('^a+$')", s=long)
    assert holds("event.properties['s'].matches('^a+$')", s=short)
    assert not holds("event.properties['s'].matches('^a+$')", s=long)
    assert not holds("string(event.properties.s).matches('^a+$')", s=long)
    assert holds("string(event.properties.s).matches('^a+$')", s="aa")
    assert not holds("matches(event.properties.s, '^a+$')", s=long)


def test_keys_of_much_are_none() -> None:
    assert ENVIRONMENT.key("event.properties.l").value(
        {"event": {"properties": {"l": [0] * 499}}, "lead": {}}
    )
    much = {"event": {"properties": {"l": [0] * 500}}, "lead": {}}
    assert ENVIRONMENT.key("event.properties.l").value(much) is None


def test_variables_are_made_once_for_many_expressions() -> None:
    given = ENVIRONMENT.given({"event": {"properties": {"n": 3}}, "lead": {"n": 3}})
    sources = [f"event.properties.n == lead.n && {number} == 3" for number in range(5)]
    found = [ENVIRONMENT.condition(source).holds(given) for source in sources]
    assert found == [False, False, False, True, False]


def test_literal_loops_end_with_the_evaluators_budget() -> None:
    numbers = ",".join("1" for _ in range(400))
    assert holds(f"[{numbers}].all(x, x == 1)")
