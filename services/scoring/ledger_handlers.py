"""Verifying the ledger: walks along a project's chain, then through its snapshots, in steps, each a transaction of its
own with a bounded number of entries in memory, and says after each how far it has come. Changes nothing."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from services.scoring.domain.identity import subject_of
from services.scoring.domain.lead import OUTDATED, UNREADABLE, RulesInForce, Snapshot
from services.scoring.domain.verification import (
    Block,
    ChainCheck,
    Kind,
    Mismatch,
    check_end,
    check_entry,
    check_snapshot,
)
from services.scoring.errors import LeadNotFound, UnknownActivation
from services.scoring.moving import folded, within
from services.scoring.ports import LeadFilter, LeadKey, Store, Transaction

STEP_BLOCKS = 500
STEP_ENTRIES = 5_000
"""A step along the chain ends with the first block at which it has so many: a second of work, then a sign of life."""

STEP_LEADS = 200
"""Leads recomputed in one transaction, unless they have too many entries."""

STEPS_AT_ONCE = 1
"""Of all verifications of a process together, which take turns: each holds a connection meanwhile."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come, and what there is to do."""

    entry_count: int = 0
    entry_total: int = 0
    block_count: int = 0
    lead_count: int = 0
    lead_total: int = 0
    outdated_count: int = 0
    mismatch_count: int = 0
    last_position: int = 0
    last_hash: bytes = b""
    done: bool = False


VerifyStep = tuple[Progress, Sequence[Mismatch]]
"""Where it stands after a step, and what that step has found."""


class VerifyHandlers:
    """Recomputes, compares, changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps = asyncio.Semaphore(STEPS_AT_ONCE)

    async def verify(self, project_id: str) -> AsyncGenerator[VerifyStep, None]:
        """The project's whole chain, then every snapshot."""
        async with self._steps, self._store.reading() as tx:
            leads = await tx.count_leads(project_id, LeadFilter())
        progress = Progress(lead_total=leads)
        async with aclosing(self._verify_chain(project_id, 0, 0, progress)) as steps:
            async for progress, mismatches in steps:
                yield progress, mismatches
        cursor: str | None = ""
        while cursor is not None:
            async with self._steps, self._store.reading() as tx:
                page = await tx.snapshots_after(project_id, cursor, STEP_LEADS)
                chosen = within({key: one.state.event_count for key, one in page.items()})
                found = {key: one for key, one in page.items() if key in chosen}
                progress, mismatches = await _check_leads(tx, project_id, found, progress)
            more = len(page) == STEP_LEADS or len(found) < len(page)
            cursor = max(found)[1] if more else None
            yield progress, mismatches
        yield replace(progress, done=True), ()

    async def verify_range(
        self, project_id: str, from_position: int, to_position: int
    ) -> AsyncGenerator[VerifyStep, None]:
        """The blocks that hold these positions, and no snapshots. 0: from the first, up to the last there is."""
        progress = Progress()
        chain = self._verify_chain(project_id, from_position, to_position, progress)
        async with aclosing(chain) as steps:
            async for progress, mismatches in steps:
                yield progress, mismatches
        yield replace(progress, done=True), ()

    async def verify_lead(
        self, project_id: str, reference: str
    ) -> AsyncGenerator[VerifyStep, None]:
        """A lead's entries, each for itself, and its snapshot. Raises LeadNotFound."""
        async with self._steps, self._store.reading() as tx:
            view = await tx.find_lead(project_id, subject_of(reference))
            if view is None:
                raise LeadNotFound(reference)
            key = (project_id, view.profile.lead_id)
            mismatches: list[Mismatch] = []
            entries = 0
            position = 0
            async with aclosing(tx.kept_entries_of(key)) as kept:
                async for entry in kept:
                    entries += 1
                    position = entry.position
                    mismatches += check_entry(project_id, entry)
            progress = Progress(
                entry_count=entries,
                entry_total=entries,
                lead_total=1,
                mismatch_count=len(mismatches),
                last_position=position,
            )
            progress, found = await _check_leads(tx, project_id, {key: view.snapshot}, progress)
        yield progress, [*mismatches, *found]
        yield replace(progress, done=True), ()

    async def _verify_chain(
        self, project_id: str, first: int, last: int, progress: Progress
    ) -> AsyncGenerator[VerifyStep, None]:
        async with self._steps, self._store.reading() as tx:
            before = await tx.block_before(project_id, first) if first > 1 else None
            head = await tx.head(project_id)
            end = await tx.last_position(project_id)
            last_block = await tx.block_before(project_id, max(end, _position(head)) + 1)
        check = ChainCheck(project_id, before)
        until = min(last, end) if last else end
        progress = replace(progress, entry_total=max(until - check.position, 0))
        found: list[Mismatch] = []
        if not last:
            found += check_end(head, last_block, end)
        while check.position < until:
            async with self._steps, self._store.reading() as tx:
                blocks = _up_to(
                    await tx.blocks_after(project_id, check.position, STEP_BLOCKS),
                    check.position,
                    until,
                )
                if not blocks:
                    # Entries behind the last block: said by check_end.
                    break
                counted, mismatches = await _walk(tx, project_id, check, blocks)
            found += mismatches
            progress = replace(
                progress,
                entry_count=progress.entry_count + counted,
                # A block may reach beyond what was asked for.
                entry_total=max(progress.entry_total, progress.entry_count + counted),
                block_count=progress.block_count + len(blocks),
                mismatch_count=progress.mismatch_count + len(found),
                last_position=check.position,
                last_hash=check.hash,
            )
            yield progress, found
            found = []
        yield replace(progress, mismatch_count=progress.mismatch_count + len(found)), found


