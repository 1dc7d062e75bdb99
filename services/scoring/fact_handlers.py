"""What people say about leads: points given by hand, events that shall not count, leads that are one. Each is an entry
of the ledger and, for every lead it concerns, a version."""

import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from services.scoring import facts
from services.scoring.domain.identity import own_subject, subject_of
from services.scoring.domain.lead import RulesInForce
from services.scoring.domain.model import NO_GROUP, Entry
from services.scoring.errors import (
    LeadNotFound,
    LeadNotMerged,
    LeadsMerged,
    LeadsMoved,
    OutOfDate,
)
from services.scoring.fact_ports import EventsLike
from services.scoring.facts import Adjustment, Said
from services.scoring.merging import REFERENCES_MAX, merge, unmerge
from services.scoring.moving import ENTRIES_MAX, carry, lock, move_on, undisturbed
from services.scoring.ports import LeadKey, LeadView, RecordedChange, Store, Transaction
from services.shared.clock import Clock
from services.shared.errors import (
    DependencyUnavailable,
    InvalidFields,
    LimitExceeded,
    ResourceAlreadyExists,
    Violation,
)

RETRACTED_MAX = 100_000
"""Events that one call may retract."""

FACT_EVENTS_MAX = 1_000
"""Events of one retraction."""

PORTION_FACTS_MAX = 1_000
"""Retractions of one transaction. Those of a lead are in one as far as they fit: each transaction folds the history of
each of its leads once."""

PORTION_LEADS_MAX = 200
"""Leads of one transaction, which are locked meanwhile; fewer where their histories are long."""

T = TypeVar("T")

_Together = tuple[str, Sequence[str]]
"""A subject, and the events kept under it that one fact retracts."""


@dataclass(frozen=True, slots=True)
class Retraction:
    """What was retracted, or would be."""

    events: int
    leads: int
    unknown: Sequence[str] = ()
    """Ids asked for that are not in the ledger."""


