"""Adjustments and retractions on either store: what they do to a score, once, and what stays in the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.scoring import fact_handlers
from services.scoring.domain.fold import Reason
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import MILLI, Bounds, Group, LateEvents
from services.scoring.errors import LeadNotFound
from services.scoring.fact_ports import EventsLike
from services.shared.errors import InvalidFields, LimitExceeded, ResourceAlreadyExists
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_facts import ADA, CRM, VISITOR, Facts
from tests.support.scoring_subjects import Subject

GROUPED = replace(cases.RULES, groups=(Group("fit", Bounds(0, 30 * MILLI)),))


@pytest.fixture
async def facts(scoring: Subject, project: str) -> Facts:
    made = Facts(scoring, project)
    await made.activate(GROUPED)
    return made


async def test_an_adjustment_is_an_entry_and_a_version(facts: Facts) -> None:
    await facts.event("e1", "lead:ada", "signup")
    event_id, recorded = await facts.adjust("ada", 12.5, "fit", "welcome")
    assert event_id == "scoreline:adjustment:welcome"
    change = recorded.change
    assert (recorded.lead_id, change.version, change.cause) == ("ada", 2, Cause.ADJUSTMENT)
    assert (change.previous_score, change.score, change.late) == (20_000, 32_500, False)
    assert (change.entry and change.entry.event_id, facts.commits) == (event_id, 1)
    view = await facts.lead("ada")
    # No event of the lead, and no activity.
    assert (view.snapshot.state.event_count, view.snapshot.state.activity.counts) == (
        1,
        {"signup": 1},
    )
    row = (await facts.subject.ledger(facts.project))[-1]
    assert (row[1], row[3], row[4]) == (event_id, "lead:ada", "$adjustment")
    assert json.loads(row[8]) == {
        "points": 12_500,
        "group": "fit",
        "reason": "a scanner",
        "actor": "key_1",
    }
    timeline = await facts.leads.timeline(facts.project, "ada", None, 10)
    effects = [(one.event.entry.type, *one.outcome.effects) for one in timeline]
    assert effects[-1][0] == "$adjustment"
    assert (effects[-1][1].rule_id, effects[-1][1].reason) == ("", Reason.ADJUSTED)
    await facts.assert_sound("ada")


async def test_an_adjustment_id_counts_once(facts: Facts) -> None:
    await facts.event("e1", "lead:ada")
    await facts.event("e2", "lead:bob")
    first = await facts.adjust("ada", 5, unique="x")
    await facts.event("e3", "lead:ada", minutes=1)
    assert await facts.adjust("ada", 5, unique="x") == first
    assert await facts.points("ada") == 7
    for other in [
        facts.adjust("ada", 6, unique="x"),
        facts.adjust("ada", 5, "fit", unique="x"),
        facts.adjust("ada", 5, unique="x", reason="another"),
        facts.adjust("bob", 5, unique="x"),
        facts.adjust("ada", 5, unique="x", at=START),
    ]:
        with pytest.raises(ResourceAlreadyExists):
            await other
    # Without an id each is one more.
    one, two = await facts.adjust("ada", 5), await facts.adjust("ada", 5)
    assert one[0] != two[0]
    assert await facts.points("ada") == 17
    await facts.assert_sound("ada", "bob")


async def test_an_adjustment_counts_from_its_time_on_within_bounds(facts: Facts) -> None:
    await facts.event("e1", "lead:ada", "purchase", minutes=10)
    _, recorded = await facts.adjust("ada", -50, at=START + timedelta(minutes=5))
    # Nothing was there to be taken away yet.
    assert (recorded.change.late, recorded.change.score) == (True, 100_000)
    _, recorded = await facts.adjust("ada", 45, "fit")
    assert recorded.change.score == 130_000
    timeline = await facts.leads.timeline(facts.project, "ada", None, 10)
    reasons = [one.outcome.effects[0].reason for one in timeline]
    assert reasons == [Reason.CLIPPED, Reason.APPLIED, Reason.CLIPPED]
    await facts.assert_sound("ada")


async def test_what_can_not_be_adjusted_leaves_nothing(facts: Facts) -> None:
    await facts.event("e1", "lead:ada")
    with pytest.raises(LeadNotFound):
        await facts.adjust("bob", 5)
    for group in ("intent", "*"):
        with pytest.raises(InvalidFields, match="group"):
            await facts.adjust("ada", 5, group)
    with pytest.raises(InvalidFields, match="occur_time"):
        await facts.adjust("ada", 5, at=facts.clock.now() + timedelta(days=1))
    assert (facts.commits, len(await facts.subject.ledger(facts.project))) == (0, 1)


async def test_retracted_events_count_for_nothing_and_stay(facts: Facts) -> None:
    await facts.event("e1", "lead:ada", "signup")
    await facts.event("e2", "lead:ada", "purchase", 1)
    await facts.event("e3", "lead:bob", "purchase")
    assert await facts.retract("e1", "e2", "nobody's", validate_only=True) == (2, 1, ["nobody's"])
    assert await facts.points("ada") == 120
    assert await facts.retract("e2", "e3", "e2") == (2, 2, [])
    assert (await facts.points("ada"), await facts.points("bob")) == (20, 0)
    # Again: nothing is left to do.
    assert await facts.retract("e3", "e2") == (0, 0, [])
    assert await facts.retract("e1", "e2", validate_only=True) == (1, 1, [])
    (*_, last) = await facts.changes("ada")
    assert (last.change.version, last.change.cause, last.change.score) == (
        3,
        Cause.RETRACTION,
        20_000,
    )
    assert (await facts.lead("ada")).snapshot.state.event_count == 2
    ledger = await facts.subject.ledger(facts.project)
    assert [row[1] for row in ledger[:3]] == ["e1", "e2", "e3"]
    assert {(row[3], row[4]) for row in ledger[3:]} == {
        ("lead:ada", "$retraction"),
        ("lead:bob", "$retraction"),
    }
    timeline = await facts.leads.timeline(facts.project, "ada", None, 10)
    assert [one.outcome.effects[0].reason for one in timeline] == [
        Reason.APPLIED,
        Reason.RETRACTED,
    ]
    await facts.assert_sound("ada", "bob")


async def test_facts_are_no_events_that_could_be_retracted(facts: Facts) -> None:
    await facts.event("e1", "lead:ada")
    event_id, _ = await facts.adjust("ada", 5)
    assert await facts.retract(event_id) == (0, 0, [event_id])
    assert await facts.retract(EventsLike(start=START)) == (1, 1, [])
    assert await facts.points("ada") == 5


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (EventsLike(types=("signup",)), {"a1", "b1"}),
        (EventsLike(types=("signup", "refund")), {"a1", "a3", "b1"}),
        (EventsLike(source="crm"), {"a2"}),
        (EventsLike(start=START + timedelta(minutes=1)), {"a2", "a3"}),
        (EventsLike(end=START + timedelta(minutes=1)), {"a1", "b1", "c1"}),
        (EventsLike(lead_id=ADA), {"b1"}),
        (EventsLike(lead_id="ada", types=("signup",)), {"a1"}),
        (EventsLike(types=("unheard_of",)), set()),
    ],
)
async def test_events_are_retracted_by_what_they_are(
    facts: Facts, which: EventsLike, expected: set[str]
) -> None:
    await facts.send(
        cases.incoming("a1", "signup", 0, "lead:ada"),
        cases.incoming("a2", "purchase", 1, "lead:ada", source="crm"),
        cases.incoming("a3", "refund", 2, "lead:ada"),
        cases.incoming("b1", "signup", 0, ADA),
        cases.incoming("c1", "page_view", 0, VISITOR),
    )
    other = Facts(facts.subject, facts.project + "-other")
    await other.event("a1", "lead:ada", "signup")
    events, _, _ = await facts.retract(which)
    assert events == len(expected)
    everything = ["a1", "a2", "a3", "b1", "c1"]
    async with facts.subject.store.begin() as tx:
        assert await tx.retracted(facts.project, everything) == expected
        assert await tx.retracted(other.project, everything) == set()
    assert await facts.retract(which) == (0, 0, [])
    await facts.assert_sound("ada")


async def test_many_events_are_retracted_in_portions(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fact_handlers, "FACT_EVENTS_MAX", 3)
    monkeypatch.setattr(fact_handlers, "PORTION_FACTS_MAX", 2)
    for number in range(10):
        await facts.event(f"a{number}", "lead:ada", minutes=number)
    for number in range(5):
        await facts.event(f"b{number}", f"lead:b{number}", minutes=number)
    assert await facts.retract(EventsLike(types=("page_view",))) == (15, 6, [])
    sizes = [
        len(json.loads(row[8])["event_ids"])
        for row in await facts.subject.ledger(facts.project)
        if row[4] == "$retraction"
    ]
    assert (sum(sizes), max(sizes)) == (15, 3)
    assert await facts.points("ada") == 0
    await facts.assert_sound("ada", *(f"b{number}" for number in range(5)))


async def test_too_many_events_are_refused_whole(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fact_handlers, "RETRACTED_MAX", 3)
    for number in range(4):
        await facts.event(f"e{number}", "lead:ada", minutes=number)
    for validate_only in (True, False):
        with pytest.raises(LimitExceeded):
            await facts.retract(EventsLike(start=START), validate_only=validate_only)
    assert await facts.points("ada") == 4
    await facts.retract("e0")
    assert await facts.retract(EventsLike(start=START)) == (3, 1, [])
    with pytest.raises(LeadNotFound):
        await facts.retract(EventsLike(lead_id="nobody"))


@pytest.mark.parametrize("late_events", LateEvents)
async def test_facts_and_late_events_in_any_policy(
    scoring: Subject, project: str, late_events: LateEvents
) -> None:
    facts = Facts(scoring, project)
    await facts.activate(replace(GROUPED, late_events=late_events))
    await facts.event("e1", "lead:ada", "signup", 10)
    await facts.adjust("ada", 3, at=START + timedelta(minutes=1))
    await facts.event("e2", "lead:ada", "purchase", 5)
    await facts.retract("e1")
    await facts.event("e3", "lead:ada", "signup", 7)
    await facts.adjust("ada", 1)
    expected = 104 + 20 if late_events is not LateEvents.DISCARD_AND_AUDIT else 0
    if expected:
        assert await facts.points("ada") == expected
    await facts.assert_sound("ada")
    # A score as known before the retraction still has the event.
    before = (await facts.subject.ledger(project))[2][6]
    known = 123 if late_events is not LateEvents.DISCARD_AND_AUDIT else 23
    assert await facts.score("ada", before) == ("ada", known)


async def test_facts_of_two_projects_are_apart(facts: Facts) -> None:
    other = Facts(facts.subject, facts.project + "-other")
    await other.activate(GROUPED)
    for one in (facts, other):
        await one.event("e1", CRM, "signup")
    await facts.adjust(CRM, 5, unique="x")
    assert await facts.retract("e1") == (1, 1, [])
    assert (await facts.points(CRM), await other.points(CRM)) == (5, 20)
    _, recorded = await other.adjust(CRM, 7, unique="x")
    assert recorded.change.score == 27_000
