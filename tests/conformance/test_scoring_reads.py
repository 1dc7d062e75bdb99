"""What callers read of any scoring store: leads by reference, pages in every order, filters, rescoring's progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.scoring.ports import LeadFilter, LeadView
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_subjects import NEW, Subject, apply, find, profile


def ids(views: Iterable[LeadView]) -> list[str]:
    return [view.profile.lead_id for view in views]


@pytest.fixture
async def leads(scoring: Subject, project: str) -> None:
    """Six leads: scores 0, 0, 20, 20, 40, 100, two of them without events; and one of another project."""
    async with scoring.store.begin() as tx:
        await tx.record_activation(cases.activation(1, project_id=project), START)
    events = [
        cases.incoming("e1", "signup", 5, "lead:B", project),
        cases.incoming("e2", "signup", 5, "lead:b", project),
        cases.incoming("e3", "signup", 1, "email:ada@example.com", project),
        cases.incoming("e4", "signup", 2, "email:ada@example.com", project),
        cases.incoming("e5", "purchase", 9, "lead:é", project),
    ]
    await apply(scoring, events)
    await apply(scoring, [cases.incoming("e1", "signup", 0, "lead:B", project + "x")])
    async with scoring.store.begin() as tx:
        rules = await tx.rules_under(project, None)
        snapshot = replace(NEW, stage="cold", activation=1, rule_set_version=1)
        assert rules.activation == 1
        first = profile(project, "100%", display_name="GRÖSSE_1")
        await tx.create_lead(first, ["lead:100%"], snapshot)
        second = profile(project, "z", company="Über\\Co", created_at=START + timedelta(days=9))
        await tx.create_lead(second, ["lead:z"], snapshot)


EMAIL_LEAD = "ld_"


async def listed(scoring: Subject, project: str, **which: object) -> list[str]:
    async with scoring.store.begin() as tx:
        found = await tx.list_leads(project, LeadFilter(**which), 100)  # type: ignore[arg-type]
    return [one[:3] if one.startswith(EMAIL_LEAD) else one for one in ids(found)]


@pytest.mark.usefixtures("leads")
async def test_leads_in_every_order(scoring: Subject, project: str) -> None:
    assert await listed(scoring, project) == ["100%", "B", "b", "ld_", "z", "é"]
    down = await listed(scoring, project, descending=True)
    assert down == ["é", "z", "ld_", "b", "B", "100%"]
    by_score = await listed(scoring, project, order="score", descending=True)
    assert by_score == ["é", "ld_", "B", "b", "100%", "z"]
    assert await listed(scoring, project, order="score") == ["100%", "z", "B", "b", "ld_", "é"]
    last = await listed(scoring, project, order="last_event_time", descending=True)
    assert last == ["é", "B", "b", "ld_", "100%", "z"]
    oldest = await listed(scoring, project, order="last_event_time")
    assert oldest == ["100%", "z", "ld_", "B", "b", "é"]
    made = await listed(scoring, project, order="create_time")
    assert made == ["100%", "B", "b", "ld_", "é", "z"]


@pytest.mark.usefixtures("leads")
@pytest.mark.parametrize("order", ["lead_id", "score", "last_event_time", "create_time"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 4])
async def test_pages_join_without_gap_or_repetition(
    scoring: Subject, project: str, order: str, descending: bool, size: int
) -> None:
    async with scoring.store.begin() as tx:
        which = LeadFilter(order=order, descending=descending)
        everything = await tx.list_leads(project, which, 100)
        pages: list[LeadView] = []
        while page := await tx.list_leads(project, which, size):
            pages += page
            which = replace(which, after=(_value(page[-1], order), page[-1].profile.lead_id))
    assert pages == everything


def _value(view: LeadView, order: str) -> object:
    last = view.snapshot.state.last_position
    return {
        "lead_id": view.profile.lead_id,
        "score": view.snapshot.state.score,
        "last_event_time": last[0] if last else None,
        "create_time": view.profile.created_at,
    }[order]


@pytest.mark.usefixtures("leads")
async def test_filters_by_stage_and_score(scoring: Subject, project: str) -> None:
    assert await listed(scoring, project, stages=["hot", "warm"]) == ["ld_", "é"]
    assert await listed(scoring, project, stages=["none"]) == []
    assert await listed(scoring, project, min_score=20_000) == ["B", "b", "ld_", "é"]
    assert await listed(scoring, project, max_score=20_000) == ["100%", "B", "b", "z"]
    both = await listed(scoring, project, min_score=20_001, max_score=99_999)
    assert both == ["ld_"]
    assert await listed(scoring, project + "x", min_score=0) == ["B"]


@pytest.mark.usefixtures("leads")
async def test_filters_by_the_newest_event(scoring: Subject, project: str) -> None:
    second, fifth, ninth = (START + timedelta(minutes=one) for one in (2, 5, 9))
    since = await listed(scoring, project, last_event_from=fifth)
    assert since == ["B", "b", "é"]
    # Who never had an event has not been idle since a time.
    until = await listed(scoring, project, last_event_until=ninth)
    assert until == ["B", "b", "ld_"]
    order = {"order": "last_event_time", "last_event_from": second, "last_event_until": ninth}
    assert await listed(scoring, project, **order) == ["ld_", "B", "b"]
    assert await listed(scoring, project, descending=True, **order) == ["B", "b", "ld_"]
    after = (fifth, "B")
    assert await listed(scoring, project, after=after, **order) == ["b"]
    assert await listed(scoring, project, last_event_from=second, last_event_until=fifth) == ["ld_"]
    nobody = ninth + timedelta(microseconds=1)
    assert await listed(scoring, project, last_event_from=nobody) == []


@pytest.mark.usefixtures("leads")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("B", ["B", "b", "z"]),
        ("É", ["é"]),
        ("größe", []),
        ("gröSSe_", ["100%"]),
        ("%", ["100%"]),
        ("_", ["100%", "ld_"]),
        ("EXAMPLE.com", ["ld_"]),
        ("über\\", ["z"]),
        ("'; --", []),
    ],
)
async def test_search_takes_text_as_it_is_in_any_case(
    scoring: Subject, project: str, query: str, found: list[str]
) -> None:
    assert await listed(scoring, project, query=query) == found


@pytest.mark.usefixtures("leads")
async def test_stage_counts_are_the_projects_own(scoring: Subject, project: str) -> None:
    async with scoring.store.begin() as tx:
        assert await tx.stage_counts(project) == {"cold": 4, "warm": 1, "hot": 1}
        assert await tx.stage_counts(project + "x") == {"": 1}
        assert await tx.stage_counts(project + "y") == {}


async def test_a_made_lead_is_found_by_each_reference(scoring: Subject, project: str) -> None:
    made = profile(project, email="a@b.c", attributes={"deep": [{"a": None}], "n": 2, "f": 1.5})
    async with scoring.store.begin() as tx:
        await tx.create_lead(made, ["lead:ada", "email:a@b.c"], NEW)
    view = await find(scoring, project)
    assert view is not None
    assert (view.profile, view.snapshot, view.scored_at) == (made, NEW, made.created_at)
    assert view.subjects == ("email:a@b.c", "lead:ada")
    async with scoring.store.begin() as tx:
        assert await tx.find_lead(project, "email:a@b.c") == view
        assert await tx.find_lead(project, "anonymous:ada") is None
        assert await tx.find_lead(project + "x", "lead:ada") is None
        assert await tx.list_leads(project, LeadFilter(), 1) == [view]


async def test_rescoring_goes_on_where_it_was_and_starts_over_for_a_newer_activation(
    scoring: Subject, project: str
) -> None:
    async def target() -> tuple[str, int, str] | None:
        """Of this project; others may be on their way on the same database."""
        async with scoring.store.begin() as tx:
            found = await tx.rescore_target("")
            while found and found[0] < project:
                await tx.rescored(found[0], found[1], None)
                found = await tx.rescore_target("")
        return found if found and found[0] == project else None

    async def done(activation: int, cursor: str | None) -> None:
        async with scoring.store.begin() as tx:
            await tx.rescored(project, activation, cursor)

    async def activate(number: int) -> None:
        async with scoring.store.begin() as tx:
            await tx.record_activation(cases.activation(number, project_id=project), START)

    assert await target() is None
    await activate(1)
    assert await target() == (project, 1, "")
    await done(1, "m")
    assert await target() == (project, 1, "m")
    await activate(2)
    assert await target() == (project, 2, "")
    await done(2, "c")
    assert await target() == (project, 2, "c")
    await done(2, None)
    assert await target() is None
    await activate(3)
    assert await target() == (project, 3, "")
    # Who was still at work for an older one takes nothing back.
    await done(3, None)
    await done(2, None)
    assert await target() is None
