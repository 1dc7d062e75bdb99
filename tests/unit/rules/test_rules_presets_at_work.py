"""The presets at work: events in, scores out, through the contract that scoring reads and its pure fold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from services.rules import convert, presets
from services.rules.domain.model import Content
from services.scoring import rule_conversion
from services.scoring.domain.fold import fold, score_at
from services.scoring.domain.model import Entry, RuleSet, microseconds
from services.scoring.domain.state import State
from tests.support import rules_golden
from tests.support.clocks import START
from tests.support.rules_contents import contents

FIT = {
    "seniority": "VP",
    "company_size": 500,
    "industry": "Software",
    "email": "ada@navy.example",
}

KINDS = ("page_view", "lead_updated")


def rules_of(name: str) -> RuleSet:
    return rule_conversion.rule_set(convert.preset_message(presets.load(name)).rule_set)


def entry(number: int, kind: str, days: float = 0, **properties: Any) -> Entry:
    return Entry(f"e-{number}", kind, START + timedelta(days=days, minutes=number), properties)


def after(name: str, *happened: tuple[str, float, dict[str, Any]]) -> State:
    entries = [
        entry(number, kind, days, **said) for number, (kind, days, said) in enumerate(happened)
    ]
    return fold(sorted(entries, key=lambda one: one.position), rules_of(name))


def score(name: str, *happened: tuple[str, float, dict[str, Any]]) -> float:
    return after(name, *happened).score / 1000


@pytest.mark.parametrize("name", presets.names())
def test_scoring_takes_every_preset(name: str) -> None:
    assert rules_of(name).rules


@pytest.mark.parametrize("name", presets.names())
def test_golden_tests_pass(name: str) -> None:
    results = rules_golden.results(convert.preset_message(presets.load(name)).rule_set)
    assert {one.name: list(one.differences) for one in results if not one.passed} == {}
    assert [one.name for one in results] == [one.name for one in presets.load(name).tests]


@settings(max_examples=40)
@given(contents())
def test_scoring_takes_every_rule_set_that_rules_takes(content: Content) -> None:
    results = rules_golden.results(convert.content_message(content))
    assert [one.name for one in results] == [one.name for one in content.tests]


def test_all_presets_but_the_simplest_have_golden_tests() -> None:
    without = {name for name in presets.names() if not presets.load(name).tests}
    assert without == {presets.SIMPLE}


@pytest.mark.parametrize(
    ("name", "kinds", "scores", "stages"),
    [
        ("leadflow", ["page_view"], [5], [""]),
        ("targetgrid-bullmq", ["purchase", "refund"], [100, 50], ["", ""]),
        ("targetgrid-bullmq", ["purchase"] * 11, [*range(100, 1001, 100), 1000], [""] * 11),
        ("intelligence", ["page_view", "signup", "demo_request"], [1, 21, 51],
         ["cold", "warm", "hot"]),
        ("platform", ["page_view", "signup", "demo_request"], [5, 25, 75],
         ["cold", "cold", "hot"]),
    ],
)  # fmt: skip
def test_the_numbers_of_other_systems(
    name: str, kinds: list[str], scores: list[int], stages: list[str]
) -> None:
    rules = rules_of(name)
    states = [
        fold([entry(number, kind) for number, kind in enumerate(kinds[:count])], rules)
        for count in range(1, len(kinds) + 1)
    ]
    assert [state.score / 1000 for state in states] == scores
    assert [rules.stage_of(state.score) for state in states] == stages


@pytest.mark.parametrize(
    ("name", "kind", "days", "score"),
    [
        ("platform", "contract_signed", 7.9, 100),
        ("platform", "contract_signed", 8, 95),
        ("platform", "contract_signed", 9, 90.25),
        ("intelligence", "demo_request", 8, 24),
        ("targetgrid-bullmq", "demo_request", 30.9, 50),
        ("targetgrid-bullmq", "demo_request", 33, 35),
        ("targetgrid-bullmq", "demo_request", 300, 0),
        ("targetgrid-prisma", "demo_request", 300, 50),
        ("default-b2b", "demo_request", 29, 50),
        ("default-b2b", "demo_request", 30, 37.5),
        ("default-b2b", "demo_request", 120, 0),
        ("default-b2b", "download", 14, 7.5),
        ("default-b2b", "download", 56, 0),
        ("default-b2b", "purchase", 3_000, 100),
    ],
)
def test_what_time_takes(name: str, kind: str, days: float, score: float) -> None:
    rules = rules_of(name)
    at = microseconds(START + timedelta(days=days))
    assert score_at(fold([entry(0, kind)], rules), rules, at) / 1000 == score


def test_engagement_has_a_ceiling_and_repeated_activity_weighs_little() -> None:
    many = [("page_view", day / 2, {"path": "/"}) for day in range(4)]
    assert score("default-b2b", *many) == 4
    assert score("default-b2b", *[("page_view", 0, {})] * 20) == 5
    assert score("default-b2b", *[("email_open", 0, {})] * 20) == 3
    same = ("email_click", 0, {"message_id": "m-1"})
    assert score("default-b2b", same, same, ("email_click", 0, {"message_id": "m-2"})) == 6
    assert score("default-b2b", ("email_click", 0, {}), ("email_click", 0, {})) == 6
    webinars = [("webinar_attended", 0, {"webinar": f"w-{number}"}) for number in range(5)]
    assert score("default-b2b", *webinars) == 50


def test_intent_is_prices_forms_and_demos() -> None:
    prices = ("page_view", 0, {"path": "/pricing"})
    assert score("default-b2b", prices) == 11
    assert score("default-b2b", ("page_view", 0, {"url": "https://a.example/pricing"})) == 11
    assert score("default-b2b", *[prices] * 5) == 15
    assert (
        score("default-b2b", *[("page_view", 2 * day, {"path": "/pricing"}) for day in range(5)])
        == 35
    )
    form = ("form_submit", 0, {"form": "contact"})
    assert score("default-b2b", form, form, ("form_submit", 0, {"form": "quote"})) == 40
    assert score("default-b2b", ("signup", 0, {}), ("signup", 200, {})) == 0
    assert score("default-b2b", *[("demo_request", day, {}) for day in (0, 1, 2)]) == 50


def test_purchases_count_once_an_order() -> None:
    order = ("purchase", 0, {"order_id": "o-1"})
    assert score("default-b2b", order, order) == 100
    assert score("default-b2b", order, ("purchase", 0, {"order_id": "o-2"})) == 200


def test_complaints_take_away() -> None:
    demo = ("demo_request", 0, {})
    assert score("default-b2b", demo, ("unsubscribe", 0, {})) == 30
    assert score("default-b2b", demo, ("spam_complaint", 0, {})) == 0
    state = after("default-b2b", ("purchase", 0, {}), *[("refund", 0, {})] * 3)
    assert state.scores["negative"] == -100_000


@pytest.mark.parametrize(
    ("said", "points"),
    [
        (FIT, 45),
        ({**FIT, "seniority": "c-level", "email": "ada@gmail.com"}, 35),
        ({"seniority": "Manager", "company_size": 20}, 20),
        ({"seniority": "manager of nothing", "company_size": 19.5}, 0),
        ({"company_size": "51-200"}, 0),
        ({"email": "ada@gmail.example.com"}, -10),
        ({"email": "ada@notgmail.com"}, 0),
        ({"seniority": "Student", "email": "ada@web.de"}, -30),
        ({}, 0),
    ],
)
@pytest.mark.parametrize("kind", ["identify", "lead_updated"])
def test_fit_is_what_the_lead_is(kind: str, said: dict[str, Any], points: int) -> None:
    bought = ("purchase", 0, {})
    state = after("default-b2b", bought, (kind, 1, said))
    assert state.scores.get("fit", 0) / 1000 == points
    again = after("default-b2b", bought, (kind, 1, said), ("identify", 2, said), (kind, 3, {}))
    assert again.scores.get("fit", 0) == state.scores.get("fit", 0)


def test_what_a_lead_is_no_more_is_taken_back() -> None:
    happened = (("identify", 0, FIT), ("lead_updated", 1, {"seniority": "Director"}))
    assert score("default-b2b", *happened) == 35


def test_who_is_known_by_a_free_address_fits_less() -> None:
    def fit(*subjects: str) -> int:
        happened = [
            replace(entry(number, kind, seniority="VP"), subject=subject)
            for number, (kind, subject) in enumerate(zip(KINDS, subjects, strict=True))
        ]
        return fold(happened, rules_of("default-b2b")).scores.get("fit", 0) // 1_000

    assert fit("email:ada@gmail.com", "email:ada@gmail.com") == 10
    assert fit("email:ada@gmail.com", "lead:ada") == 10
    assert fit("lead:ada", "email:ada@gmail.com") == 10
    assert fit("email:ada@navy.example", "email:ada@gmail.com") == 20
    assert fit("lead:ada", "external:ada@gmail.com") == 20


def test_what_a_suspect_event_says_of_the_lead_is_not_believed() -> None:
    happened = (("identify", 0, FIT), ("page_view", 0, {}))
    honest = after("default-b2b", *happened)
    lies = {"seniority": "Student", "company_size": 1, "suspect": True}
    for kind in ("identify", "lead_updated"):
        assert after("default-b2b", *happened, (kind, 1, lies)).standing == honest.standing
        assert score("default-b2b", *happened, (kind, 1, lies)) == 46
    assert score("default-b2b", *happened, ("lead_updated", 1, {"suspect": False})) == 46


def test_only_who_says_so_changes_fit() -> None:
    assert score("default-b2b", ("page_view", 0, FIT)) == 1
    said = ("lead_updated", 0, {"seniority": "VP"})
    assert score("default-b2b", said, ("lead_updated", 1, {"company_size": 500})) == 35


@pytest.mark.parametrize(
    "kind", sorted({rule.event_type for rule in presets.load("default-b2b").rules} - {"*"})
)
def test_what_is_suspect_scores_nothing(kind: str) -> None:
    path = {"path": "/pricing"}
    bought = ("purchase", 0, {"order_id": "before"})
    for before in ((), (bought,)):
        honest = score("default-b2b", *before)
        assert score("default-b2b", *before, (kind, 1, {**path, "suspect": True})) == honest
    assert score("default-b2b", bought, (kind, 1, {**path, "suspect": False})) != honest


def test_who_is_suspect_does_not_fit() -> None:
    assert score("default-b2b", ("identify", 0, {**FIT, "suspect": True})) == 0
