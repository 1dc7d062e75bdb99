"""Replaying leads from the ledger: folds them anew, batch by batch, each in a read-only transaction of its own that
nobody waits for; mends what differs in a second one that locks no other leads; and says after each batch how far it has
come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.scoring.domain.course import advance, mend, refold
from services.scoring.domain.identity import subject_of
from services.scoring.domain.lead import UNREADABLE, Change, Moved, RulesInForce, Snapshot
from services.scoring.domain.model import microseconds
from services.scoring.domain.state import State
from services.scoring.domain.verification import Written, check_snapshot, score_is_wrong
from services.scoring.errors import LeadNotFound
from services.scoring.moving import folded, within
from services.scoring.ports import LeadFilter, LeadKey, LeadUpdate, Store, Transaction
from services.shared.clock import Clock

STEP_LEADS = 400
"""Leads folded anew in one transaction, unless they have too many entries."""

STEPS_AT_ONCE = 1
"""Of all replays of a process together, which take turns: each holds a connection meanwhile."""


@dataclass(frozen=True, slots=True)
class ReplayedLead:
    """A lead whose score was not what the ledger gives."""

    lead_id: str
    change: Change


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How far a replay has come. Leads up to `cursor`, in order of id, are done."""

    cursor: str = ""
    lead_count: int = 0
    lead_total: int = 0
    changed_count: int = 0
    mended_count: int = 0
    updated_count: int = 0
    changed: tuple[ReplayedLead, ...] = ()
    """Of the last step."""
    replayed_at: datetime | None = None
    """When the last step was."""
    done: bool = False


@dataclass(slots=True)
class _Outcome:
    """What a step of a replay has done."""

    updates: list[LeadUpdate] = field(default_factory=list)
    changed: list[ReplayedLead] = field(default_factory=list)
    mended: int = 0
    updated: int = 0


class ReplayHandlers:
    """Folds leads anew and mends what differs. `committed` is called after each transaction that made versions."""

    def __init__(self, store: Store, clock: Clock, committed: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._committed = committed
        self._steps = asyncio.Semaphore(STEPS_AT_ONCE)

    async def replay_lead(
        self, project_id: str, reference: str
    ) -> AsyncGenerator[ReplayProgress, None]:
        """One lead. Raises LeadNotFound."""
        async with self._store.reading() as tx:
            view = await tx.find_lead(project_id, subject_of(reference))
        if view is None:
            raise LeadNotFound(reference)
        async with self._steps:
            yield await self._step(project_id, [view.profile.lead_id], ReplayProgress(lead_total=1))

    async def replay(
        self, project_id: str, which: LeadFilter, progress: ReplayProgress
    ) -> AsyncGenerator[ReplayProgress, None]:
        """The leads that a filter lets through, in order of id, behind `progress.cursor`."""
        async with self._store.reading() as tx:
            total = await tx.count_leads(project_id, which)
        progress = replace(progress, lead_total=max(total, progress.lead_count))
        while not progress.done:
            async with self._steps:
                async with self._store.reading() as tx:
                    page = await tx.lead_ids(project_id, which, progress.cursor, STEP_LEADS)
                progress = await self._step(project_id, page, progress)
            yield progress

    async def _step(
        self, project_id: str, page: Sequence[str], progress: ReplayProgress
    ) -> ReplayProgress:
        """As many of these leads as have not too many entries; done with the last of a page that is not full."""
        keys = [(project_id, lead_id) for lead_id in page]
        now = self._clock.now()
        async with self._store.reading() as tx:
            rules = await tx.rules_under(project_id, None)
            found = await tx.snapshots_of(keys)
            chosen = within({key: one.state.event_count for key, one in found.items()})
            snapshots = {key: one for key, one in found.items() if key in chosen}
            outcome = await _replay(tx, snapshots, rules, microseconds(now))
        if outcome.updates:
            outcome = await self._mend(project_id, [update.key for update in outcome.updates])
        return replace(
            progress,
            cursor=max(snapshots)[1] if snapshots else progress.cursor,
            lead_count=progress.lead_count + len(snapshots),
            lead_total=max(progress.lead_total, progress.lead_count + len(snapshots)),
            changed_count=progress.changed_count + len(outcome.changed),
            mended_count=progress.mended_count + outcome.mended,
            updated_count=progress.updated_count + outcome.updated,
            changed=tuple(outcome.changed),
            replayed_at=now,
            done=len(page) < STEP_LEADS and len(snapshots) == len(found),
        )

    async def _mend(self, project_id: str, keys: Sequence[LeadKey]) -> _Outcome:
        """Once more, with the leads locked, for those that are not what the ledger gives."""
        async with self._store.begin() as tx:
            now = self._clock.now()
            rules = (await tx.rules_in_force([project_id]))[project_id]
            outcome = await _replay(tx, await tx.lock(keys), rules, microseconds(now))
            await tx.save(outcome.updates, now)
        if outcome.updates:
            self._committed()
        return outcome


async def _replay(
    tx: Transaction, snapshots: Mapping[LeadKey, Snapshot], rules: RulesInForce, now: int
) -> _Outcome:
    states = await folded(tx, dict.fromkeys(snapshots, rules))
    written = await tx.written(snapshots)
    outcome = _Outcome()
    for key, snapshot in snapshots.items():
        if snapshot.merged_into:
            continue  # it was merged since it was listed or looked at: its entries are another lead's
        _replay_lead(outcome, key, snapshot, states[key], rules, written[key], now)
    return outcome


def _replay_lead(
    outcome: _Outcome,
    key: LeadKey,
    snapshot: Snapshot,
    state: State,
    rules: RulesInForce,
    written: Written,
    now: int,
) -> None:
    moved: Moved | None = None
    if snapshot.activation not in (rules.activation, UNREADABLE):
        outcome.updated += 1
        moved = refold(replace(snapshot, version=written.version), state, rules, now)
    elif mismatches := check_snapshot(key[1], snapshot, state, rules, written):
        stands = not score_is_wrong(mismatches)
        moved = mend(snapshot, state, rules, written.version, stands, now)
        outcome.changed += [ReplayedLead(key[1], change) for change in moved[1]]
        outcome.mended += not moved[1]
    elif snapshot.next_transition is not None and snapshot.next_transition <= now:
        outcome.updated += 1
        moved = advance(snapshot, rules, (), (), now)
    if moved is not None:
        outcome.updates.append(LeadUpdate(key, *moved))
