"""What a process remembers of leads is never believed against the database: several processes on the same leads."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from services.scoring.domain.fold import fold
from services.scoring.domain.lead import Snapshot
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Said
from services.scoring.handlers import EventHandlers
from services.scoring.known_leads import KnownLeads, Recent
from services.scoring.ports import LeadKey
from services.scoring.store import PostgresTransaction
from services.shared.db import Database
from tests.support import scoring_cases as cases
from tests.support.clocks import SteppingClock
from tests.support.scoring_subjects import NEW, PostgresSubject, find, histories, score


class Process:
    """A scoring process with a memory of its own."""

    def __init__(self, database: Database) -> None:
        self.subject = PostgresSubject(database)
        self.events = EventHandlers(self.subject.store, SteppingClock())
        self.facts = FactHandlers(self.subject.store, SteppingClock(), lambda: None)


async def assert_folded(process: Process, project: str, lead_id: str, events: int) -> None:
    """The kept snapshot is the fold of what the ledger has, every event of it."""
    view = await find(process.subject, project, lead_id)
    assert view is not None
    key = (project, lead_id)
    async with process.subject.store.begin() as tx:
        rules = (await tx.rules_in_force([project]))[project]
        entries = (await histories(tx, [key]))[key]
        # As a process that remembers it sees it.
        snapshot = (await tx.lock([key]))[key]
    assert len(entries) == events
    assert view.snapshot == snapshot
    assert snapshot.state == fold(entries, rules.rule_set)


async def test_processes_take_turns_on_the_same_leads(
    scoring_database: Database, project: str
) -> None:
    one, other = Process(scoring_database), Process(scoring_database)
    await one.events.record_activation(cases.activation(1, project_id=project))
    for number in range(0, 12, 3):
        for place, process in enumerate((one, other, one)):
            n = number + place
            # Every third is late.
            await process.events.apply_events(
                [
                    cases.incoming(f"{n}-{lead}", "signup", (n * 7) % 12, f"lead:{lead}", project)
                    for lead in ("ada", "bob")
                ]
            )
            for lead in ("ada", "bob"):
                for reader in (one, other):
                    await assert_folded(reader, project, lead, n + 1)


async def test_other_rules_are_seen_by_who_remembers_the_lead(
    scoring_database: Database, project: str
) -> None:
    one, other = Process(scoring_database), Process(scoring_database)
    await one.events.apply_events([cases.incoming("e1", "signup", 1, "lead:ada", project)])
    await other.events.record_activation(cases.activation(1, project_id=project))
    while await other.events.rescore_next():
        pass
    await one.events.apply_events([cases.incoming("e2", "signup", 2, "lead:ada", project)])
    await assert_folded(one, project, "ada", 2)
    view = await find(one.subject, project)
    assert view is not None
    assert view.snapshot.score == 40_000


async def test_a_reference_that_was_merged_elsewhere_is_not_where_it_was(
    scoring_database: Database, project: str
) -> None:
    one, other = Process(scoring_database), Process(scoring_database)
    for n in (1, 2):
        await one.events.apply_events([cases.incoming(f"a{n}", "signup", n, "lead:ada", project)])
    await other.events.apply_events([cases.incoming("b1", "signup", 3, "lead:bob", project)])
    await other.facts.merge(project, "bob", "ada", Said("same", "ops"))
    await one.events.apply_events([cases.incoming("a3", "signup", 4, "lead:ada", project)])
    await assert_folded(one, project, "bob", 4)
    await other.facts.unmerge(project, "ada", Said("not the same", "ops"))
    await one.events.apply_events([cases.incoming("a4", "signup", 5, "lead:ada", project)])
    await assert_folded(one, project, "ada", 4)
    await assert_folded(one, project, "bob", 1)


async def test_an_unmerge_between_looking_up_and_locking_is_noticed(
    scoring_database: Database, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Process(scoring_database), Process(scoring_database)
    for n, lead in enumerate(("ada", "bob")):
        event = cases.incoming(f"e{n}", "signup", n, f"lead:{lead}", project)
        await one.events.apply_events([event])
    await other.facts.merge(project, "bob", "ada", Said("same", "ops"))
    await one.events.apply_events([cases.incoming("e2", "signup", 2, "lead:ada", project)])
    lock = PostgresTransaction.lock

    async def late(
        tx: PostgresTransaction, leads: Iterable[LeadKey], wait: bool
    ) -> dict[LeadKey, Snapshot]:
        monkeypatch.setattr(PostgresTransaction, "lock", lock)
        await other.facts.unmerge(project, "ada", Said("not the same", "ops"))
        return await lock(tx, leads, wait)

    monkeypatch.setattr(PostgresTransaction, "lock", late)
    await one.events.apply_events([cases.incoming("e3", "signup", 3, "lead:ada", project)])
    await assert_folded(one, project, "ada", 3)
    await assert_folded(one, project, "bob", 1)


async def test_what_is_rolled_back_is_not_remembered(
    scoring_database: Database, project: str
) -> None:
    one = Process(scoring_database)
    await one.events.apply_events([cases.incoming("e0", "signup", 0, "lead:ada", project)])

    news = [
        cases.incoming("e1", "signup", 1, "lead:ada", project),
        cases.incoming("e2", "signup", 1, "lead:new", project),
    ]
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the error comes last
        async with one.subject.store.begin() as tx:
            await score(tx, news)
            # Looked up once more, where only this transaction sees it.
            rules = await tx.rules_in_force([project])
            found = await tx.leads_of([(project, "lead:new")], rules, SteppingClock().now())
            assert found == {(project, "lead:new"): (project, "new")}
            raise ZeroDivisionError
    for n, lead in enumerate(("ada", "new")):
        await one.events.apply_events(
            [cases.incoming(f"f{n}", "signup", 2, f"lead:{lead}", project)]
        )
        await assert_folded(one, project, lead, 2 - n)


def test_a_snapshot_is_known_by_who_wrote_it_and_its_version() -> None:
    known, key = KnownLeads(), ("p1", "ada")
    known.remember_snapshot(key, "700", NEW, 100)
    assert known.snapshot(key, "700", NEW.version) is NEW
    assert known.snapshot(key, "701", NEW.version) is None
    assert known.snapshot(key, "700", NEW.version + 1) is None
    known.remember_lead(key, 3, "ada")
    assert known.lead_of(key, 3) == "ada"
    assert known.lead_of(key, 4) is None


def test_what_was_asked_for_the_longest_ago_goes_first() -> None:
    recent = Recent[str, int](10)
    for number, name in enumerate("abc"):
        recent.put(name, number, 3)
    assert recent.get("a") == 0
    recent.put("d", 3, 3)
    assert [recent.get(name) for name in "abcd"] == [0, None, 2, 3]
    recent.put("d", 4, 10)
    assert [recent.get(name) for name in "abcd"] == [None, None, None, 4]
    recent.put("e", 5, 11)
    assert [recent.get(name) for name in "de"] == [None, None]
