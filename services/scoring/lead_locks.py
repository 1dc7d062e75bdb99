"""Leads as a transaction finds, makes and locks them. What the process remembers of them is used as far as the database
confirms it. Part of the store's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import rows
from services.scoring import statements as sql
from services.scoring.domain.identity import email_of, lead_id_of
from services.scoring.domain.lead import RulesInForce, Snapshot, new_snapshot
from services.scoring.known_leads import KnownLeads
from services.scoring.ledger_writes import LedgerWrites
from services.scoring.ports import NOTHING, LeadKey, SubjectKey

SNAPSHOT_WIDTH = 2 + len(rows.SNAPSHOT_COLUMNS.split(", "))
"""Project id, lead id and the columns of a snapshot."""


class LeadLocks(LedgerWrites):
    """See ports.Transaction."""

    def __init__(
        self,
        connection: AsyncConnection,
        cursor: psycopg.AsyncCursor[tuple[Any, ...]],
        known: KnownLeads,
    ) -> None:
        super().__init__(connection, cursor)
        self._known = known
        self._written_by: str | None = None
        """This transaction, as rows that it writes will name it; None before it has locked any."""
        self._moves: dict[str, int] = {}
        """Moves of the projects' references as they were before any was looked up."""
        self._moves_when_locked: dict[str, int] = {}
        self._looked_up = False
        self._made_some = False
        """Whether there may be references that only this transaction sees, and nobody if it is rolled back."""

    async def leads_of(
        self,
        subjects: Iterable[SubjectKey],
        rules: Mapping[str, RulesInForce],
        now: datetime,
        attached: Mapping[SubjectKey, str] = NOTHING,
    ) -> dict[SubjectKey, LeadKey]:
        wanted = sorted(set(subjects))
        found = self._remembered(wanted)
        found |= await self._leads_by_subject([key for key in wanted if key not in found])
        unknown = [key for key in wanted if key not in found]
        if unknown or attached:
            made = {key: lead_id_of(key[1]) for key in unknown}
            await self.attach({**made, **attached}, rules, now)
            found |= await self._leads_by_subject(unknown)
        return found

    async def homes_of(self, subjects: Iterable[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        self._looked_up = True
        return await super().homes_of(subjects)

    async def moved(self, homes: Mapping[SubjectKey, LeadKey]) -> bool:
        projects = {project_id for project_id, _ in homes}
        if all(
            project_id in self._moves
            and self._moves[project_id] == self._moves_when_locked.get(project_id)
            for project_id in projects
        ):
            return False
        return await super().moved(homes)

    async def attach(
        self,
        references: Mapping[SubjectKey, str],
        rules: Mapping[str, RulesInForce],
        now: datetime,
    ) -> None:
        self._made_some = True
        wanted = sorted((*subject, lead_id) for subject, lead_id in references.items())
        # Subjects first: one that another transaction links elsewhere meanwhile must not leave a lead behind.
        added = await self._add_subjects(wanted, now)
        emails: dict[LeadKey, str] = {}
        for project, subject, lead_id in added:
            # Two subjects may stand for one lead: an address, and the id that was derived from it.
            key = (project, lead_id)
            emails[key] = email_of(subject) or emails.get(key, "")
        leads = sorted((*key, email) for key, email in emails.items())
        await self._cursor.execute(sql.ADD_LEADS, (now, now, *rows.arrays(leads, 3)))
        await self._add_snapshots(
            [
                (project, lead_id, *rows.snapshot_columns(new_snapshot(rules[project])))
                for project, lead_id, _ in leads
            ],
            now,
        )

    async def lock(self, leads: Iterable[LeadKey], wait: bool = True) -> dict[LeadKey, Snapshot]:
        wanted = sorted(set(leads))
        projects = sorted({project_id for project_id, _ in wanted})
        # The moves once the leads are locked: then no reference of theirs moves any more.
        locked, moves = await self._fetch_together(
            (sql.LOCK_SNAPSHOTS if wait else sql.LOCK_FREE_SNAPSHOTS, rows.arrays(wanted, 2)),
            (sql.MOVES, [projects]),
        )
        self._moves_when_locked.update(moves)
        found: dict[LeadKey, Snapshot | None] = {}
        for project_id, lead_id, version, written_by, self._written_by in locked:
            key = (project_id, lead_id)
            found[key] = self._known.snapshot(key, written_by, version)
        unknown = [key for key, snapshot in found.items() if snapshot is None]
        if unknown:
            found.update(await self.snapshots_of(unknown))
        return {key: snapshot for key, snapshot in found.items() if snapshot is not None}

    async def lock_next(self, project_id: str, after: str, limit: int) -> dict[LeadKey, Snapshot]:
        return _snapshots(await self._fetch(sql.LOCK_NEXT_SNAPSHOTS, project_id, after, limit))

    def _note_moves_so_far(self, project_id: str, moves: int) -> None:
        if not self._looked_up:
            self._moves.setdefault(project_id, moves)

    def _remember(self, key: LeadKey, snapshot: Snapshot, state_length: int) -> None:
        if self._written_by is not None:
            self._known.remember_snapshot(key, self._written_by, snapshot, state_length)

    def _remembered(self, subjects: Iterable[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        found: dict[SubjectKey, LeadKey] = {}
        for key in subjects:
            project_id = key[0]
            moves = self._moves.get(project_id)
            lead_id = None if moves is None else self._known.lead_of(key, moves)
            if lead_id is not None:
                found[key] = (project_id, lead_id)
        return found

    async def _leads_by_subject(self, subjects: Sequence[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        if not subjects:
            return {}
        read = await self._fetch(sql.LEADS_BY_SUBJECT, *rows.arrays(subjects, 2))
        for project_id, subject, lead_id in read:
            if not self._made_some and project_id in self._moves:
                moves = self._moves[project_id]
                self._known.remember_lead((project_id, subject), moves, lead_id)
        return {(project, subject): (project, lead_id) for project, subject, lead_id in read}

    async def _add_snapshots(self, snapshots: Sequence[tuple[Any, ...]], now: datetime) -> None:
        await self._cursor.execute(
            sql.ADD_SNAPSHOTS, (now, *rows.arrays(snapshots, SNAPSHOT_WIDTH))
        )


def _snapshots(found: Sequence[tuple[Any, ...]]) -> dict[LeadKey, Snapshot]:
    return {(columns[0], columns[1]): rows.snapshot(columns[2:]) for columns in found}
