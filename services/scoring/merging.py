"""How leads become one, and two again, inside a transaction: references go from lead to lead, and each lead concerned
becomes the fold of what is its own then. Ledger entries never move; they follow their references.

Locks are taken in the order in which scoring takes them: the rules are held, missing references are made, then all
leads are locked together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.scoring import facts
from services.scoring.domain.identity import are_different, lead_id_of, linking, own_subject
from services.scoring.domain.lead import Cause, RulesInForce, Snapshot, become
from services.scoring.domain.model import microseconds
from services.scoring.errors import LeadsMoved
from services.scoring.facts import Said
from services.scoring.ledger_handlers import folded
from services.scoring.ports import IncomingEvent, LeadKey, LeadUpdate, SubjectKey, Transaction

REFERENCES_MAX = 10_000
"""References of a lead that can be merged into another: its link fact names them all."""

Moves = Mapping[str, tuple[str, str]]
"""Subject -> id of the lead it leaves and of the one it comes to."""

IDENTIFIED = Said(reason="identify", actor="")


@dataclass(frozen=True, slots=True)
class Linked:
    """What linking the references of an event came to."""

    facts: Sequence[IncomingEvent] = ()
    """To be appended in front of the event."""
    moves: Moves = field(default_factory=dict)
    """To be noted at their record time."""
    conflict: bool = False
    """They say that they are different people: nothing was linked."""


async def link_references(
    tx: Transaction, event: IncomingEvent, rules: Mapping[str, RulesInForce], now: datetime
) -> Linked:
    """Make the references of an `identify` event one lead's. Raises LeadsMoved."""
    project_id = event.project_id
    references = [event.subject, *event.linked]
    keys = [(project_id, one) for one in references]
    known_by = _ids(await tx.homes_of(keys))
    derived = await _derived_homes(tx, project_id, set(references) - known_by.keys())
    plan = linking(references, known_by | derived)
    if plan.nothing and not derived:
        return Linked()
    known = [(project_id, one) for one in (plan.lead_id, *plan.merged)]
    parts = await tx.references_of(known, REFERENCES_MAX + 1)
    too_many = any(len(parts[key]) > REFERENCES_MAX for key in known[1:])
    if too_many or are_different([*parts.values(), *([one] for one in plan.added)]):
        return Linked(conflict=True)

    new = dict.fromkeys(plan.added, plan.lead_id) | derived
    attached = {(project_id, one): lead_id for one, lead_id in new.items()}
    attached |= {(project_id, own_subject(one)): one for one in plan.merged}
    await tx.attach(attached, rules, now)
    homes = await tx.homes_of(keys)
    found = linking(references, _ids(homes))
    if found.added or found.merged != plan.merged:
        raise LeadsMoved
    leads = [(project_id, one) for one in (found.lead_id, *found.merged)]
    snapshots = await lock(tx, leads, homes)
    moves = await merge(tx, snapshots, found.lead_id, rules[project_id], now)
    fact = facts.link(
        project_id,
        found.lead_id,
        event.entry.event_id,
        found.merged,
        sorted({*moves, *new}),
        IDENTIFIED,
        now,
    )
    return Linked([fact], moves)


async def lock(
    tx: Transaction, leads: Sequence[LeadKey], homes: Mapping[SubjectKey, LeadKey]
) -> dict[LeadKey, Snapshot]:
    """The snapshots of leads whose references were looked up. Raises LeadsMoved when they moved since."""
    snapshots = await tx.lock(leads)
    if await tx.moved(homes):
        raise LeadsMoved
    return snapshots


async def merge(
    tx: Transaction,
    snapshots: Mapping[LeadKey, Snapshot],
    lead_id: str,
    rules: RulesInForce,
    now: datetime,
) -> Moves:
    """Make all of these leads, which are locked, part of one of them; which references moved."""
    others = {key: one for key, one in snapshots.items() if key[1] != lead_id}
    if not others:
        return {}
    references = await tx.references_of(others, REFERENCES_MAX + 1)
    moves = {one: (key[1], lead_id) for key, own in references.items() for one in own}
    merged_into = dict.fromkeys((key[1] for key in others), lead_id)
    await _regroup(tx, snapshots, moves, merged_into, Cause.MERGE, rules, now)
    return moves


async def unmerge(
    tx: Transaction,
    snapshots: Mapping[LeadKey, Snapshot],
    lead_id: str,
    home_id: str,
    rules: RulesInForce,
    now: datetime,
) -> Moves:
    """Give a lead, which is locked together with the one it is in, what was its own when it was merged; which
    references moved."""
    ((project_id, _), *_) = snapshots
    lost = await tx.merged_references((project_id, lead_id))
    # Some may have gone on since, with a lead that was unmerged out of the same one.
    homes = await tx.homes_of([(project_id, one) for one in lost])
    moves = {one: (home_id, lead_id) for one in lost if homes[(project_id, one)][1] == home_id}
    await _regroup(tx, snapshots, moves, {}, Cause.UNMERGE, rules, now)
    return moves


async def _regroup(
    tx: Transaction,
    snapshots: Mapping[LeadKey, Snapshot],
    moves: Moves,
    merged_into: Mapping[str, str],
    cause: Cause,
    rules: RulesInForce,
    now: datetime,
) -> None:
    ((project_id, _), *_) = snapshots
    for lead_id in {to for _, to in moves.values()}:
        await tx.move(project_id, [one for one in moves if moves[one][1] == lead_id], lead_id)
    states = await folded(tx, dict.fromkeys(snapshots, rules))
    updates = [
        LeadUpdate(
            key,
            *become(
                snapshot, states[key], rules, cause, microseconds(now), merged_into.get(key[1], "")
            ),
        )
        for key, snapshot in snapshots.items()
    ]
    await tx.save(updates, now)


async def _derived_homes(
    tx: Transaction, project_id: str, references: Collection[str]
) -> dict[str, str]:
    """The leads of references nobody has sent yet, where the id that is derived from one is a lead's already."""
    named = {own_subject(lead_id_of(one)): one for one in references}
    homes = await tx.homes_of((project_id, one) for one in named)
    return {named[own]: lead_id for own, lead_id in _ids(homes).items() if named[own] != own}


def _ids(homes: Mapping[SubjectKey, LeadKey]) -> dict[str, str]:
    return {subject: lead_id for (_, subject), (_, lead_id) in homes.items()}
