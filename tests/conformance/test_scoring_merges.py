"""Leads that become one and two again, by hand, on either store: scores, versions, references, what was known when."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from services.scoring import fact_handlers
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import Limit
from services.scoring.errors import LeadNotFound, LeadNotMerged, LeadsMerged, LeadsMoved
from services.scoring.fact_ports import EventsLike
from services.scoring.moving import move_on
from services.scoring.ports import LeadFilter
from services.shared.errors import LimitExceeded
from tests.support import scoring_cases as cases
from tests.support.scoring_facts import (
    ADA,
    ADA_ID,
    CRM,
    CRM_ID,
    VISITOR,
    VISITOR_ID,
    Facts,
    identify,
)
from tests.support.scoring_subjects import Subject


@pytest.fixture
async def facts(scoring: Subject, project: str) -> Facts:
    """ADA with 120 points, VISITOR with 21, CRM with 1."""
    made = Facts(scoring, project)
    await made.activate()
    await made.event("a1", ADA, "signup", 1)
    await made.event("a2", ADA, "purchase", 2)
    await made.event("v1", VISITOR, "page_view", 0)
    await made.event("v2", VISITOR, "signup", 3)
    await made.event("c1", CRM, "page_view", 9)
    return made


async def test_two_leads_become_one(facts: Facts) -> None:
    lead = await facts.merge(ADA, VISITOR)
    assert (lead.profile.lead_id, lead.snapshot.score) == (ADA_ID, 141_000)
    assert lead.snapshot.state.event_count == 4
    assert set(lead.subjects) == {ADA, VISITOR, f"lead:{VISITOR_ID}"}
    for reference in (ADA_ID, VISITOR_ID, VISITOR, f"lead:{VISITOR_ID}"[5:]):
        assert await facts.lead(reference) == lead

    (*_, survives), (*_, gone) = await facts.changes(ADA_ID), await facts.changes(VISITOR_ID)
    assert (survives.change.cause, survives.change.version) == (Cause.MERGE, 3)
    assert (survives.change.previous_score, survives.change.score) == (120_000, 141_000)
    assert (survives.change.merged_into, survives.change.entry) == ("", None)
    assert (gone.change.cause, gone.change.version, gone.change.merged_into) == (
        Cause.MERGE,
        3,
        ADA_ID,
    )
    assert (gone.change.previous_score, gone.change.score) == (21_000, 0)

    row = (await facts.subject.ledger(facts.project))[-1]
    assert (row[3], row[4]) == (f"identity:{ADA_ID}", "$link")
    assert json.loads(row[8]) == {
        "lead_id": ADA_ID,
        "merged_lead_ids": [VISITOR_ID],
        "subjects": [VISITOR, f"lead:{VISITOR_ID}"],
        "reason": "a scanner",
        "actor": "key_1",
    }
    assert facts.commits == 1
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_who_was_merged_is_listed_nowhere(facts: Facts) -> None:
    await facts.merge(ADA, VISITOR)
    async with facts.subject.store.begin() as tx:
        found = await tx.list_leads(facts.project, LeadFilter(), 10)
        assert {one.profile.lead_id for one in found} == {ADA_ID, CRM_ID}
        assert await tx.count_leads(facts.project, LeadFilter()) == 2
        assert sum((await tx.stage_counts(facts.project)).values()) == 2
        assert {key[1] for key in await tx.lock_next(facts.project, "", 10)} == {ADA_ID, CRM_ID}


async def test_events_go_to_the_lead_that_their_reference_is_in(facts: Facts) -> None:
    await facts.merge(ADA, VISITOR)
    await facts.event("v3", VISITOR, "purchase", 4)
    await facts.event("v4", f"lead:{VISITOR_ID}", "page_view", 5)
    assert (await facts.lead(ADA)).snapshot.state.event_count == 6
    assert await facts.points(ADA) == 242
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (120_000, 122_000)
    assert (lead.subjects, unmerged.subjects) == ((ADA,), (VISITOR, f"lead:{VISITOR_ID}"))
    await facts.event("v5", VISITOR, "page_view", 6)
    assert (await facts.points(VISITOR), await facts.points(ADA)) == (123, 120)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_an_unmerge_restores_both(facts: Facts) -> None:
    before = [await facts.lead(one) for one in (ADA, VISITOR)]
    await facts.merge(ADA, VISITOR)
    after = await facts.unmerge(VISITOR_ID)
    for was, now in zip(before, after, strict=True):
        assert now.snapshot == replace(was.snapshot, version=was.snapshot.version + 2)
        assert now.profile == was.profile
    (*_, back) = await facts.changes(VISITOR_ID)
    assert (back.change.cause, back.change.merged_into, back.change.score) == (
        Cause.UNMERGE,
        "",
        21_000,
    )
    row = (await facts.subject.ledger(facts.project))[-1]
    assert (row[3], row[4]) == (f"identity:{ADA_ID}", "$unlink")
    # And again, the other way round.
    assert (await facts.merge(VISITOR, ADA)).profile.lead_id == VISITOR_ID
    assert (await facts.lead(ADA_ID)).snapshot.score == 141_000
    lead, unmerged = await facts.unmerge(ADA_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (21_000, 120_000)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_a_merge_counts_shared_limits_once(scoring: Subject, project: str) -> None:
    facts = Facts(scoring, project)
    once = replace(cases.rule("signup", 20), limits=(Limit(1),))
    await facts.activate(replace(cases.RULES, rules=(once,)))
    await facts.event("a1", ADA, "signup", 1)
    await facts.event("v1", VISITOR, "signup", 0)
    assert (await facts.merge(ADA, VISITOR)).snapshot.score == 20_000
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (20_000, 20_000)


async def test_what_can_not_be_merged_or_unmerged(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one, other in ((ADA, ADA), (ADA, ADA_ID)):
        with pytest.raises(LeadsMerged):
            await facts.merge(one, other)
    for one, other in ((ADA, "nobody"), ("nobody", ADA), ("email:x@y.z", ADA)):
        with pytest.raises(LeadNotFound):
            await facts.merge(one, other)
    for lead_id in (ADA_ID, VISITOR_ID):
        with pytest.raises(LeadNotMerged):
            await facts.unmerge(lead_id)
    with pytest.raises(LeadNotFound):
        await facts.unmerge("nobody")
    monkeypatch.setattr(fact_handlers, "REFERENCES_MAX", 0)
    with pytest.raises(LimitExceeded):
        await facts.merge(ADA, VISITOR)
    monkeypatch.undo()
    await facts.merge(ADA, VISITOR)
    for one, other in ((ADA, VISITOR), (VISITOR, ADA), (VISITOR_ID, ADA_ID)):
        with pytest.raises(LeadsMerged):
            await facts.merge(one, other)
    with pytest.raises(LeadNotMerged):
        await facts.unmerge(ADA_ID)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_merges_of_what_was_merged(facts: Facts) -> None:
    """VISITOR into ADA; CRM into VISITOR, which is ADA by then; then all of it into another."""
    await facts.event("d1", "lead:dan", "page_view")
    await facts.merge(ADA, VISITOR)
    assert (await facts.merge(VISITOR_ID, CRM)).profile.lead_id == ADA_ID
    assert await facts.points(CRM_ID) == 142
    # What came to ADA through VISITOR's id stays where it came to.
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (121_000, 21_000)
    assert (await facts.lead(CRM)).profile.lead_id == ADA_ID

    await facts.merge(ADA, VISITOR)
    await facts.merge("dan", ADA)
    for reference in (ADA, VISITOR_ID, CRM, "dan"):
        assert (await facts.lead(reference)).profile.lead_id == "dan"
    assert await facts.points("dan") == 143
    # Out of the middle: VISITOR leaves "dan", where it is now.
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.profile.lead_id, lead.snapshot.score) == ("dan", 122_000)
    assert unmerged.snapshot.score == 21_000
    # ADA takes back what was its own then, without what has left since.
    lead, unmerged = await facts.unmerge(ADA_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (1_000, 121_000)
    lead, unmerged = await facts.unmerge(CRM_ID)
    assert (lead.profile.lead_id, lead.snapshot.score, unmerged.snapshot.score) == (
        ADA_ID,
        120_000,
        1_000,
    )
    await facts.assert_sound(ADA_ID, VISITOR_ID, CRM_ID, "dan")


async def test_an_unmerge_takes_along_nobody_who_has_gone_an_own_way_since(facts: Facts) -> None:
    """VISITOR was in CRM when that was merged, but has been unmerged and merged on its own since."""
    await facts.merge(CRM, VISITOR)
    await facts.merge(ADA, CRM)
    await facts.unmerge(VISITOR_ID)
    await facts.merge(ADA, VISITOR)
    await facts.unmerge(CRM_ID)
    assert (await facts.lead(CRM)).snapshot.score == 1_000
    assert (await facts.lead(ADA)).snapshot.score == 141_000
    assert (await facts.lead(VISITOR)).profile.lead_id == ADA_ID


async def test_a_derived_id_of_a_merged_lead_leads_on(facts: Facts) -> None:
    """`lead:<id>` of a reference nobody has sent yet; the lead made under it; that merged; then the reference."""
    other = "email:bob@example.com"
    derived = lead_id_of(other)
    await facts.event("b1", f"lead:{derived}", "signup")
    await facts.merge(ADA, derived)
    await facts.event("b2", other, "page_view", 5)
    assert (await facts.lead(other)).profile.lead_id == ADA_ID
    assert await facts.points(ADA) == 141
    await facts.assert_sound(ADA_ID, derived)


async def test_facts_stay_with_the_reference_they_were_said_of(facts: Facts) -> None:
    await facts.merge(ADA, VISITOR)
    await facts.adjust(VISITOR_ID, 7)
    await facts.adjust(ADA, 3)
    assert await facts.retract("v2", "a1") == (2, 1, [])
    assert await facts.points(ADA) == 111
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (103_000, 8_000)
    assert await facts.retract(EventsLike(lead_id=VISITOR)) == (1, 1, [])
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_an_adjustment_of_a_derived_id_stays_with_that_lead(facts: Facts) -> None:
    """Nobody has sent the id as a reference; the merged lead's reference comes first in order."""
    assert (await facts.merge(ADA, VISITOR)).subjects[0] == VISITOR
    await facts.adjust(ADA_ID, 7)
    assert (await facts.subject.ledger(facts.project))[-1][3] == f"lead:{ADA_ID}"
    lead, unmerged = await facts.unmerge(VISITOR_ID)
    assert (lead.snapshot.score, unmerged.snapshot.score) == (127_000, 21_000)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_an_adjustment_is_found_again_after_a_merge(facts: Facts) -> None:
    first = await facts.adjust(VISITOR, 7, unique="x")
    await facts.merge(ADA, VISITOR)
    assert await facts.adjust(VISITOR, 7, unique="x") == first
    assert first[1].lead_id == VISITOR_ID
    await facts.unmerge(VISITOR_ID)
    assert await facts.adjust(VISITOR, 7, unique="x") == first


