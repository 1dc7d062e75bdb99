"""What scoring does, one method for each use case, and where its transactions begin and end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.scoring.domain.lead import RulesInForce, Snapshot, advance
from services.scoring.domain.model import Entry, microseconds
from services.scoring.merging import Linked, link_references
from services.scoring.moving import move_on, undisturbed
from services.scoring.ports import (
    Activation,
    EventKey,
    IncomingEvent,
    LeadKey,
    LeadUpdate,
    Quarantined,
    Store,
    SubjectKey,
    Transaction,
)
from services.shared.clock import Clock

RESCORE_LEADS = 200
"""Leads scored anew in one transaction: their rows are locked meanwhile."""

FADE_LEADS = 500
"""Leads that fade in one transaction: what is due for more waits on disk, not in memory."""

RESCORE_ENTRIES = 20_000
"""Ledger entries loaded for one such transaction, unless a single lead has more."""

CONFLICT = "conflict"
"""Quarantine reason: the event id is in the ledger with another payload."""

IDENTITY_CONFLICT = "identity_conflict"
"""Quarantine reason: the event would link leads that are different people. It counts for its subject's lead alone."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch of events."""

    applied: int
    duplicates: int
    conflicts: int
    unlinked: int = 0
    """Of those applied: `identify` events whose references say that they are different people's."""


class EventHandlers:
    """Events and rules coming in: what the workers do."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
        """Append new events to the ledger and move their leads' scores, all in one transaction; but an event that links
        leads has one of its own, which only a few do.

        An event id that is in the ledger already changes nothing; with another payload it goes to quarantine.
        """
        report = BatchReport(0, 0, 0)
        for run in await self._runs(events):
            done = await undisturbed(partial(self._apply_once, run))
            report = BatchReport(
                report.applied + done.applied,
                report.duplicates + done.duplicates,
                report.conflicts + done.conflicts,
                report.unlinked + done.unlinked,
            )
        return report

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
                await move_on(tx, {key: [] for key in due}, {}, rules, now)
        return len(due)

    async def _runs(self, events: Sequence[IncomingEvent]) -> list[list[IncomingEvent]]:
        """The events in order, those that link references of different leads alone."""
        linking = [event for event in events if event.linked]
        if not linking:
            return [list(events)]
        async with self._store.reading() as tx:
            homes = await tx.homes_of(key for event in linking for key in _references(event))
        runs: list[list[IncomingEvent]] = [[]]
        for event in events:
            leads = {homes.get(key) for key in _references(event)}
            if event.linked and (None in leads or len(leads) > 1):
                runs += [[event], []]
            else:
                runs[-1].append(event)
        return [run for run in runs if run]

    async def _apply_once(self, events: Sequence[IncomingEvent]) -> BatchReport:
        now = self._clock.now()
        async with self._store.begin() as tx:
            known = await tx.payload_hashes(event.key for event in events)
            fresh, conflicts = _sort_out(events, known)
            quarantined = [_quarantined(CONFLICT, event) for event in conflicts]
            linked = Linked()
            if fresh:
                rules = await tx.rules_in_force(event.project_id for event in fresh)
                if len(events) == 1 and fresh[0].linked:
                    linked = await link_references(tx, fresh[0], rules, now)
                if linked.conflict:
                    quarantined.append(_quarantined(IDENTITY_CONFLICT, fresh[0]))
                await _score(tx, fresh, rules, now)
                recorded = await tx.append([*linked.facts, *fresh], now)
                for project_id, recorded_at in recorded.items() if linked.moves else ():
                    await tx.note_moves(project_id, linked.moves, recorded_at)
            await tx.quarantine(quarantined, now)
        duplicates = len(events) - len(fresh) - len(conflicts)
        return BatchReport(len(fresh), duplicates, len(conflicts), int(linked.conflict))


async def _score(
    tx: Transaction,
    fresh: Sequence[IncomingEvent],
    rules: Mapping[str, RulesInForce],
    now: datetime,
) -> None:
    homes = await tx.leads_of(((e.project_id, e.subject) for e in fresh), rules, now)
    arrivals: dict[LeadKey, list[Entry]] = {}
    for event in fresh:
        arrivals.setdefault(homes[(event.project_id, event.subject)], []).append(event.entry)
    await move_on(tx, arrivals, homes, rules, now)


def _references(event: IncomingEvent) -> list[SubjectKey]:
    return [(event.project_id, one) for one in (event.subject, *event.linked)]


def _quarantined(reason: str, event: IncomingEvent) -> Quarantined:
    return Quarantined(event.project_id, reason, event.entry.event_id, event.payload)


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
