"""The analytics once more, in plain Python over plain rows, the slow and obvious way: what the queries must give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import Any

from services.shared.db import Database
from tests.support.scoring_subjects import PostgresSubject

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)


@dataclass
class Event:
    lead: str
    event_id: str
    type: str
    at: datetime


@dataclass
class Change:
    lead: str
    version: int
    previous_stage: str
    stage: str
    score: int
    at: datetime


@dataclass
class Lead:
    score: int
    stage: str
    version: int
    company: str
    attributes: dict[str, Any]
    said: dict[str, Any]


@dataclass
class Rows:
    """A project as the tables have it, without merged leads and what is no event of a lead."""

    leads: dict[str, Lead]
    events: list[Event]
    changes: list[Change]

    def first_seen(self, lead: str) -> datetime | None:
        return min((event.at for event in self.events if event.lead == lead), default=None)


async def rows_of(database: Database, project: str) -> Rows:
    subject = PostgresSubject(database)
    snapshots = await subject._all(
        "SELECT n.lead_id, n.merged_into, n.score, n.stage, n.version, l.company, l.attributes,"
        " n.state::json -> 'attributes' FROM snapshots n JOIN leads l USING (project_id, lead_id)"
        " WHERE project_id = :p",
        p=project,
    )
    leads = {row[0]: Lead(*row[2:]) for row in snapshots if row[1] == ""}
    ledger = await subject._all(
        "SELECT s.lead_id, l.event_id, l.type, l.occurred_at, l.properties"
        " FROM ledger l JOIN subjects s USING (project_id, subject) WHERE project_id = :p",
        p=project,
    )
    retracted = {
        (lead, event_id)
        for lead, _, kind, _, properties in ledger
        if kind == "$retraction"
        for event_id in properties["event_ids"]
    }
    events = [
        Event(lead, event_id, kind, at.astimezone(UTC))
        for lead, event_id, kind, at, _ in ledger
        if not kind.startswith("$") and (lead, event_id) not in retracted
    ]
    changes = await subject._all(
        "SELECT lead_id, version, previous_stage, stage, score, occurred_at FROM score_changes"
        " WHERE project_id = :p",
        p=project,
    )
    own = [Change(*row[:5], row[5].astimezone(UTC)) for row in changes if row[0] in leads]
    return Rows(leads, events, own)


def beginning(at: datetime, hourly: bool = False) -> datetime:
    return at.replace(hour=at.hour if hourly else 0, minute=0, second=0, microsecond=0)


def week_of(at: datetime) -> datetime:
    return beginning(at) - DAY * at.weekday()


def activity(
    rows: Rows, start: datetime, end: datetime, hourly: bool, types: Sequence[str], lead: str
) -> dict[datetime, Counter[str]]:
    found: dict[datetime, Counter[str]] = {}
    for event in rows.events:
        if (
            start <= event.at < end
            and (not types or event.type in types)
            and lead in ("", event.lead)
        ):
            found.setdefault(beginning(event.at, hourly), Counter())[event.type] += 1
    return found


def trend(
    rows: Rows, start: datetime, end: datetime, lead: str
) -> list[tuple[datetime, int, int, int]]:
    points = []
    day = beginning(start)
    while day < end:
        until = min(day + DAY, end)
        newest: dict[str, Change] = {}
        for change in rows.changes:
            if change.at < until and lead in ("", change.lead):
                known = newest.get(change.lead)
                if known is None or known.version < change.version:
                    newest[change.lead] = change
        on_the_day = [
            change
            for change in rows.changes
            if max(day, start) <= change.at < until and lead in ("", change.lead)
        ]
        score = sum(change.score for change in newest.values())
        points.append((day, len(newest), score, len(on_the_day)))
        day += DAY
    return points


def stage_times(rows: Rows, lead: str) -> list[tuple[str, datetime | None]]:
    """Every stage a lead was ever in, with when what took it there happened."""
    own = sorted((one for one in rows.changes if one.lead == lead), key=lambda one: one.version)
    if not own:
        return [(rows.leads[lead].stage, None)]
    first = rows.first_seen(lead) or own[0].at
    moves = [(one.stage, one.at) for one in own if one.stage != one.previous_stage]
    return [(own[0].previous_stage, first), *moves]


def funnel(
    rows: Rows, stages: Sequence[str], start: datetime | None, end: datetime | None
) -> tuple[int, list[tuple[int, int, int | None]]]:
    picked = []
    for lead in rows.leads:
        seen = rows.first_seen(lead)
        if start is not None and (seen is None or seen < start):
            continue
        if end is not None and (seen is None or seen >= end):
            continue
        picked.append(lead)
    found = []
    for rank, stage in enumerate(stages):
        reached, took = 0, []
        for lead in picked:
            times = [
                (stages.index(name), at) for name, at in stage_times(rows, lead) if name in stages
            ]
            here = [at for place, at in times if place >= rank]
            before = [at for place, at in times if place >= rank - 1]
            if not here:
                continue
            reached += 1
            if rank and all(at is not None for at in before):
                took.append((min(here) - min(before)) // timedelta(microseconds=1))  # type: ignore[type-var, operator]
        current = sum(1 for lead in picked if rows.leads[lead].stage == stage)
        middle = round(Fraction(median(map(Fraction, took)))) if took else None
        found.append((reached, current, middle))
    return len(picked), found


def cohorts(
    rows: Rows, start: datetime, end: datetime, reached: Sequence[str], now: datetime
) -> dict[datetime, tuple[int, int, tuple[int, ...]]]:
    members: dict[datetime, list[str]] = {}
    for lead in rows.leads:
        seen = rows.first_seen(lead)
        if seen is not None and start <= seen < end:
            members.setdefault(week_of(seen), []).append(lead)
    found = {}
    for week, leads in members.items():
        arrived = sum(
            1 for lead in leads if any(name in reached for name, _ in stage_times(rows, lead))
        )
        counts, at = [], week
        while at <= week_of(now) or not counts:
            active = {
                one.lead for one in rows.events if one.lead in leads and week_of(one.at) == at
            }
            counts.append(len(active))
            at += WEEK
        found[week] = (len(leads), arrived, tuple(counts))
    return found


def companies(rows: Rows) -> tuple[list[tuple[str, int, int, int]], int]:
    """Name, leads, sum and greatest of their scores, most leads first; and leads without."""
    known: dict[str, list[int]] = {}
    for lead in rows.leads.values():
        names = (lead.company, lead.attributes.get("company"), lead.said.get("company"))
        named = (name.strip()[:256] for name in names if isinstance(name, str))
        known.setdefault(next((name for name in named if name), ""), []).append(lead.score)
    unknown = len(known.pop("", []))
    listed = [(name, len(own), sum(own), max(own)) for name, own in known.items()]
    return sorted(listed, key=lambda one: (-one[1], one[0])), unknown
