"""A scoring store under test together with a look behind it, for the store in memory and the one in Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, Protocol

import sqlalchemy as sa

from scoreline.ingest.v1.quarantine_service_pb2 import QuarantineReason
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.scoring import convert, quarantine_conversion, rows
from services.scoring.domain import chain
from services.scoring.domain.course import advance
from services.scoring.domain.lead import RulesInForce, new_snapshot
from services.scoring.domain.model import NO_RULES, Entry, microseconds
from services.scoring.ports import (
    IncomingEvent,
    LeadKey,
    LeadUpdate,
    LeadView,
    Profile,
    Store,
    Transaction,
)
from services.scoring.store import PostgresStore, scores_subject
from services.shared.db import Database
from services.shared.outbox import outbox_messages
from services.shared.publishing import OutgoingMessage
from tests.support.clocks import START
from tests.support.scoring_store import InMemoryStore, LedgerRow

NOW = START + timedelta(hours=1)

NEW = new_snapshot(RulesInForce(0, NO_RULES))
"""Of a lead without events and without rules."""

OutboxRow = tuple[str, int, bytes]
"""Subject, version, payload."""

QuarantineRow = tuple[str, str, bytes, int]
"""Reason, event id, payload, how often seen."""


class Subject(Protocol):
    """What a test may look at besides the port."""

    store: Store

    async def ledger(self, project_id: str) -> list[LedgerRow]:
        """All entries by position, in the order of rows.LEDGER_COLUMNS, properties as text."""
        ...

    async def blocks(self, project_id: str) -> list[tuple[int, bytes]]:
        """Last position and hash of each block of the chain."""
        ...

    async def head(self, project_id: str) -> tuple[int, bytes] | None:
        """Last position and hash of the chain's end."""
        ...

    async def outbox(self, project_id: str, lead_id: str) -> list[OutboxRow]:
        """A lead's changes that wait to be published, in order."""
        ...

    async def quarantined(self, project_id: str) -> list[QuarantineRow]:
        """What could not be scored, as ingest will be told of it, the same counted together."""
        ...


class MemorySubject:
    def __init__(self) -> None:
        self.store = InMemoryStore()

    async def ledger(self, project_id: str) -> list[LedgerRow]:
        found = (row for _, row in self.store.contents.ledger.values() if row[0] == project_id)
        return sorted(found, key=lambda row: row[2])

    async def blocks(self, project_id: str) -> list[tuple[int, bytes]]:
        blocks = self.store.contents.blocks
        return sorted((key[1], block) for key, block in blocks.items() if key[0] == project_id)

    async def head(self, project_id: str) -> tuple[int, bytes] | None:
        found = self.store.contents.heads.get(project_id)
        return found[:2] if found else None

    async def outbox(self, project_id: str, lead_id: str) -> list[OutboxRow]:
        subject = scores_subject(project_id, lead_id)
        return [row for _, row in sorted(self.store.contents.outbox.items()) if row[0] == subject]

    async def quarantined(self, project_id: str) -> list[QuarantineRow]:
        return [
            (one.reason, one.event_id, one.payload, count)
            for one, count in self.store.contents.quarantined.items()
            if one.project_id == project_id
        ]


