"""`identify` events that say that several references are one lead's, on either store."""

from __future__ import annotations

import json

import pytest

from services.scoring import conditions, linking
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import Rule, RuleSet
from services.scoring.handlers import BatchReport
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
    made = Facts(scoring, project)
    await made.activate()
    return made


async def test_references_nobody_knows_are_one_lead(facts: Facts) -> None:
    assert await facts.send(identify("i1", ADA, VISITOR)) == BatchReport(1, 0, 0)
    lead = await facts.lead(VISITOR)
    assert (lead.profile.lead_id, lead.profile.email) == (ADA_ID, "ada@example.com")
    assert lead.subjects == (VISITOR, ADA)
    await facts.event("v1", VISITOR, "signup", 1)
    assert await facts.points(ADA) == 20
    link, event = (await facts.subject.ledger(facts.project))[:2]
    assert (link[1], link[3], link[4]) == ("scoreline:link:i1", f"identity:{ADA_ID}", "$link")
    assert json.loads(link[8]) == {
        "lead_id": ADA_ID,
        "merged_lead_ids": [],
        "subjects": [VISITOR, ADA],
        "reason": "identify",
        "actor": "",
    }
    # One transaction, one block.
    assert (event[1], event[3], event[6]) == ("i1", ADA, link[6])
    await facts.assert_sound(ADA_ID)


async def test_leads_that_are_known_are_merged_into_that_of_the_strongest(facts: Facts) -> None:
    for number, subject in enumerate((VISITOR, ADA, CRM)):
        await facts.event(f"e{number}", subject, "signup", number)
    await facts.send(identify("i1", CRM, ADA, VISITOR, minutes=9))
    lead = await facts.lead(VISITOR)
    assert (lead.profile.lead_id, lead.snapshot.score) == (CRM_ID, 60_000)
    causes = [one.change.cause for one in await facts.changes(CRM_ID)]
    assert causes == [Cause.EVENT, Cause.MERGE, Cause.EVENT]
    for gone in (ADA_ID, VISITOR_ID):
        (*_, last) = await facts.changes(gone)
        assert (last.change.cause, last.change.merged_into) == (Cause.MERGE, CRM_ID)
    facts_kept = [row for row in await facts.subject.ledger(facts.project) if row[4] == "$link"]
    assert len(facts_kept) == 1
    # Each can be undone by hand.
    _, unmerged = await facts.unmerge(VISITOR_ID)
    assert unmerged.snapshot.score == 20_000
    assert await facts.points(ADA) == 40
    await facts.assert_sound(CRM_ID, ADA_ID, VISITOR_ID)


async def test_a_reference_nobody_knows_comes_to_the_lead_that_is_known(facts: Facts) -> None:
    await facts.event("v1", VISITOR, "signup")
    await facts.send(identify("i1", CRM, ADA, VISITOR, minutes=1))
    lead = await facts.lead(CRM)
    assert lead.profile.lead_id == VISITOR_ID
    assert lead.subjects == (VISITOR, ADA, CRM)
    assert [one.change.cause for one in await facts.changes(VISITOR_ID)] == [Cause.EVENT] * 2
    await facts.assert_sound(VISITOR_ID)


async def test_a_lead_id_nobody_knows_is_a_lead_to_be_made(facts: Facts) -> None:
    await facts.event("v1", VISITOR, "signup")
    await facts.send(identify("i1", "lead:ada", VISITOR, minutes=1))
    lead = await facts.lead(VISITOR)
    assert (lead.profile.lead_id, lead.snapshot.score) == ("ada", 20_000)
    await facts.assert_sound("ada", VISITOR_ID)


async def test_what_is_one_lead_already_needs_no_link(facts: Facts) -> None:
    await facts.send(identify("i1", ADA, VISITOR))
    await facts.send(
        identify("i2", ADA, VISITOR, minutes=1),
        cases.incoming("e1", "signup", 2, VISITOR),
        identify("i3", ADA, VISITOR, minutes=3),
    )
    rows = await facts.subject.ledger(facts.project)
    assert [row[1] for row in rows] == ["scoreline:link:i1", "i1", "i2", "e1", "i3"]
    # The second batch was one transaction.
    assert len({row[6] for row in rows[2:]}) == 1


async def test_the_same_event_again_links_nothing_again(facts: Facts) -> None:
    await facts.event("v1", VISITOR, "signup")
    await facts.event("a1", ADA, "signup")
    event = identify("i1", ADA, VISITOR, minutes=5)
    assert await facts.send(event, event) == BatchReport(1, 1, 0)
    await facts.unmerge(VISITOR_ID)
    # Delivered again after the merge was undone: the ledger has it, so it says nothing new.
    assert await facts.send(event) == BatchReport(0, 1, 0)
    assert (await facts.lead(VISITOR)).profile.lead_id == VISITOR_ID
    # The same id with other content is a conflict and links nothing either.
    other = identify("i1", ADA, CRM, minutes=6)
    assert await facts.send(other) == BatchReport(0, 0, 1)
    # Said anew it counts.
    assert await facts.send(identify("i2", ADA, VISITOR, minutes=7)) == BatchReport(1, 0, 0)
    assert (await facts.lead(VISITOR)).profile.lead_id == ADA_ID
    await facts.assert_sound(ADA_ID, VISITOR_ID)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        # Two lead ids that somebody chose.
        ([("lead:ada", VISITOR), ("lead:bob", ADA)], (ADA, VISITOR)),
        ([("lead:ada", VISITOR)], ("lead:bob", VISITOR)),
        # Two ids of the sender's system.
        ([("external:1", VISITOR), ("external:2", ADA)], (ADA, VISITOR)),
        ([("external:1", VISITOR)], ("external:2", VISITOR)),
        ([("external:1", VISITOR)], ("external:2", ADA, VISITOR)),
    ],
)
async def test_different_people_are_not_linked_silently(
    facts: Facts, before: list[tuple[str, ...]], event: tuple[str, ...]
) -> None:
    for number, references in enumerate(before):
        await facts.send(identify(f"i{number}", *references))
    own, visitors = event[0], await facts.lead(VISITOR)
    contradiction = identify("contradiction", *event, minutes=3)
    assert await facts.send(contradiction) == BatchReport(1, 0, 0, unlinked=1)
    assert await facts.lead(VISITOR) == visitors
    # It counts for its own reference's lead.
    counted = await facts.lead(own.removeprefix("lead:"))
    assert counted.snapshot.state.last_position == contradiction.entry.position
    assert own in counted.subjects
    # It can be scored: that is no case for quarantine.
    assert await facts.subject.quarantined(facts.project) == []
    ledger = await facts.subject.ledger(facts.project)
    assert ledger[-1][1] == "contradiction"
    assert "scoreline:link:contradiction" not in {row[1] for row in ledger}
    # Delivered again it is a duplicate, and no second contradiction.
    assert await facts.send(contradiction) == BatchReport(0, 1, 0)
    assert [one.event_id for one, _ in await facts.conflicts()] == ["contradiction"]
    await facts.assert_sound()


