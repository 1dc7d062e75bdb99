"""What the store in memory reads of the ledger: the part of ports.Transaction that explains, verifies and replays."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from services.scoring.domain.fold import in_order
from services.scoring.domain.lead import Snapshot
from services.scoring.domain.model import RETRACTION, Entry, LateEvents, RuleSet
from services.scoring.domain.verification import Block, KeptEntry, Written
from services.scoring.ports import LeadKey
from tests.support.scoring_fact_reads import FactReads

if TYPE_CHECKING:
    from tests.support.scoring_store import Contents, LedgerRow


PORTION_ENTRIES = 3
"""So few that most histories come in several."""


class LedgerReads(FactReads):
    def __init__(self, contents: Contents) -> None:
        self._in = contents

    async def head(self, project_id: str) -> Block | None:
        found = self._in.heads.get(project_id)
        return Block(*found) if found else None

    async def activation_at(self, project_id: str, known_at: datetime) -> int:
        times = self._in.activation_times
        known = (key[1] for key, at in times.items() if key[0] == project_id and at <= known_at)
        return max(known, default=0)

    async def histories_of(
        self,
        leads: Iterable[LeadKey],
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        in_event_time: bool = True,
    ) -> AsyncGenerator[tuple[LeadKey, Sequence[Entry]], None]:
        entries: dict[LeadKey, list[Entry]] = {key: [] for key in sorted(set(leads))}
        for event, row in self._in.ledger.values():
            lead_id = self._lead_at((event.project_id, event.subject), known_at)
            key = (event.project_id, lead_id or "")
            happened = as_of is None or row[5] <= as_of or event.entry.type == RETRACTION
            if key in entries and happened and (known_at is None or row[6] <= known_at):
                entry = replace(event.entry, sequence=row[2], recorded_at=row[6])
                entries[key].append(entry)
        late_events = LateEvents.REPLAY if in_event_time else LateEvents.APPLY_ON_ARRIVAL
        for key, own in entries.items():
            ordered = in_order(own, RuleSet(0, late_events=late_events))
            for begin in range(0, len(ordered), PORTION_ENTRIES):
                yield key, ordered[begin : begin + PORTION_ENTRIES]

    async def kept_entries(
        self, project_id: str, after: int, until: int
    ) -> AsyncGenerator[KeptEntry, None]:
        for row in self._rows(project_id):
            if after < row[2] <= until:
                yield self._kept(row)

    async def kept_entries_of(self, key: LeadKey) -> AsyncGenerator[KeptEntry, None]:
        for row in self._rows(key[0]):
            if self._in.subjects.get((key[0], row[3])) == key[1]:
                yield self._kept(row)

    async def block_before(self, project_id: str, position: int) -> Block | None:
        found = [one for one in self._blocks(project_id) if one.last_position < position]
        return found[-1] if found else None

    async def blocks_after(self, project_id: str, position: int, limit: int) -> list[Block]:
        return [one for one in self._blocks(project_id) if one.last_position > position][:limit]

    async def last_position(self, project_id: str) -> int:
        return max((row[2] for row in self._rows(project_id)), default=0)

    async def snapshots_after(
        self, project_id: str, after: str, limit: int
    ) -> dict[LeadKey, Snapshot]:
        own = sorted(key for key in self._in.snapshots if key[0] == project_id and key[1] > after)
        return {key: self._in.snapshots[key][0] for key in own[:limit]}

    async def snapshots_of(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Snapshot]:
        return {key: self._in.snapshots[key][0] for key in sorted(set(leads))}

    async def written(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Written]:
        return {key: self._written(key) for key in leads}

    def _written(self, key: LeadKey) -> Written:
        at = self._in.snapshots[key][1]
        own = [version for *lead, version in self._in.changes if tuple(lead) == key]
        if not own:
            return Written(at)
        last = self._in.changes[(*key, max(own))]
        change = last.change
        return Written(at, change.version, change.score, change.stage, last.changed_at)

    def _rows(self, project_id: str) -> list[LedgerRow]:
        own = (row for _, row in self._in.ledger.values() if row[0] == project_id)
        return sorted(own, key=lambda row: row[2])

    def _kept(self, row: LedgerRow) -> KeptEntry:
        project_id, event_id, position, subject, *rest = row
        lead_id = self._in.subjects.get((project_id, subject), "")
        known = lead_id if (project_id, lead_id) in self._in.snapshots else ""
        return KeptEntry(position, event_id, subject, *rest, known)

    def _blocks(self, project_id: str) -> list[Block]:
        return [
            Block(key[1], digest, self._in.block_times[key])
            for key, digest in sorted(self._in.blocks.items())
            if key[0] == project_id
        ]
