"""What all leads of a project did and became, counted in SQL: part of the store's transaction. No writes here. Each
query is one statement and says what it reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from services.scoring import facts
from services.scoring.analytics_ports import (
    ActivityCount,
    CohortWeek,
    Companies,
    CompanyLeads,
    Span,
    StageReach,
    TrendDay,
)
from services.scoring.domain.model import FACT_PREFIX, RETRACTION
from services.scoring.ports import LeadKey
from services.shared.errors import LimitExceeded

COMPANY_CHARACTERS_MAX = 256
"""Of a company's name in an attribute, which has no limit of its own; as many as a lead's own `company` may have."""

QUERY_S_MAX = 55
"""A project for which a query takes longer is too large for it; the edge gives up after a minute."""

# Events that are retracted by an entry of the same lead (index ledger_retractions). Read by itself, and handed to the
# other queries as an array: the planner knows how long that is, and of a subquery it would guess that there are none.
_RETRACTED = f"""
    SELECT DISTINCT e.event_id
    FROM ledger r
    JOIN subjects rs ON rs.project_id = r.project_id AND rs.subject = r.subject
    CROSS JOIN LATERAL json_array_elements_text(r.properties -> 'event_ids') AS i(event_id)
    JOIN ledger e ON e.project_id = r.project_id AND e.event_id = i.event_id
    JOIN subjects es ON es.project_id = e.project_id AND es.subject = e.subject
    WHERE r.project_id = %(project)s AND r.type = '{RETRACTION}' AND es.lead_id = rs.lead_id
