"""The invariants 1 to 6 of docs/architecture.md, checked on what is there when the dust has settled. Everything is
computed anew here, slowly and plainly, without a line of the services' own logic."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC
from itertools import pairwise

from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from tests.faults.evidence import Evidence, LedgerRow
from tests.faults.sending import SentEvent, Shipment
from tests.faults.simple_rules import SimpleRules

MILLI = 1_000


def check_all(
    evidence: Evidence, sent: Shipment, rules: SimpleRules, watched: Sequence[ScoreChange]
) -> None:
    """Raises AssertionError at the first that does not hold."""
    accepted_events_are_in_the_ledger_once(evidence, sent)
    an_event_id_counts_once(evidence, sent)
    the_chain_is_whole(evidence)
    snapshots_are_folds_of_the_ledger(evidence, rules)
    every_version_is_one_change(evidence, rules)
    every_change_is_published_once_in_order(evidence)
    the_watcher_saw_every_change_once(evidence, watched)


def accepted_events_are_in_the_ledger_once(evidence: Evidence, sent: Shipment) -> None:
    """1. The sender goes on until everything is acknowledged, so everything must be there, and nothing else."""
    found = Counter(row.event_id for row in evidence.ledger)
    assert found == Counter(event.event_id for event in sent.events)


def an_event_id_counts_once(evidence: Evidence, sent: Shipment) -> None:
    """2. Of two contents under one id one is in the ledger and the other in quarantine, never both or neither."""
    meant = {event.event_id: event for event in sent.events}
    other = {event.event_id: event for event in sent.conflicting}
    refused: dict[str, set[str]] = defaultdict(set)
    for item in evidence.quarantine:
        assert item.reason == "conflict"
        refused[item.event_id].add(AcceptedEvent.FromString(item.payload).event.type)
    assert refused.keys() == other.keys()
    for row in evidence.ledger:
        event = meant[row.event_id]
        if row.event_id not in other:
            assert _as_sent(row, event), row
            continue
        rival = other[row.event_id]
        assert _as_sent(row, event) != _as_sent(row, rival), row
        loser = rival if _as_sent(row, event) else event
        assert refused[row.event_id] == {loser.type}


def the_chain_is_whole(evidence: Evidence) -> None:
    """8, as far as a crash could break it: positions are dense, and each hash follows from what it covers."""
    positions = [row.position for row in evidence.ledger]
    assert positions == list(range(1, len(positions) + 1))
    for row in evidence.ledger:
        assert row.entry_hash == _entry_hash(row), row
    hashes = [row.entry_hash for row in evidence.ledger]
    previous, start = bytes(32), 0
    for block in evidence.blocks:
        covered = b"".join(hashes[start : block.last_position])
        assert covered, "a block without entries"
        previous = hashlib.sha256(previous + covered).digest()
        assert block.hash == previous, f"block up to {block.last_position}"
        start = block.last_position
    assert start == len(hashes)
    assert (evidence.head.last_position, evidence.head.hash) == (start, previous)
    assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(evidence.ledger))


def snapshots_are_folds_of_the_ledger(evidence: Evidence, rules: SimpleRules) -> None:
    """3 and 4. Each lead's score, stage and counts follow from its ledger entries alone."""
    entries = _by_lead(evidence.ledger)
    assert {row.lead_id for row in evidence.snapshots} == set(entries)
    for row in evidence.snapshots:
        history = entries[row.lead_id]
        score = _fold(history, rules)
        newest = max(history, key=_position)
        assert (row.score, row.stage) == (score, _stage(score, rules)), row
        assert row.event_count == len(history), row
        assert (row.last_occurred_at, row.last_event_id) == _position(newest), row


