"""What is known of references, on either store: contradictions, and since when and from whom a lead has each."""

from __future__ import annotations

import pytest

from services.scoring.domain.identity import lead_id_of
from services.scoring.errors import LeadNotFound
from services.scoring.identity_ports import Attached, IdentityConflict
from tests.support.scoring_facts import ADA, ADA_ID, VISITOR, VISITOR_ID, Facts, identify
from tests.support.scoring_subjects import Subject

ONE, TWO = "external:1", "external:2"
ONE_ID, TWO_ID = map(lead_id_of, (ONE, TWO))


@pytest.fixture
async def facts(scoring: Subject, project: str) -> Facts:
    made = Facts(scoring, project)
    await made.activate()
    return made


async def names(facts: Facts, reference: str = "") -> list[str]:
    return [one.event_id for one, _ in await facts.conflicts(reference)]


async def test_a_contradiction_says_whom_its_references_belonged_to(facts: Facts) -> None:
    await facts.event("e1", ONE)
    await facts.event("v1", VISITOR)
    # The second event's first reference is nobody's yet; the third finds it there.
    await facts.send(identify("i1", TWO, ONE, VISITOR), identify("i2", TWO, ONE, minutes=1))
    (second, resolved), (first, _) = await facts.conflicts()
    recorded_at = (await facts.subject.ledger(facts.project))[-1][6]
    assert first == IdentityConflict(
        facts.project, "i1", (TWO, ONE, VISITOR), ("", ONE_ID, VISITOR_ID), recorded_at
    )
    assert second == IdentityConflict(
        facts.project, "i2", (TWO, ONE), (TWO_ID, ONE_ID), recorded_at
    )
    assert not resolved


async def test_the_second_of_a_batch_contradicts_what_the_first_linked(facts: Facts) -> None:
    await facts.send(identify("i1", ONE, VISITOR), identify("i2", TWO, VISITOR, minutes=1))
    ((conflict, _),) = await facts.conflicts()
    assert (conflict.event_id, conflict.lead_ids) == ("i2", ("", ONE_ID))


async def test_a_merge_by_hand_resolves_it_and_an_unmerge_brings_it_back(facts: Facts) -> None:
    await facts.event("e1", ONE)
    await facts.send(identify("i1", TWO, ONE))
    assert [resolved for _, resolved in await facts.conflicts()] == [False]
    await facts.merge(ONE, TWO)
    ((kept, resolved),) = await facts.conflicts()
    assert resolved
    assert kept.lead_ids == ("", ONE_ID)
    await facts.unmerge(TWO_ID)
    assert [resolved for _, resolved in await facts.conflicts()] == [False]


async def test_a_reference_that_is_still_nobodys_is_not_resolved(facts: Facts) -> None:
    await facts.event("e1", ONE)
    await facts.send(identify("i1", ONE, TWO, ADA))
    assert [resolved for _, resolved in await facts.conflicts()] == [False]
    assert [one.subject for one in await facts.attached(ONE)] == [ONE]


async def test_conflicts_of_a_lead_are_found_through_any_of_its_references(facts: Facts) -> None:
    await facts.send(identify("i1", ONE, ADA))
    await facts.event("e2", TWO)
    await facts.send(identify("i2", TWO, ONE, minutes=1))
    await facts.event("e3", "external:3")
    await facts.send(identify("i3", "external:3", TWO, minutes=2))
    assert await names(facts) == ["i3", "i2"]
    assert await names(facts, ADA) == ["i2"]
    assert await names(facts, ONE_ID) == ["i2"]
    assert await names(facts, TWO) == ["i3", "i2"]
    # The event did not link the address to the other lead.
    assert (await facts.lead(ADA)).profile.lead_id == ONE_ID
    with pytest.raises(LeadNotFound):
        await facts.conflicts("external:nobody")


async def test_pages_of_conflicts(facts: Facts) -> None:
    await facts.event("e1", ONE)
    await facts.send(*(identify(f"i{n}", TWO, ONE, minutes=n) for n in range(5)))
    await facts.send(identify("i9", TWO, ONE, minutes=9))
    everything = [one for one, _ in await facts.conflicts()]
    assert [one.event_id for one in everything] == ["i9", "i4", "i3", "i2", "i1", "i0"]
    paged: list[IdentityConflict] = []
    after = None
    while page := await facts.identities.conflicts(facts.project, "", after, 2):
        paged += (one for one, _ in page)
        after = (page[-1][0].recorded_at, page[-1][0].event_id)
    assert paged == everything


async def test_references_know_since_when_and_from_whom(facts: Facts) -> None:
    await facts.event("v1", VISITOR)
    first = await facts.head()
    await facts.event("v2", VISITOR, minutes=1)
    await facts.event("a1", ADA)
    second = await facts.head()
    await facts.adjust(VISITOR, 5)
    await facts.send(identify("i1", ADA, VISITOR, "anonymous:new", minutes=5))
    third = await facts.head()
    assert await facts.attached(VISITOR_ID) == [
        Attached(VISITOR, first, VISITOR_ID, third, 2),
        Attached(ADA, second, "", None, 2),
        Attached("anonymous:new", third, "", None, 0),
        # Its id, which still finds it.
        Attached(f"lead:{VISITOR_ID}", third, VISITOR_ID, third, 0),
    ]

    await facts.unmerge(VISITOR_ID)
    fourth = await facts.head()
    assert await facts.attached(ADA) == [
        Attached(ADA, second, "", None, 2),
        Attached("anonymous:new", third, "", None, 0),
    ]
    assert await facts.attached(VISITOR) == [
        Attached(VISITOR, first, "", fourth, 2),
        Attached(f"lead:{VISITOR_ID}", third, "", fourth, 0),
    ]


async def test_two_projects_with_the_same_people_stay_apart(facts: Facts, project: str) -> None:
    other = Facts(facts.subject, f"{project}-b")
    await other.activate()
    for side in (facts, other):
        await side.event("e1", ONE, "signup")
        await side.event("e2", TWO, "signup")
    await facts.send(identify("i1", TWO, ONE, ADA))
    assert await names(other) == []
    with pytest.raises(LeadNotFound):
        await other.lead(ADA)

    # There the same event ids and references mean other things.
    await other.send(identify("i1", ONE, ADA))
    assert (await other.lead(ADA)).profile.lead_id == ONE_ID
    await other.merge(ONE, TWO)
    assert await other.points(ADA) == 40
    assert await facts.points(ONE) == 20
    assert [resolved for _, resolved in await facts.conflicts()] == [False]
    assert len(await facts.attached(ONE)) == 1
    assert ADA_ID not in {ONE_ID, TWO_ID}


async def test_what_no_person_did_links_nobody(facts: Facts) -> None:
    await facts.event("e1", ONE)
    await facts.send(identify("i1", ONE, ADA, suspect=True))
    assert [one.subject for one in await facts.attached(ONE)] == [ONE]
    assert await facts.conflicts() == []
    await facts.send(identify("i2", ONE, ADA, minutes=1))
    assert {one.subject for one in await facts.attached(ONE)} == {ONE, ADA}


async def test_names_are_known_of_a_lead_with_ever_so_many_visitors(facts: Facts) -> None:
    """A lead's references are read up to a bound: that it has a name must not fall behind it."""
    await facts.send(identify("i1", ONE, "anonymous:a"), identify("i2", ONE, "anonymous:b"))
    async with facts.subject.store.reading() as tx:
        found = await tx.references_of([(facts.project, ONE_ID)], 1)
    assert found == {(facts.project, ONE_ID): [ONE]}
