"""How leads move on inside a transaction: locked, shown their history where they need it, written. What it needs to
know that has changed meanwhile makes the transaction start over. Histories are read in small portions and folded as
they come, lead by lead, so that none is ever in memory as a whole; everybody else has a turn meanwhile."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TypeVar

from services.scoring.domain.course import Course, needs_history
from services.scoring.domain.fold import Fold
from services.scoring.domain.lead import Cause, RulesInForce, Snapshot
from services.scoring.domain.model import Entry, microseconds
from services.scoring.domain.state import EMPTY, State
from services.scoring.errors import LeadsMoved, OutOfDate
from services.scoring.ports import LeadKey, LeadUpdate, SubjectKey, Transaction
from services.shared.turns import Turns

APPEND_TRIES_MAX = 5
"""How often a transaction starts over because another process was faster: it appended one of the events (a redelivery),
or merged leads of them."""

ENTRIES_MAX = 20_000
"""Ledger entries folded in one transaction, unless a single lead has more: a second of work or so."""

T = TypeVar("T")


async def undisturbed(attempt: Callable[[], Awaitable[T]]) -> T:
    """What an attempt gives when nobody else gets in between; the last failure when it never works."""
    for _ in range(APPEND_TRIES_MAX - 1):
        try:
            return await attempt()
        except OutOfDate:
            continue
    return await attempt()


async def lock(
    tx: Transaction,
    leads: Iterable[LeadKey],
    homes: Mapping[SubjectKey, LeadKey],
    wait: bool = True,
) -> dict[LeadKey, Snapshot]:
    """The snapshots of leads whose references were looked up; without waiting, of those that nobody else holds. Raises
    LeadsMoved when they moved since."""
    snapshots = await tx.lock(leads, wait)
    if homes and await tx.moved(homes):
        raise LeadsMoved
    return snapshots


async def move_on(
    tx: Transaction,
    arrivals: Mapping[LeadKey, Sequence[Entry]],
    homes: Mapping[SubjectKey, LeadKey],
    rules: Mapping[str, RulesInForce],
    now: datetime,
) -> None:
    """Bring leads up to date: with their new entries, the rules in force, and the time that has passed. `homes` says
    whose the entries' subjects were when they were looked up. Raises LeadsMoved when they are not any more."""
    await carry(tx, await lock(tx, arrivals, homes), arrivals, rules, now)


async def carry(
    tx: Transaction,
    snapshots: Mapping[LeadKey, Snapshot],
    arrivals: Mapping[LeadKey, Sequence[Entry]],
    rules: Mapping[str, RulesInForce],
    now: datetime,
    became: Mapping[LeadKey, Cause] | None = None,
) -> None:
    """Bring leads up to date that are locked. `became` says of which of them other entries have become their own, and
    why. Raises LeadsMoved for entries of one that is another's by now."""
    causes = became or {}
    if any(one.merged_into and arrivals.get(key) for key, one in snapshots.items()):
        raise LeadsMoved
    # One that was merged into another since it was found to be due has nothing left that could fade.
    standing = [key for key, one in snapshots.items() if key in causes or not one.merged_into]
    at = microseconds(now)

    def course(key: LeadKey) -> Course:
        new = arrivals.get(key, ())
        return Course(snapshots[key], rules[key[0]], new, at, causes.get(key))

    asking = {
        key: rules[key[0]]
        for key in standing
        if key in causes or needs_history(snapshots[key], rules[key[0]], arrivals.get(key, ()))
    }
    updates: list[LeadUpdate] = []
    turns = Turns()
    under_way: tuple[LeadKey, Course] | None = None

    async def finish(key: LeadKey, own: Course) -> None:
        for _ in own.go():
            await turns.give()
        updates.append(LeadUpdate(key, *own.moved()))

    async with aclosing(_histories(tx, asking)) as histories:
        async for key, entries in histories:
            if under_way is None or under_way[0] != key:
                if under_way is not None:
                    await finish(*under_way)
                under_way = (key, course(key))
            await turns.each(under_way[1].earlier, entries)
    if under_way is not None:
        await finish(*under_way)
    done = {update.key for update in updates}
    for key in standing:
        if key not in done:
            await finish(key, course(key))
    await tx.save(updates, now)


async def folded(tx: Transaction, leads: Mapping[LeadKey, RulesInForce]) -> dict[LeadKey, State]:
    """Each lead's entries folded under its rules."""
    folds: dict[LeadKey, Fold] = {}
    turns = Turns()
    async with aclosing(_histories(tx, leads)) as histories:
        async for key, entries in histories:
            fold = folds.get(key)
            if fold is None:
                fold = folds[key] = Fold(leads[key].rule_set)
            await turns.each(fold.apply, entries)
    return {key: folds[key].state if key in folds else EMPTY for key in leads}


def within(entry_counts: Mapping[LeadKey, int]) -> set[LeadKey]:
    """The first leads, in order, that together have no more entries than one transaction folds; at least one."""
    chosen: set[LeadKey] = set()
    entries = 0
    for key, count in entry_counts.items():
        entries += count
        if chosen and entries > ENTRIES_MAX:
            break
        chosen.add(key)
    return chosen


def to_be_folded(
    snapshots: Mapping[LeadKey, Snapshot],
    rules: Mapping[str, RulesInForce],
    arrivals: Mapping[LeadKey, Sequence[Entry]],
) -> dict[LeadKey, int]:
    """How many entries it takes to bring each of these leads up to date, in order."""
    return {
        key: one.state.event_count
        if needs_history(one, rules[key[0]], arrivals.get(key, ()))
        else 0
        for key, one in snapshots.items()
    }


async def _histories(
    tx: Transaction, leads: Mapping[LeadKey, RulesInForce]
) -> AsyncGenerator[tuple[LeadKey, Sequence[Entry]], None]:
    """The leads' entries, lead by lead, in the order in which each one's rules want them; see ports.histories_of."""
    for in_event_time in (True, False):
        chosen = [key for key, one in leads.items() if one.rule_set.in_event_time is in_event_time]
        if not chosen:
            continue
        async with aclosing(tx.histories_of(chosen, in_event_time=in_event_time)) as histories:
            async for key, entries in histories:
                yield key, entries