async def test_an_id_that_was_derived_is_nobodys_choice(facts: Facts) -> None:
    await facts.event("e1", f"lead:{VISITOR_ID}", "signup")
    await facts.send(identify("i1", "lead:ada", VISITOR, minutes=1))
    assert (await facts.lead(VISITOR_ID)).profile.lead_id == "ada"
    await facts.assert_sound("ada", VISITOR_ID)


async def test_a_lead_that_was_merged_by_hand_can_be_identified(facts: Facts) -> None:
    """Two external ids that somebody made one lead's: they no longer say that it is two people."""
    await facts.event("e1", "external:1", "signup")
    await facts.event("e2", "external:2", "signup")
    await facts.merge("external:1", "external:2")
    await facts.event("v1", VISITOR, "signup")
    assert await facts.send(identify("i1", "external:2", VISITOR)) == BatchReport(1, 0, 0)
    assert await facts.points(VISITOR) == 60


async def test_a_lead_with_too_many_references_is_not_merged(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await facts.send(identify("i1", VISITOR, "anonymous:v-2"))
    await facts.event("a1", ADA)
    monkeypatch.setattr(linking, "REFERENCES_MAX", 1)
    assert (await facts.send(identify("i2", ADA, VISITOR))).unlinked == 1
    assert (await facts.lead(VISITOR)).profile.lead_id == VISITOR_ID


async def test_the_address_that_a_reference_is_counts_as_soon_as_the_lead_has_it(
    facts: Facts,
) -> None:
    source = 'lead.email.endsWith("@example.com")'
    holds = conditions.condition(source)
    known = Rule("known", "*", -5_000, when=holds, when_source=source, standing=True)
    await facts.activate(RuleSet(2, (known, cases.rule("page_view", 10))), number=2)
    await facts.send(cases.incoming("u1", "lead_updated", 5, CRM))
    await facts.event("v1", ADA, "page_view", 1)
    assert (await facts.points(CRM), await facts.points(ADA)) == (0, 10)
    # The address comes first now, and with a history of its own.
    await facts.merge(CRM, ADA)
    assert await facts.points(CRM) == 5
    await facts.send(cases.incoming("u2", "lead_updated", 9, CRM))
    assert await facts.points(CRM) == 5
    await facts.assert_sound(CRM_ID)
    await facts.unmerge(ADA_ID)
    assert (await facts.points(CRM), await facts.points(ADA)) == (0, 10)
    # Said along with others, where another is the event's own.
    await facts.send(identify("i1", "external:crm-1", "email:bob@example.com", minutes=10))
    assert await facts.points("external:crm-1") == -5
    await facts.assert_sound(lead_id_of("external:crm-1"), CRM_ID)


async def test_a_batch_keeps_its_order_around_who_links(facts: Facts) -> None:
    await facts.send(
        cases.incoming("e1", "page_view", 1, VISITOR),
        cases.incoming("e2", "page_view", 2, ADA),
        identify("i1", ADA, VISITOR, minutes=3),
        cases.incoming("e3", "page_view", 4, VISITOR),
        identify("i2", CRM, VISITOR, minutes=5),
        cases.incoming("e4", "page_view", 6, CRM),
    )
    order = [row[1] for row in await facts.subject.ledger(facts.project)]
    assert [one for one in order if not one.startswith("scoreline:")] == [
        "e1", "e2", "i1", "e3", "i2", "e4",
    ]  # fmt: skip
    assert {(await facts.lead(one)).profile.lead_id for one in (ADA, VISITOR, CRM)} == {ADA_ID}
    assert await facts.points(CRM) == 4
    await facts.assert_sound(ADA_ID, VISITOR_ID)


async def test_all_references_derive_their_home(facts: Facts) -> None:
    """A lead made under the id derived from a reference, merged away; the reference then comes with another."""
    other = "email:bob@example.com"
    derived = lead_id_of(other)
    await facts.event("b1", f"lead:{derived}", "signup")
    await facts.event("c1", CRM, "page_view")
    await facts.merge(CRM, derived)
    await facts.send(identify("i1", other, VISITOR, minutes=2))
    assert {(await facts.lead(one)).profile.lead_id for one in (other, VISITOR, CRM)} == {CRM_ID}
    assert await facts.points(VISITOR) == 21
    await facts.assert_sound(CRM_ID, derived)
