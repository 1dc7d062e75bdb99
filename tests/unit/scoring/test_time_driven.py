"""What time alone changes: when it is due, which versions it makes, and how it goes along with the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.scoring import handlers
from services.scoring.domain.decay import DAY, IdleAmount, IdleFactor, PerContribution
from services.scoring.domain.lead import Cause, Snapshot
from services.scoring.domain.model import Group, Rule, RuleSet, Stage, instant, microseconds
from services.scoring.handlers import EventHandlers
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_store import InMemoryStore

POINT = 1_000
BEGIN = microseconds(START)

# 100 points; 5 a day less after 7 idle days, not below 85.
RULES = RuleSet(
    1,
    (Rule("r", "signup", 100 * POINT), Rule("v", "page_view", POINT)),
    stages=(Stage("cold", 0), Stage("hot", 90 * POINT)),
    decay=IdleAmount(7 * DAY, DAY, 5 * POINT, 85 * POINT),
)


class Suite:
    """Handlers over a store in memory, with a clock that a test moves."""

    def __init__(self) -> None:
        self.store, self.clock = InMemoryStore(), MovableClock()
        self.handlers = EventHandlers(self.store, self.clock)
        self.activations = 0

    async def activate(self, rules: RuleSet) -> None:
        self.activations += 1
        await self.handlers.record_activation(cases.activation(self.activations, rules))

    async def send(self, event_id: str, event_type: str, days: float, lead: str = "ada") -> None:
        event = cases.incoming(event_id, event_type, days * 24 * 60, f"lead:{lead}")
        await self.handlers.apply_events([event])

    def at(self, days: float) -> None:
        self.clock.at = START + timedelta(days=days)

    def snapshot(self, lead: str = "ada") -> Snapshot:
        return self.store.contents.snapshots[("p1", lead)][0]

    def changes(self, lead: str = "ada") -> list[tuple[Cause, int, str, datetime]]:
        found = sorted(
            (version, one)
            for (_, lead_id, version), one in self.store.contents.changes.items()
            if lead_id == lead
        )
        return [
            (one.change.cause, one.change.score // POINT, one.change.stage, one.occurred_at)
            for _, one in found
        ]


@pytest.fixture
async def suite() -> Suite:
    made = Suite()
    await made.activate(RULES)
    return made


def due_after(snapshot: Snapshot) -> timedelta | None:
    due = snapshot.next_transition
    return None if due is None else instant(due) - START


async def test_each_step_is_a_version_when_it_is_due(suite: Suite) -> None:
    await suite.send("e1", "signup", 0)
    assert due_after(suite.snapshot()) == timedelta(days=8)
    for days in (1, 7, 7.99):
        suite.at(days)
        assert await suite.handlers.fade_next() == 0
    for day in range(8, 12):
        suite.at(day)
        assert await suite.handlers.fade_next() == (1 if day < 11 else 0)
    assert suite.changes() == [
        (Cause.EVENT, 100, "hot", START),
        (Cause.DECAY, 95, "hot", START + timedelta(days=8)),
        (Cause.DECAY, 90, "hot", START + timedelta(days=9)),
        (Cause.DECAY, 85, "cold", START + timedelta(days=10)),
    ]
    # Nothing is left to fade.
    assert suite.snapshot().next_transition is None


async def test_several_steps_missed_are_one_version(suite: Suite) -> None:
    await suite.send("e1", "signup", 0)
    suite.at(9.5)
    assert await suite.handlers.fade_next() == 1
    assert suite.changes()[1:] == [(Cause.DECAY, 90, "hot", START + timedelta(days=9.5))]
    assert due_after(suite.snapshot()) == timedelta(days=10)


async def test_an_event_that_comes_after_a_missed_step_brings_both_versions(suite: Suite) -> None:
    await suite.send("e1", "signup", 0)
    suite.at(9.5)
    await suite.send("e2", "page_view", 9.25)
    assert suite.changes()[1:] == [
        (Cause.DECAY, 90, "hot", START + timedelta(days=9.5)),
        (Cause.EVENT, 91, "hot", START + timedelta(days=9.25)),
    ]
    # The idle time begins anew.
    assert due_after(suite.snapshot()) == timedelta(days=9.25 + 8)


async def test_less_than_a_point_is_no_version(suite: Suite) -> None:
    """-0.4 a day: the difference reaches a point on the third day; 0.2 of it go on counting."""
    slow = replace(RULES, decay=IdleAmount(0, DAY, 400, 0), stages=())
    await suite.activate(slow)
    await suite.send("e1", "signup", 0)
    assert due_after(suite.snapshot()) == timedelta(days=3)
    suite.at(3)
    await suite.handlers.fade_next()
    assert suite.snapshot().score == 98_800
    assert due_after(suite.snapshot()) == timedelta(days=6)


async def test_a_whole_point_is_one() -> None:
    for points, days in ((1_000, 1), (999, 2), (500, 2)):
        one = Suite()
        await one.activate(replace(RULES, decay=IdleAmount(0, DAY, points, 0), stages=()))
        await one.send("e1", "signup", 0)
        assert due_after(one.snapshot()) == timedelta(days=days)


async def test_a_stage_is_a_version_however_small_the_step(suite: Suite) -> None:
    slow = replace(RULES, decay=IdleAmount(0, DAY, 1, 0), stages=RULES.stages)
    await suite.activate(replace(slow, stages=(Stage("cold", 0), Stage("hot", 100 * POINT - 1))))
    await suite.send("e1", "signup", 0)
    assert due_after(suite.snapshot()) == timedelta(days=2)
    suite.at(2)
    await suite.handlers.fade_next()
    assert (suite.snapshot().score, suite.snapshot().stage) == (99_998, "cold")


async def test_what_is_due_may_be_a_rise(suite: Suite) -> None:
    negative = Group("negative", decay=PerContribution(10 * DAY, 100, 10 * DAY))
    await suite.activate(
        RuleSet(1, (Rule("s", "spam", -20 * POINT, group="negative"),), groups=(negative,))
    )
    await suite.send("e1", "spam", 0)
    suite.at(10)
    assert await suite.handlers.fade_next() == 1
    assert [score for _, score, _, _ in suite.changes()] == [-20, 0]


async def test_groups_that_cancel_each_other_out_are_no_version(suite: Suite) -> None:
    groups = tuple(Group(name, decay=IdleFactor(0, DAY, 500_000)) for name in ("up", "down"))
    rules = (Rule("u", "a", 8 * POINT, group="up"), Rule("d", "a", -8 * POINT, group="down"))
    await suite.activate(RuleSet(1, rules, groups=groups))
    await suite.send("e1", "a", 0)
    assert suite.snapshot().next_transition is None


async def test_other_rules_move_the_due_time(suite: Suite) -> None:
    await suite.send("e1", "signup", 0)
    await suite.activate(replace(RULES, decay=IdleAmount(2 * DAY, DAY, 5 * POINT, 0)))
    suite.at(1)
    assert await suite.handlers.rescore_next()
    assert due_after(suite.snapshot()) == timedelta(days=3)
    await suite.activate(replace(RULES, decay=None))
    while await suite.handlers.rescore_next():
        pass
    assert suite.snapshot().next_transition is None
    assert len(suite.changes()) == 1


async def test_what_is_due_under_rules_that_are_no_more_is_scored_under_the_new_ones(
    suite: Suite,
) -> None:
    """The background has not come to this lead yet when its old due time comes."""
    await suite.send("e1", "signup", 0)
    await suite.activate(replace(RULES, decay=IdleAmount(7 * DAY, DAY, 20 * POINT, 0)))
    suite.at(8)
    assert await suite.handlers.fade_next() == 1
    assert suite.changes()[1:] == [(Cause.RULES, 80, "cold", START + timedelta(days=8))]
    assert suite.snapshot().activation == 2
    assert due_after(suite.snapshot()) == timedelta(days=9)


async def test_an_event_of_the_future_fades_from_its_own_time_on(suite: Suite) -> None:
    await suite.send("e1", "signup", 0.5)
    assert (suite.snapshot().score, due_after(suite.snapshot())) == (
        100 * POINT,
        timedelta(days=8.5),
    )


async def test_what_is_due_longest_comes_first_and_never_more_than_a_batch(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "FADE_LEADS", 3)
    for number in range(8):
        await suite.send(f"e{number}", "signup", -number / 24, f"l{number}")
    suite.at(8)
    faded: list[list[int]] = []
    while await suite.handlers.fade_next():
        moved = [number for number in range(8) if suite.snapshot(f"l{number}").version == 2]
        faded.append([number for number in moved if not any(number in one for one in faded)])
    assert faded == [[5, 6, 7], [2, 3, 4], [0, 1]]
    assert [suite.snapshot(f"l{number}").score for number in range(8)] == [95 * POINT] * 8
