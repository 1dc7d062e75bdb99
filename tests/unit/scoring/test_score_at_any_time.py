"""GetScore and ExplainScore: a score as of any time, as known at any time, and where each point came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.balance import TOTAL
from services.scoring.domain.decay import DAY, IdleFactor, PerContribution
from services.scoring.domain.explanation import Account
from services.scoring.domain.fold import Reason, fold, score_at
from services.scoring.domain.model import (
    MILLI,
    Bounds,
    Entry,
    Group,
    Limit,
    Rule,
    RuleSet,
    Stage,
    microseconds,
)
from services.scoring.errors import LeadNotFound
from services.scoring.handlers import EventHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.score_handlers import ScoreAt, ScoreHandlers
from tests.support import scoring_cases as cases
from tests.support import scoring_models as models
from tests.support.clocks import START, MovableClock
from tests.support.scoring_store import InMemoryStore

HOUR = timedelta(hours=1)

RULES = RuleSet(
    version=1,
    rules=(
        Rule("view", "page_view", 10 * MILLI, group="engagement", limits=(Limit(3),)),
        Rule("signup", "signup", 20 * MILLI, group="intent"),
        Rule("buy", "purchase", 100 * MILLI),
        Rule("refund", "refund", -50 * MILLI),
    ),
    stages=(Stage("cold", 0), Stage("warm", 30 * MILLI), Stage("hot", 60 * MILLI)),
    bounds=Bounds(0, 120 * MILLI),
    groups=(
        Group("engagement", Bounds(0, 25 * MILLI), PerContribution(14 * DAY, 25, 56 * DAY)),
        Group("intent"),
    ),
    decay=IdleFactor(7 * DAY, DAY, 950_000),
)


class Scene:
    """A service whose clock stands still until it is moved."""

    def __init__(self) -> None:
        store = InMemoryStore()
        self.clock = MovableClock()
        self.events = EventHandlers(store, self.clock)
        self.scores = ScoreHandlers(store, self.clock)
        self.leads = LeadHandlers(store, self.clock)

    async def activate(self, number: int, rules: RuleSet) -> None:
        await self.events.record_activation(cases.activation(number, rules))

    async def ask(self, **when: Any) -> ScoreAt:
        return await self.scores.score("p1", "ada", **when)


async def test_a_score_as_of_the_past_is_what_a_fold_stopped_there_gives() -> None:
    scene = Scene()
    await scene.activate(1, RULES)
    events = [cases.incoming(f"e{n}", kind, n * 60) for n, kind in enumerate(cases.TYPES)]
    await scene.events.apply_events(events)
    entries = [event.entry for event in events]
    rules = replace(RULES, version=1)
    for minutes in (-1, 0, 30, 60, 119, 180, 300, 60 * 24 * 30):
        as_of = START + timedelta(minutes=minutes)
        before = [entry for entry in entries if entry.occurred_at <= as_of]
        found = await scene.ask(as_of=as_of)
        assert found.state.score == score_at(fold(before, rules), rules, microseconds(as_of))
        assert found.state.event_count == len(before)
        assert sum(points for _, points in found.group_scores) == found.state.score
        assert found.stage == rules.stage_of(found.state.score)


async def test_what_was_not_recorded_yet_was_not_known() -> None:
    scene = Scene()
    await scene.activate(1, RULES)
    scene.clock.at += HOUR
    await scene.events.apply_events([cases.incoming("e1", "signup")])
    first = await scene.ask()
    # Late: it happened before, and was recorded after.
    scene.clock.at += HOUR
    await scene.events.apply_events([cases.incoming("e0", "page_view", -30)])
    assert [(one.state.score, one.stage) for one in (first, await scene.ask())] == [
        (20 * MILLI, "cold"),
        (30 * MILLI, "warm"),
    ]
    again = await scene.ask(as_of=first.as_of, known_at=first.known_at)
    assert again == first
    # Other rules change what is known now, not what was known then.
    scene.clock.at += HOUR
    await scene.activate(2, replace(RULES, rules=(Rule("signup", "signup", MILLI),)))
    assert (await scene.ask()).state.score == MILLI
    assert (await scene.ask(as_of=first.as_of, known_at=first.known_at)) == first
    with pytest.raises(LeadNotFound):
        await scene.ask(known_at=START - HOUR)


async def test_two_things_at_one_reading_of_the_clock_are_told_apart() -> None:
    scene = Scene()
    await scene.activate(1, RULES)
    answers = [await _after(scene, f"e{number}") for number in range(3)]
    assert [one.state.score // MILLI for one in answers] == [20, 40, 60]
    for answer in answers:
        assert await scene.ask(as_of=answer.as_of, known_at=answer.known_at) == answer


async def _after(scene: Scene, event_id: str) -> ScoreAt:
    await scene.events.apply_events([cases.incoming(event_id, "signup")])
    return await scene.ask()


async def test_an_event_dated_ahead_counts_from_its_time_on() -> None:
    scene = Scene()
    await scene.activate(1, RULES)
    await scene.events.apply_events([cases.incoming("e1", "signup", 90)])
    assert (await scene.ask()).state.event_count == 0
    assert (await scene.ask(as_of=START + 2 * HOUR)).state.score == 20 * MILLI


async def test_a_lead_nobody_knows() -> None:
    with pytest.raises(LeadNotFound):
        await Scene().ask()


async def test_a_lead_without_events_is_known_since_it_was_made() -> None:
    scene = Scene()
    await scene.activate(1, RULES)
    scene.clock.at += HOUR
    await scene.leads.create_lead("p1", "ada", "", "", "", {})
    found = await scene.ask()
    assert (found.state.score, found.stage, found.known_at) == (0, "cold", scene.clock.at)
    assert await scene.ask(as_of=found.as_of, known_at=found.known_at) == found
    with pytest.raises(LeadNotFound):
        await scene.ask(known_at=scene.clock.at - timedelta(microseconds=1))


steps = st.one_of(
    models.rule_sets,
    models.entries.filter(bool),
    st.timedeltas(timedelta(microseconds=0), timedelta(days=30)),
)


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=10))
async def test_what_was_answered_then_is_answered_for_ever(course: list[Any]) -> None:
    """Answers are recorded while events, late ones too, rules and time come in; asked again at the end they are the
    same, also that there was no such lead yet, and those right after an event are the versions of the audit trail."""
    scene = Scene()
    await scene.leads.create_lead("p1", "bob", "", "", "", {})
    answers = []
    unknown_at = []
    newest = START
    for number, step in enumerate(course, start=1):
        if isinstance(step, timedelta):
            scene.clock.at += step
        elif isinstance(step, RuleSet):
            await scene.activate(number, step)
        else:
            events = [_incoming(replace(one, event_id=f"{number}-{one.event_id}")) for one in step]
            await scene.events.apply_events(events)
            newest = max(newest, *(one.entry.occurred_at for one in events))
            if newest <= scene.clock.at:
                version = (await scene.leads.score_changes("p1", "ada", 0, 10_000))[-1].change
                assert (await scene.ask()).state.score == version.score
        try:
            answers.append(await scene.ask())
        except LeadNotFound:
            assert not any(isinstance(one, list) for one in course[:number])
            unknown_at.append((await scene.scores.score("p1", "bob")).known_at)
    for answer in answers:
        assert await scene.ask(as_of=answer.as_of, known_at=answer.known_at) == answer
    for known_at in unknown_at:
        with pytest.raises(LeadNotFound):
            await scene.ask(known_at=known_at)


def _incoming(entry: Entry) -> Any:
    return replace(cases.incoming(entry.event_id), entry=entry)


def explained(rules: RuleSet, entries: list[Entry], days: float = 0, limit: int = 100) -> Any:
    account = Account(rules, limit)
    for entry in entries:
        account.apply(entry)
    return account.explain(microseconds(START + timedelta(days=days)))


def totals(explanation: Any) -> dict[str, tuple[int, ...]]:
    return {
        one.group: tuple(
            value // MILLI
            for value in (one.rule_points, one.clipped, one.limited, one.faded, one.score)
        )
        for one in explanation.groups
    }


def test_an_explanation_in_numbers() -> None:
    views = [cases.entry(f"v{number}", minutes=number) for number in range(4)]
    bought = cases.entry("b", "purchase", 5)
    why = explained(RULES, [*views, bought], 1)
    # 10 + 10, then 5 of 10 up to the group's 25, then none beyond the limit; 95 of 100 up to the total's 120.
    assert [one.effect.reason for one in why.contributions] == [
        Reason.APPLIED,
        Reason.APPLIED,
        Reason.CLIPPED,
        Reason.LIMITED,
        Reason.CLIPPED,
    ]
    assert totals(why) == {
        "": (100, 5, 0, 0, 95),
        "engagement": (40, 5, 10, 0, 25),
        "intent": (0, 0, 0, 0, 0),
        TOTAL: (0, 0, 0, 0, 0),
    }
    assert [
        (one.rule_id, one.event_count, one.clipped_count, one.limited_count) for one in why.rules
    ] == [
        ("view", 4, 1, 1),
        ("buy", 1, 1, 0),
    ]
    # 20 days later: 13 days beyond seven idle ones, and a quarter of each view is gone.
    faded = explained(RULES, [*views, bought], 20)
    engagement, total = totals(faded)["engagement"], sum(one.faded for one in faded.groups)
    assert engagement[3:] == (-7, 18)
    assert faded.state.score == 120 * MILLI + total


def test_lists_are_bounded_and_totals_are_not() -> None:
    entries = [cases.entry(f"s{number:02}", "signup", number) for number in range(10)]
    why = explained(replace(RULES, bounds=Bounds()), entries, 30, limit=3)
    assert [one.entry.event_id for one in why.contributions] == ["s07", "s08", "s09"]
    assert (why.contribution_count, len(why.fadings)) == (10, 3)
    assert why.fading_count > 3
    assert sum(one.score for one in why.groups) == why.state.score
    assert why.rules[0].points == 200 * MILLI


@given(models.rule_sets, models.entries, st.timedeltas(timedelta(0), timedelta(days=200)))
@settings(deadline=None)
def test_every_total_sums_to_the_score(
    rules: RuleSet, history: list[Entry], later: timedelta
) -> None:
    entries = sorted(history, key=lambda one: one.position)
    begin = entries[-1].occurred_at if entries else START
    account = Account(rules, 1_000)
    for entry in entries:
        account.apply(entry)
    why = account.explain(microseconds(begin + later))
    score = score_at(fold(entries, rules), rules, microseconds(begin + later))
    faded = sum(one.points for one in why.fadings)
    assert why.state.score == score
    assert sum(one.score for one in why.groups) == score
    assert sum(one.points for one in why.rules) + faded == score
    assert sum(one.effect.points for one in why.contributions) + faded == score
    for one in why.groups:
        assert one.rule_points - one.clipped - one.limited == one.points


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # 30 for warm: only the purchase gives so many at once, and more than the total's 120 takes.
        ([], ("warm", 30, "buy", 100, True)),
        # 10 are missing: a view gives exactly that, a signup more.
        (["signup"], ("warm", 10, "view", 10, True)),
        # The limit of views is used up, and its group is full but for 5.
        (["page_view"] * 3, ("warm", 5, "signup", 20, True)),
        (["signup", "page_view", "page_view"], ("hot", 20, "signup", 20, True)),
    ],
)
def test_the_way_to_the_next_stage(events: list[str], expected: tuple[Any, ...]) -> None:
    entries = [cases.entry(f"e{number}", kind, number) for number, kind in enumerate(events)]
    found = explained(RULES, entries).next_stage
    step = found.step
    assert (
        found.stage.name,
        found.missing // MILLI,
        step.rule.rule_id,
        step.points // MILLI,
        step.sufficient,
    ) == expected


def test_where_no_rule_reaches_the_stage_the_best_is_named() -> None:
    rules = replace(RULES, rules=RULES.rules[:2], stages=(Stage("far", 90 * MILLI),))
    found = explained(rules, []).next_stage
    assert (found.step.rule.rule_id, found.step.sufficient) == ("signup", False)
    # None of the rules would count: nothing is named.
    full = replace(RULES, bounds=Bounds(0, 0))
    assert explained(full, []).next_stage.step is None


def test_a_limit_that_runs_out_has_room_again() -> None:
    once = Rule("once", "signup", 40 * MILLI, limits=(Limit(1, window=30 * DAY),))
    rules = RuleSet(1, (once,), stages=(Stage("cold", 0), Stage("hot", 60 * MILLI)))
    entries = [cases.entry("e1", "signup")]
    assert explained(rules, entries, 29).next_stage.step is None
    assert explained(rules, entries, 30).next_stage.step.points == 40 * MILLI


def test_in_the_highest_stage_there_is_no_next() -> None:
    assert explained(RULES, [cases.entry("e", "purchase")]).next_stage is None
    assert explained(RuleSet(1), []).next_stage is None
