"""VerifyLedger and ReplayLeads on either store: all is well, and every way in which it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.scoring import ledger_handlers, replay_handlers
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import MILLI
from services.scoring.domain.verification import Kind
from services.scoring.errors import LeadNotFound
from services.scoring.handlers import EventHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.ports import LeadFilter, LeadUpdate
from services.scoring.replay_handlers import ReplayHandlers, ReplayProgress
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_subjects import Subject

RULES = replace(cases.RULES, decay=IdleAmount(DAY, DAY, 1_500, 0))


class Ledger:
    """Five leads with ten events in blocks of four, and what is done with them."""

    def __init__(self, subject: Subject, project: str) -> None:
        self.subject = subject
        self.project = project
        self.clock = MovableClock(START + timedelta(hours=1))
        self.events = EventHandlers(subject.store, self.clock)
        self.verification = VerifyHandlers(subject.store)
        self.commits = 0
        self.replay_handlers = ReplayHandlers(subject.store, self.clock, self._committed)

    def _committed(self) -> None:
        self.commits += 1

    async def fill(self) -> None:
        await self.events.record_activation(cases.activation(1, RULES, self.project))
        kinds = cases.TYPES * 2
        events = [
            cases.incoming(f"e{n}", kind, 10 - n, f"lead:l{n % 5}", self.project, n=n)
            for n, kind in enumerate(kinds)
        ]
        for batch in cases.in_batches(events, [4, 8]):
            self.clock.at += timedelta(seconds=1)
            await self.events.apply_events(batch)
        while await self.events.rescore_next():
            pass

    async def verify(self, **which: Any) -> tuple[Any, list[Any]]:
        if "lead" in which:
            steps = self.verification.verify_lead(self.project, which["lead"])
        elif which:
            steps = self.verification.verify_range(self.project, which["first"], which["last"])
        else:
            steps = self.verification.verify(self.project)
        found, last = [], None
        async for progress, mismatches in steps:
            found += mismatches
            last = progress
        assert last is not None
        assert last.done
        assert last.mismatch_count == len(found)
        return last, found

    async def replay(
        self, which: LeadFilter | None = None, progress: ReplayProgress | None = None
    ) -> list[ReplayProgress]:
        steps = self.replay_handlers.replay(
            self.project, which or LeadFilter(), progress or ReplayProgress()
        )
        return [step async for step in steps]

    async def tamper(self, lead_id: str, **changes: Any) -> None:
        """Write a snapshot that the ledger does not give."""
        key = (self.project, lead_id)
        async with self.subject.store.begin() as tx:
            snapshot = (await tx.lock([key]))[key]
            if "state" in changes:
                changes["state"] = replace(snapshot.state, **changes["state"])
            written = (await tx.written([key]))[key]
            await tx.save([LeadUpdate(key, replace(snapshot, **changes), [])], written.at)


@pytest.fixture
async def ledger(scoring: Subject, project: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(ledger_handlers, "STEP_LEADS", 2)
    monkeypatch.setattr(ledger_handlers, "STEP_BLOCKS", 2)
    monkeypatch.setattr(replay_handlers, "STEP_LEADS", 2)
    made = Ledger(scoring, project)
    await made.fill()
    return made


async def test_all_is_well(ledger: Ledger) -> None:
    summary, found = await ledger.verify()
    assert found == []
    assert (summary.entry_count, summary.block_count, summary.lead_count) == (10, 3, 5)
    assert (summary.entry_total, summary.lead_total, summary.outdated_count) == (10, 5, 0)
    assert (summary.last_position, summary.last_hash) == await ledger.subject.head(ledger.project)


@pytest.mark.parametrize("days", [0, 1.5, 2, 5, 400])
async def test_all_is_well_whatever_has_faded(ledger: Ledger, days: float) -> None:
    ledger.clock.at += timedelta(days=days)
    assert (await ledger.verify())[1] == []
    while await ledger.events.fade_next():
        pass
    assert (await ledger.verify())[1] == []
    late = cases.incoming("late", "signup", -90, "lead:l1", ledger.project)
    await ledger.events.apply_events([late])
    assert (await ledger.verify())[1] == []


async def test_all_is_well_before_and_after_other_rules(ledger: Ledger) -> None:
    ledger.clock.at += timedelta(days=3)
    other = replace(RULES, decay=IdleAmount(DAY, DAY, 500, 0))
    await ledger.events.record_activation(cases.activation(2, other, ledger.project))
    assert (await ledger.verify())[1] == []
    while await ledger.events.rescore_next():
        pass
    assert (await ledger.verify())[1] == []


async def test_a_project_without_anything(scoring: Subject, project: str) -> None:
    empty = Ledger(scoring, project)
    summary, found = await empty.verify()
    assert (summary.entry_count, summary.lead_count, found) == (0, 0, [])
    assert [(step.lead_count, step.done) for step in await empty.replay()] == [(0, True)]


async def test_a_range_is_whole_blocks(ledger: Ledger) -> None:
    ends = [position for position, _ in await ledger.subject.blocks(ledger.project)]
    assert ends == [4, 8, 10]
    for first, last, entries in (
        (1, 0, 10),
        (5, 8, 4),
        (6, 7, 4),
        (4, 5, 8),
        (9, 99, 2),
        (11, 0, 0),
    ):
        summary, found = await ledger.verify(first=first, last=last)
        assert (summary.entry_count, summary.lead_count, found) == (entries, 0, [])


async def test_a_lead_alone(ledger: Ledger) -> None:
    summary, found = await ledger.verify(lead="l1")
    assert (summary.entry_count, summary.lead_count, found) == (2, 1, [])
    await ledger.tamper("l1", score=1)
    _, found = await ledger.verify(lead="l1")
    assert {one.field for one in found} == {"score"}
    assert (await ledger.verify(lead="l2"))[1] == []
    with pytest.raises(LeadNotFound):
        await ledger.verify(lead="nobody")


TAMPERED = {
    "score": {"score": 7 * MILLI},
    "stage": {"stage": "hot!"},
    "version": {"version": 9},
    "rule_set_version": {"rule_set_version": 9},
    "activation": {"activation": 9},
    "next_transition": {"next_transition": 5},
    "state.scores": {"state": {"scores": {"": 1}}},
    "state.event_count": {"state": {"event_count": 3}},
    "state.attributes": {"state": {"attributes": {"title": "ceo"}}},
}


@pytest.mark.parametrize("field", TAMPERED)
async def test_a_snapshot_that_was_changed_is_named_and_mended(ledger: Ledger, field: str) -> None:
    async with ledger.subject.store.begin() as tx:
        before = await tx.find_lead(ledger.project, "lead:l1")
    assert before is not None
    await ledger.tamper("l1", **TAMPERED[field])
    _, found = await ledger.verify()
    assert {(one.kind, one.lead_id) for one in found} == {(Kind.SNAPSHOT, "l1")}
    assert field in {one.field for one in found}

    *_, last = await ledger.replay()
    versioned = field in ("score", "stage")
    assert (last.changed_count, last.mended_count + last.updated_count) == (
        (1, 0) if versioned else (0, 1)
    )
    async with ledger.subject.store.begin() as tx:
        after = await tx.find_lead(ledger.project, "lead:l1")
        changes = await tx.score_changes((ledger.project, "l1"), before.snapshot.version, 10)
    assert after is not None
    assert after.snapshot == replace(before.snapshot, version=before.snapshot.version + versioned)
    assert [one.change.cause for one in changes] == [Cause.REPLAY] * versioned
    assert (await ledger.verify())[1] == []
    assert ledger.commits == 1


async def test_a_replay_changes_nothing_where_nothing_was_changed(ledger: Ledger) -> None:
    outbox = await ledger.subject.outbox(ledger.project, "l1")
    steps = await ledger.replay()
    assert [step.lead_count for step in steps] == [2, 4, 5]
    last = steps[-1]
    assert (last.lead_total, last.done) == (5, True)
    assert (last.changed_count, last.mended_count, last.updated_count, ledger.commits) == (0,) * 4
    assert await ledger.subject.outbox(ledger.project, "l1") == outbox


async def test_a_replay_brings_up_to_date_what_was_about_to_be(ledger: Ledger) -> None:
    ledger.clock.at += timedelta(days=10)
    *_, last = await ledger.replay()
    assert (last.changed_count, last.mended_count) == (0, 0)
    assert last.updated_count > 0
    async with ledger.subject.store.begin() as tx:
        due = await tx.due(ledger.clock.at, 10_000)
    assert [key for key in due if key[0] == ledger.project] == []
    await ledger.events.record_activation(cases.activation(2, cases.RULES, ledger.project))
    *_, last = await ledger.replay()
    assert (last.changed_count, last.mended_count, last.updated_count) == (0, 0, 5)
    assert (await ledger.verify())[1] == []


async def test_a_replay_goes_on_where_it_was_broken_off(ledger: Ledger) -> None:
    for lead_id in ("l0", "l3"):
        await ledger.tamper(lead_id, score=7 * MILLI)
    first = (await ledger.replay())[0]
    assert (first.cursor, first.lead_count, first.changed_count) == ("l1", 2, 1)
    await ledger.tamper("l0", score=7 * MILLI)
    *_, last = await ledger.replay(progress=replace(first, changed=()))
    assert (last.lead_count, last.lead_total, last.changed_count) == (5, 5, 1)
    # What lies before where it went on is not looked at again.
    assert {one.lead_id for one in (await ledger.verify())[1]} == {"l0"}


async def test_a_replay_of_some(ledger: Ledger) -> None:
    for lead_id in ("l1", "l3"):
        await ledger.tamper(lead_id, score=7 * MILLI)
    *_, last = await ledger.replay(LeadFilter(query="l3"))
    assert (last.lead_count, last.lead_total, last.changed_count) == (1, 1, 1)
    steps = [step async for step in ledger.replay_handlers.replay_lead(ledger.project, "l1")]
    assert [(step.lead_count, step.changed_count, step.done) for step in steps] == [(1, 1, True)]
    assert [one.change.previous_score for one in steps[0].changed] == [7 * MILLI]
    assert (await ledger.verify())[1] == []


async def test_a_score_that_time_has_taken_less_than_a_point_of_stands(ledger: Ledger) -> None:
    slow = replace(RULES, decay=IdleAmount(DAY, DAY, 500, 0))
    await ledger.events.record_activation(cases.activation(2, slow, ledger.project))
    while await ledger.events.rescore_next():
        pass
    # Half a point is gone, which makes no version.
    ledger.clock.at += timedelta(days=2, hours=12)
    await ledger.tamper("l3", state={"attributes": {"title": "ceo"}})
    *_, last = await ledger.replay()
    assert (last.changed_count, last.mended_count, last.updated_count) == (0, 1, 0)
    assert (await ledger.verify())[1] == []
