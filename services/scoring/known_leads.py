"""What a process remembers of leads, so that a transaction need not read it again: whose a reference is, and snapshots.
Nothing is believed that the database does not confirm under the transaction's own locks: of references by a count of
their moves, of snapshots by the transaction that wrote the row."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from services.scoring.domain.lead import Snapshot
from services.scoring.ports import LeadKey, SubjectKey

REFERENCES_MAX = 50_000
"""About 300 bytes each."""

SNAPSHOTS_WEIGHT_MAX = 16_000_000
"""Bytes of states as JSON, which are several times as many in memory, and SNAPSHOT_WEIGHT for each: about 20,000 leads
as most are."""

SNAPSHOT_WEIGHT = 500

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was put in or asked for last, as much as there is room for."""

    def __init__(self, weight_max: int) -> None:
        self._weight_max = weight_max
        self._weight = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """None where it is not there any more."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Keep it, in place of what was there under the key."""
        _, before = self._kept.pop(key, (None, 0))
        self._kept[key] = (value, weight)
        self._weight += weight - before
        while self._weight > self._weight_max:
            _, (_, gone) = self._kept.popitem(last=False)
            self._weight -= gone


class KnownLeads:
    """What one process remembers."""

    def __init__(self) -> None:
        self._leads: Recent[SubjectKey, tuple[int, str]] = Recent(REFERENCES_MAX)
        self._snapshots: Recent[LeadKey, tuple[str, Snapshot]] = Recent(SNAPSHOTS_WEIGHT_MAX)

    def lead_of(self, subject: SubjectKey, moves: int) -> str | None:
        """The lead of a reference, if it is known as of so many moves of the project's references."""
        found = self._leads.get(subject)
        return found[1] if found is not None and found[0] == moves else None

    def remember_lead(self, subject: SubjectKey, moves: int, lead_id: str) -> None:
        """What was read, after `moves` was, of a reference that others can see."""
        self._leads.put(subject, (moves, lead_id))

    def snapshot(self, key: LeadKey, written_by: str, version: int) -> Snapshot | None:
        """A lead's snapshot, if it is the one in the row that a database transaction wrote."""
        found = self._snapshots.get(key)
        if found is None or found[0] != written_by or found[1].version != version:
            return None
        return found[1]

    def remember_snapshot(
        self, key: LeadKey, written_by: str, snapshot: Snapshot, state_length: int
    ) -> None:
        """What a transaction writes. Should it be rolled back, no row will ever say that it wrote it."""
        self._snapshots.put(key, (written_by, snapshot), state_length + SNAPSHOT_WEIGHT)