def _position(block: Block | None) -> int:
    return block.last_position if block else 0


def _up_to(blocks: Sequence[Block], after: int, until: int) -> list[Block]:
    """The blocks of one step: up to the one that holds `until`, or the one that makes the step long enough."""
    chosen: list[Block] = []
    for block in blocks:
        if chosen and (
            chosen[-1].last_position >= until or chosen[-1].last_position - after >= STEP_ENTRIES
        ):
            break
        chosen.append(block)
    return chosen


async def _walk(
    tx: Transaction, project_id: str, check: ChainCheck, blocks: Sequence[Block]
) -> tuple[int, list[Mismatch]]:
    """Check these blocks with their entries; how many entries, and what is wrong."""
    mismatches: list[Mismatch] = []
    entries = 0
    open_blocks = iter(blocks)
    block = next(open_blocks)
    kept = tx.kept_entries(project_id, check.position, blocks[-1].last_position)
    async with aclosing(kept) as found:
        async for entry in found:
            while entry.position > block.last_position:
                mismatches += check.block(block)
                block = next(open_blocks)
            mismatches += check.entry(entry)
            entries += 1
    for last in (block, *open_blocks):
        mismatches += check.block(last)
    return entries, mismatches


async def _check_leads(
    tx: Transaction, project_id: str, snapshots: Mapping[LeadKey, Snapshot], progress: Progress
) -> VerifyStep:
    """Hold snapshots against the ledger, each under the rules it says it was made under."""
    numbers = {one.activation for one in snapshots.values() if one.activation >= 0}
    by_number: dict[int, RulesInForce] = {}
    mismatches: list[Mismatch] = []
    for number in sorted(numbers):
        try:
            by_number[number] = await tx.rules_under(project_id, number)
        except UnknownActivation:
            continue
    now = await tx.rules_under(project_id, None)
    rules = {key: by_number.get(one.activation, now) for key, one in snapshots.items()}
    compared = {
        key: one
        for key, one in snapshots.items()
        if one.activation in by_number or one.activation == UNREADABLE
    }
    states = await folded(tx, {key: rules[key] for key in compared})
    written = await tx.written(compared)
    for key, snapshot in snapshots.items():
        if key in compared:
            mismatches += check_snapshot(key[1], snapshot, states[key], rules[key], written[key])
        elif snapshot.activation != OUTDATED:
            said = f"at most {now.activation}"
            mismatches.append(
                Mismatch(
                    Kind.SNAPSHOT, "activation", said, str(snapshot.activation), lead_id=key[1]
                )
            )
    outdated = sum(1 for one in snapshots.values() if one.activation == OUTDATED)
    progress = replace(
        progress,
        lead_count=progress.lead_count + len(snapshots),
        lead_total=max(progress.lead_total, progress.lead_count + len(snapshots)),
        outdated_count=progress.outdated_count + outdated,
        mismatch_count=progress.mismatch_count + len(mismatches),
    )
    return progress, mismatches
