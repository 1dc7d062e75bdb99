"""Candidates in Postgres: what may set automations off and is to be held against the lead's facts. Claimed for the time
of a lease, and decided; what is decided to act is an execution from then on (automation_queue.py)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.automation_ports import Candidate, Firing
from services.notify.automation_queue import AUTOMATIONS_AT_ONCE, find, note_firings, share
from services.notify.automation_rows import Definitions
from services.notify.domain.automations import Automation
from services.notify.tables import automation_candidates, automation_next_actions, automations
from services.shared.db import Database

CANDIDATES_AT_ONCE = 32
"""Of one automation in one claim: looking costs scoring two calls each."""

_DUE_CANDIDATES = sa.text("""
    SELECT a.automation_id FROM automations a
    WHERE NOT a.disabled AND EXISTS (
        SELECT FROM automation_candidates c WHERE c.automation_id = a.automation_id AND c.due_at <= :now
    )
    ORDER BY random() LIMIT :automations
""")

_CLAIM_CANDIDATES = sa.text("""
    WITH due AS (
        SELECT l.* FROM unnest(CAST(:automation_ids AS text[])) AS a (automation_id)
        CROSS JOIN LATERAL (
            SELECT c.automation_id, c.lead_id, c.moment FROM automation_candidates c
            WHERE c.automation_id = a.automation_id AND c.due_at <= :now
            ORDER BY c.due_at LIMIT :each
            FOR UPDATE SKIP LOCKED
        ) l
        LIMIT :candidates
    )
    UPDATE automation_candidates c SET due_at = :until, claim = claim + 1
    FROM due WHERE c.automation_id = due.automation_id AND c.lead_id = due.lead_id AND c.moment = due.moment
    RETURNING c.*
""")

# One statement for all: there may be as many as automations times changes.
_NOTE = sa.text("""
    INSERT INTO automation_candidates (
        automation_id, lead_id, moment, version, change, triggered_at, created_at, due_at, claim
    )
    SELECT n.*, :now, :now, 0
    FROM unnest(
        CAST(:automation_ids AS text[]), CAST(:lead_ids AS text[]), CAST(:moments AS text[]),
        CAST(:versions AS integer[]), CAST(:changes AS bytea[]), CAST(:times AS timestamptz[])
    ) AS n
    ON CONFLICT DO NOTHING
""")


class PostgresCandidates:
    """An automation_ports.Candidates."""

    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def claim(
        self, limit: int, lease: timedelta, now: datetime
    ) -> list[tuple[Automation, Candidate]]:
        async with self._database.begin() as connection:
            wanted = {"now": now, "automations": AUTOMATIONS_AT_ONCE}
            automation_ids = list(await connection.scalars(_DUE_CANDIDATES, wanted))
            if not automation_ids:
                return []
            taking = {
                "automation_ids": automation_ids,
                "now": now,
                "until": now + lease,
                "each": CANDIDATES_AT_ONCE,
                "candidates": limit,
            }
            found = (await connection.execute(_CLAIM_CANDIDATES, taking)).all()
            opened = await find(
                connection, self._definitions, automations.c.automation_id.in_(automation_ids)
            )
        return [
            (
                opened[row.automation_id],
                Candidate(
                    row.automation_id,
                    row.lead_id,
                    row.moment,
                    row.version,
                    row.change,
                    row.triggered_at,
                    row.claim,
                ),
            )
            for row in found
            if row.automation_id in opened
        ]

    async def next_action(self, automation_id: str, lead_id: str) -> str | None:
        kept = automation_next_actions.c
        own = sa.and_(kept.automation_id == automation_id, kept.lead_id == lead_id)
        async with self._database.begin() as connection:
            found: str | None = await connection.scalar(sa.select(kept.next_action).where(own))
            return found

    async def decide(
        self,
        candidate: Candidate,
        firing: Firing | None,
        now: datetime,
        next_actions: tuple[str | None, str] | None = None,
    ) -> bool:
        done = (
            sa.delete(automation_candidates)
            .where(_held(candidate))
            .returning(automation_candidates.c.moment)
        )
        try:
            async with self._database.begin() as connection:
                # First of all: a removed automation takes what it may note with it.
                await share(connection, [candidate.automation_id])
                if next_actions is not None:
                    await _see(connection, candidate, *next_actions)
                if (await connection.execute(done)).one_or_none() is None:
                    raise _Outrun
                if firing is not None:
                    await note_firings(connection, [firing], now)
        except _Outrun:
            return False
        return True

    async def put_off(self, candidate: Candidate, until: datetime) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                sa.update(automation_candidates).where(_held(candidate)).values(due_at=until)
            )

    async def forget(self, before: datetime, limit: int) -> int:
        waiting = automation_candidates.c
        forgotten = (
            sa.delete(automation_candidates)
            .where(
                sa.tuple_(waiting.automation_id, waiting.lead_id, waiting.moment).in_(
                    sa.select(waiting.automation_id, waiting.lead_id, waiting.moment)
                    .where(waiting.created_at < before)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
            )
            .returning(waiting.moment)
        )
        async with self._database.begin() as connection:
            return len((await connection.execute(forgotten)).all())


async def note_candidates(
    connection: AsyncConnection, candidates: Sequence[Candidate], now: datetime
) -> None:
    """Have candidates looked at, each once."""
    noted = {
        "automation_ids": [one.automation_id for one in candidates],
        "lead_ids": [one.lead_id for one in candidates],
        "moments": [one.moment for one in candidates],
        "versions": [one.version for one in candidates],
        "changes": [one.change for one in candidates],
        "times": [one.trigger_time for one in candidates],
        "now": now,
    }
    await connection.execute(_NOTE, noted)


class _Outrun(Exception):
    """Somebody else was faster."""


async def _see(
    connection: AsyncConnection, candidate: Candidate, before: str | None, after: str
) -> None:
    kept = automation_next_actions.c
    own = sa.and_(kept.automation_id == candidate.automation_id, kept.lead_id == candidate.lead_id)
    values = {"next_action": after}
    if before is None:
        added = insert(automation_next_actions).values(
            automation_id=candidate.automation_id, lead_id=candidate.lead_id, **values
        )
        seen = await connection.execute(
            added.on_conflict_do_nothing().returning(kept.automation_id)
        )
    else:
        seen = await connection.execute(
            sa.update(automation_next_actions)
            .where(own, kept.next_action == before)
            .values(**values)
            .returning(kept.automation_id)
        )
    if seen.one_or_none() is None:
        raise _Outrun


def _held(candidate: Candidate) -> sa.ColumnElement[bool]:
    kept = automation_candidates.c
    return sa.and_(
        kept.automation_id == candidate.automation_id,
        kept.lead_id == candidate.lead_id,
        kept.moment == candidate.moment,
        kept.claim == candidate.claim,
    )