async def test_what_was_known_before_a_merge_is_answered_for_ever(facts: Facts) -> None:
    """Answers are written down after every step and asked for again at the end."""
    await facts.event("d1", "lead:dan", "page_view")
    references = (ADA, ADA_ID, VISITOR, VISITOR_ID, CRM, "dan")
    answers = []

    async def written_down() -> None:
        known_at = await facts.head()
        answers.append((known_at, {one: await facts.score(one) for one in references}))

    await written_down()
    await facts.merge(ADA, VISITOR)
    await written_down()
    await facts.event("v3", VISITOR, "purchase", 4)
    await written_down()
    await facts.merge("dan", ADA)
    await written_down()
    await facts.retract("a1")
    await written_down()
    await facts.unmerge(VISITOR_ID)
    await written_down()
    await facts.merge(CRM, ADA_ID)
    await facts.merge(VISITOR, CRM)
    await written_down()
    assert answers[0][1][VISITOR] == (VISITOR_ID, 21)
    assert answers[1][1][VISITOR] == answers[1][1][ADA_ID] == (ADA_ID, 141)
    assert answers[3][1][VISITOR_ID] == ("dan", 242)
    for known_at, said in answers:
        assert {one: await facts.score(one, known_at) for one in references} == said


async def test_nobody_is_found_under_a_reference_before_it_was_heard_of(facts: Facts) -> None:
    """References come with events, links, adjustments by id, merges, and leads that are made; at every record time each
    is answered as it was then, also that it was nobody's."""
    bob, bobs_crm, eve = "email:bob@example.com", "external:crm-bob", "email:eve@example.com"
    bob_id, eve_id = lead_id_of(bob), lead_id_of(eve)
    references = (bob, bob_id, bobs_crm, lead_id_of(bobs_crm), eve, eve_id, "dan", VISITOR_ID, CRM)
    answers = []

    async def written_down() -> dict[str, object]:
        said: dict[str, object] = {}
        known_at = await facts.head()
        for one in references:
            try:
                said[one] = await facts.score(one)
            except LeadNotFound:
                said[one] = None
        answers.append((known_at, said))
        return said

    assert [one for one, said in (await written_down()).items() if said] == [VISITOR_ID, CRM]
    await facts.event("b1", bob, "signup")
    said = await written_down()
    assert (said[bob], said[bob_id], said[bobs_crm]) == ((bob_id, 20), (bob_id, 20), None)
    # By the id that is derived from an address, before the address itself.
    await facts.event("e1", f"lead:{eve_id}", "page_view")
    said = await written_down()
    assert (said[eve], said[eve_id]) == (None, (eve_id, 1))
    await facts.event("e2", eve, "page_view")
    assert (await written_down())[eve] == (eve_id, 2)
    await facts.send(identify("b2", bob, bobs_crm))
    said = await written_down()
    assert (said[bobs_crm], said[lead_id_of(bobs_crm)]) == ((bob_id, 20), None)
    await facts.leads.create_lead(facts.project, "dan", "", "", "", {})
    assert (await written_down())["dan"] == ("dan", 0)
    # Makes the id one of its references, which it was known by before.
    await facts.adjust(bob_id, 7)
    assert (await written_down())[bob_id] == (bob_id, 27)
    await facts.merge(bob, VISITOR)
    await facts.merge("dan", eve)
    said = await written_down()
    assert (said[VISITOR_ID], said[eve_id]) == ((bob_id, 48), ("dan", 2))
    await facts.unmerge(eve_id)
    await written_down()
    for known_at, then in answers:
        for one, expected in then.items():
            if expected is None:
                with pytest.raises(LeadNotFound):
                    await facts.score(one, known_at)
            else:
                assert await facts.score(one, known_at) == expected, (one, known_at)