"""
_WITHOUT_RETRACTED = "LEFT JOIN unnest(%(retracted)s::text[]) AS r(event_id) USING (event_id)"


def _activity_in(entries: str) -> str:
    return f"""
        SELECT date_trunc(%(unit)s, l.occurred_at, 'UTC') AS at, l.type, count(*)
        FROM {entries} AS l {_WITHOUT_RETRACTED}
        WHERE l.project_id = %(project)s AND l.occurred_at >= %(start)s AND l.occurred_at < %(end)s
          AND l.type NOT LIKE '{FACT_PREFIX}%%' AND r.event_id IS NULL
          AND (%(any_type)s OR l.type = ANY(%(types)s))
        GROUP BY at, l.type ORDER BY at, count(*) DESC, l.type COLLATE "C" LIMIT %(limit)s
    """


# Index ledger_by_time: the entries of the time.
_ACTIVITY = _activity_in("ledger")

# Index ledger_by_subject: the entries of each of the lead's references at that time. OFFSET keeps the planner from
# looking for them among those of everybody.
_ACTIVITY_OF = _activity_in("""(
    SELECT e.* FROM subjects s CROSS JOIN LATERAL (
        SELECT project_id, event_id, type, occurred_at FROM ledger
        WHERE project_id = s.project_id AND subject = s.subject
          AND occurred_at >= %(start)s AND occurred_at < %(end)s
        OFFSET 0
    ) AS e WHERE s.project_id = %(project)s AND s.lead_id = %(lead)s
)""")

# All score changes of the leads up to the end: the audit trail has no shorter way to a lead's score on a day.
_TREND = """
    WITH daily AS (
        SELECT c.lead_id, max(c.version) AS version,
               greatest(date_trunc('day', c.occurred_at, 'UTC'),
                        date_trunc('day', %(start)s::timestamptz, 'UTC')) AS day,
               count(*) FILTER (WHERE c.occurred_at >= %(start)s) AS changes
        FROM score_changes c JOIN snapshots n USING (project_id, lead_id)
        WHERE c.project_id = %(project)s AND n.merged_into = '' AND c.occurred_at < %(end)s
          AND (%(any_lead)s OR c.lead_id = %(lead)s)
        GROUP BY c.lead_id, day
    ), ordered AS (
        SELECT *, max(version) OVER (PARTITION BY lead_id ORDER BY day
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest
        FROM daily
    ), moves AS (
        SELECT o.day, (o.newest IS NULL)::int AS new_leads,
               c.score - lag(c.score, 1, 0::bigint) OVER (PARTITION BY o.lead_id ORDER BY o.day)
                   AS gained
        FROM ordered o
        JOIN score_changes c ON c.project_id = %(project)s AND c.lead_id = o.lead_id
             AND c.version = o.version
        WHERE o.newest IS NULL OR o.version > o.newest
    )
    SELECT day, sum(new_leads)::bigint, sum(gained)::bigint, sum(changes)::bigint
    FROM (
        SELECT day, new_leads, gained, 0 AS changes FROM moves
        UNION ALL SELECT day, 0, 0, changes FROM daily
    ) AS all_of_it
    GROUP BY day ORDER BY day
"""

# First events of all leads: the whole of the index ledger_by_subject, which has no types; ids tell facts as well.
_FIRST_SEEN = f"""
    first_seen AS (
        SELECT s.lead_id, min(l.occurred_at) AS at
        FROM subjects s JOIN ledger l USING (project_id, subject) {_WITHOUT_RETRACTED}
        WHERE s.project_id = %(project)s AND r.event_id IS NULL
          AND l.event_id NOT LIKE '{facts.ID_PREFIX}%%'
        GROUP BY s.lead_id
    )
"""

# Every stage that a lead was ever in, and since when (index score_changes_by_stage). The stage it began in is the one
# before its first version, or, without versions, the present one.
_STAGES_OF_LEADS = """
    stages_of_leads AS (
        SELECT lead_id, stage, occurred_at AS at, false AS initial FROM score_changes
        WHERE project_id = %(project)s AND stage <> previous_stage
        UNION ALL
        SELECT lead_id, previous_stage, occurred_at, true FROM score_changes
        WHERE project_id = %(project)s AND version = 1
        UNION ALL
        SELECT lead_id, stage, NULL, true FROM snapshots
        WHERE project_id = %(project)s AND version = 0
    )
"""

_FUNNEL = f"""
    WITH {_FIRST_SEEN}, {_STAGES_OF_LEADS}, stages AS (
        SELECT name, rank FROM unnest(%(stages)s::text[]) WITH ORDINALITY AS i(name, rank)
    ), picked AS MATERIALIZED (
        SELECT n.lead_id, n.stage, f.at AS first_at
        FROM snapshots n LEFT JOIN first_seen f USING (lead_id)
        WHERE n.project_id = %(project)s AND n.merged_into = ''
          AND (%(seen_from)s::timestamptz IS NULL OR f.at >= %(seen_from)s)
          AND (%(seen_before)s::timestamptz IS NULL OR f.at < %(seen_before)s)
    ), been AS (
        SELECT p.lead_id, s.rank,
               min(CASE WHEN t.initial THEN coalesce(p.first_at, t.at) ELSE t.at END) AS at
        FROM picked p JOIN stages_of_leads t USING (lead_id) JOIN stages s ON s.name = t.stage
        GROUP BY p.lead_id, s.rank
    ), reached AS (
        SELECT b.lead_id, s.rank, min(b.at) AS at
        FROM been b JOIN stages s ON s.rank <= b.rank
        GROUP BY b.lead_id, s.rank
    ), took AS (
        SELECT rank, at - lag(at) OVER (PARTITION BY lead_id ORDER BY rank) AS time FROM reached
    )
    SELECT 0 AS rank, count(*), 0::bigint, NULL FROM picked
    UNION ALL
    SELECT s.rank, (SELECT count(*) FROM took t WHERE t.rank = s.rank),
           (SELECT count(*) FROM picked p WHERE p.stage = s.name),
           (SELECT percentile_cont(0.5) WITHIN GROUP (
                ORDER BY (extract(epoch FROM t.time) * 1000000)::bigint)
            FROM took t WHERE t.rank = s.rank)
    FROM stages s
    ORDER BY rank
"""

_COHORTS = f"""
    WITH {_STAGES_OF_LEADS}, active AS MATERIALIZED (
        SELECT s.lead_id, date_trunc('week', l.occurred_at, 'UTC') AS week,
               min(l.occurred_at) AS first_at
        FROM subjects s JOIN ledger l USING (project_id, subject) {_WITHOUT_RETRACTED}
        WHERE s.project_id = %(project)s AND r.event_id IS NULL
          AND l.event_id NOT LIKE '{facts.ID_PREFIX}%%'
        GROUP BY s.lead_id, week
    ), members AS (
        SELECT lead_id, min(week) AS week FROM active
        GROUP BY lead_id HAVING min(first_at) >= %(start)s AND min(first_at) < %(end)s
    ), reached AS (
        SELECT DISTINCT lead_id FROM stages_of_leads WHERE stage = ANY(%(reached)s)
    )
    SELECT m.week AS cohort, a.week AS week, count(*), count(r.lead_id)
    FROM members m JOIN active a USING (lead_id) LEFT JOIN reached r USING (lead_id)
    GROUP BY m.week, a.week ORDER BY m.week, a.week
"""

# All leads. The company is what somebody wrote into the lead's field, else into its attributes, else what its events
# said of it last, which is in the state of the fold.
_COMPANIES = f"""
    WITH named AS (
        SELECT n.score, coalesce(
            nullif(btrim(l.company), ''),
            nullif(left(btrim(CASE WHEN jsonb_typeof(l.attributes -> 'company') = 'string'
                              THEN l.attributes ->> 'company' END), {COMPANY_CHARACTERS_MAX}), ''),
            nullif(left(btrim(CASE WHEN n.state IS JSON OBJECT
                   AND jsonb_typeof(n.state::jsonb #> '{{attributes,company}}') = 'string'
                   THEN n.state::jsonb #>> '{{attributes,company}}' END), {COMPANY_CHARACTERS_MAX}), '')
        ) COLLATE "C" AS company
        FROM leads l JOIN snapshots n USING (project_id, lead_id)
        WHERE l.project_id = %(project)s AND n.merged_into = ''
    ), counted AS MATERIALIZED (
        SELECT company, count(*) AS leads, sum(score)::bigint AS total, max(score) AS best
        FROM named GROUP BY company
    )
    SELECT NULL AS company, count(company), coalesce(sum(leads) FILTER (WHERE company IS NULL), 0), 0
    FROM counted
    UNION ALL (
        SELECT company, leads, total, best FROM counted WHERE company IS NOT NULL
        ORDER BY leads DESC, company LIMIT %(limit)s
    )
"""


class AnalyticsQueries:
    """See analytics_ports.AnalyticsReads."""

    _cursor: psycopg.AsyncCursor[tuple[Any, ...]]

    async def activity(
        self,
        project_id: str,
        span: Span,
        hourly: bool,
        types: Sequence[str],
        lead: LeadKey | None,
        limit: int,
    ) -> list[ActivityCount]:
        values = {
            "project": project_id,
            "start": span.start,
            "end": span.end,
            "unit": "hour" if hourly else "day",
            "any_type": not types,
            "types": list(types),
            "lead": lead[1] if lead else "",
            "limit": limit,
        }
        query = _ACTIVITY_OF if lead else _ACTIVITY
        return [
            ActivityCount(*columns)
            for columns in await self._all(query, await self._with_retracted(values))
        ]

    async def score_trend(
        self, project_id: str, span: Span, lead: LeadKey | None
    ) -> list[TrendDay]:
        values = {
            "project": project_id,
            "start": span.start,
            "end": span.end,
            "any_lead": lead is None,
            "lead": lead[1] if lead else "",
        }
        return [TrendDay(*columns) for columns in await self._all(_TREND, values)]

    async def funnel(
        self,
        project_id: str,
        stages: Sequence[str],
        seen_from: datetime | None,
        seen_before: datetime | None,
    ) -> tuple[int, list[StageReach]]:
        values = {
            "project": project_id,
            "stages": list(stages),
            "seen_from": seen_from,
            "seen_before": seen_before,
        }
        (_, leads, _, _), *found = await self._all(_FUNNEL, await self._with_retracted(values))
        return leads, [
            StageReach(reached, current, None if median is None else round(median))
            for _, reached, current, median in found
        ]

    async def cohorts(
        self, project_id: str, first_seen: Span, reached: Sequence[str]
    ) -> list[CohortWeek]:
        values = {
            "project": project_id,
            "start": first_seen.start,
            "end": first_seen.end,
            "reached": list(reached),
        }
        return [
            CohortWeek(*columns)
            for columns in await self._all(_COHORTS, await self._with_retracted(values))
        ]

    async def companies(self, project_id: str, limit: int) -> Companies:
        values = {"project": project_id, "limit": limit}
        (_, companies, unknown, _), *found = await self._all(_COMPANIES, values)
        return Companies([CompanyLeads(*columns) for columns in found], companies, int(unknown))

    async def _with_retracted(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            **values,
            "retracted": [event_id for (event_id,) in await self._all(_RETRACTED, values)],
        }

    async def _all(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        await self._cursor.execute(f"SET LOCAL statement_timeout = '{QUERY_S_MAX}s'")
        try:
            await self._cursor.execute(query, values)
        except psycopg.errors.QueryCanceled as error:
            raise LimitExceeded(
                f"not counted within {QUERY_S_MAX} s: ask for a shorter time", QUERY_S_MAX
            ) from error
        return await self._cursor.fetchall()
