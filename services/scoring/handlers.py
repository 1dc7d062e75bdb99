"""What scoring does, one method for each use case, and where its transactions begin and end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.scoring.domain.lead import Cause
from services.scoring.domain.model import Entry
from services.scoring.errors import LeadsMoved
from services.scoring.identity_ports import IdentityConflict
from services.scoring.linking import plan_links
from services.scoring.merging import moves_of
from services.scoring.moving import carry, lock, to_be_folded, undisturbed, within
from services.scoring.ports import (
    CONFLICT,
    Activation,
    EventKey,
    IncomingEvent,
    LeadKey,
    Quarantined,
    Store,
    Transaction,
)
from services.shared.clock import Clock

RESCORE_LEADS = 200
"""Leads scored anew in one transaction: their rows are locked meanwhile."""

FADE_LEADS = 500
"""Leads that fade in one transaction: what is due for more waits on disk, not in memory."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch of events."""

    applied: int
    duplicates: int
    conflicts: int
    unlinked: int = 0
    """Of those applied: `identify` events whose references say that they are different people's. They count for their
    subject's lead alone, and are kept as identity conflicts."""


class EventHandlers:
    """Events and rules coming in: what the workers do."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # The project that was rescored last: they take turns, so that none waits for all leads of another.
        self._rescored_last = ""

    async def apply_events(self, events: Sequence[IncomingEvent]) -> BatchReport:
        """Append new events to the ledger, link the leads that they name together, and move their scores: all in one
        transaction, unless that would be too much to fold, or some lead would be merged twice.

        An event id that is in the ledger already changes nothing; with another payload it goes to quarantine.
        """
        report = BatchReport(0, 0, 0)
        rest = list(events)
        # At first without those of leads that another transaction holds: between two full batches there are always
        # some, and the one would do nothing until the other is done.
        wait = False
        while rest:
            done, rest = await undisturbed(partial(self._apply_once, rest, wait))
            wait = True
            report = BatchReport(
                report.applied + done.applied,
                report.duplicates + done.duplicates,
                report.conflicts + done.conflicts,
                report.unlinked + done.unlinked,
            )
        return report

    async def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Hand what can't be scored to quarantine, in a transaction of its own."""
        async with self._store.begin() as tx:
            await tx.quarantine(items, self._clock.now())

    async def record_activation(self, activation: Activation) -> bool:
        """Put an activation in force; False when it was known already."""
        async with self._store.begin() as tx:
            return await tx.record_activation(activation, self._clock.now())

    async def rescore_next(self) -> bool:
        """Score the next few leads under the rules in force; False when every lead is."""
        async with self._store.begin() as tx:
            target = await tx.rescore_target(self._rescored_last)
            if target is None:
                return False
            project_id, activation, cursor = target
            now = self._clock.now()
            rules = (await tx.rules_in_force([project_id]))[project_id]
            if rules.activation != activation:
                # Another one came in between: what has been scored under the one before does not count for it.
                cursor = ""
            found = await tx.lock_next(project_id, cursor, RESCORE_LEADS)
            chosen = within(to_be_folded(found, {project_id: rules}, {}))
            outdated = {
                key: snapshot
                for key, snapshot in found.items()
                if key in chosen and snapshot.activation != rules.activation
            }
            await carry(tx, outdated, {}, {project_id: rules}, now)
            all_done = len(found) < RESCORE_LEADS and len(chosen) == len(found)
            await tx.rescored(project_id, rules.activation, None if all_done else max(chosen)[1])
        self._rescored_last = project_id
        return True

    async def fade_next(self) -> int:
        """Make the versions that are due because time has passed, of a bounded number of leads; how many leads."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            due = await tx.due(now, FADE_LEADS)
            if due:
                rules = await tx.rules_in_force(project_id for project_id, _ in due)
                snapshots = await tx.lock(due)
                chosen = within(to_be_folded(snapshots, rules, {}))
                some = {key: one for key, one in snapshots.items() if key in chosen}
                await carry(tx, some, {}, rules, now)
        return len(due)

    async def _apply_once(
        self, events: Sequence[IncomingEvent], wait: bool
    ) -> tuple[BatchReport, list[IncomingEvent]]:
        """One transaction: what became of its events, and those that it leaves to the next."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            known = await tx.payload_hashes(event.key for event in events)
            fresh, conflicts = _sort_out(events, known)
            quarantined = [_in_conflict(event) for event in conflicts]
            unlinked, rest = 0, list[IncomingEvent]()
            if fresh:
                unlinked, rest = await _score(tx, fresh, now, wait)
            await tx.quarantine(quarantined, now)
        duplicates = len(events) - len(fresh) - len(conflicts)
        done = len(fresh) - len(rest)
        return BatchReport(done, duplicates, len(conflicts), unlinked), rest


