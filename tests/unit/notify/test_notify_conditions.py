"""Filters in CEL: what they see, what is refused and where, and that equal ones are one."""

from __future__ import annotations

import gc

import pytest

from services.notify.conditions import Conditions
from services.notify.domain.filtering import Change, ChangeFilter
from services.shared.cel import InvalidExpression
from services.shared.errors import LimitExceeded

CHANGE = Change(
    lead_id="ada",
    version=3,
    cause="EVENT",
    event_type="demo_request",
    previous_score=10.0,
    score=60.5,
    delta_points=50.5,
    previous_stage="cold",
    stage="hot",
    previous_velocity=1.0,
    velocity=4.5,
    previous_risk="",
    risk="LOW",
    late=True,
    merged_into="bob",
)


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ('change.lead_id == "ada"', True),
        ('change.lead_id.startsWith("b")', False),
        ('change.cause in ["EVENT", "ADJUSTMENT"]', True),
        ('change.event_type == "demo_request"', True),
        ("change.score >= 60", True),
        ("change.score > 60.5", False),
        ("change.previous_score == 10", True),
        ("change.delta <= -10 || change.delta >= 50.5", True),
        ('change.stage != change.previous_stage && change.stage == "hot"', True),
        ("change.velocity - change.previous_velocity > 3.0", True),
        ('change.risk == "LOW" && change.previous_risk == ""', True),
        ("!change.late", False),
        ('change.merged_into == "bob"', True),
        ('["eve", "ada"].exists(name, name == change.lead_id)', True),
    ],
)
def test_an_expression_sees_the_change(source: str, holds: bool) -> None:
    condition = Conditions(10).compile(source)
    assert condition.holds(CHANGE) is holds
    assert ChangeFilter(condition=condition).matches(CHANGE) is holds


def test_a_filter_is_all_of_its_conditions() -> None:
    condition = Conditions(10).compile("change.score > 60")
    assert ChangeFilter(causes=frozenset({"EVENT"}), condition=condition).matches(CHANGE)
    assert not ChangeFilter(causes=frozenset({"DECAY"}), condition=condition).matches(CHANGE)
    assert not ChangeFilter(event_types=frozenset({"x"}), condition=condition).matches(CHANGE)
    assert not ChangeFilter(stages=frozenset({"warm"}), condition=condition).matches(CHANGE)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("change.score >", "line 1, column 15: "),
        ("change.scor > 1", "line 1, column 7: undeclared reference to 'change.scor'"),
        ("true &&\n  lead.score > 1", "line 2, column 7: undeclared"),
        ("change.score", "must be true or false"),
        ("change.lead_id + 1 == 2", "can't be worked out"),
        ("change.score.points > 1", "can't be worked out"),
        ("1", "must be true or false, is of type int"),
        ('change.lead_id.matches("(")', "line 1, column 24"),
        ("change.late || " * 100 + "true", "at most 1024 characters"),
        ("[1, 2].all(a, [3].all(b, [4].all(c, a < c)))", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(source: str, said: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        Conditions(10).compile(source)
    assert said in str(refused.value)


def test_watches_with_the_same_text_share_a_condition_for_as_long_as_one_has_it() -> None:
    conditions = Conditions(2)
    one, other = conditions.compile("change.late"), conditions.compile("!change.late")
    assert conditions.compile("change.late") is one
    with pytest.raises(LimitExceeded):
        conditions.compile("change.score > 1")
    assert (one.holds(CHANGE), other.holds(CHANGE)) == (True, False)
    del other
    gc.collect()
    third = conditions.compile("change.score > 1")
    assert third.holds(CHANGE)


def test_answers_are_not_mixed_up_between_changes() -> None:
    conditions = Conditions(2)
    high, late = conditions.compile("change.score > 5"), conditions.compile("change.late")
    changes = [Change("a", n, score=n, late=n % 2 == 0) for n in range(10)]
    for _ in range(2):
        for change in changes:
            assert high.holds(change) == (change.score > 5)
            assert late.holds(change) == change.late
