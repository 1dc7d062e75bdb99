"""How leads move on inside a transaction: locked, given their new entries, written. What it needs to know that has
changed meanwhile makes the transaction start over."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from services.scoring.domain.lead import RulesInForce, advance, needs_history
from services.scoring.domain.model import Entry, microseconds
from services.scoring.errors import LeadsMoved, OutOfDate
from services.scoring.ports import LeadKey, LeadUpdate, SubjectKey, Transaction

APPEND_TRIES_MAX = 5
"""How often a transaction starts over because another process was faster: it appended one of the events (a redelivery),
or merged leads of them."""

T = TypeVar("T")


async def undisturbed(attempt: Callable[[], Awaitable[T]]) -> T:
    """What an attempt gives when nobody else gets in between; the last failure when it never works."""
    for _ in range(APPEND_TRIES_MAX - 1):
        try:
            return await attempt()
        except OutOfDate:
            continue
    return await attempt()


async def move_on(
    tx: Transaction,
    arrivals: Mapping[LeadKey, Sequence[Entry]],
    homes: Mapping[SubjectKey, LeadKey],
    rules: Mapping[str, RulesInForce],
    now: datetime,
) -> None:
    """Bring leads up to date: with their new entries, the rules in force, and the time that has passed. `homes` says
    whose the entries' subjects were when they were looked up. Raises LeadsMoved when they are not any more."""
    snapshots = await tx.lock(arrivals)
    if homes and await tx.moved(homes):
        raise LeadsMoved
    if any(one.merged_into and arrivals[key] for key, one in snapshots.items()):
        # Its entries belong to another lead by now.
        raise LeadsMoved
    # One that was merged into another since it was found to be due has nothing left that could fade.
    standing = {key: arrivals[key] for key, one in snapshots.items() if not one.merged_into}
    replayed = [
        key
        for key, entries in standing.items()
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
        for key, entries in standing.items()
    ]
    await tx.save(updates, now)