async def _score(
    tx: Transaction, fresh: Sequence[IncomingEvent], now: datetime, wait: bool
) -> tuple[int, list[IncomingEvent]]:
    """Link, score and append new events; how many link nothing because they contradict what is known, and those events
    that are left to the next transaction. Leads that are linked are waited for in any case."""
    rules = await tx.rules_in_force(event.project_id for event in fresh)
    plan = await plan_links(tx, fresh)
    taken = fresh[: plan.taken]
    subjects = {(event.project_id, event.subject) for event in taken}
    homes = await tx.leads_of(subjects, rules, now, plan.attached)
    wait = wait or bool(plan.leads)
    snapshots = await lock(tx, {*homes.values(), *plan.leads}, {**homes, **plan.homes}, wait)
    moves = await moves_of(tx, plan.merged_into)

    def lead_of(event: IncomingEvent) -> LeadKey:
        home = homes[(event.project_id, event.subject)]
        return (home[0], plan.merged_into.get(home, home[1]))

    arrivals: dict[LeadKey, list[Entry]] = {}
    for event in taken:
        arrivals.setdefault(lead_of(event), []).append(event.entry)
    if any(snapshots[key].merged_into for key in arrivals if key in snapshots):
        # Merged since its references were looked up: also an event that is left to the next transaction waits there.
        raise LeadsMoved
    became = dict.fromkeys(plan.merged_into, Cause.MERGE)
    became |= {(key[0], into): Cause.MERGE for key, into in plan.merged_into.items()}
    for key, into in plan.merged_into.items():
        snapshots[key] = replace(snapshots[key], merged_into=into)
    others = {key: one for key, one in snapshots.items() if key not in plan.leads}
    chosen = within(to_be_folded(others, rules, arrivals)) | plan.leads
    some = {key: one for key, one in snapshots.items() if key in chosen}
    new = {key: entries for key, entries in arrivals.items() if key in chosen}
    await carry(tx, some, new, rules, now, became)

    recorded: list[IncomingEvent] = []
    for place, event in enumerate(taken):
        if place in plan.links:
            recorded.append(plan.links[place].fact(moves.get(event.project_id, {}), now))
        if lead_of(event) in chosen:
            recorded.append(event)
    times = await tx.append(recorded, now)
    for project_id, some_moves in moves.items():
        await tx.note_moves(project_id, some_moves, times[project_id])
    rest = [event for event in taken if lead_of(event) not in chosen]
    unlinked = [
        IdentityConflict(
            one.event.project_id,
            one.event.entry.event_id,
            (one.event.subject, *one.event.linked),
            one.lead_ids,
            times[one.event.project_id],
        )
        for one in plan.conflicts
        if lead_of(one.event) in chosen
    ]
    await tx.note_conflicts(unlinked)
    return len(unlinked), [*rest, *fresh[plan.taken :]]


def _in_conflict(event: IncomingEvent) -> Quarantined:
    detail = "the ledger has this event id with other content"
    return Quarantined(event.project_id, CONFLICT, event.entry.event_id, event.payload, detail)


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
