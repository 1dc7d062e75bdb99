"""Activations on their way from the RULES stream to every lead's score."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.scoring import handlers
from services.scoring.domain.fold import fold
from services.scoring.ports import LeadFilter
from tests.support import scoring_cases as cases
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.scoring_rig import Rig
from tests.support.scoring_subjects import histories

LEADS = 12


def events(project: str, count: int, start: int = 0) -> list[cases.IncomingEvent]:
    return [
        cases.incoming(f"e{n}", "signup", (n * 37) % 101, f"lead:l{n % LEADS:02}", project)
        for n in range(start, start + count)
    ]


async def under(rig: Rig, project: str, activation: int) -> int:
    """Leads that are scored under the activation."""
    async with rig.subject.store.begin() as tx:
        views = await tx.list_leads(project, LeadFilter(), 1_000)
    return sum(view.snapshot.activation == activation for view in views)


async def assert_scores(rig: Rig, project: str, activation: int) -> None:
    """Every lead's snapshot is the fold of its ledger under the activation, and its versions are dense."""
    async with rig.subject.store.begin() as tx:
        rules = (await tx.rules_under(project, activation)).rule_set
        for view in await tx.list_leads(project, LeadFilter(), 1_000):
            key = (project, view.profile.lead_id)
            history = (await histories(tx, [key]))[key]
            assert view.snapshot.state == fold(history, rules)
            assert view.snapshot.stage == rules.stage_of(view.snapshot.state.score)
            assert view.snapshot.activation == activation
            changes = await tx.score_changes(key, 0, 10_000)
            versions = [one.change.version for one in changes]
            assert versions == list(range(1, view.snapshot.version + 1))
            published = await rig.subject.outbox(*key)
            assert [version for _, version, _ in published] == versions


async def test_an_activation_scores_existing_leads_anew(rig: Rig, project: str) -> None:
    await rig.handlers.apply_events(events(project, 60))
    rescoring = rig.rescoring()
    async with background(rescoring.run()), background(rig.rules(rescoring).run()):
        await rig.activate(1, project, signup=20)

        async def scored() -> bool:
            return await under(rig, project, 1) == LEADS

        await eventually_async(scored)
    await assert_scores(rig, project, 1)
    async with rig.subject.store.begin() as tx:
        counts = await tx.stage_counts(project)
    assert counts == {"high": LEADS}


async def test_rescoring_beside_incoming_events_ends_in_the_fold(
    rig: Rig, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 2)
    await rig.activate(1, project, signup=20)
    rescoring, other = rig.rescoring(), rig.rescoring()
    arriving = events(project, 480)
    random.Random(7).shuffle(arriving)
    batches = [arriving[n : n + 8] for n in range(0, len(arriving), 8)]

    async def score(own: list[list[cases.IncomingEvent]]) -> None:
        for batch in own:
            await rig.handlers.apply_events(batch)

    async def activate() -> None:
        for number in range(2, 6):
            await rig.activate(number, project, signup=number, page_view=1)

    async with (
        background(rescoring.run()),
        background(other.run()),
        background(rig.rules(rescoring).run()),
        background(rig.rules(other).run()),
    ):
        await asyncio.gather(score(batches[::2]), score(batches[1::2]), activate())

        async def scored() -> bool:
            return await under(rig, project, 5) == LEADS

        await eventually_async(scored)
    await assert_scores(rig, project, 5)


async def test_rescoring_that_was_interrupted_goes_on_where_it_was(
    rig: Rig, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 5)
    await rig.handlers.apply_events(events(project, 24))
    await rig.handlers.record_activation(cases.activation(1, project_id=project))
    while await under(rig, project, 1) == 0:
        assert await rig.handlers.rescore_next()
    assert await under(rig, project, 1) == 5
    async with rig.subject.store.begin() as tx:
        assert await tx.rescore_target("") == (project, 1, "l04")
    rescoring = rig.rescoring()
    rescoring.nudge()
    async with background(rescoring.run()):

        async def done() -> bool:
            async with rig.subject.store.begin() as tx:
                return await tx.rescore_target("") is None

        await eventually_async(done)
    await assert_scores(rig, project, 1)


async def test_a_stopped_rescorer_ends_between_transactions(
    rig: Rig, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests' projects, of which one has many leads, are done first: not one lead at a time.
    while await rig.handlers.rescore_next():
        pass
    monkeypatch.setattr(handlers, "RESCORE_LEADS", 1)
    await rig.handlers.apply_events(events(project, 24))
    await rig.handlers.record_activation(cases.activation(1, project_id=project))
    rescoring, waiting = rig.rescoring(), rig.rescoring()
    async with background(rescoring.run()) as running, background(waiting.run()) as stand_by:

        async def begun() -> bool:
            return await under(rig, project, 1) > 0

        await eventually_async(begun)
        rescoring.stop()
        await asyncio.wait_for(running, 10)
        # The other one takes over.

        async def scored() -> bool:
            return await under(rig, project, 1) == LEADS

        await eventually_async(scored)
        waiting.stop()
        await asyncio.wait_for(stand_by, 10)
    await assert_scores(rig, project, 1)


@pytest.mark.parametrize("rules_first", [True, False])
async def test_whichever_comes_first_rules_or_events_the_scores_are_the_same(
    rig: Rig, project: str, rules_first: bool
) -> None:
    async def rules() -> None:
        # Read again from the beginning, as every start does, and in the wrong order once.
        for number in (2, 1, 2):
            await rig.activate(number, project, signup=10 * number)
        rescoring = rig.rescoring()
        async with background(rig.rules(rescoring).run()):

            async def known() -> bool:
                async with rig.subject.store.begin() as tx:
                    return (await tx.rules_under(project, None)).activation == 2

            await eventually_async(known)

    if rules_first:
        await rules()
    await rig.handlers.apply_events(events(project, 24))
    if not rules_first:
        await rules()
    rescoring = rig.rescoring()
    async with background(rescoring.run()):

        async def scored() -> bool:
            return await under(rig, project, 2) == LEADS

        await eventually_async(scored)
    await assert_scores(rig, project, 2)


async def test_an_activation_that_is_none_keeps_no_project_from_its_rules(
    rig: Rig, project: str
) -> None:
    await rig.bus.jetstream.publish(f"rules.{project}.1", b"\xff\xff")
    await rig.activate(1, project + "x", signup=20)
    async with background(rig.rules(rig.rescoring()).run()):

        async def known() -> bool:
            async with rig.subject.store.begin() as tx:
                return (await tx.rules_under(project + "x", None)).activation == 1

        await eventually_async(known)
    assert [row[:3] for row in await rig.subject.quarantined(project)] == [
        ("undecodable", "", b"\xff\xff")
    ]
