"""Long histories: what one transaction folds is bounded, each lead is folded once however much comes for it at once,
everybody else has a turn meanwhile, and no project waits for another's leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.scoring import handlers, moving
from services.scoring.analytics_handlers import AnalyticsHandlers
from services.scoring.domain import course
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.fold import Fold, Outcome
from services.scoring.domain.model import Entry
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Said
from services.scoring.handlers import BatchReport, EventHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.ports import LeadFilter
from services.scoring.replay_handlers import ReplayHandlers, ReplayProgress
from services.shared import turns
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_facts import identify
from tests.support.scoring_store import InMemoryStore, InMemoryTransaction

FADING = replace(cases.RULES, decay=IdleAmount(DAY, DAY, 1_000, 0))


class Counting(InMemoryStore):
    """Counts transactions that write."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InMemoryTransaction]:
        self.begun += 1
        async with super().begin() as tx:
            yield tx


class Scene:
    """A project whose leads have histories."""

    def __init__(self) -> None:
        self.store, self.clock = Counting(), MovableClock(START + timedelta(hours=12))
        self.events = EventHandlers(self.store, self.clock)
        self.facts = FactHandlers(self.store, self.clock, lambda: None)
        self.leads = LeadHandlers(self.store, self.clock)

    async def fill(self, **sizes: int) -> None:
        await self.events.record_activation(cases.activation(1, FADING))
        for lead, size in sizes.items():
            batch = [
                cases.incoming(f"{lead}{n}", "page_view", n, f"lead:{lead}") for n in range(size)
            ]
            await self.events.apply_events(batch)
        while await self.events.rescore_next():
            pass
        self.store.begun = 0

    async def outdated(self) -> None:
        """Other rules are in force under which nobody has been scored yet."""
        await self.events.record_activation(cases.activation(2, FADING))
        self.store.begun = 0

    def scores(self) -> dict[str, int]:
        kept = self.store.contents.snapshots
        return {key[1]: snapshot.score for key, (snapshot, _) in kept.items()}


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of entries as they are folded."""
    seen: list[str] = []
    apply = Fold.apply

    def noted(fold: Fold, entry: Entry) -> Outcome:
        seen.append(entry.event_id)
        return apply(fold, entry)

    monkeypatch.setattr(Fold, "apply", noted)
    return seen


async def test_a_batch_over_leads_under_older_rules_is_several_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    await scene.fill(a=3, b=3, c=9, d=1)
    await scene.outdated()
    monkeypatch.setattr(moving, "ENTRIES_MAX", 6)
    batch = [cases.incoming(f"x{lead}", "signup", 50, f"lead:{lead}") for lead in "dcba"]
    repeated = cases.incoming("a0", "page_view", 0, "lead:a")
    conflict = cases.incoming("b0", "signup", 0, "lead:b")
    report = await scene.events.apply_events([*batch, batch[0], repeated, conflict])
    assert report == BatchReport(applied=4, duplicates=2, conflicts=1)
    # a and b; c, which has more than that alone; d.
    assert scene.store.begun == 3
    assert scene.scores() == {"a": 23_000, "b": 23_000, "c": 29_000, "d": 21_000}
    assert await scene.events.apply_events(batch) == BatchReport(0, 4, 0)


async def test_what_is_due_under_older_rules_is_several_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    await scene.fill(a=3, b=3, c=9, d=1)
    await scene.outdated()
    monkeypatch.setattr(moving, "ENTRIES_MAX", 6)
    scene.clock.at += timedelta(days=2)
    while await scene.events.fade_next():
        pass
    # And one that finds nothing.
    assert scene.store.begun == 4
    assert scene.scores() == {"a": 2_000, "b": 2_000, "c": 8_000, "d": 0}


async def test_a_replay_and_a_verification_take_as_many_leads_as_have_not_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    await scene.fill(a=3, b=3, c=9, d=1)
    monkeypatch.setattr(moving, "ENTRIES_MAX", 6)
    replays = ReplayHandlers(scene.store, scene.clock, lambda: None)
    steps = [one async for one in replays.replay("p1", LeadFilter(), ReplayProgress())]
    assert [(one.cursor, one.lead_count, one.done) for one in steps] == [
        ("b", 2, False),
        ("c", 3, False),
        ("d", 4, True),
    ]
    checks = [one async for one, _ in VerifyHandlers(scene.store).verify("p1")]
    assert [one.lead_count for one in checks][-4:] == [2, 3, 4, 4]
    assert checks[-1].mismatch_count == 0


async def test_late_events_of_a_long_history_are_one_replay(
    applied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    await scene.fill(ada=100)
    monkeypatch.setattr(course, "VERSION_ENTRIES_MAX", 99)
    applied.clear()
    late = [cases.incoming(f"late{n}", "page_view", n + 0.5, "lead:ada") for n in range(50)]
    await scene.events.apply_events(late)
    assert sorted(applied) == sorted(
        [*(f"ada{n}" for n in range(100)), *(f"late{n}" for n in range(50))]
    )
    changes = [one.change for one in await scene.leads.score_changes("p1", "ada", 100, 100)]
    assert [one.version for one in changes] == list(range(101, 151))
    # All of them are late; the last says what they have changed together.
    assert all(one.late for one in changes)
    assert [one.score for one in changes] == [100_000] * 49 + [150_000]
    # With more to spend, it is told in parts.
    monkeypatch.setattr(course, "VERSION_ENTRIES_MAX", 310)
    more = [cases.incoming(f"more{n}", "page_view", n + 0.6, "lead:ada") for n in range(4)]
    await scene.events.apply_events(more)
    changes = [one.change for one in await scene.leads.score_changes("p1", "ada", 150, 100)]
    assert [one.score for one in changes] == [150_000, 152_000, 152_000, 154_000]


async def test_a_young_lead_is_not_copied_for_each_of_its_late_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What has been folded before each of many late events is theirs, however little there was before them."""
    copies = 0
    copy = course.Fold.copy

    def counted(fold: course.Fold) -> course.Fold:
        nonlocal copies
        copies += 1
        return copy(fold)

    scene = Scene()
    await scene.fill(ada=2)
    monkeypatch.setattr(course, "VERSION_ENTRIES_MAX", 1_000)
    monkeypatch.setattr(course.Fold, "copy", counted)
    late = [cases.incoming(f"late{n}", "page_view", n / 200, "lead:ada") for n in range(198)]
    await scene.events.apply_events(late)
    assert 0 < copies <= 5
    changes = [one.change for one in await scene.leads.score_changes("p1", "ada", 2, 200)]
    assert [one.version for one in changes] == list(range(3, 201))
    assert changes[-1].score == 200_000


