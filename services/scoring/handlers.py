"""What scoring does, one method for each use case, and where its transactions begin and end."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile, islice, takewhile
from typing import Any

from services.scoring.domain.fold import Step, in_order, trace
from services.scoring.domain.identity import EMAIL_PREFIX, LEAD_PREFIX, lead_id_of, subject_of
from services.scoring.domain.lead import (
    RulesInForce,
    Snapshot,
    advance,
    needs_history,
    new_snapshot,
)
from services.scoring.domain.model import RETRACTION, Entry, Position, microseconds
from services.scoring.errors import ConcurrentAppend, LeadNotFound, LeadTaken
from services.scoring.ports import (
    Activation,
    EventKey,
    IncomingEvent,
    LeadFilter,
    LeadKey,
    LeadUpdate,
    LeadView,
    Profile,
    Quarantined,
    RecordedChange,
    RecordedEvent,
    Store,
    Transaction,
)
from services.shared import structs
from services.shared.clock import Clock
from services.shared.errors import (
    EtagMismatch,
    InvalidFields,
    ResourceAlreadyExists,
    Violation,
)

APPEND_TRIES_MAX = 5
"""How often a batch starts over because another process appended one of its events meanwhile (a redelivery)."""

RESCORE_LEADS = 200
"""Leads scored anew in one transaction: their rows are locked meanwhile."""

FADE_LEADS = 500
"""Leads that fade in one transaction: what is due for more waits on disk, not in memory."""

RESCORE_ENTRIES = 20_000
"""Ledger entries loaded for one such transaction, unless a single lead has more."""

CONFLICT = "conflict"
"""Quarantine reason: the event id is in the ledger with another payload."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch of events."""

    applied: int
    duplicates: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What to change in a lead; None leaves a field as it is."""

    display_name: str | None = None
    company: str | None = None
    attributes: Mapping[str, Any] | None = None
    attribute_changes: Mapping[str, Any] | None = None
    """Single attributes by key; the value `REMOVE` takes one away."""


REMOVE = object()
"""See ProfileChange.attribute_changes."""


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """An event of a lead with what it did."""

    event: RecordedEvent
    step: Step
    stage: str


class EventHandlers:
    """Events and rules coming in: what the workers do."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
        """Append new events to the ledger and move their leads' scores, all in one transaction.

        An event id that is in the ledger already changes nothing; with another payload it goes to quarantine.
        """
        for _ in range(APPEND_TRIES_MAX - 1):
            try:
                return await self._apply_once(events)
            except ConcurrentAppend:
                continue
        return await self._apply_once(events)

    async def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Keep what can't be scored, in a transaction of its own."""
        async with self._store.begin() as tx:
            await tx.quarantine(items, self._clock.now())

    async def record_activation(self, activation: Activation) -> bool:
        """Put an activation in force; False when it was known already."""
        async with self._store.begin() as tx:
            return await tx.record_activation(activation, self._clock.now())

    async def rescore_next(self) -> bool:
        """Score the next few leads under the rules in force; False when every lead is."""
        async with self._store.begin() as tx:
            target = await tx.rescore_target()
            if target is None:
                return False
            project_id, activation, cursor = target
            now = self._clock.now()
            rules = (await tx.rules_in_force([project_id]))[project_id]
            if rules.activation != activation:
                # Another one came in between: what has been scored under the one before does not count for it.
                cursor = ""
            found = await tx.lock_next(project_id, cursor, RESCORE_LEADS)
            chosen = _within(found, RESCORE_ENTRIES)
            outdated = {
                key: snapshot
                for key, snapshot in chosen.items()
                if snapshot.activation != rules.activation
            }
            histories = await tx.histories(outdated)
            updates = [
                LeadUpdate(key, *advance(snapshot, rules, histories[key], (), microseconds(now)))
                for key, snapshot in outdated.items()
            ]
            await tx.save(updates, now)
            all_done = len(found) < RESCORE_LEADS and len(chosen) == len(found)
            await tx.rescored(project_id, rules.activation, None if all_done else max(chosen)[1])
        return True

    async def fade_next(self) -> int:
        """Make the versions that are due because time has passed, of a bounded number of leads; how many leads."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            due = await tx.due(now, FADE_LEADS)
            if due:
                rules = await tx.rules_in_force(project_id for project_id, _ in due)
                await self._move_on(tx, {key: [] for key in due}, rules, now)
        return len(due)

    async def _apply_once(self, events: Sequence[IncomingEvent]) -> BatchReport:
        now = self._clock.now()
        async with self._store.begin() as tx:
            known = await tx.payload_hashes(event.key for event in events)
            fresh, conflicts = _sort_out(events, known)
            if fresh:
                await self._score(tx, fresh, now)
                await tx.append(fresh, now)
            await tx.quarantine(
                [
                    Quarantined(e.project_id, CONFLICT, e.entry.event_id, e.payload)
                    for e in conflicts
                ],
                now,
            )
        duplicates = len(events) - len(fresh) - len(conflicts)
        return BatchReport(len(fresh), duplicates, len(conflicts))

    async def _score(self, tx: Transaction, fresh: Sequence[IncomingEvent], now: datetime) -> None:
        rules = await tx.rules_in_force(event.project_id for event in fresh)
        leads = await tx.leads_of(((e.project_id, e.subject) for e in fresh), rules, now)
        arrivals: dict[LeadKey, list[Entry]] = {}
        for event in fresh:
            arrivals.setdefault(leads[(event.project_id, event.subject)], []).append(event.entry)
        await self._move_on(tx, arrivals, rules, now)

    async def _move_on(
        self,
        tx: Transaction,
        arrivals: Mapping[LeadKey, Sequence[Entry]],
        rules: Mapping[str, RulesInForce],
        now: datetime,
    ) -> None:
        """Bring leads up to date: with their new entries, the rules in force, and the time that has passed."""
        snapshots = await tx.lock(arrivals)
        replayed = [
            key
            for key, entries in arrivals.items()
            if needs_history(snapshots[key], rules[key[0]], entries)
        ]
        histories = await tx.histories(replayed) if replayed else {}
        updates = [
            LeadUpdate(
                key,
                *advance(
                    snapshots[key],
                    rules[key[0]],
                    histories.get(key, ()),
                    entries,
                    microseconds(now),
                ),
            )
            for key, entries in arrivals.items()
        ]
        await tx.save(updates, now)


class LeadHandlers:
    """What callers ask of leads. References are as domain.identity.subject_of takes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get_lead(self, project_id: str, reference: str) -> LeadView:
        """Raises LeadNotFound."""
        async with self._store.begin() as tx:
            return await _find(tx, project_id, reference)

    async def list_leads(self, project_id: str, which: LeadFilter, limit: int) -> list[LeadView]:
        """A page of leads."""
        async with self._store.begin() as tx:
            return await tx.list_leads(project_id, which, limit)

    async def create_lead(
        self,
        project_id: str,
        lead_id: str,
        email: str,
        display_name: str,
        company: str,
        attributes: Mapping[str, Any],
    ) -> LeadView:
        """Make a lead under its id, or one derived from the e-mail address when the id is empty.

        Raises ResourceAlreadyExists when the id or the address belongs to a lead.
        """
        now = self._clock.now()
        subjects = [EMAIL_PREFIX + email] if email else []
        lead_id = lead_id or lead_id_of(subjects[0])
        subjects.append(LEAD_PREFIX + lead_id)
        profile = Profile(
            project_id, lead_id, email, display_name, company, attributes, 1, now, now
        )
        try:
            async with self._store.begin() as tx:
                rules = (await tx.rules_in_force([project_id]))[project_id]
                await tx.create_lead(profile, subjects, new_snapshot(rules))
                return await _find(tx, project_id, lead_id)
        except LeadTaken as error:
            raise ResourceAlreadyExists("lead", lead_id) from error

    async def update_lead(
        self, project_id: str, reference: str, change: ProfileChange, revision: int | None
    ) -> LeadView:
        """Change a lead's profile. Raises LeadNotFound, EtagMismatch when `revision` is not the current one,
        and InvalidFields when single attributes add up to more than a lead may have."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            profile = await tx.lock_profile(key)
            if profile is None:
                raise LeadNotFound(reference)
            if revision is not None and revision != profile.revision:
                raise EtagMismatch("lead", profile.lead_id)
            await tx.update_profile(_changed(profile, change, self._clock.now()))
            return await _find(tx, project_id, reference)

    async def stage_counts(self, project_id: str) -> list[tuple[str, int]]:
        """Leads by stage: the stages of the rules in force in their order, then others that still have leads."""
        async with self._store.begin() as tx:
            rules = await tx.rules_under(project_id, None)
            counts = await tx.stage_counts(project_id)
        names = [stage.name for stage in rules.rule_set.stages]
        others = sorted(counts.keys() - set(names))
        return [(name, counts.get(name, 0)) for name in [*names, *others]]

    async def timeline(
        self,
        project_id: str,
        reference: str,
        after: Position | None,
        limit: int,
        descending: bool = False,
    ) -> list[TimelineItem]:
        """A page of a lead's events in event time, each with its effects; over all pages they sum to the score.
        `after` is the position of the last event of the page before. Raises LeadNotFound."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            # Those that gave the score, also while re-scoring under others is under way.
            rule_set = (await tx.rules_under(project_id, found.snapshot.activation)).rule_set
            history = (await tx.histories([key]))[key]
            steps = _page(trace(in_order(history, rule_set), rule_set), after, limit, descending)
            events = await tx.recorded_events(project_id, [step.entry.event_id for step in steps])
        return [
            TimelineItem(
                events[step.entry.event_id],
                step,
                rule_set.stage_of(step.state.score),
            )
            for step in steps
        ]

    async def score_changes(
        self, project_id: str, reference: str, after_version: int, limit: int
    ) -> list[RecordedChange]:
        """The lead's changes behind a version, in version order. Raises LeadNotFound."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            return await tx.score_changes(key, after_version, limit)


async def _find(tx: Transaction, project_id: str, reference: str) -> LeadView:
    found = await tx.find_lead(project_id, subject_of(reference))
    if found is None:
        raise LeadNotFound(reference)
    return found


def _page(
    steps: Iterable[Step], after: Position | None, limit: int, descending: bool
) -> list[Step]:
    """A page of steps that come in the order in which they apply. Holds no more than the page."""
    # What a retraction does is said with the events it is about.
    shown = (step for step in steps if step.entry.type != RETRACTION)
    if descending:
        before = (
            shown if after is None else takewhile(lambda step: step.entry.position != after, shown)
        )
        return list(reversed(deque(before, maxlen=limit)))
    if after is None:
        return list(islice(shown, limit))
    behind = dropwhile(lambda step: step.entry.position != after, shown)
    return list(islice(behind, 1, limit + 1))


def _sort_out(
    events: Sequence[IncomingEvent], known: Mapping[EventKey, bytes]
) -> tuple[list[IncomingEvent], list[IncomingEvent]]:
    """The events that are new, and those whose id is taken by another payload; the rest are duplicates."""
    taken = dict(known)
    fresh, conflicts = [], []
    for event in events:
        payload_hash = taken.get(event.key)
        if payload_hash is None:
            taken[event.key] = event.payload_hash
            fresh.append(event)
        elif payload_hash != event.payload_hash:
            conflicts.append(event)
    return fresh, conflicts


def _within(found: Mapping[LeadKey, Snapshot], entries_max: int) -> dict[LeadKey, Snapshot]:
    """The first leads, in order of id, that together have no more than so many entries; at least one."""
    chosen: dict[LeadKey, Snapshot] = {}
    entries = 0
    for key, snapshot in found.items():
        entries += snapshot.state.event_count
        if chosen and entries > entries_max:
            break
        chosen[key] = snapshot
    return chosen


def _changed(profile: Profile, change: ProfileChange, now: datetime) -> Profile:
    attributes = dict(profile.attributes if change.attributes is None else change.attributes)
    for key, value in (change.attribute_changes or {}).items():
        if value is REMOVE:
            attributes.pop(key, None)
        else:
            attributes[key] = value
    problem = structs.problem(structs.from_dict(attributes))
    if problem:
        raise InvalidFields([Violation("lead.attributes", problem)])
    return replace(
        profile,
        display_name=profile.display_name if change.display_name is None else change.display_name,
        company=profile.company if change.company is None else change.company,
        attributes=attributes,
        revision=profile.revision + 1,
        updated_at=now,
    )
