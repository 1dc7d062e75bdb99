"""Compiled rule sets kept in memory: as many as there is room for, those asked for lately."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.binding import bound
from services.scoring.domain.lead import RulesInForce
from services.scoring.domain.model import NO_RULES, Activated, Binding, RuleSet
from services.scoring.stored_rules import RulesCache
from tests.support import scoring_cases as cases


def rules(activation: int, count: int = 3) -> RulesInForce:
    found = tuple(cases.rule("view", 1, rule_id=f"r{number}") for number in range(count))
    return RulesInForce(activation, RuleSet(activation, found))


def test_those_asked_for_the_longest_ago_go() -> None:
    cache = RulesCache(rules_max=12)
    for project in "abc":
        cache.put(project, rules(1))
    assert cache.get("a") == rules(1)
    cache.put("d", rules(1))
    assert [project for project in "abcd" if cache.get(project)] == ["a", "c", "d"]
    # One that is larger takes the place of several.
    cache.put("e", rules(1, 7))
    assert [project for project in "abcde" if cache.get(project)] == ["d", "e"]


def test_a_newer_one_takes_the_place_of_the_older_and_not_the_other_way_round() -> None:
    cache = RulesCache(rules_max=12)
    cache.put("a", rules(2))
    cache.put("a", rules(1))
    assert cache.get("a") == rules(2)
    for number in range(3, 50):
        cache.put("a", rules(number))
    cache.put("b", rules(1))
    cache.put("c", rules(1))
    assert [cache.get(project) for project in "abc"] == [rules(49), rules(1), rules(1)]


def test_versions_that_are_looked_back_on_count() -> None:
    cache = RulesCache(rules_max=20)
    cache.put("a", rules(1))
    versions = [
        replace(rules(number, 4).rule_set, binding=Binding.AT_PROCESSING) for number in (3, 2, 1)
    ]
    activations = [Activated(one.version, one, 0, one.version) for one in versions]
    cache.put("b", RulesInForce(3, bound(activations)))
    assert cache.get("a") is not None
    cache.put("c", rules(1))
    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_the_last_one_stays_whatever_its_size() -> None:
    cache = RulesCache(rules_max=5)
    cache.put("a", rules(1, 400))
    assert cache.get("a") is not None
    cache.put("b", rules(1, 400))
    assert (cache.get("a"), cache.get("b")) == (None, rules(1, 400))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(1, 9), st.integers(0, 6)), max_size=40
    )
)
def test_there_is_never_more_than_there_is_room_for(puts: list[tuple[str, int, int]]) -> None:
    cache = RulesCache(rules_max=15)
    for project, activation, count in puts:
        cache.put(project, rules(activation, count))
        kept = [found for one in "abcdef" if (found := cache.get(one)) is not None]
        assert sum(1 + len(one.rule_set.rules) for one in kept) <= 15
        assert cache.get(project) is not None


def test_no_rules_take_room_too() -> None:
    cache = RulesCache(rules_max=3)
    for number in range(9):
        cache.put(f"p{number}", RulesInForce(1, NO_RULES))
    assert [number for number in range(9) if cache.get(f"p{number}")] == [6, 7, 8]