class PostgresSubject:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = PostgresStore(
            database, convert.encoded_score_change, quarantine_conversion.encoded
        )

    async def ledger(self, project_id: str) -> list[LedgerRow]:
        columns = rows.LEDGER_COLUMNS.replace("properties", "properties::text")
        return await self._all(
            f"SELECT {columns} FROM ledger WHERE project_id = :p ORDER BY position", p=project_id
        )

    async def blocks(self, project_id: str) -> list[tuple[int, bytes]]:
        query = (
            "SELECT last_position, hash FROM ledger_blocks WHERE project_id = :p"
            " ORDER BY last_position"
        )
        return [(row[0], bytes(row[1])) for row in await self._all(query, p=project_id)]

    async def head(self, project_id: str) -> tuple[int, bytes] | None:
        query = "SELECT last_position, hash FROM ledger_heads WHERE project_id = :p"
        found = await self._all(query, p=project_id)
        return (found[0][0], bytes(found[0][1])) if found else None

    async def outbox(self, project_id: str, lead_id: str) -> list[OutboxRow]:
        subject = scores_subject(project_id, lead_id)
        return [
            (one.subject, int(str(one.message_id).removeprefix(f"{subject}:")), one.payload)
            for one in await self._waiting("outbox")
            if one.subject == subject
        ]

    async def quarantined(self, project_id: str) -> list[QuarantineRow]:
        counted: dict[tuple[str, str, bytes], int] = {}
        for one in await self._waiting("quarantine_outbox"):
            if not one.subject.startswith(f"quarantine.{project_id}."):
                continue
            said = QuarantinedMessage.FromString(one.payload)
            name = QuarantineReason.Name(said.reason).removeprefix("QUARANTINE_REASON_").lower()
            same = (name, said.event_id, said.payload)
            counted[same] = counted.get(same, 0) + 1
        return [(*one, times) for one, times in counted.items()]

    async def _waiting(self, table: str) -> list[OutgoingMessage]:
        async with self.database.begin() as connection:
            rows = await connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY id"))
            return [message for row in rows for message in outbox_messages(row)]

    async def _all(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self.database.begin() as connection:
            return [tuple(row) for row in await connection.execute(sa.text(query), values)]


async def histories(tx: Transaction, leads: Iterable[LeadKey]) -> dict[LeadKey, list[Entry]]:
    """All ledger entries of each lead, retractions first, then in event time."""
    found: dict[LeadKey, list[Entry]] = {key: [] for key in leads}
    async for key, entries in tx.histories_of(found):
        found[key] += entries
    return found


async def score(tx: Transaction, events: Sequence[IncomingEvent], replay: bool = False) -> None:
    """What the handlers do with new events, without their decisions."""
    rules = await tx.rules_in_force({event.project_id for event in events})
    leads = await tx.leads_of(((e.project_id, e.subject) for e in events), rules, NOW)
    snapshots = await tx.lock(leads.values())
    known = await histories(tx, snapshots) if replay else {}
    for key, snapshot in snapshots.items():
        own = [e.entry for e in events if leads[(e.project_id, e.subject)] == key]
        history = known.get(key, ())
        update = advance(snapshot, rules[key[0]], history, own, microseconds(NOW))
        await tx.save([LeadUpdate(key, *update)], NOW)
    await tx.append(events, NOW)


async def apply(subject: Subject, events: Sequence[IncomingEvent], replay: bool = False) -> None:
    async with subject.store.begin() as tx:
        await score(tx, events, replay)


def profile(project: str, lead_id: str = "ada", **changes: object) -> Profile:
    made = Profile(project, lead_id, "", "Ada", "Engines", {"n": 1}, 1, START, START)
    return replace(made, **changes)  # type: ignore[arg-type]


async def find(subject: Subject, project: str, lead_id: str = "ada") -> LeadView | None:
    async with subject.store.begin() as tx:
        return await tx.find_lead(project, f"lead:{lead_id}")


async def assert_chain(subject: Subject, project: str, ends: list[int]) -> None:
    """The chain recomputed from the rows is the one kept."""
    names = rows.LEDGER_COLUMNS.split(", ")
    hashes = []
    for row in await subject.ledger(project):
        columns = dict(zip(names, row, strict=True))
        digest = chain.entry_hash(
            event_type=columns.pop("type"),
            **{name: columns[name] for name in columns if name != "entry_hash"},
        )
        assert digest == columns["entry_hash"]
        hashes.append(digest)
    previous, blocks = chain.GENESIS, []
    for start, end in pairwise([0, *ends]):
        previous = chain.block_hash(previous, hashes[start:end])
        blocks.append((end, previous))
    assert await subject.blocks(project) == blocks
    assert await subject.head(project) == blocks[-1]
