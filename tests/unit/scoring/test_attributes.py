"""What events say of a lead: each field as it was said last in event time, whatever came in when, in whatever batches,
under whichever of its references; and rules see just that."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring import conditions, convert
from services.scoring.domain.model import MILLI, Rule, RuleSet
from services.scoring.ports import IncomingEvent
from services.shared import structs
from tests.support import scoring_cases as cases
from tests.support.scoring_facts import ADA, CRM, VISITOR, Facts, identify
from tests.support.scoring_subjects import MemorySubject

SIZES = (10, 200, 5_000)
TITLES = ("cto", "intern")
LARGE, BOSS = 30, 7


def standing(rule_id: str, points: int, when: str) -> Rule:
    return Rule(rule_id, "*", points * MILLI, when=conditions.condition(when), standing=True)


FIT = RuleSet(
    version=1,
    rules=(
        standing("large", LARGE, "lead.size >= 200"),
        standing("boss", BOSS, 'lead.title == "cto"'),
    ),
)

said = st.fixed_dictionaries(
    {}, optional={"size": st.sampled_from(SIZES), "title": st.sampled_from(TITLES)}
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[IncomingEvent]]:
    """Events of one lead, which two of them say is one, in any order and any batches, some of them twice."""
    events = [
        cases.incoming(
            f"e{number}",
            draw(st.sampled_from(("identify", "lead_updated", "page_view"))),
            # Several at one instant: the event id decides.
            draw(st.integers(0, 4)),
            draw(st.sampled_from((ADA, VISITOR, CRM))),
            **properties,
        )
        for number, properties in enumerate(draw(st.lists(said, min_size=1, max_size=7)))
    ]
    events += [identify("i1", ADA, VISITOR, minutes=2), identify("i2", CRM, ADA, minutes=3)]
    sent = draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=3))))
    cuts = draw(st.lists(st.integers(0, len(sent)), max_size=4))
    return cases.in_batches(sent, sorted(cuts))


def last_said(events: list[IncomingEvent]) -> dict[str, Any]:
    """Field by field, without a line of the fold: the last event in event time that names it."""
    distinct = {event.entry.event_id: event.entry for event in events}
    entries = [one for one in distinct.values() if one.type in ("identify", "lead_updated")]
    entries.sort(key=lambda one: (one.occurred_at, one.event_id))
    fields = {key for entry in entries for key in entry.properties}
    return {
        key: [one.properties[key] for one in entries if key in one.properties][-1] for key in fields
    }


@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_the_last_word_in_event_time_counts(batches: list[list[IncomingEvent]]) -> None:
    async def run() -> None:
        facts = Facts(MemorySubject(), "p1")
        await facts.activate(FIT)
        for batch in batches:
            if batch:
                await facts.send(*batch)
        expected = last_said([event for batch in batches for event in batch])
        for reference in (ADA, VISITOR, CRM):
            lead = await facts.lead(reference)
            shown = structs.to_dict(convert.whole_lead(lead).event_attributes)
            shown.pop("email", None)
            expected.pop("email", None)
            assert shown == expected
            fit = LARGE * (expected.get("size", 0) >= 200) + BOSS * (expected.get("title") == "cto")
            assert lead.snapshot.score == fit * MILLI

    asyncio.run(run())


async def test_what_is_noted_by_hand_is_another_matter() -> None:
    """UpdateLead's attributes are shown as they were noted; rules see what events said."""
    facts = Facts(MemorySubject(), "p1")
    await facts.activate(FIT)
    await facts.leads.create_lead("p1", "ada", "", "", "", {"title": "cto", "note": "met in May"})
    await facts.send(cases.incoming("e1", "identify", 1, "lead:ada", title="intern"))
    lead = await facts.lead("ada")
    message = convert.whole_lead(lead)
    assert structs.to_dict(message.attributes) == {"title": "cto", "note": "met in May"}
    assert structs.to_dict(message.event_attributes) == {"title": "intern"}
    assert lead.snapshot.score == 0
    # Lists do without.
    assert not convert.lead(lead).HasField("event_attributes")
