"""How leads become one, and two again, by hand, inside a transaction that has locked them: references go from lead to
lead, and each lead concerned becomes the fold of what is its own then. Ledger entries never move; they follow their
references. What events link is linking.py's business."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.scoring.domain.lead import Cause, RulesInForce, Snapshot
from services.scoring.moving import carry
from services.scoring.ports import LeadKey, Transaction

REFERENCES_MAX = 10_000
"""References of a lead that can be merged into another: its link fact names them all."""

Moves = Mapping[str, tuple[str, str]]
"""Subject -> id of the lead it leaves and of the one it comes to."""


async def moves_of(
    tx: Transaction, merged_into: Mapping[LeadKey, str]
) -> dict[str, dict[str, tuple[str, str]]]:
    """By project, the references of leads that become part of others, which are moved there."""
    references = await tx.references_of(merged_into, REFERENCES_MAX + 1) if merged_into else {}
    moves: dict[str, dict[str, tuple[str, str]]] = {}
    for key, own in references.items():
        for one in own:
            moves.setdefault(key[0], {})[one] = (key[1], merged_into[key])
    for project_id, some in moves.items():
        await tx.move(project_id, {one: to for one, (_, to) in some.items()})
    return moves


async def merge(
    tx: Transaction,
    snapshots: Mapping[LeadKey, Snapshot],
    lead_id: str,
    rules: RulesInForce,
    now: datetime,
) -> Moves:
    """Make all of these leads, which are locked, part of one of them; which references moved."""
    ((project_id, _), *_) = snapshots
    merged_into = {key: lead_id for key in snapshots if key[1] != lead_id}
    moves = await moves_of(tx, merged_into)
    gone = {key: replace(snapshots[key], merged_into=lead_id) for key in merged_into}
    causes = dict.fromkeys(snapshots, Cause.MERGE)
    await carry(tx, {**snapshots, **gone}, {}, {project_id: rules}, now, causes)
    return moves.get(project_id, {})


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
    await tx.move(project_id, dict.fromkeys(moves, lead_id))
    stand = {key: replace(one, merged_into="") for key, one in snapshots.items()}
    causes = dict.fromkeys(snapshots, Cause.UNMERGE)
    await carry(tx, stand, {}, {project_id: rules}, now, causes)
    return moves
