"""What must hold of the ledger and of the snapshots made from it, checked piece by piece: the hash chain entry by entry
and block by block, and a snapshot against the fold of its lead's entries. Nothing here changes anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from services.scoring.domain import chain
from services.scoring.domain.lead import UNREADABLE, RulesInForce, Snapshot
from services.scoring.domain.measures import measure, next_transition
from services.scoring.domain.model import LINK, UNLINK, microseconds
from services.scoring.domain.state import State
from services.scoring.domain.values import value

_STATE_PARTS = (
    "scores",
    "total_faded",
    "event_count",
    "last_position",
    "faded_to",
    "contributions",
    "uses",
    "attributes",
    "standing",
    "activity",
)

TEXT_CHARACTERS_MAX = 200
"""Of a value in a mismatch: a lead's attributes may be long."""


class Kind(Enum):
    """What is not as it should be."""

    ENTRY = "entry"
    MISSING_ENTRY = "missing_entry"
    BLOCK = "block"
    HEAD = "head"
    NO_LEAD = "no_lead"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not as it should be."""

    kind: Kind
    field: str
    expected: str
    found: str
    position: int = 0
    event_id: str = ""
    lead_id: str = ""


@value(frozen=True, slots=True)
class KeptEntry:
    """A ledger entry with everything its hash covers."""

    position: int
    event_id: str
    subject: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    properties_text: str
    payload_hash: bytes
    entry_hash: bytes
    lead_id: str
    """The lead it counts for; empty: none."""


@dataclass(frozen=True, slots=True)
class Block:
    """A link of the chain, or its end."""

    last_position: int
    hash: bytes
    recorded_at: datetime


@value(frozen=True, slots=True)
class Written:
    """When a snapshot was written, and the newest version in the audit trail."""

    at: datetime
    version: int = 0
    score: int = 0
    stage: str = ""
    version_at: datetime | None = None
    """None before the first version."""


class ChainCheck:
    """Walks along a project's chain. A block whose hash is wrong is named once: the next one is held against the hash
    as it is kept."""

    def __init__(self, project_id: str, before: Block | None) -> None:
        self._project_id = project_id
        self.position = before.last_position if before else 0
        self.hash = before.hash if before else chain.GENESIS
        self._block_begins = before.recorded_at if before else None
        self._hashes: list[bytes] = []
        self._recorded_at: set[datetime] = set()

    def entry(self, entry: KeptEntry) -> Iterator[Mismatch]:
        """The next entry by position."""
        yield from self._missing_up_to(entry.position - 1)
        self.position = entry.position
        yield from check_entry(self._project_id, entry)
        self._hashes.append(entry.entry_hash)
        self._recorded_at.add(entry.recorded_at)

    def block(self, block: Block) -> Iterator[Mismatch]:
        """The block that ends behind the entries so far."""
        yield from self._missing_up_to(block.last_position)
        self.position = block.last_position
        expected = chain.block_hash(self.hash, self._hashes)
        if expected != block.hash:
            yield self._of_block("hash", expected.hex(), block.hash.hex())
        for other in sorted(self._recorded_at - {block.recorded_at}):
            yield self._of_block("record_time", block.recorded_at.isoformat(), other.isoformat())
        if self._block_begins is not None and block.recorded_at < self._block_begins:
            expected_time = f"not before {self._block_begins.isoformat()}"
            yield self._of_block("record_time", expected_time, block.recorded_at.isoformat())
        self.hash = block.hash
        self._block_begins = block.recorded_at
        self._hashes.clear()
        self._recorded_at.clear()

    def _missing_up_to(self, position: int) -> Iterator[Mismatch]:
        first = self.position + 1
        if position >= first:
            count = position - first + 1
            found = "none" if count == 1 else f"none up to position {position}"
            yield Mismatch(Kind.MISSING_ENTRY, "entry", "an entry", found, position=first)

    def _of_block(self, field: str, expected: str, found: str) -> Mismatch:
        return Mismatch(Kind.BLOCK, field, expected, found, position=self.position)


def check_entry(project_id: str, entry: KeptEntry) -> Iterator[Mismatch]:
    """Whether an entry's columns give its hash, and whether it counts for a lead."""
    expected = chain.entry_hash(
        project_id=project_id,
        position=entry.position,
        event_id=entry.event_id,
        subject=entry.subject,
        event_type=entry.type,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        source=entry.source,
        properties=entry.properties_text,
        payload_hash=entry.payload_hash,
    )
    if expected != entry.entry_hash:
        yield Mismatch(
            Kind.ENTRY,
            "hash",
            expected.hex(),
            entry.entry_hash.hex(),
            position=entry.position,
            event_id=entry.event_id,
        )
    if not entry.lead_id and entry.type not in (LINK, UNLINK):
        yield Mismatch(
            Kind.NO_LEAD,
            "lead",
            "a lead",
            "none",
            position=entry.position,
            event_id=entry.event_id,
        )


