"""Who moved, is newly qualified and at risk, once more in plain Python over plain rows: what the queries must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.shared.db import Database
from tests.support.scoring_subjects import PostgresSubject


@dataclass
class Change:
    version: int
    cause: str
    previous_score: int
    score: int
    previous_stage: str
    stage: str
    at: datetime


@dataclass
class Lead:
    score: int
    stage: str
    risk: str
    changes: list[Change]
    """By version."""


async def leads_of(database: Database, project: str) -> dict[str, Lead]:
    """A project as the tables have it, without merged leads."""
    subject = PostgresSubject(database)
    snapshots = await subject._all(
        "SELECT lead_id, score, stage, risk FROM snapshots"
        " WHERE project_id = :p AND merged_into = ''",
        p=project,
    )
    leads = {row[0]: Lead(*row[1:], []) for row in snapshots}
    changes = await subject._all(
        "SELECT lead_id, version, cause, previous_score, score, previous_stage, stage, occurred_at"
        " FROM score_changes WHERE project_id = :p ORDER BY version",
        p=project,
    )
    for lead_id, *columns, at in changes:
        if lead_id in leads:
            leads[lead_id].changes.append(Change(*columns, at.astimezone(UTC)))
    return leads


Move = tuple[int, int, int, str, str]
"""Score before and after, delta, stage before and after."""


def moves(
    leads: dict[str, Lead], start: datetime, end: datetime, stages: Sequence[str]
) -> dict[str, Move]:
    """The leads that something moved, also those it moved by nothing."""
    found = {}
    for lead_id, lead in leads.items():
        if stages and lead.stage not in stages:
            continue
        before, after = _of_record(lead, start), _of_record(lead, end)
        if after is None or (before is not None and after.version <= before.version):
            continue
        first = before.version if before else 0
        between = [one for one in lead.changes if first < one.version <= after.version]
        delta = sum(
            one.score - one.previous_score
            for one in between
            if one.cause not in ("rules", "replay")
        )
        was = (between[0].previous_score, between[0].previous_stage)
        if before is not None:
            assert was == (before.score, before.stage)
        found[lead_id] = (was[0], after.score, delta, was[1], after.stage)
    return found


def _of_record(lead: Lead, at: datetime) -> Change | None:
    return max(
        (one for one in lead.changes if one.at < at), key=lambda one: one.version, default=None
    )


def newly_qualified(
    leads: dict[str, Lead], start: datetime, end: datetime, stages: Sequence[str]
) -> dict[str, datetime]:
    """When those leads came into the stages that came in that time and never left."""
    found = {}
    for lead_id, lead in leads.items():
        entered = None
        for one in lead.changes:
            if one.stage not in stages:
                entered = None
            elif one.previous_stage not in stages:
                entered = one.at
        if entered is not None and start <= entered < end:
            found[lead_id] = entered
    return found


def at_risk(leads: dict[str, Lead], stages: Sequence[str], risks: Sequence[str]) -> list[str]:
    """The first risk first, then by score."""
    found = [one for one, lead in leads.items() if lead.stage in stages and lead.risk in risks]
    return sorted(found, key=lambda one: (risks.index(leads[one].risk), -leads[one].score, one))
