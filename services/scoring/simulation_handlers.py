"""What other rules would make of the leads' real history. Leads are walked through in portions, each in a read-only
transaction of its own that sees one state of the ledger; between portions nothing is held but counts, so a caller who
reads slowly holds nothing up. Nothing here changes anything."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from services.scoring.domain import golden
from services.scoring.domain.binding import bound, looks_back
from services.scoring.domain.comparison import Conversions, Trial, VariantOutcome, VariantTally
from services.scoring.domain.golden import GoldenResult, GoldenTest
from services.scoring.domain.identity import subject_of
from services.scoring.domain.lead import RulesInForce
from services.scoring.domain.model import Activated, Binding, Entry, RuleSet, microseconds
from services.scoring.domain.simulation import (
    SimulatedFold,
    SimulatedLead,
    Summary,
    Tally,
    last_days,
)
from services.scoring.domain.splitting import is_sampled, variant_of
from services.scoring.errors import LeadNotFound
from services.scoring.ports import LeadFilter, Store, Transaction
from services.shared.clock import Clock
from services.shared.turns import Turns

PORTION_LEADS = 200
"""Leads folded in one transaction, whose states are in memory together."""

PORTIONS_AT_ONCE = 1
"""Of all calls of a process together, which take turns: a portion holds a connection, and folding it keeps as much busy
as one process has."""

_NOT_YET = 2**62
"""Microseconds: later than anything is recorded."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which leads to simulate."""

    which: LeadFilter
    references: tuple[str, ...] = ()
    """Only these; none: all."""
    sample: float = 1.0
    """Only about this share of them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the rule sets that are compared."""

    name: str
    draft: RuleSet | None
    """None: the one in force."""
    weight: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    lead_count: int
    """Leads that were looked at, those outside the sample too."""
    lead_total: int
    event_count: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """A step of a simulation."""

    progress: Progress
    leads: tuple[SimulatedLead, ...] = ()
    """Of this step, in order of id."""


@dataclass(frozen=True, slots=True)
class SimulationEnd:
    """What a simulation found."""

    summary: Summary
    as_of: datetime
    rule_set_version: int
    """Of the rules in force."""


@dataclass(frozen=True, slots=True)
class ComparisonEnd:
    """What a comparison found, by variant."""

    variants: tuple[tuple[str, VariantOutcome], ...]
    as_of: datetime


class _LeadFold(Protocol):
    """A lead's fold under some rule set."""

    @property
    def rules(self) -> RuleSet: ...

    def apply(self, entry: Entry) -> None: ...