def every_version_is_one_change(evidence: Evidence, rules: SimpleRules) -> None:
    """5. A lead's versions are 1, 2, 3 ...; each is one entry of the ledger, scored with all that came before it."""
    by_id = {row.event_id: row for row in evidence.ledger}
    snapshots = {row.lead_id: row for row in evidence.snapshots}
    known: dict[str, list[LedgerRow]] = defaultdict(list)
    scores: dict[str, int] = defaultdict(int)
    for change in evidence.changes:
        history = known[change.lead_id]
        assert change.cause == "event", change
        assert change.version == len(history) + 1, change
        assert change.event_id is not None
        entry = by_id.pop(change.event_id)
        assert entry.lead_id == change.lead_id, change
        history.append(entry)
        assert change.previous_score == scores[change.lead_id], change
        score = _fold(history, rules)
        assert (change.score, change.stage) == (score, _stage(score, rules)), change
        assert change.previous_stage == _stage(change.previous_score, rules), change
        scores[change.lead_id] = score
    assert by_id == {}, "entries without a change"
    for lead_id, row in snapshots.items():
        assert (row.version, row.score) == (len(known[lead_id]), scores[lead_id]), row


def every_change_is_published_once_in_order(evidence: Evidence) -> None:
    """5, as others see it: the stream has exactly the changes of the audit trail, a lead's in version order."""
    assert evidence.outbox == 0
    published = defaultdict(list)
    for message in evidence.messages:
        change = message.change
        token = hashlib.sha256(change.lead_id.encode()).hexdigest()[:32]
        assert message.subject == f"scores.{evidence.project_id}.{token}"
        assert message.message_id == f"{message.subject}:{change.version}"
        published[change.lead_id].append(
            (
                change.version,
                change.event_id,
                round(change.previous_score * MILLI),
                round(change.score * MILLI),
                change.previous_stage,
                change.stage,
            )
        )
    made = defaultdict(list)
    for row in evidence.changes:
        made[row.lead_id].append(
            (
                row.version,
                row.event_id,
                row.previous_score,
                row.score,
                row.previous_stage,
                row.stage,
            )
        )
    assert published == made


def the_watcher_saw_every_change_once(evidence: Evidence, watched: Sequence[ScoreChange]) -> None:
    """6. Streams that broke and were resumed make up the stream as it is: no gap, no repetition, in order."""
    seen = [(change.lead_id, change.version) for change in watched]
    published = [(message.change.lead_id, message.change.version) for message in evidence.messages]
    repeated = [one for one, times in Counter(seen).items() if times > 1]
    assert repeated == []
    assert set(published) - set(seen) == set(), "missed"
    assert seen == published
    assert list(watched) == [message.change for message in evidence.messages]


def _as_sent(row: LedgerRow, event: SentEvent) -> bool:
    return (row.type, row.subject, row.occurred_at) == (
        event.type,
        event.subject,
        event.occurred_at,
    )


def _by_lead(ledger: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    entries = defaultdict(list)
    for row in ledger:
        entries[row.lead_id].append(row)
    return entries


def _position(row: LedgerRow) -> tuple[object, str]:
    return (row.occurred_at, row.event_id)


def _fold(history: Sequence[LedgerRow], rules: SimpleRules) -> int:
    """Milli-points, from nothing."""
    score = 0
    for row in sorted(history, key=_position):
        for rule in rules.rules:
            if rule.event_type in (row.type, "*"):
                score += round(rule.points * MILLI)
                score = max(score, round(rules.min_score * MILLI))
                score = min(score, round(rules.max_score * MILLI))
    return score


def _stage(score: int, rules: SimpleRules) -> str:
    reached = [name for name, least in rules.stages if score >= least * MILLI]
    return (reached or [rules.stages[0][0]])[-1]


def _entry_hash(row: LedgerRow) -> bytes:
    """As docs/adr/0004 has it: every column with its length before it, then the payload's hash."""
    columns = (
        row.project_id,
        str(row.position),
        row.event_id,
        row.subject,
        row.type,
        row.occurred_at.astimezone(UTC).isoformat(),
        row.recorded_at.astimezone(UTC).isoformat(),
        row.source,
        row.properties,
    )
    content = b"".join(len(raw).to_bytes(4, "big") + raw for raw in map(str.encode, columns))
    return hashlib.sha256(content + row.payload_hash).digest()