async def test_an_entry_that_finds_its_lead_merged_starts_over(facts: Facts) -> None:
    """It is looked up again, and counts for the lead it belongs to; what is only due has nothing left to do."""
    key = (facts.project, VISITOR_ID)
    await facts.merge(ADA, VISITOR)
    now = facts.clock.now()
    async with facts.subject.store.begin() as tx:
        rules = await tx.rules_in_force([facts.project])
        await move_on(tx, {key: []}, {}, rules, now)
        with pytest.raises(LeadsMoved):
            await move_on(tx, {key: [cases.entry("late", "signup")]}, {}, rules, now)


async def test_rescoring_leaves_out_who_was_merged(facts: Facts) -> None:
    await facts.merge(ADA, VISITOR)
    other = replace(cases.RULES, rules=(cases.rule("signup", 1),), stages=())
    await facts.activate(other, 2)
    assert await facts.points(ADA) == 2
    await facts.assert_sound(ADA_ID, VISITOR_ID)
    _, unmerged = await facts.unmerge(VISITOR_ID)
    assert (unmerged.snapshot.score, unmerged.snapshot.activation) == (1_000, 2)
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_two_projects_are_apart(facts: Facts) -> None:
    other = Facts(facts.subject, facts.project + "-other")
    await other.activate()
    await other.event("a1", ADA, "signup")
    await other.event("v1", VISITOR, "signup")
    await facts.merge(ADA, VISITOR)
    assert (await other.points(ADA), await other.points(VISITOR)) == (20, 20)
    with pytest.raises(LeadNotMerged):
        await other.unmerge(VISITOR_ID)
    await other.merge(VISITOR, ADA)
    await facts.unmerge(VISITOR_ID)
    assert (await other.lead(ADA)).profile.lead_id == VISITOR_ID
    await facts.assert_sound(ADA_ID, VISITOR_ID)
    await other.assert_sound(ADA_ID, VISITOR_ID)