async def test_retracting_all_events_of_a_lead_folds_it_once(
    applied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scoring.fact_handlers.FACT_EVENTS_MAX", 10)
    monkeypatch.setattr(course, "VERSION_ENTRIES_MAX", 99)
    scene = Scene()
    await scene.fill(ada=100, bob=5)
    applied.clear()
    ids = [f"ada{n}" for n in range(100)] + ["bob1"]
    done = await scene.facts.retract("p1", ids, Said("a scanner", "key_1"))
    assert (done.events, done.leads, scene.store.begun) == (101, 2, 1)
    # Ten facts, and what they are about.
    assert len([one for one in applied if one.startswith("ada")]) == 100
    assert scene.scores() == {"ada": 0, "bob": 4_000}
    changes = [one.change for one in await scene.leads.score_changes("p1", "ada", 100, 100)]
    assert [one.score for one in changes] == [100_000] * 9 + [0]


async def test_many_links_of_a_batch_are_one_transaction_and_one_fold_each(
    applied: list[str],
) -> None:
    scene = Scene()
    await scene.fill(**{f"l{n}": 2 for n in range(20)})
    applied.clear()
    # Each lead, the visitor it was before, and a further reference of it.
    visits = [cases.incoming(f"v{n}", "page_view", 1, f"anonymous:{n}") for n in range(20)]
    await scene.events.apply_events(visits)
    applied.clear()
    scene.store.begun = 0
    links = [identify(f"i{n}", f"lead:l{n}", f"anonymous:{n}", minutes=9) for n in range(20)]
    again = [identify(f"j{n}", f"lead:l{n}", f"external:{n}", minutes=9) for n in range(20)]
    assert await scene.events.apply_events([*links, *again]) == BatchReport(40, 0, 0)
    assert scene.store.begun == 1
    assert [applied.count(one) for one in ("l70", "l71", "v7", "i7", "j7")] == [1] * 5
    found = [await scene.leads.get_lead("p1", f"anonymous:{n}") for n in range(20)]
    assert [one.profile.lead_id for one in found] == [f"l{n}" for n in range(20)]
    assert {one.snapshot.score for one in found} == {3_000}


async def test_a_lead_that_was_given_something_is_merged_in_the_next_transaction() -> None:
    """So that what it was when it was merged can be given back to it."""
    scene = Scene()
    await scene.fill(a=1, b=2)
    await scene.events.apply_events([cases.incoming("v", "page_view", 1, "anonymous:v")])
    await scene.events.apply_events([cases.incoming("e", "page_view", 1, "email:x@y.example")])
    scene.store.begun = 0
    batch = [
        identify("i1", "email:x@y.example", "anonymous:v", minutes=2),
        identify("i2", "lead:b", "email:x@y.example", minutes=3),
    ]
    assert await scene.events.apply_events(batch) == BatchReport(2, 0, 0)
    assert scene.store.begun == 2
    assert scene.scores()["b"] == 4_000
    home = (await scene.leads.get_lead("p1", "email:x@y.example")).profile.lead_id
    gone = next(key for key in scene.scores() if key not in ("a", "b") and scene.scores()[key] == 0)
    assert home == "b"
    assert gone


async def test_projects_are_scored_anew_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 1)
    scene = Scene()
    for project, leads in (("large", 5), ("small", 1), ("tiny", 1)):
        await scene.events.record_activation(cases.activation(1, project_id=project))
        batch = [cases.incoming(f"e{n}", "signup", n, f"lead:l{n}", project) for n in range(leads)]
        await scene.events.apply_events(batch)
    rounds = 0
    while "tiny" not in done(scene) or "small" not in done(scene):
        assert await scene.events.rescore_next()
        rounds += 1
    # Each of the small ones takes two steps, the second of which finds nothing more.
    assert rounds <= 6
    assert "large" not in done(scene)