class FactHandlers:
    """Facts by hand. References are as domain.identity.subject_of takes them. `committed` is called after each
    transaction that made versions."""

    def __init__(self, store: Store, clock: Clock, committed: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._committed = committed

    async def adjust(
        self, project_id: str, reference: str, asked: Adjustment
    ) -> tuple[str, RecordedChange]:
        """Give or take points; the ledger entry's id and the version it made, or had made before.

        Raises LeadNotFound, InvalidFields for a group that there is not and a time to come, and ResourceAlreadyExists
        for an adjustment id that stands for something else.
        """
        unique = asked.adjustment_id or uuid.uuid4().hex
        event_id = facts.adjustment_event_id(unique)
        attempt = partial(self._adjust, project_id, reference, asked, event_id)
        return event_id, await self._done(attempt)

    async def retract(
        self,
        project_id: str,
        which: Sequence[str] | EventsLike,
        said: Said,
        validate_only: bool = False,
    ) -> Retraction:
        """Make events count for nothing, those with these ids or those like this (whose lead may be a reference).
        Raises LeadNotFound, and LimitExceeded for more than RETRACTED_MAX."""
        async with self._store.reading() as tx:
            if isinstance(which, EventsLike):
                found, unknown = await _like(tx, project_id, which), list[str]()
            else:
                found = await tx.subjects_of_events(project_id, which)
                unknown = [one for one in dict.fromkeys(which) if one not in found]
                done = await tx.retracted(project_id, list(found))
                found = {one: subject for one, subject in found.items() if one not in done}
            homes = await tx.homes_of((project_id, one) for one in set(found.values()))
            event_counts = await tx.event_counts(homes.values())
        if validate_only:
            return Retraction(len(found), len(set(homes.values())), unknown)
        events, leads = 0, set[LeadKey]()
        of_leads: dict[LeadKey, dict[str, list[str]]] = {}
        for event_id, subject in sorted(found.items()):
            of_lead = of_leads.setdefault(homes[(project_id, subject)], {})
            of_lead.setdefault(subject, []).append(event_id)
        for portion in _portions(of_leads, event_counts):
            retracted = await self._done(partial(self._retract, project_id, portion, said))
            events += sum(retracted.values())
            leads |= retracted.keys()
        return Retraction(events, len(leads), unknown)

    async def merge(
        self, project_id: str, reference: str, merged_reference: str, said: Said
    ) -> LeadView:
        """Make two leads one. Raises LeadNotFound, LeadsMerged, and LimitExceeded for one with too many references."""
        return await self._done(partial(self._merge, project_id, reference, merged_reference, said))

    async def unmerge(self, project_id: str, lead_id: str, said: Said) -> tuple[LeadView, LeadView]:
        """Undo a merge; the lead that it was part of, and the one that stands for itself again. Raises LeadNotFound and
        LeadNotMerged."""
        return await self._done(partial(self._unmerge, project_id, lead_id, said))

    async def _done(self, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            done = await undisturbed(attempt)
        except OutOfDate as error:
            raise DependencyUnavailable("others keep changing the same leads") from error
        self._committed()
        return done

    async def _adjust(
        self, project_id: str, reference: str, asked: Adjustment, event_id: str
    ) -> RecordedChange:
        subject = subject_of(reference)
        content = facts.adjustment_content(subject, asked)
        now = self._clock.now()
        if asked.occurred_at is not None and asked.occurred_at > now:
            raise InvalidFields([Violation("occur_time", "must not be in the future")])
        async with self._store.begin() as tx:
            rules = await tx.rules_in_force([project_id])
            known = await tx.payload_hashes([(project_id, event_id)])
            if known and known[(project_id, event_id)] != content:
                raise ResourceAlreadyExists("adjustment", asked.adjustment_id)
            if not known:
                view = await _find(tx, project_id, reference)
                _check_group(rules[project_id], asked.group)
                key = (project_id, view.profile.lead_id)
                # Under the reference that the lead was named by: any other may be that of a lead merged into it. A
                # lead's own id need not be among its references yet.
                if subject not in view.subjects:
                    await tx.attach({(project_id, subject): key[1]}, rules, now)
                fact = facts.adjustment(project_id, subject, event_id, asked, content, now)
                homes = {(project_id, subject): key}
                await move_on(tx, {key: [fact.entry]}, homes, rules, now)
                await tx.append([fact], now)
            change = await tx.change_of(project_id, event_id)
        if change is None:
            raise LookupError("an adjustment without a version")
        return change

    async def _retract(
        self, project_id: str, portion: Sequence[_Together], said: Said
    ) -> dict[LeadKey, int]:
        """Retract these events, as far as nobody else has; how many of each lead."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            rules = await tx.rules_in_force([project_id])
            homes = await tx.homes_of({(project_id, subject) for subject, _ in portion})
            snapshots = await lock(tx, homes.values(), homes)
            done = await tx.retracted(project_id, [one for _, ids in portion for one in ids])
            retracted: dict[LeadKey, int] = {}
            entries: dict[LeadKey, list[Entry]] = {}
            appended = []
            for subject, asked in portion:
                ids = [one for one in asked if one not in done]
                if not ids:
                    continue
                fact = facts.retraction(project_id, subject, uuid.uuid4().hex, ids, said, now)
                key = homes[(project_id, subject)]
                appended.append(fact)
                entries.setdefault(key, []).append(fact.entry)
                retracted[key] = retracted.get(key, 0) + len(ids)
            concerned = {key: snapshots[key] for key in entries}
            await carry(tx, concerned, entries, rules, now)
            await tx.append(appended, now)
            new = [one for _, ids in portion for one in ids if one not in done]
            await tx.note_retracted(project_id, new)
        return retracted

    async def _merge(
        self, project_id: str, reference: str, merged_reference: str, said: Said
    ) -> LeadView:
        now = self._clock.now()
        async with self._store.begin() as tx:
            rules = await tx.rules_in_force([project_id])
            views = [await _find(tx, project_id, one) for one in (reference, merged_reference)]
            stays, merged = (one.profile.lead_id for one in views)
            if stays == merged:
                raise LeadsMerged(stays)
            if len(views[1].subjects) > REFERENCES_MAX:
                raise LimitExceeded(
                    f"the lead to be merged has more than {REFERENCES_MAX} references",
                    REFERENCES_MAX,
                )
            await tx.attach({(project_id, own_subject(merged)): merged}, rules, now)
            wanted = [(project_id, own_subject(merged)), (project_id, own_subject(stays))]
            homes = await tx.homes_of(wanted)
            if [homes[one][1] for one in wanted] != [merged, stays]:
                raise LeadsMoved
            snapshots = await lock(tx, list(homes.values()), homes)
            moves = await merge(tx, snapshots, stays, rules[project_id], now)
            unique, subjects = uuid.uuid4().hex, sorted(moves)
            fact = facts.link(project_id, stays, unique, [merged], subjects, said, now)
            recorded = await tx.append([fact], now)
            await tx.note_moves(project_id, moves, recorded[project_id])
            return await _find(tx, project_id, stays)

    async def _unmerge(
        self, project_id: str, lead_id: str, said: Said
    ) -> tuple[LeadView, LeadView]:
        now = self._clock.now()
        async with self._store.begin() as tx:
            rules = await tx.rules_in_force([project_id])
            own = (project_id, own_subject(lead_id))
            homes = await tx.homes_of([own])
            if not homes:
                raise LeadNotFound(lead_id)
            home = homes[own][1]
            if home == lead_id:
                raise LeadNotMerged(lead_id)
            key = (project_id, lead_id)
            snapshots = await lock(tx, [key, (project_id, home)], homes)
            moves = await unmerge(tx, snapshots, lead_id, home, rules[project_id], now)
            unique, subjects = uuid.uuid4().hex, sorted(moves)
            fact = facts.unlink(project_id, home, unique, lead_id, subjects, said, now)
            recorded = await tx.append([fact], now)
            await tx.note_moves(project_id, moves, recorded[project_id])
            return await _find(tx, project_id, home), await _find(tx, project_id, lead_id)


async def _find(tx: Transaction, project_id: str, reference: str) -> LeadView:
    found = await tx.find_lead(project_id, subject_of(reference))
    if found is None:
        raise LeadNotFound(reference)
    return found


def _check_group(rules: RulesInForce, group: str) -> None:
    names = [one.name for one in rules.rule_set.groups]
    if group not in (NO_GROUP, *names):
        there_are = ", ".join(names) or "none"
        raise InvalidFields(
            [Violation("group", f"is no group of the rules in force; there are: {there_are}")]
        )


async def _like(tx: Transaction, project_id: str, which: EventsLike) -> dict[str, str]:
    if which.lead_id:
        view = await _find(tx, project_id, which.lead_id)
        which = replace(which, lead_id=view.profile.lead_id)
    found = await tx.events_like(project_id, which, RETRACTED_MAX + 1)
    if len(found) > RETRACTED_MAX:
        raise LimitExceeded(
            f"more than {RETRACTED_MAX} events are like this: narrow the filter", RETRACTED_MAX
        )
    return found


def _portions(
    of_leads: Mapping[LeadKey, Mapping[str, Sequence[str]]], event_counts: Mapping[LeadKey, int]
) -> Iterator[list[_Together]]:
    """Events by subject by lead, as what one transaction takes at a time: whole leads, unless one has too many."""
    portion: list[_Together] = []
    leads = entries = 0
    for key in sorted(of_leads):
        own = [
            (subject, ids[first : first + FACT_EVENTS_MAX])
            for subject, ids in of_leads[key].items()
            for first in range(0, len(ids), FACT_EVENTS_MAX)
        ]
        leads, entries = leads + 1, entries + event_counts.get(key, 0)
        crowded = leads > PORTION_LEADS_MAX or len(portion) + len(own) > PORTION_FACTS_MAX
        if portion and (crowded or entries > ENTRIES_MAX):
            yield portion
            portion, leads, entries = [], 1, event_counts.get(key, 0)
        portion += own
        while len(portion) > PORTION_FACTS_MAX:
            yield portion[:PORTION_FACTS_MAX]
            portion = portion[PORTION_FACTS_MAX:]
    if portion:
        yield portion
