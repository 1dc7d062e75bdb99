"""What the suite left behind, read past all of its code: rows as Postgres's superuser, messages from the broker. Only
what is in quarantine is read as its owner sees it, through QuarantineService."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nats
import psycopg
from psycopg.rows import class_row

from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1 import quarantine_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from stack import Stack
from tests.support.grpc_calls import Keyed, channel
from tests.support.projects import TestProject

MESSAGE_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class LedgerRow:
    project_id: str
    event_id: str
    position: int
    subject: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    properties: str
    payload_hash: bytes
    entry_hash: bytes
    lead_id: str


@dataclass(frozen=True)
class SnapshotRow:
    lead_id: str
    score: int
    stage: str
    version: int
    event_count: int
    last_occurred_at: datetime | None
    last_event_id: str | None


@dataclass(frozen=True)
class ChangeRow:
    lead_id: str
    version: int
    cause: str
    event_id: str | None
    previous_score: int
    score: int
    previous_stage: str
    stage: str


@dataclass(frozen=True)
class BlockRow:
    last_position: int
    hash: bytes


@dataclass(frozen=True)
class QuarantineItem:
    event_id: str
    reason: str
    payload: bytes


@dataclass(frozen=True)
class Message:
    """A message of the SCORES stream."""

    subject: str
    message_id: str
    change: ScoreChange


@dataclass(frozen=True)
class Evidence:
    """Everything there is of a project."""

    project_id: str
    ledger: Sequence[LedgerRow]
    """By position."""
    blocks: Sequence[BlockRow]
    """By position."""
    head: BlockRow
    snapshots: Sequence[SnapshotRow]
    changes: Sequence[ChangeRow]
    """By lead and version."""
    quarantine: Sequence[QuarantineItem]
    outbox: int
    messages: Sequence[Message]
    """In the order of the stream."""


_LEDGER = """
SELECT l.project_id, l.event_id, l.position, l.subject, l.type, l.occurred_at, l.recorded_at, l.source,
       l.properties::text AS properties, l.payload_hash, l.entry_hash, s.lead_id
FROM scoring.ledger l JOIN scoring.subjects s USING (project_id, subject)
WHERE l.project_id = %s ORDER BY l.position
"""
_SNAPSHOTS = """
SELECT lead_id, score, stage, version, event_count, last_occurred_at, last_event_id
FROM scoring.snapshots WHERE project_id = %s ORDER BY lead_id
"""
_CHANGES = """
SELECT lead_id, version, cause, event_id, previous_score, score, previous_stage, stage
FROM scoring.score_changes WHERE project_id = %s ORDER BY lead_id, version
"""
_BLOCKS = "SELECT last_position, hash FROM scoring.ledger_blocks WHERE project_id = %s ORDER BY 1"
_HEAD = "SELECT last_position, hash FROM scoring.ledger_heads WHERE project_id = %s"


async def gather(stack: Stack, project: TestProject) -> Evidence:
    """Read everything."""
    project_id = project.project_id

    def rows(kind: Any, query: str) -> list[Any]:
        with database.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query.encode(), [project_id]).fetchall()

    with psycopg.connect(stack.superuser_url) as database:
        (head,) = rows(BlockRow, _HEAD)
        outbox = database.execute("SELECT count(*) FROM scoring.outbox").fetchone()
        assert outbox is not None
        return Evidence(
            project_id=project_id,
            ledger=rows(LedgerRow, _LEDGER),
            blocks=rows(BlockRow, _BLOCKS),
            head=head,
            snapshots=rows(SnapshotRow, _SNAPSHOTS),
            changes=rows(ChangeRow, _CHANGES),
            quarantine=quarantined(stack, project),
            outbox=outbox[0],
            messages=await _messages(stack, project_id),
        )


def quarantined(stack: Stack, project: TestProject) -> list[QuarantineItem]:
    """What is in quarantine, with its bytes."""
    with channel(stack.service_target("ingest")) as opened:
        stub = Keyed(quarantine_service_pb2_grpc.QuarantineServiceStub(opened), project.api_key)
        listed = stub.ListQuarantined(pb.ListQuarantinedRequest(page_size=1_000))
        assert not listed.next_page_token, "more than one page"
        found = []
        for one in listed.items:
            item = stub.GetQuarantined(pb.GetQuarantinedRequest(item_id=one.item_id)).item
            reason = pb.QuarantineReason.Name(item.reason).removeprefix("QUARANTINE_REASON_")
            found.append(QuarantineItem(item.event_id, reason.lower(), item.payload))
        return found


def count_quarantined(stack: Stack, project: TestProject) -> int:
    """Items in quarantine."""
    with channel(stack.service_target("ingest")) as opened:
        stub = Keyed(quarantine_service_pb2_grpc.QuarantineServiceStub(opened), project.api_key)
        counts = stub.CountQuarantined(pb.CountQuarantinedRequest()).counts
        return sum(one.item_count for one in counts)


def count(stack: Stack, table: str, project_id: str) -> int:
    """Rows of a table of scoring that belong to the project."""
    with psycopg.connect(stack.superuser_url) as database:
        query = f"SELECT count(*) FROM scoring.{table} WHERE project_id = %s"
        row = database.execute(query.encode(), [project_id]).fetchone()
    assert row is not None
    return int(row[0])


async def _messages(stack: Stack, project_id: str) -> list[Message]:
    connection = await nats.connect(stack.nats_url)
    try:
        subscription = await connection.jetstream().subscribe(
            f"scores.{project_id}.>", stream="SCORES", ordered_consumer=True
        )
        found = []
        while True:
            message = await subscription.next_msg(timeout=MESSAGE_TIMEOUT_S)
            found.append(
                Message(
                    message.subject,
                    (message.headers or {}).get("Nats-Msg-Id", ""),
                    ScoreChange.FromString(message.data),
                )
            )
            if message.metadata.num_pending == 0:
                return found
    finally:
        await connection.close()
