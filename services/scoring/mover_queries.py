"""Whose scores moved between two times, and who came into which stage: part of the store's transaction. No writes here.
Each query is one statement and says what it reads."""

from collections.abc import Sequence

from services.scoring.analytics_ports import AtRisk, Mover, Moves, NewlyQualified, Span
from services.scoring.analytics_queries import AnalyticsQueries

# The score of record at a time is that of the newest version among those whose cause happened before it. So what moved
# a lead since then is the versions behind that one: counted back from its newest of all, a run without a gap of
# versions whose cause happened since (index score_changes_by_cause_time). Of these, the ones up to the newest whose
# cause happened before the end.
#
# The changes are read by themselves, in the order of the index: to have them in the order of leads, the planner would
# read all of the project's, from pages here and there.
_MOVERS = """
    WITH since AS MATERIALIZED (
        SELECT lead_id, version, occurred_at, score - previous_score AS gained,
               cause = ANY(%(bulk)s) AS bulk
        FROM score_changes WHERE project_id = %(project)s AND occurred_at >= %(start)s
    ), placed AS (
        SELECT s.*, n.version - s.version + 1
               = row_number() OVER (PARTITION BY s.lead_id ORDER BY s.version DESC) AS newest
        FROM since s JOIN snapshots n ON n.project_id = %(project)s AND n.lead_id = s.lead_id
        WHERE n.merged_into = '' AND (%(any_stage)s OR n.stage = ANY(%(stages)s))
    ), run AS (
        SELECT *, max(version) FILTER (WHERE occurred_at < %(end)s) OVER (PARTITION BY lead_id) AS last
        FROM placed WHERE newest
    ), moved AS MATERIALIZED (
        SELECT lead_id, min(version) AS first, max(version) AS last,
               coalesce(sum(gained) FILTER (WHERE NOT bulk), 0)::bigint AS delta
        FROM run WHERE version <= last GROUP BY lead_id
    ), most AS (
        (SELECT * FROM moved WHERE delta > 0 ORDER BY delta DESC, lead_id LIMIT %(limit)s)
        UNION ALL
        (SELECT * FROM moved WHERE delta < 0 ORDER BY delta, lead_id LIMIT %(limit)s)
    )
    SELECT (SELECT count(*) FROM moved WHERE delta > 0),
           (SELECT count(*) FROM moved WHERE delta < 0),
           m.lead_id, l.email, l.display_name, l.company, f.previous_score, t.score, m.delta,
           f.previous_stage, t.stage
    FROM most m
    JOIN leads l ON l.project_id = %(project)s AND l.lead_id = m.lead_id
    JOIN score_changes f
         ON f.project_id = %(project)s AND f.lead_id = m.lead_id AND f.version = m.first
    JOIN score_changes t
         ON t.project_id = %(project)s AND t.lead_id = m.lead_id AND t.version = m.last
    ORDER BY abs(m.delta) DESC, m.lead_id
"""

# The leads in the stages now, and of each when it last came there (index score_changes_by_stage).
_NEWLY_QUALIFIED = """
    SELECT count(*) OVER (), l.lead_id, l.email, l.display_name, l.company, n.score, n.stage,
           c.occurred_at
    FROM snapshots n JOIN leads l USING (project_id, lead_id) CROSS JOIN LATERAL (
        SELECT occurred_at FROM score_changes
        WHERE project_id = n.project_id AND lead_id = n.lead_id AND stage <> previous_stage
          AND stage = ANY(%(stages)s) AND previous_stage <> ALL(%(stages)s)
        ORDER BY version DESC LIMIT 1
    ) c
    WHERE n.project_id = %(project)s AND n.merged_into = '' AND n.stage = ANY(%(stages)s)
      AND c.occurred_at >= %(start)s AND c.occurred_at < %(end)s
    ORDER BY c.occurred_at DESC, l.lead_id LIMIT %(limit)s
"""

# The leads in the stages now.
_AT_RISK = """
    SELECT count(*) OVER (), l.lead_id, l.email, l.display_name, l.company, n.score, n.stage, n.risk,
           n.last_occurred_at
    FROM snapshots n JOIN leads l USING (project_id, lead_id)
    WHERE n.project_id = %(project)s AND n.merged_into = '' AND n.stage = ANY(%(stages)s)
      AND n.risk = ANY(%(risks)s)
    ORDER BY array_position(%(risks)s::text[], n.risk), n.score DESC, l.lead_id LIMIT %(limit)s
"""


class MoverQueries(AnalyticsQueries):
    """See analytics_ports.AnalyticsReads."""

    async def movers(
        self, project_id: str, span: Span, stages: Sequence[str], bulk: Sequence[str], limit: int
    ) -> Moves:
        values = {
            "project": project_id,
            "start": span.start,
            "end": span.end,
            "any_stage": not stages,
            "stages": list(stages),
            "bulk": list(bulk),
            "limit": limit,
        }
        found = await self._all(_MOVERS, values)
        up_count, down_count = found[0][:2] if found else (0, 0)
        moved = [Mover(*columns[2:]) for columns in found]
        up = [one for one in moved if one.delta > 0]
        down = [one for one in moved if one.delta < 0]
        return Moves(up, down, up_count, down_count)

    async def newly_qualified(
        self, project_id: str, span: Span, stages: Sequence[str], limit: int
    ) -> tuple[int, list[NewlyQualified]]:
        values = {
            "project": project_id,
            "start": span.start,
            "end": span.end,
            "stages": list(stages),
            "limit": limit,
        }
        found = await self._all(_NEWLY_QUALIFIED, values)
        return found[0][0] if found else 0, [NewlyQualified(*columns[1:]) for columns in found]

    async def at_risk(
        self, project_id: str, stages: Sequence[str], risks: Sequence[str], limit: int
    ) -> tuple[int, list[AtRisk]]:
        values = {
            "project": project_id,
            "stages": list(stages),
            "risks": list(risks),
            "limit": limit,
        }
        found = await self._all(_AT_RISK, values)
        return found[0][0] if found else 0, [AtRisk(*columns[1:]) for columns in found]
