"""What callers read: leads, pages of leads, timelines, audit trails. Part of the store; no writes here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import rows
from services.scoring.domain.identity import LEAD_PREFIX
from services.scoring.domain.model import Entry
from services.scoring.ports import (
    ChangeFilter,
    LeadFilter,
    LeadView,
    RecordedChange,
    RecordedEvent,
)
from services.scoring.tables import leads, score_changes, snapshots, subjects
from services.shared.turns import Turns

_SNAPSHOT = [snapshots.c[name] for name in rows.SNAPSHOT_COLUMNS.split(", ")]
_CHANGE = [score_changes.c[name] for name in rows.CHANGE_COLUMNS.split(", ")]
_PROFILE = [leads.c[name] for name in rows.PROFILE_COLUMNS.split(", ")]

_SCORED = sa.join(
    leads,
    snapshots,
    sa.and_(snapshots.c.project_id == leads.c.project_id, snapshots.c.lead_id == leads.c.lead_id),
)

# Leads without events come last among the newest and first among the oldest.
_NEVER: sa.ColumnElement[Any] = sa.literal_column("'-infinity'::timestamptz")

_ANY_CASE = "pg_c_utf8"
"""Knows the case of every letter, on any server; the database's own collation need not."""

_ORDERS: dict[str, sa.ColumnElement[Any]] = {
    "lead_id": leads.c.lead_id,
    "score": snapshots.c.score,
    "last_event_time": sa.func.coalesce(snapshots.c.last_occurred_at, _NEVER),
    "create_time": leads.c.created_at,
}

STAGE_COUNTS = "SELECT stage, count(*) FROM snapshots WHERE project_id = %s AND merged_into = '' GROUP BY stage"

SCORE_CHANGES = f"""
    SELECT {rows.CHANGE_COLUMNS} FROM score_changes
    WHERE project_id = %s AND lead_id = %s AND version > %s ORDER BY version LIMIT %s
"""

_RECORDED_EVENTS = """
    SELECT event_id, type, occurred_at, properties, source, recorded_at
    FROM ledger WHERE project_id = %s AND event_id = ANY(%s)
"""

_P = ", ".join(f"l.{column}" for column in rows.PROFILE_COLUMNS.split(", "))
_S = ", ".join(f"s.{column}" for column in rows.SNAPSHOT_COLUMNS.split(", "))
_VIEW = f"""
    SELECT {_P}, {_S}, s.updated_at,
           array(SELECT subject FROM subjects u
                 WHERE u.project_id = l.project_id AND u.lead_id = l.lead_id ORDER BY subject)
    FROM leads l JOIN snapshots s USING (project_id, lead_id)
    WHERE l.project_id = %s
"""
# The id of a lead that was merged is a reference of the lead it is in now.
_VIEW_BY_ID = (
    _VIEW
    + """
    AND l.lead_id = coalesce(
        (SELECT lead_id FROM subjects WHERE project_id = %s AND subject = %s), %s)
"""
)
_VIEW_BY_SUBJECT = (
    _VIEW
    + " AND l.lead_id = (SELECT lead_id FROM subjects WHERE project_id = l.project_id AND subject = %s)"
)


async def find_lead(
    cursor: psycopg.AsyncCursor[tuple[Any, ...]], project_id: str, subject: str
) -> LeadView | None:
    """The lead a subject belongs to."""
    if subject.startswith(LEAD_PREFIX):
        values = (project_id, project_id, subject, subject.removeprefix(LEAD_PREFIX))
        await cursor.execute(_VIEW_BY_ID, values)
    else:
        await cursor.execute(_VIEW_BY_SUBJECT, (project_id, subject))
    found = await cursor.fetchone()
    return _view(found) if found else None


async def list_leads(
    connection: AsyncConnection, project_id: str, which: LeadFilter, limit: int
) -> list[LeadView]:
    """A page of leads in the order asked for; equal values in order of lead id."""
    order = _ORDERS[which.order]
    identities = (
        sa.select(sa.func.array_agg(sa.text("subject ORDER BY subject")))
        .select_from(subjects)
        .where(subjects.c.project_id == leads.c.project_id, subjects.c.lead_id == leads.c.lead_id)
        .scalar_subquery()
    )
    query = (
        sa.select(*_PROFILE, *_SNAPSHOT, snapshots.c.updated_at, identities)
        .select_from(_SCORED)
        .where(leads.c.project_id == project_id, snapshots.c.project_id == project_id)
        .order_by(order.desc() if which.descending else order.asc(), leads.c.lead_id)
        .limit(limit)
    )
    for condition in _conditions(which):
        query = query.where(condition)
    return [_view(tuple(row)) for row in await connection.execute(query)]


