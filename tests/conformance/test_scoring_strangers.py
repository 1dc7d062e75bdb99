"""What `identify` events link that come with a key that everyone can read, on either store: visitors without a name to
a name, and never two leads that have one."""

from __future__ import annotations

from functools import partial

import pytest

from services.scoring.domain.identity import lead_id_of
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

BOB = "email:bob@example.com"
BOB_ID = lead_id_of(BOB)
PHONE = "anonymous:phone"

stranger = partial(identify, public=True)


@pytest.fixture
async def facts(scoring: Subject, project: str) -> Facts:
    made = Facts(scoring, project)
    await made.activate()
    return made


async def names(facts: Facts) -> list[str]:
    return [one.event_id for one, _ in await facts.conflicts()]


async def test_two_people_at_one_computer_stay_two(facts: Facts) -> None:
    await facts.event("v1", VISITOR, "signup")
    await facts.send(stranger("i1", ADA, VISITOR, minutes=1))
    report = await facts.send(stranger("i2", BOB, VISITOR, minutes=2))
    assert (report.applied, report.unlinked) == (1, 1)
    assert await names(facts) == ["i2"]
    ((conflict, resolved),) = await facts.conflicts()
    assert (conflict.subjects, conflict.lead_ids) == ((BOB, VISITOR), ("", VISITOR_ID))
    assert not resolved
    # What Bob's event says counts for him, the visits before for whom they were.
    assert await facts.points(ADA) == await facts.points(VISITOR) == 20
    assert (await facts.lead(BOB)).profile.lead_id == BOB_ID
    await facts.assert_sound()


async def test_nobody_merges_leads_with_a_name_by_a_page_s_key(facts: Facts) -> None:
    await facts.event("a1", ADA)
    await facts.event("b1", BOB)
    await facts.event("c1", CRM)
    await facts.event("l1", "lead:l")
    await facts.send(
        stranger("i1", ADA, VISITOR),
        stranger("i2", BOB, VISITOR, minutes=1),
        stranger("i3", CRM, ADA, minutes=2),
        stranger("i4", "lead:l", ADA, minutes=3),
        # A lead of any id could be made, into which the others would go.
        stranger("i5", "lead:mine", CRM, minutes=4),
        stranger("i6", "lead:mine", "lead:l", minutes=5),
        # By the id that stands for the address.
        stranger("i7", f"lead:{BOB_ID}", VISITOR, minutes=6),
    )
    assert await names(facts) == ["i7", "i6", "i5", "i4", "i3", "i2"]
    leads = [(await facts.lead(one)).profile.lead_id for one in (ADA, BOB, CRM, "l")]
    assert leads == [ADA_ID, BOB_ID, CRM_ID, "l"]
    await facts.assert_sound()
    # Who has a key that not everyone has may say so.
    await facts.send(identify("i8", CRM, ADA, BOB, minutes=9))
    assert (await facts.lead(BOB)).profile.lead_id == CRM_ID


async def test_visitors_become_leads_with_a_name_and_a_name_gets_another_kind(facts: Facts) -> None:
    await facts.event("v1", VISITOR)
    await facts.event("p1", PHONE)
    await facts.send(
        stranger("i1", CRM, ADA, VISITOR),
        stranger("i2", ADA, PHONE, minutes=1),
        stranger("i3", "external:bob", BOB, minutes=2),
        stranger("i4", CRM, ADA, VISITOR, minutes=3),
        stranger("i5", "anonymous:x", "anonymous:y", minutes=4),
    )
    assert await names(facts) == []
    found = {(await facts.lead(one)).profile.lead_id for one in (ADA, CRM, VISITOR, PHONE)}
    assert len(found) == 1
    assert (await facts.lead(BOB)).profile.lead_id == (
        await facts.lead("external:bob")
    ).profile.lead_id


async def test_what_was_decided_once_stays_whatever_is_sent_again(facts: Facts) -> None:
    said = stranger("i1", BOB, VISITOR, minutes=1)
    await facts.send(stranger("i0", ADA, VISITOR), said)
    before = await facts.subject.ledger(facts.project)
    report = await facts.send(said, identify("i1", BOB, VISITOR, minutes=1))
    assert (report.applied, report.duplicates) == (0, 2)
    assert await facts.subject.ledger(facts.project) == before
    assert (await facts.lead(VISITOR)).profile.lead_id == (await facts.lead(ADA)).profile.lead_id
    assert await names(facts) == ["i1"]
