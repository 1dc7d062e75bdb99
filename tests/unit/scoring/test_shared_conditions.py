"""Conditions with the same source are one, and are evaluated once for an entry where the lead has no say."""

from __future__ import annotations

from typing import Any

import pytest

from services.scoring.conditions import condition, key
from services.shared.cel import Expression
from tests.support import scoring_cases as cases


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was evaluated."""
    found: list[Any] = []
    usual = Expression.value

    def noted(self: Expression, variables: Any) -> Any:
        found.append(variables)
        return usual(self, variables)

    monkeypatch.setattr(Expression, "value", noted)
    return found


def test_an_entry_is_looked_at_once(evaluations: list[Any]) -> None:
    source = "event.properties.n > 1"
    first, second = condition(source), condition(source)
    assert first is second
    big, small = cases.entry("e1", n=2), cases.entry("e1", n=0)
    # The second is equal to the first where entries are compared by id and time; it is another all the same.
    assert [first(big, {}), second(big, {"n": 0}), first(small, {}), first(big, {})] == [
        True, True, False, True,
    ]  # fmt: skip
    assert len(evaluations) == 3


def test_what_the_lead_has_a_say_in_is_looked_at_each_time(evaluations: list[Any]) -> None:
    holds = condition("lead.title == event.properties.title")
    entry = cases.entry("e1", title="cto")
    assert [holds(entry, {"title": "cto"}), holds(entry, {"title": "vp"})] == [True, False]
    assert len(evaluations) == 2


def test_keys_are_shared_likewise(evaluations: list[Any]) -> None:
    form = key("event.properties.form")
    one, other = cases.entry("e1", form="a"), cases.entry("e2", form="b")
    assert [form(one, {}), form(one, {}), form(other, {})] == ['"a"', '"a"', '"b"']
    assert len(evaluations) == 2
    by_lead = key("lead.title")
    assert by_lead(one, {"title": "cto"}) != by_lead(one, {"title": "vp"})