def done(scene: Scene) -> set[str]:
    return {
        project for project, (reached, _, _) in scene.store.contents.rescores.items() if reached
    }


async def test_a_page_of_a_timeline_folds_up_to_its_end_and_copies_no_state(
    applied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    await scene.fill(ada=100)
    applied.clear()

    def refused(_: Fold) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(Fold, "state", property(refused))
    page = await scene.leads.timeline("p1", "ada", None, 10)
    assert [one.event.entry.event_id for one in page] == [f"ada{n}" for n in range(10)]
    assert len(applied) == 10
    page = await scene.leads.timeline("p1", "ada", page[-1].event.entry.position, 2)
    assert [one.score for one in page] == [11_000, 12_000]
    last = await scene.leads.timeline("p1", "ada", None, 3, descending=True)
    assert [one.score for one in last] == [100_000, 99_000, 98_000]
    before = await scene.leads.timeline(
        "p1", "ada", last[-1].event.entry.position, 2, descending=True
    )
    assert [one.score for one in before] == [97_000, 96_000]


async def turns_during(work: Awaitable[Any]) -> int:
    """How often somebody else had a turn."""
    taken = 0

    async def somebody_else() -> None:
        nonlocal taken
        while True:
            taken += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody_else())
    await work
    other.cancel()
    return taken


async def test_others_have_their_turn_while_histories_are_folded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    await scene.fill(ada=60, bob=60)
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    late = [cases.incoming(f"late{n}", "page_view", n + 0.5, "lead:ada") for n in range(20)]
    assert await turns_during(scene.events.apply_events(late)) >= 80
    on_time = [cases.incoming(f"new{n}", "page_view", 100 + n, "lead:ada") for n in range(20)]
    assert await turns_during(scene.events.apply_events(on_time)) >= 20
    said = Said("one person", "key_1")
    assert await turns_during(scene.facts.merge("p1", "ada", "bob", said)) >= 160
    assert await turns_during(scene.leads.timeline("p1", "ada", None, 500)) >= 160
    impact = AnalyticsHandlers(scene.store, scene.clock).rule_impact("p1", None, None)
    assert await turns_during(impact) >= 160
    checks = VerifyHandlers(scene.store).verify_lead("p1", "ada")
    assert await turns_during(_all(checks)) >= 160


async def _all(steps: Any) -> None:
    async for _ in steps:
        pass
