"""What any scoring store must do when it writes, run against the one in memory and the one in Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from scoreline.scoring.v1 import score_change_pb2
from services.scoring.domain.course import advance
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.lead import new_snapshot
from services.scoring.domain.model import NO_RULES, microseconds
from services.scoring.errors import ConcurrentAppend
from services.scoring.ports import LeadUpdate, Profile, Quarantined
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_subjects import (
    NEW,
    NOW,
    Subject,
    apply,
    assert_chain,
    find,
    histories,
    profile,
    score,
)


async def test_a_project_nobody_knows_has_no_rules(scoring: Subject, project: str) -> None:
    async with scoring.store.begin() as tx:
        found = await tx.rules_in_force([project])
        assert (await tx.rules_under(project, None)) == found[project]
        assert (await tx.rules_under(project + "x", None)).rule_set == NO_RULES
    assert (found[project].activation, found[project].rule_set) == (0, NO_RULES)


async def test_the_greatest_activation_is_in_force_whatever_comes_last(
    scoring: Subject, project: str
) -> None:
    numbers = [2, 1, 4, 3]
    for number in numbers:
        async with scoring.store.begin() as tx:
            assert await tx.record_activation(cases.activation(number, project_id=project), START)
            expected = max(numbers[: numbers.index(number) + 1])
        async with scoring.store.begin() as tx:
            rules = (await tx.rules_in_force([project]))[project]
            assert (rules.activation, rules.rule_set.version) == (expected, expected)
            assert await tx.rules_under(project, None) == rules
    async with scoring.store.begin() as tx:
        assert not await tx.record_activation(cases.activation(4, project_id=project), START)
        # What was in force once can be read for ever.
        assert (await tx.rules_under(project, 1)).rule_set.version == 1
        assert (await tx.rules_under(project, 4)).rule_set == replace(cases.RULES, version=4)
        assert (await tx.rules_under(project, 0)).rule_set == NO_RULES


async def test_an_activation_waits_for_who_scores_and_is_then_seen_by_all(
    scoring: Subject, project: str
) -> None:
    async def activate() -> None:
        async with scoring.store.begin() as tx:
            await tx.record_activation(cases.activation(1, project_id=project), START)

    async with scoring.store.begin() as tx:
        assert (await tx.rules_in_force([project]))[project].activation == 0
        activating = asyncio.create_task(activate())
        done, _ = await asyncio.wait([activating], timeout=0.2)
        assert not done
        assert (await tx.rules_in_force([project]))[project].activation == 0
    await activating
    async with scoring.store.begin() as tx:
        assert (await tx.rules_in_force([project]))[project].activation == 1


async def test_leads_are_made_for_subjects_nobody_knows(scoring: Subject, project: str) -> None:
    subjects = ["lead:ada", "email:ada@example.com", "anonymous:é😀", "external:9"]
    for _ in range(2):
        async with scoring.store.begin() as tx:
            rules = await tx.rules_in_force([project])
            found = await tx.leads_of([(project, one) for one in subjects * 2], rules, NOW)
        assert found == {(project, one): (project, lead_id_of(one)) for one in subjects}
    async with scoring.store.begin() as tx:
        view = await tx.find_lead(project, "email:ada@example.com")
        assert await tx.find_lead(project, "lead:" + lead_id_of(subjects[1])) == view
    assert view is not None
    lead_id = lead_id_of(subjects[1])
    expected = Profile(project, lead_id, "ada@example.com", "", "", {}, 1, NOW, NOW)
    assert view.profile == expected
    assert view.subjects == ("email:ada@example.com",)
    assert view.snapshot == new_snapshot(rules[project])
    assert view.scored_at == NOW


async def test_an_address_and_the_id_derived_from_it_are_one_lead(
    scoring: Subject, project: str
) -> None:
    lead_id = lead_id_of("email:a@b.c")
    subjects = [(project, "email:a@b.c"), (project, f"lead:{lead_id}")]
    async with scoring.store.begin() as tx:
        rules = await tx.rules_in_force([project])
        found = await tx.leads_of(subjects, rules, NOW)
        assert set(found.values()) == {(project, lead_id)}
        view = await tx.find_lead(project, f"lead:{lead_id}")
    assert view is not None
    assert view.profile.email == "a@b.c"
    assert view.subjects == ("email:a@b.c", f"lead:{lead_id}")


async def test_what_is_saved_is_read_back(scoring: Subject, project: str) -> None:
    async with scoring.store.begin() as tx:
        await tx.record_activation(cases.activation(1, project_id=project), START)
    events = [
        cases.incoming("e1", "signup", 0, project_id=project),
        cases.incoming("e2", "purchase", 5.000001, project_id=project),
    ]
    await apply(scoring, events)
    view = await find(scoring, project)
    assert view is not None
    snapshot = view.snapshot
    assert (snapshot.score, snapshot.stage, snapshot.version) == (120_000, "hot", 2)
    assert snapshot.state.last_position == events[1].entry.position
    assert (snapshot.activation, snapshot.rule_set_version) == (1, 1)
    async with scoring.store.begin() as tx:
        assert (await tx.lock([(project, "ada")]))[(project, "ada")] == snapshot
        changes = await tx.score_changes((project, "ada"), 0, 10)
        assert await tx.score_changes((project, "ada"), 1, 10) == changes[1:]
        assert await tx.score_changes((project, "ada"), 0, 1) == changes[:1]
        assert await tx.score_changes((project, "bob"), 0, 1) == []
    assert [one.change.version for one in changes] == [1, 2]
    assert [one.change.score for one in changes] == [20_000, 120_000]
    assert [one.occurred_at for one in changes] == [e.entry.occurred_at for e in events]
    assert {one.changed_at for one in changes} == {NOW}
    # Published is what the audit trail has, in version order.
    published = await scoring.outbox(project, "ada")
    assert [version for _, version, _ in published] == [1, 2]
    last = score_change_pb2.ScoreChange.FromString(published[1][2])
    assert (last.version, last.score, last.stage, last.event_id) == (2, 120.0, "hot", "e2")


async def test_a_rules_change_has_no_event(scoring: Subject, project: str) -> None:
    await apply(scoring, [cases.incoming("e1", "signup", project_id=project)])
    async with scoring.store.begin() as tx:
        await tx.record_activation(cases.activation(1, project_id=project), START)
    async with scoring.store.begin() as tx:
        key = (project, "ada")
        rules = (await tx.rules_in_force([project]))[project]
        history = (await histories(tx, [key]))[key]
        snapshot = (await tx.lock([key]))[key]
        update = advance(snapshot, rules, history, (), microseconds(NOW))
        await tx.save([LeadUpdate(key, *update)], NOW)
        changes = await tx.score_changes(key, 1, 10)
    assert [one.change for one in changes] == update[1]
    assert changes[0].change.entry is None
    assert changes[0].occurred_at == NOW


async def test_histories_are_in_order_of_position_over_all_subjects(
    scoring: Subject, project: str
) -> None:
    lead_id = lead_id_of("email:a@b.c")
    one, other = "email:a@b.c", f"lead:{lead_id}"
    events = [
        cases.incoming("b", minutes=1, subject=other, project_id=project),
        cases.incoming("é", minutes=1, subject=one, project_id=project),
        cases.incoming("Z", minutes=1, subject=other, project_id=project),
        cases.incoming("late", minutes=0, subject=other, project_id=project),
        cases.incoming("other", minutes=2, subject="lead:bob", project_id=project),
    ]
    await apply(scoring, events)
    async with scoring.store.begin() as tx:
        found = await histories(tx, [(project, lead_id), (project, "nobody")])
    assert [one.event_id for one in found[(project, lead_id)]] == ["late", "Z", "b", "é"]
    assert found[(project, "nobody")] == []
    assert found[(project, lead_id)][0] == events[3].entry


async def test_payload_hashes_tell_which_events_are_there(scoring: Subject, project: str) -> None:
    event = cases.incoming("e1", project_id=project)
    await apply(scoring, [event])
    async with scoring.store.begin() as tx:
        keys = [(project, "e1"), (project, "e2"), (project + "x", "e1"), (project, "e1")]
        assert await tx.payload_hashes(keys) == {(project, "e1"): event.payload_hash}
        assert await tx.payload_hashes([]) == {}


async def test_recorded_events_have_all_the_timeline_shows(scoring: Subject, project: str) -> None:
    deep = {"text": "ü\n😀", "n": 1.5, "whole": 3, "no": None, "list": [True, {"a": "b"}]}
    await apply(scoring, [cases.incoming("e1", source="crm", project_id=project, **deep)])
    async with scoring.store.begin() as tx:
        found = await tx.recorded_events(project, ["e1"])
        assert await tx.recorded_events(project, []) == {}
    recorded = found["e1"]
    assert (recorded.entry, recorded.recorded_at) == (cases.entry("e1", source="crm", **deep), NOW)
    assert recorded.entry.properties == deep


async def test_the_ledger_is_dense_and_its_chain_verifies(scoring: Subject, project: str) -> None:
    batches = [["a", "c"], ["b"], ["e", "d", "f"]]
    for batch in batches:
        events = [cases.incoming(one, project_id=project, text="ü ß", n=1.5) for one in batch]
        await apply(scoring, events, replay=True)
    ledger = await scoring.ledger(project)
    assert [row[2] for row in ledger] == [1, 2, 3, 4, 5, 6]
    assert [row[1] for row in ledger] == ["a", "c", "b", "e", "d", "f"]
    await assert_chain(scoring, project, [2, 3, 6])


async def test_record_time_always_moves_on(scoring: Subject, project: str) -> None:
    for number, now in enumerate([NOW, NOW - timedelta(hours=2), NOW + timedelta(hours=1)]):
        async with scoring.store.begin() as tx:
            await tx.append([cases.incoming(f"e{number}", project_id=project)], now)
    recorded = [row[6] for row in await scoring.ledger(project)]
    assert recorded == [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(hours=1)]
    # Activations are recorded on the same clock.
    async with scoring.store.begin() as tx:
        await tx.record_activation(cases.activation(1, project_id=project), NOW)
    async with scoring.store.begin() as tx:
        head = await tx.head(project)
        assert head is not None
        assert head.recorded_at == NOW + timedelta(hours=1, microseconds=1)
        assert await tx.activation_at(project, NOW + timedelta(hours=1)) == 0
        assert await tx.activation_at(project, head.recorded_at) == 1
        await tx.append([cases.incoming("last", project_id=project)], NOW)
    recorded = [row[6] for row in await scoring.ledger(project)]
    assert recorded[-1] == NOW + timedelta(hours=1, microseconds=2)


async def test_an_event_that_is_there_by_now_undoes_everything(
    scoring: Subject, project: str
) -> None:
    await apply(scoring, [cases.incoming("e1", project_id=project)])
    ledger, before = await scoring.ledger(project), await find(scoring, project)
    fresh = cases.incoming("e2", subject="lead:bob", project_id=project)
    again = cases.incoming("e1", minutes=9, project_id=project)
    with pytest.raises(ConcurrentAppend):
        await apply(scoring, [fresh, again])
    assert await scoring.ledger(project) == ledger
    assert await find(scoring, project) == before
    assert await find(scoring, project, "bob") is None
    assert len(await scoring.outbox(project, "ada")) == 1
    await assert_chain(scoring, project, [1])


async def test_an_error_inside_undoes_everything(scoring: Subject, project: str) -> None:
    class Interrupted(Exception):
        pass

    with pytest.raises(Interrupted):  # noqa: PT012 - the error comes last
        async with scoring.store.begin() as tx:
            await tx.record_activation(cases.activation(1, project_id=project), START)
            await score(tx, [cases.incoming("e1", project_id=project)])
            await tx.create_lead(profile(project, "eve"), ["lead:eve"], NEW)
            await tx.quarantine([Quarantined(project, "poison", "e1", b"x")], NOW)
            await tx.rescored(project, 1, None)
            raise Interrupted
    assert await find(scoring, project) is None
    assert await find(scoring, project, "eve") is None
    assert await scoring.ledger(project) == []
    assert await scoring.head(project) is None
    assert await scoring.quarantined(project) == []
    async with scoring.store.begin() as tx:
        assert (await tx.rules_in_force([project]))[project].activation == 0
        assert await tx.score_changes((project, "ada"), 0, 10) == []
    # The same again, for good: nothing of the first time is in the way.
    await apply(scoring, [cases.incoming("e1", project_id=project)])
    assert len(await scoring.ledger(project)) == 1
