"""Conditions and limit keys as rules have them: over an event and what the lead's events said of the lead by then."""

from __future__ import annotations

import pytest

from services.scoring.conditions import KEY_CHARS_MAX, condition, key
from services.scoring.domain.fold import fold, trace
from services.scoring.domain.model import Attributes, Entry, Limit, Rule, RuleSet
from services.shared.cel import InvalidExpression
from tests.support.scoring_cases import entry


def holds(source: str, one: Entry, **attributes: object) -> bool:
    return condition(source)(one, attributes)


def test_all_of_an_event_is_there() -> None:
    one = entry("e1", "page_view", source="web", url="/pricing", n=3, deep={"list": [1, "x"]})
    assert holds("event.id == 'e1' && event.type == 'page_view' && event.source == 'web'", one)
    assert holds("event.properties.url.startsWith('/pri') && event.properties.n == 3", one)
    assert holds("event.properties.deep.list[1] == 'x'", one)
    assert not holds("event.properties.url == '/'", one)


def test_a_missing_property_is_false_both_ways() -> None:
    one = entry("e1")
    assert not holds("event.properties.n > 1", one)
    assert not holds("!(event.properties.n > 1)", one)
    assert not holds("lead.title == 'CTO'", one)


def test_the_leads_attributes_are_there() -> None:
    assert holds("lead.title == 'CTO' && lead.size >= 50", entry("e1"), title="CTO", size=50)


@pytest.mark.parametrize("source", ["event.", "nobody.x == 1", "'text'"])
def test_what_is_no_condition_is_refused(source: str) -> None:
    with pytest.raises(InvalidExpression):
        condition(source)


def scores(rules: RuleSet, history: list[Entry]) -> list[int]:
    return [step.state.score for step in trace(history, rules)]


def test_attributes_hold_from_the_event_on_that_gave_them_in_time_order() -> None:
    source = "lead.title == 'CTO'"
    rule = Rule("r", "page_view", 1_000, when=condition(source), when_source=source)
    rules = RuleSet(1, (rule,))
    history = [
        entry("a", "page_view", 0),
        entry("b", "identify", 1, title="CTO"),
        entry("c", "page_view", 2),
        entry("d", "lead_updated", 3, title="intern", city="Bern"),
        entry("e", "page_view", 4),
        entry("f", "lead_updated", 5, title="CTO"),
        entry("g", "page_view", 6, title="intern"),
    ]
    assert scores(rules, history) == [0, 0, 1_000, 1_000, 1_000, 1_000, 2_000]
    assert fold(history, rules).attributes == {"title": "CTO", "city": "Bern"}


def test_the_event_that_gives_attributes_is_judged_by_them() -> None:
    source = "lead.title == 'CTO'"
    rules = RuleSet(1, (Rule("r", "identify", 5_000, when=condition(source)),))
    assert scores(rules, [entry("a", "identify", title="CTO")]) == [5_000]


def value(source: str, one: Entry, attributes: Attributes | None = None) -> str:
    return key(source)(one, attributes or {})


def test_keys_tell_values_apart_and_kinds_of_values() -> None:
    sources = ["'1'", "1", "true", "null", "[1]", "['1']", "{'a': 1}", "{1: 'a'}", "b'1'"]
    found = [value(source, entry("e")) for source in sources]
    assert len(set(found)) == len(sources)
    assert value("event.properties.missing", entry("e")) == value("null", entry("e"))


def test_keys_are_the_same_for_the_same_value() -> None:
    one, other = entry("a", form={"x": 1, "y": [2]}), entry("b", form={"y": [2], "x": 1})
    assert value("event.properties.form", one) == value("event.properties.form", other)
    mixed = value("{1: 'a', 'b': 2}", one)
    assert mixed == value("{'b': 2, 1: 'a'}", other)
    assert value("timestamp('2026-01-01T00:00:00Z')", one) == value(
        "timestamp('2026-01-01T01:00:00+01:00')", other
    )


def test_long_keys_are_kept_short() -> None:
    long = ["x" * 30_000 + end for end in "ab"]
    found = [value("event.properties.text", entry("e", text=text)) for text in long]
    assert len(set(found)) == 2
    assert {len(one) for one in found} == {KEY_CHARS_MAX}


def test_a_limit_counts_for_each_key() -> None:
    source = "event.properties.form_id"
    rules = RuleSet(1, (Rule("r", "form", 2_000, limits=(Limit(1, None, key(source), source),)),))
    forms = ["a", "b", "a", None, None, "b", "c"]
    history = [
        entry(f"e{n}", "form", n, **({"form_id": form} if form else {}))
        for n, form in enumerate(forms)
    ]
    assert scores(rules, history) == [2_000, 4_000, 4_000, 6_000, 6_000, 6_000, 8_000]
