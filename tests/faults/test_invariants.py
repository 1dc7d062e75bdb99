"""The checker itself: what a sound suite leaves behind passes, and each way to be unsound is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.scoring.domain import chain
from services.scoring.domain.course import advance
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.lead import RulesInForce, new_snapshot
from services.scoring.domain.model import MILLI, Bounds, Entry, Rule, RuleSet, Stage
from services.shared.bus import subject_token
from tests.faults.evidence import (
    BlockRow,
    ChangeRow,
    Evidence,
    LedgerRow,
    Message,
    QuarantineItem,
    SnapshotRow,
)
from tests.faults.invariants import check_all
from tests.faults.sending import SentEvent, Shipment
from tests.faults.simple_rules import preset

PROJECT = "p"
AT = datetime(2026, 1, 1, tzinfo=UTC)
RULES = preset()

EVENTS = [
    SentEvent("e1", "signup", "lead:ada", AT + timedelta(hours=2)),
    SentEvent("e2", "purchase", "lead:bob", AT),
    SentEvent("e3", "refund", "lead:ada", AT + timedelta(hours=1)),  # late, and clipped
    SentEvent("e4", "page_view", "email:eve@example.com", AT),
    SentEvent("e5", "page_view", "lead:ada", AT + timedelta(hours=3)),
]
RIVAL = SentEvent("e2", "demo_request", "lead:bob", AT)
SENT = Shipment(events=EVENTS, conflicting=[RIVAL], order=EVENTS)


def sound() -> Evidence:
    """What scoring leaves behind, by its own domain code: two blocks, one conflict."""
    rules = RulesInForce(
        1,
        RuleSet(
            1,
            tuple(Rule(r.rule_id, r.event_type, round(r.points * MILLI)) for r in RULES.rules),
            tuple(Stage(name, round(least * MILLI)) for name, least in RULES.stages),
            Bounds(0, 1_000 * MILLI),
        ),
    )
    ledger = [_ledger_row(number, event) for number, event in enumerate(EVENTS, start=1)]
    first = chain.block_hash(chain.GENESIS, [row.entry_hash for row in ledger[:2]])
    second = chain.block_hash(first, [row.entry_hash for row in ledger[2:]])
    snapshots, changes = {}, []
    histories: dict[str, list[Entry]] = {}
    for row in ledger:
        history = histories.setdefault(row.lead_id, [])
        entry = Entry(row.event_id, row.type, row.occurred_at)
        snapshot = snapshots.get(row.lead_id) or new_snapshot(rules)
        snapshots[row.lead_id], (change,) = advance(snapshot, rules, history, [entry], 0)
        history.append(entry)
        history.sort(key=lambda one: one.position)
        changes.append(
            ChangeRow(
                row.lead_id,
                change.version,
                "event",
                row.event_id,
                change.previous_score,
                change.score,
                change.previous_stage,
                change.stage,
            )
        )
    conflict = AcceptedEvent(project_id=PROJECT)
    conflict.event.type = RIVAL.type
    return Evidence(
        project_id=PROJECT,
        ledger=ledger,
        blocks=[BlockRow(2, first), BlockRow(5, second)],
        head=BlockRow(5, second),
        snapshots=[
            SnapshotRow(
                lead_id,
                found.state.score,
                found.stage,
                found.version,
                found.state.event_count,
                *(found.state.last_position or (None, None)),
            )
            for lead_id, found in sorted(snapshots.items())
        ],
        changes=sorted(changes, key=lambda row: (row.lead_id, row.version)),
        quarantine=[QuarantineItem("e2", "conflict", conflict.SerializeToString())],
        outbox=0,
        messages=[_message(row) for row in changes],
    )


def _ledger_row(position: int, event: SentEvent) -> LedgerRow:
    columns: dict[str, Any] = {
        "project_id": PROJECT,
        "position": position,
        "event_id": event.event_id,
        "subject": event.subject,
        "occurred_at": event.occurred_at,
        "recorded_at": AT + timedelta(days=1),
        "source": "test",
        "properties": '{"text":"é"}',
        "payload_hash": bytes([position]) * 32,
    }
    digest = chain.entry_hash(**columns, event_type=event.type)
    return LedgerRow(
        **columns, type=event.type, entry_hash=digest, lead_id=lead_id_of(event.subject)
    )


def _message(row: ChangeRow) -> Message:
    subject = f"scores.{PROJECT}.{subject_token(row.lead_id)}"
    change = ScoreChange(
        lead_id=row.lead_id,
        version=row.version,
        event_id=row.event_id or "",
        previous_score=row.previous_score / MILLI,
        score=row.score / MILLI,
        previous_stage=row.previous_stage,
        stage=row.stage,
    )
    return Message(subject, f"{subject}:{row.version}", change)


def watched(found: Evidence) -> list[ScoreChange]:
    return [message.change for message in found.messages]


def without(rows: Any, index: int) -> list[Any]:
    return [*rows[:index], *rows[index + 1 :]]


def changed(rows: Any, index: int, **columns: Any) -> list[Any]:
    return [*rows[:index], replace(rows[index], **columns), *rows[index + 1 :]]


UNSOUND: dict[str, Callable[[Evidence], Evidence]] = {
    "an accepted event is lost": lambda e: replace(e, ledger=without(e.ledger, 3)),
    "an event is there twice": lambda e: replace(e, ledger=[*e.ledger, e.ledger[0]]),
    "an event is not as it was sent": lambda e: replace(
        e, ledger=changed(e.ledger, 0, type="page_view")
    ),
    "a conflict left no trace": lambda e: replace(e, quarantine=[]),
    "a good event is in quarantine": lambda e: replace(
        e, quarantine=[*e.quarantine, replace(e.quarantine[0], event_id="e1")]
    ),
    "an entry was altered": lambda e: replace(e, ledger=changed(e.ledger, 1, source="other")),
    "a block was altered": lambda e: replace(e, blocks=changed(e.blocks, 0, hash=bytes(32))),
    "a block is missing": lambda e: replace(e, blocks=e.blocks[:1]),
    "the head is behind": lambda e: replace(e, head=e.blocks[0]),
    "a snapshot is not the fold": lambda e: replace(
        e, snapshots=changed(e.snapshots, 0, score=e.snapshots[0].score + 1)
    ),
    "a snapshot has another stage": lambda e: replace(
        e, snapshots=changed(e.snapshots, 1, stage="cold")
    ),
    "a snapshot counts wrong": lambda e: replace(
        e, snapshots=changed(e.snapshots, 0, event_count=9)
    ),
    "a snapshot is a version ahead": lambda e: replace(
        e, snapshots=changed(e.snapshots, 0, version=9)
    ),
    "a lead has no snapshot": lambda e: replace(e, snapshots=without(e.snapshots, 0)),
    "a version is missing": lambda e: replace(e, changes=without(e.changes, 1)),
    "a change has another score": lambda e: replace(e, changes=changed(e.changes, 2, score=1)),
    "a change does not follow on": lambda e: replace(
        e, changes=changed(e.changes, 2, previous_score=1)
    ),
    "a change is not published": lambda e: replace(e, messages=without(e.messages, 4)),
    "a change is published twice": lambda e: replace(e, messages=[*e.messages, e.messages[0]]),
    "changes are published out of order": lambda e: replace(
        e, messages=[*e.messages[:2], e.messages[4], e.messages[3], e.messages[2]]
    ),
    "something waits to be published": lambda e: replace(e, outbox=1),
}


def test_what_is_sound_passes() -> None:
    found = sound()
    check_all(found, SENT, RULES, watched(found))


@pytest.mark.parametrize("what", UNSOUND)
def test_what_is_unsound_is_found(what: str) -> None:
    found = UNSOUND[what](sound())
    with pytest.raises(AssertionError):
        check_all(found, SENT, RULES, watched(found))


@pytest.mark.parametrize(
    "history",
    [
        lambda seen: seen[1:],
        lambda seen: [*seen[:2], *seen[3:]],
        lambda seen: [*seen, seen[-1]],
        lambda seen: [*seen[:2], seen[3], seen[2], seen[4]],
        lambda seen: [*seen[:4], ScoreChange(lead_id="ada", version=3, score=7)],
    ],
    ids=["missed the first", "gap", "repeated", "out of order", "another change"],
)
def test_a_watcher_that_saw_something_else_is_found(history: Callable[[Any], Any]) -> None:
    found = sound()
    with pytest.raises(AssertionError):
        check_all(found, SENT, RULES, history(watched(found)))
