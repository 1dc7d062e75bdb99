"""What each rule gives over several leads, against the model written down a second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.fold import in_order
from services.scoring.domain.impact import Impact, RuleImpact
from services.scoring.domain.model import (
    ADJUSTMENT,
    MILLI,
    Bounds,
    Entry,
    Limit,
    RuleSet,
    microseconds,
)
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.naive_account import DAY, Verdict
from tests.support.naive_scoring import evaluate
from tests.support.scoring_records import Record, records

FROM, UNTIL = microseconds(START + timedelta(hours=1)), microseconds(START + timedelta(days=2))


def impact_of(
    rules: RuleSet, histories: list[list[Entry]], as_of: int, start: int | None, end: int | None
) -> Impact:
    impact = Impact(rules, start, end)
    for history in histories:
        impact.begin()
        for entry in in_order(history, rules):
            impact.apply(entry)
        impact.finish(as_of)
    return impact


@settings(deadline=None, max_examples=120)
@given(records(), st.sampled_from([None, FROM]), st.sampled_from([None, UNTIL]), st.integers(0, 9))
def test_the_sums_are_the_references(
    record: Record, start: int | None, end: int | None, days: int
) -> None:
    rules = record.rules.rule_set
    # Two leads of one ledger: every other entry, and all of them.
    histories = [list(record.entries[::2]), list(record.entries)]
    newest = max((microseconds(one.occurred_at) for one in record.entries), default=0)
    as_of = newest + days * DAY
    impact = impact_of(rules, histories, as_of, start, end)

    expected = {rule.rule_id: RuleImpact(rule.rule_id) for rule in rules.rules}
    faded = adjusted = 0
    for history in histories:
        account = evaluate(record.activations, history, as_of)
        faded += sum(points for at, _, points in account.fadings if within(at, start, end))
        happened = {one.event_id: microseconds(one.occurred_at) for one in history}
        verdicts = [one for one in account.verdicts if within(happened[one.event_id], start, end)]
        adjusted += sum(one.points for one in verdicts if one.rule_id == "")
        for rule_id in {one.rule_id for one in verdicts if one.rule_id}:
            total = expected.setdefault(rule_id, RuleImpact(rule_id))
            own = [one for one in verdicts if one.rule_id == rule_id]
            met = [one for one in own if meets(one)]
            total.points += sum(one.points for one in own)
            total.event_count += len(met)
            total.lead_count += bool(met)
            total.clipped_count += sum(1 for one in met if one.why == "clipped")
            total.limited_count += sum(1 for one in met if one.why == "limited")
    assert {one.rule_id: one for one in impact.rules} == expected
    assert (impact.faded, impact.adjusted) == (faded, adjusted)
    in_force = [rule.rule_id for rule in rules.rules]
    assert [one.rule_id for one in impact.rules[: len(in_force)]] == in_force


def within(at: int, start: int | None, end: int | None) -> bool:
    return (start is None or at >= start) and (end is None or at < end)


def meets(verdict: Verdict) -> bool:
    return verdict.gives or verdict.why == "limited"


def test_rules_that_gave_nothing_are_listed_and_the_rest_is_counted() -> None:
    once = replace(cases.rule("signup", 20), limits=(Limit(1),))
    rules = replace(
        cases.RULES, rules=(cases.rule("page_view", 1), once, cases.rule("refund", -50))
    )
    ada = [
        cases.entry("a1", "signup"),
        cases.entry("a2", "signup", 1),
        cases.entry("a3", "refund", 2),
    ]
    given_by_hand = Entry(
        "scoreline:1", ADJUSTMENT, START + timedelta(hours=1), {"points": 7 * MILLI, "group": ""}
    )
    impact = impact_of(rules, [[*ada, given_by_hand], [cases.entry("b1", "signup")]], 0, None, None)
    assert impact.rules == [
        RuleImpact("r-page_view"),
        RuleImpact("r-signup", 3, 2, 0, 1, 40 * MILLI),
        RuleImpact("r-refund", 1, 1, 1, 0, -20 * MILLI),
    ]
    assert (impact.faded, impact.adjusted) == (0, 7 * MILLI)


def test_what_is_taken_back_is_no_event_that_met_the_rule() -> None:
    fit = replace(
        cases.rule("*", 20, rule_id="fit"), standing=True, when=lambda entry, lead: lead["vp"]
    )
    # The floor keeps 5 of the 20: the effect says that it was clipped.
    bounds = Bounds(-10 * MILLI, None)
    rules = replace(cases.RULES, rules=(fit, cases.rule("refund", -25)), bounds=bounds)
    history = [
        cases.entry("a1", "identify", 0, vp=True),
        cases.entry("a2", "refund", 1),
        cases.entry("a3", "identify", 2, vp=False),
    ]
    impact = impact_of(rules, [history], 0, None, None)
    assert impact.rules == [
        RuleImpact("fit", 1, 1, 0, 0, 15 * MILLI),
        RuleImpact("r-refund", 1, 1, 0, 0, -25 * MILLI),
    ]