class SimulationHandlers:
    """What callers ask about rules that are not in force."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._portions = asyncio.Semaphore(PORTIONS_AT_ONCE)

    async def simulate(
        self,
        project_id: str,
        draft: RuleSet | None,
        chosen: Selection,
        as_of: datetime | None,
        days: int,
    ) -> AsyncGenerator[Simulation | SimulationEnd, None]:
        """Each portion of leads under the rules in force and under a draft (None: the same), then what it came to.
        Raises LeadNotFound."""
        until = self._clock.now() if as_of is None else as_of
        at = microseconds(until)
        in_force, after = await self._rules(project_id, draft)
        before = in_force.rule_set
        changes_of = last_days(at, days)
        tally = Tally(before, after, changes_of)

        async def portion(tx: Transaction, lead_ids: Sequence[str]) -> tuple[SimulatedLead, ...]:
            folds: dict[str, list[SimulatedFold]] = {}
            for lead_id in lead_ids:
                first = SimulatedFold(before, changes_of.start)
                # Under the same rules there is nothing to be folded twice.
                rest = [] if after is before else [SimulatedFold(after, changes_of.start)]
                folds[lead_id] = [first, *rest]
            turns = Turns()
            await _apply(tx, project_id, folds, until, turns)
            found = []
            for lead_id, own in folds.items():
                old = own[0].scored(at)
                new = own[-1].scored(at) if len(own) > 1 else old
                found.append(SimulatedLead(lead_id, old, new))
                tally.add(found[-1], own[0], own[-1])
                await turns.give()
            return tuple(found)

        async with aclosing(self._walk(project_id, chosen, portion)) as steps:
            async for done, total, leads in steps:
                yield Simulation(Progress(done, total, tally.event_count), leads)
        yield SimulationEnd(tally.summary(), until, before.version)

    async def compare(
        self,
        project_id: str,
        variants: Sequence[Variant],
        seed: str,
        conversion_types: frozenset[str],
        as_of: datetime | None,
    ) -> AsyncGenerator[Progress | ComparisonEnd, None]:
        """Each lead under its variant's rules, as if they had always been in force, up to its conversion; then how well
        scores told who would convert."""
        until = self._clock.now() if as_of is None else as_of
        at = microseconds(until)
        async with self._store.reading() as tx:
            in_force = (await tx.rules_under(project_id, None)).rule_set
        # Whatever the binding: what earlier versions gave would say nothing about this one.
        alone = [replace(one.draft or in_force, activations=()) for one in variants]
        tallies = [VariantTally(rules) for rules in alone]
        weights = [variant.weight for variant in variants]

        async def portion(tx: Transaction, lead_ids: Sequence[str]) -> int:
            turns = Turns()
            conversions = {lead_id: Conversions(conversion_types) for lead_id in lead_ids}
            keys = [(project_id, lead_id) for lead_id in lead_ids]
            async with aclosing(tx.histories_of(keys, until)) as histories:
                async for (_, lead_id), entries in histories:
                    await turns.each(conversions[lead_id].look, entries)
            chosen = {lead_id: variant_of(seed, lead_id, weights) for lead_id in lead_ids}
            trials = {
                lead_id: Trial(alone[index], conversions[lead_id].first)
                for lead_id, index in chosen.items()
            }
            folds = {lead_id: [trial] for lead_id, trial in trials.items()}
            await _apply(tx, project_id, folds, until, turns)
            for lead_id, trial in trials.items():
                tallies[chosen[lead_id]].add(trial.score(at), trial.converted)
                await turns.give()
            return sum(trial.event_count for trial in trials.values())

        events = 0
        async with aclosing(self._walk(project_id, Selection(LeadFilter()), portion)) as steps:
            async for done, total, counted in steps:
                events += counted
                yield Progress(done, total, events)
        outcomes = [tally.outcome() for tally in tallies]
        names = [variant.name for variant in variants]
        yield ComparisonEnd(tuple(zip(names, outcomes, strict=True)), until)

    async def test(self, rules: RuleSet, tests: Sequence[GoldenTest]) -> list[GoldenResult]:
        """How golden tests come out under the rules alone."""
        turns = Turns()
        results = []
        for one in tests:
            results.append(golden.run(one, rules))
            await turns.give()
        return results

    async def _rules(self, project_id: str, draft: RuleSet | None) -> tuple[RulesInForce, RuleSet]:
        """The rules in force, and a draft as if it were activated now, whatever the instant that is looked at; None:
        those in force."""
        async with self._store.reading() as tx:
            in_force = await tx.rules_under(project_id, None)
            if draft is None:
                return in_force, in_force.rule_set
            # As the rules service does where an activation does not say from when on it counts.
            now = microseconds(self._clock.now())
            effective_from = 0 if draft.binding is Binding.CURRENT else now
            made = Activated(in_force.activation + 1, draft, effective_from, _NOT_YET)
            earlier: list[Activated] = []
            if looks_back(made):
                earlier = await tx.activations(project_id, in_force.activation)
            return in_force, bound([made, *earlier])

    async def _walk(
        self,
        project_id: str,
        chosen: Selection,
        portion: Callable[[Transaction, Sequence[str]], Awaitable[T]],
    ) -> AsyncGenerator[tuple[int, int, T], None]:
        """Do something with each portion of leads, in order of id: how many leads were looked at, how many there are,
        and what came out."""
        async with self._store.reading() as tx:
            named = await _named(tx, project_id, chosen)
            total = await tx.count_leads(project_id, chosen.which) if named is None else len(named)
        done, cursor, more = 0, "", True
        while more:
            async with self._portions, self._store.reading() as tx:
                if named is None:
                    page = await tx.lead_ids(project_id, chosen.which, cursor, PORTION_LEADS)
                else:
                    page = named[done : done + PORTION_LEADS]
                result = await portion(tx, [one for one in page if is_sampled(one, chosen.sample)])
            done += len(page)
            more = len(page) == PORTION_LEADS
            cursor = page[-1] if page else cursor
            yield done, max(total, done), result


async def _named(tx: Transaction, project_id: str, chosen: Selection) -> list[str] | None:
    """Ids of the leads that were named, in order; None when none was, which means all."""
    if not chosen.references:
        return None
    found: set[str] = set()
    for reference in chosen.references:
        view = await tx.find_lead(project_id, subject_of(reference))
        if view is None:
            raise LeadNotFound(reference)
        if not chosen.which.stages or view.snapshot.stage in chosen.which.stages:
            found.add(view.profile.lead_id)
    return sorted(found)


async def _apply(
    tx: Transaction,
    project_id: str,
    folds: Mapping[str, Sequence[_LeadFold]],
    as_of: datetime,
    turns: Turns,
) -> None:
    """Give each lead's entries to its folds: read once, or once for each order in which rules want them."""
    for in_event_time in (True, False):
        wanted = {
            lead_id: [fold for fold in own if fold.rules.in_event_time is in_event_time]
            for lead_id, own in folds.items()
        }
        keys = [(project_id, lead_id) for lead_id, own in wanted.items() if own]
        if not keys:
            continue
        read = tx.histories_of(keys, as_of, in_event_time=in_event_time)
        async with aclosing(read) as histories:
            async for (_, lead_id), entries in histories:
                await turns.each(partial(_apply_to, wanted[lead_id]), entries)


def _apply_to(folds: Sequence[_LeadFold], entry: Entry) -> None:
    # Entry by entry, since what a condition says of one is kept until the next.
    for fold in folds:
        fold.apply(entry)