async def count_leads(connection: AsyncConnection, project_id: str, which: LeadFilter) -> int:
    """How many leads the filter lets through."""
    query = (
        sa.select(sa.func.count())
        .select_from(_SCORED)
        .where(leads.c.project_id == project_id, snapshots.c.project_id == project_id)
    )
    for condition in _conditions(replace(which, after=None)):
        query = query.where(condition)
    count: int = (await connection.execute(query)).scalar_one()
    return count


async def lead_ids(
    connection: AsyncConnection, project_id: str, which: LeadFilter, after: str, limit: int
) -> list[str]:
    """Ids of the next leads that the filter lets through, in their order."""
    query = (
        sa.select(leads.c.lead_id)
        .select_from(_SCORED)
        .where(
            leads.c.project_id == project_id,
            snapshots.c.project_id == project_id,
            leads.c.lead_id > after,
        )
        .order_by(leads.c.lead_id)
        .limit(limit)
    )
    for condition in _conditions(replace(which, after=None)):
        query = query.where(condition)
    return list((await connection.execute(query)).scalars())


async def project_score_changes(
    connection: AsyncConnection, project_id: str, which: ChangeFilter, limit: int
) -> list[RecordedChange]:
    """A page of a project's changes."""
    order = (score_changes.c.changed_at, score_changes.c.lead_id, score_changes.c.version)
    query = (
        sa.select(*_CHANGE)
        .where(score_changes.c.project_id == project_id, score_changes.c.changed_at < which.until)
        .order_by(*order)
        .limit(limit)
    )
    if which.since is not None:
        query = query.where(score_changes.c.changed_at >= which.since)
    if which.after is not None:
        query = query.where(sa.tuple_(*order) > sa.tuple_(*which.after))
    if which.causes:
        query = query.where(score_changes.c.cause.in_([cause.value for cause in which.causes]))
    if which.lead_ids:
        query = query.where(score_changes.c.lead_id.in_(which.lead_ids))
    found = await connection.execute(query)
    turns = Turns()
    changes = []
    for row in found:
        changes.append(rows.recorded_change(tuple(row)))
        await turns.give()
    return changes


async def recorded_events(
    cursor: psycopg.AsyncCursor[tuple[Any, ...]], project_id: str, event_ids: Sequence[str]
) -> dict[str, RecordedEvent]:
    """Ledger entries by event id."""
    await cursor.execute(_RECORDED_EVENTS, (project_id, list(event_ids)))
    return {
        columns[0]: RecordedEvent(Entry(*columns[:5]), columns[5])
        for columns in await cursor.fetchall()
    }


def _conditions(which: LeadFilter) -> list[sa.ColumnElement[bool]]:
    # One that was merged into another is a lead no more.
    conditions: list[sa.ColumnElement[bool]] = [snapshots.c.merged_into == ""]
    if which.stages:
        conditions.append(snapshots.c.stage.in_(which.stages))
    if which.min_score is not None:
        conditions.append(snapshots.c.score >= which.min_score)
    if which.max_score is not None:
        conditions.append(snapshots.c.score <= which.max_score)
    if which.query:
        searched = (leads.c.lead_id, leads.c.email, leads.c.display_name, leads.c.company)
        conditions.append(
            sa.or_(
                *(
                    sa.collate(column, _ANY_CASE).icontains(which.query, autoescape=True)
                    for column in searched
                )
            )
        )
    newest = _ORDERS["last_event_time"]
    if which.last_event_from is not None:
        conditions.append(newest >= which.last_event_from)
    if which.last_event_until is not None:
        conditions += [newest < which.last_event_until, newest > _NEVER]
    if which.after is not None:
        value, lead_id = which.after
        order = _ORDERS[which.order]
        limit = _NEVER if value is None else sa.bindparam("after", value, order.type)
        # The first by itself, so that an index is entered there instead of being read from its beginning.
        conditions.append(order <= limit if which.descending else order >= limit)
        conditions.append(sa.or_(order != limit, leads.c.lead_id > lead_id))
    return conditions


def _view(columns: tuple[Any, ...]) -> LeadView:
    profile = rows.profile(columns[:9])
    # Under the rules that gave the score, also where the state is of an older form.
    snapshot = replace(rows.snapshot(columns[9:23]), activation=columns[15])
    scored_at, found_subjects = columns[23:]
    return LeadView(profile, snapshot, tuple(found_subjects or ()), scored_at)
