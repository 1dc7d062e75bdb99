"""Histories of several leads as they may arrive (shuffled, repeated, in batches, over processes), and the comparison
with the pure fold that must come out of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from services.scoring.domain.fold import fold
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.model import RuleSet
from services.scoring.ports import IncomingEvent, LeadFilter
from tests.support import scoring_cases as cases
from tests.support.scoring_subjects import Subject

SUBJECTS = (
    "lead:ada",
    "lead:Åsa",
    "email:ada@example.com",
    "lead:" + lead_id_of("email:ada@example.com"),
    "anonymous:v-17",
)
"""Two of them are one lead."""

_histories = st.lists(
    st.builds(
        cases.incoming,
        event_id=st.text("abé😀", min_size=1, max_size=3),
        event_type=st.sampled_from(cases.TYPES),
        minutes=st.integers(0, 5),
        subject=st.sampled_from(SUBJECTS),
    ),
    unique_by=lambda event: event.entry.event_id,
    max_size=14,
)


@st.composite
def arrivals(draw: Any) -> tuple[list[list[IncomingEvent]], RuleSet, int]:
    """Batches in which a history arrives, the rules, and how many processes share the batches."""
    history = draw(_histories)
    repeated = draw(st.lists(st.sampled_from(history), max_size=6)) if history else []
    order = draw(st.permutations(history + repeated))
    cuts = draw(st.lists(st.integers(0, 20), max_size=5))
    return cases.in_batches(order, cuts), draw(cases.rule_sets), draw(st.integers(1, 2))


async def assert_pure_fold(
    subject: Subject, project_id: str, events: Sequence[IncomingEvent], rule_set: RuleSet
) -> None:
    """Leads, versions, changes, outbox and ledger of the project are those of these events under the first activation,
    whatever way they took."""
    by_lead: dict[str, list[IncomingEvent]] = {}
    for event in events:
        by_lead.setdefault(lead_id_of(event.subject), []).append(event)
    async with subject.store.begin() as tx:
        views = await tx.list_leads(project_id, LeadFilter(), 1_000)
        changes = {
            view.profile.lead_id: await tx.score_changes(
                (project_id, view.profile.lead_id), 0, 100_000
            )
            for view in views
        }
    assert {view.profile.lead_id for view in views} == by_lead.keys()
    for view in views:
        lead_id = view.profile.lead_id
        own = sorted((event.entry for event in by_lead[lead_id]), key=lambda one: one.position)
        state = fold(own, replace(rule_set, version=1))
        stage = rule_set.stage_of(state.score)
        assert view.snapshot == Snapshot(state, state.score, stage, len(own), 1, 1)
        versions = list(range(1, len(own) + 1))
        assert [one.change.version for one in changes[lead_id]] == versions
        assert changes[lead_id][-1].change.score == state.score
        assert [row[1] for row in await subject.outbox(project_id, lead_id)] == versions
    ledger = await subject.ledger(project_id)
    assert [row[2] for row in ledger] == list(range(1, len(events) + 1))
    expected = {(e.entry.event_id, e.subject, e.entry.type, e.properties_text) for e in events}
    assert {(row[1], row[3], row[4], row[8]) for row in ledger} == expected
