"""Expressions that make values: what is absent, what fails, what is refused, and what it may cost."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.cel import InvalidExpression
from services.shared.cel_source import entries_of
from services.shared.cel_values import (
    LOOP_COST_MAX,
    LOOP_OUTSIDE_VALUES_MAX,
    Budget,
    EvaluationFailed,
    ValueEnvironment,
)

ENVIRONMENT = ValueEnvironment(("body", "item"), ("at",))
AT = datetime(2026, 2, 1, tzinfo=UTC)
BODY: dict[str, Any] = {
    "a": {"b": 1, "text": "Ada Lovelace", "at": "2026-01-01T00:00:00Z", "ratio": 1.5},
    "list": [{"k": 1, "name": "one"}, {"k": 2, "name": "two"}],
    "map": {"x": 1, "y": 2},
}


def given_values(body: Any = BODY, size: int = 20) -> Any:
    return ENVIRONMENT.given({"body": body, "item": BODY["list"][0], "at": AT}, size)


def value(source: str) -> Any:
    return ENVIRONMENT.anything(source).value(given_values())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("body.a.b", 1),
        ('body["a"]["text"].lowerAscii()', "ada lovelace"),
        ('body.a.text.split(" ", 2)[1]', "Lovelace"),
        ("body.list.filter(one, one.k == 2).map(one, one.name)", ["two"]),
        ("body.list.filter(one, one.k == item.k)", [BODY["list"][0]]),
        ("body.list.exists(one, one.k == 2)", True),
        ("body.map", {"x": 1, "y": 2}),
        ("timestamp(body.a.at)", datetime(2026, 1, 1, tzinfo=UTC)),
        ("at - duration('1h')", AT - timedelta(hours=1)),
        ("body.?a.?b", 1),
        ("body.?a.?none.orValue('other')", "other"),
        ("body.?none.or(body.?a).?b", 1),
        ("body.a.ratio * 2.0", 3.0),
        # What is not there makes all of it null.
        ("body.none", None),
        ("body.none.deeper", None),
        ("body.?none", None),
        ("body.?a.?none.?deeper", None),
        ("body.list[7].k", None),
        ("body.a.none + 'x'", None),
        ("body.none.map(one, one)", None),
        ("has(body.none)", False),
        ("has(body.none.deeper)", None),
        ("body.a.none == 1 || body.a.b == 1", True),
    ],
)
def test_values(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "body.a.b.c",
        "1 / 0",
        "timestamp('yesterday')",
        "body.a.text * 2",
        "int(body.a.text)",
        "body.list.k",
    ],
)
def test_a_failure_says_nothing_of_the_document(source: str) -> None:
    with pytest.raises(EvaluationFailed) as failed:
        value(source)
    assert str(failed.value)
    assert "Ada" not in str(failed.value)


def test_each_entry_of_a_written_map_is_an_expression_of_its_own() -> None:
    source = """{
        "b": body.a.b, "none": body.none, ?"optional": body.?none, 'kept': "}, {:",  // a comment, with: marks
        "choice": body.a.b == 1 ? {"x": [1, 2]} : {"x": [3]}, body.a.text: true, r"raw\\d": '''it's "raw"''',
    }"""
    assert ENVIRONMENT.map(source).value(given_values()) == {
        "b": 1,
        "kept": "}, {:",
        "choice": {"x": [1, 2]},
        "Ada Lovelace": True,
        "raw\\d": 'it\'s "raw"',
    }
    assert ENVIRONMENT.map("body.map").value(given_values()) == {"x": 1, "y": 2}
    assert ENVIRONMENT.map("{}").value(given_values()) == {}
    for wrong in ('{"a": 1, "b": 1 / 0}', "{body.list: 1}", "{body.map: 1}", "{body.a.ratio: 1}"):
        with pytest.raises(EvaluationFailed):
            ENVIRONMENT.map(wrong).value(given_values())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("body.a +", "line 1, column 9: Syntax error"),
        ("nobody.a", "line 1, column 7: undeclared reference"),
        ("x" * 1025, "at most 1024 characters"),
        ("body.a.text.replace('a', 'b')", "must not use replace"),
        ("body.list.map(x, x.name).join(',')", "must not use join"),
        ("'%s'.format([body])", "must not use format"),
        ("body.a.text.matches(body.a.text)", "a pattern that is written out"),
        ("body.list.map(x, body.list.map(y, y))", "one after the other"),
        ("body.list.map(x, x).map(x, x).map(x, x)", "at most 2 times"),
        (
            "body.list.map(x, x.k == 1" + " || x.k == 1" * 50 + ")",
            "at most 256 characters where it loops",
        ),
        ("body.a.text.split('')", "split needs a limit"),
        ("body.a.text.split('', -1)", "split needs a limit"),
        ("body.a.text.split('', size(body.list))", "split needs a limit"),
        ("body.a.text.split('', 600) + body.a.text.split('', 401)", "at most 1,000 parts"),
        ("body.a.text.split('').map(c, c + 'a')", "split needs a limit"),
        ("body.list.map(x, x.name.split('', 21))", "at most 20 parts"),
        ("body.list[0].map(x, x)", "go through a list named by its path"),
        ("dyn(body.map).map(x, x)", "go through a list named by its path"),
    ],
)
def test_what_is_refused(source: str, said: str) -> None:
    with pytest.raises(InvalidExpression, match=said.replace("(", r"\(")):
        ENVIRONMENT.anything(source)


def test_types_that_are_known_are_checked() -> None:
    with pytest.raises(InvalidExpression, match="true or false, is of type int"):
        ENVIRONMENT.condition("1 + 1")
    with pytest.raises(InvalidExpression, match="a text, is of type bool"):
        ENVIRONMENT.text("has(body.a)")
    with pytest.raises(InvalidExpression, match="line 1, column 15: undeclared"):
        ENVIRONMENT.map('{"a": 1, "b": nobody}')
    with pytest.raises(InvalidExpression, match='entry "b": line 1, column 17: must not use join'):
        ENVIRONMENT.map('{"a": 1, "b": body.names.join()}')


def test_maps_have_no_order_to_go_through() -> None:
    with pytest.raises(EvaluationFailed, match="need a list"):
        value("body.map.map(key, key)")
    assert value("body.map.all(key, key != 'z')") is True


def test_loops_are_bounded_by_the_size_of_the_document() -> None:
    own = ENVIRONMENT.anything("body.list.filter(x, x.k == 1)")
    outside = ENVIRONMENT.anything("body.list.filter(x, x.k == item.k)")
    assert len(own.value(given_values(size=10_000))) == 1
    assert len(outside.value(given_values(size=200))) == 1
    with pytest.raises(EvaluationFailed, match="more than 10,000"):
        own.value(given_values(size=10_001))
    with pytest.raises(EvaluationFailed, match="more than 200"):
        outside.value(given_values(size=201))
    # And by its length: each turn may do something with every character.
    long = ENVIRONMENT.anything("body.list.filter(x, x.k == 1" + " || x.k == 1" * 15 + ")")
    assert len(long.value(given_values(size=2_000))) == 1
    with pytest.raises(EvaluationFailed, match="loops over a document of more than 2,"):
        long.value(given_values(size=4_000))
    assert value("body.a.text.split(' ', 20).map(part, part + '!')") == ["Ada!", "Lovelace!"]


@pytest.mark.parametrize(
    "source",
    [
        "body.list.filter(x, " + " || ".join(["x.s.contains('z')"] * 10) + ")",
        "body.list.map(x, [" + "x," * 115 + "x])",
        "body.list.map(x, [" + "x.s.split('', 5), " * 4 + "x])",
        "body.list.filter(x, x.s.matches('(a|b|ab)*c') || item.s == x.s)",
        "body.list.map(x, x.s" + " + x.s" * 20 + ")",
    ],
)
def test_the_worst_takes_a_second_or_so(source: str) -> None:
    most = LOOP_COST_MAX // len(source)
    if "item" in source:
        most = min(most, LOOP_OUTSIDE_VALUES_MAX)
    body = {"list": [{"s": f"{number:04d}" + "ab" * 30} for number in range((most - 2) // 2)]}
    values = ENVIRONMENT.given({"body": body, "item": body["list"][0], "at": AT}, most)
    begun = time.thread_time()
    ENVIRONMENT.anything(source).value(values)
    assert time.thread_time() - begun < 2


def test_nothing_begins_when_there_is_no_time_left() -> None:
    late = ENVIRONMENT.given({"body": BODY, "item": None, "at": AT}, 20, budget := Budget(0))
    with budget.spending(), pytest.raises(EvaluationFailed, match="no time left"):
        ENVIRONMENT.anything("1").value(late)


def test_only_what_is_spent_counts() -> None:
    budget = Budget(0.05)
    with budget.spending():
        assert not budget.over
    _work(0.1)
    with budget.spending():
        assert not budget.over
        _work(0.1)
        assert budget.over
    with budget.spending():
        assert budget.over


def _work(seconds: float) -> None:
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass


@given(st.text(alphabet="{}[]()\"'`:,?/\\ \nrb1a.", max_size=40))
def test_any_text_is_taken_apart_or_left(source: str) -> None:
    entries = entries_of(source)
    if entries is None:
        return
    assert source.count(":") >= len(entries)
    with contextlib.suppress(InvalidExpression):
        ENVIRONMENT.map(source)