def check_end(
    head: Block | None, last_block: Block | None, last_position: int
) -> Iterator[Mismatch]:
    """Whether the chain ends where it says. `last_position` is that of the last entry."""
    position, digest = (head.last_position, head.hash) if head else (0, chain.GENESIS)
    expected = (last_block.last_position, last_block.hash) if last_block else (0, chain.GENESIS)
    if position != expected[0]:
        yield Mismatch(Kind.HEAD, "position", str(expected[0]), str(position), position=position)
    if digest != expected[1]:
        yield Mismatch(Kind.HEAD, "hash", expected[1].hex(), digest.hex(), position=position)
    if last_position > expected[0]:
        found = f"entries up to {last_position}"
        yield Mismatch(
            Kind.HEAD, "entries", f"entries up to {expected[0]}", found, position=last_position
        )


def check_snapshot(
    lead_id: str, snapshot: Snapshot, folded: State, rules: RulesInForce, written: Written
) -> list[Mismatch]:
    """How a snapshot differs from the fold of its lead's entries under the rules it says."""
    found: list[tuple[str, object, object]] = []
    if snapshot.activation == UNREADABLE:
        found.append(("state", "a state", "not readable"))
    elif folded != snapshot.state:
        found += [
            (f"state.{part}", getattr(folded, part), getattr(snapshot.state, part))
            for part in _STATE_PARTS
        ]
    found.append(("version", written.version, snapshot.version))
    found.append(("rule_set_version", rules.rule_set.version, snapshot.rule_set_version))
    found += _measured(snapshot, folded, rules, written)
    if not any(expected != kept for _, expected, kept in found):
        # Follows from all of the above, so it is wrong alone or not at all.
        now = microseconds(written.at)
        due = next_transition(folded, snapshot.measures, rules.rule_set, now)
        found.append(("next_transition", due, snapshot.next_transition))
    return [
        Mismatch(Kind.SNAPSHOT, field, _text(expected), _text(kept), lead_id=lead_id)
        for field, expected, kept in found
        if expected != kept
    ]


def score_is_wrong(mismatches: list[Mismatch]) -> bool:
    """Whether the score or anything else that makes a version is among them."""
    return any(one.field in ("score", "stage", "velocity", "risk") for one in mismatches)


def _measured(
    snapshot: Snapshot, folded: State, rules: RulesInForce, written: Written
) -> Iterator[tuple[str, object, object]]:
    # A score stands as of the instant its version was made, until time has taken a whole point of it. Under other rules
    # that give the same it stands as of the instant they were applied, which was when the snapshot was written.
    instants = [at for at in (written.version_at, written.at) if at is not None]
    candidates = [measure(folded, rules.rule_set, microseconds(at)) for at in instants]
    kept = snapshot.measures
    expected = kept if kept in candidates else candidates[0]
    for field in ("score", "stage", "velocity", "risk"):
        yield field, getattr(expected, field), getattr(kept, field)
    if written.version_at is not None and expected == kept:
        # The audit trail is a second witness.
        yield "score", written.score, snapshot.score
        yield "stage", written.stage, snapshot.stage


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 3] + "..."
