"""All leads of a project as rows of a file: part of the store's transaction. Read in portions through a cursor on the
server, since that may take longer than any statement should, and be more than any memory holds."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from services.scoring.analytics_ports import ExportedLead, Standing
from services.scoring.domain.state import FORMAT
from services.scoring.mover_queries import MoverQueries
from services.scoring.ports import LeadFilter

EXPORT_PORTION_LEADS = 500
"""Leads fetched at a time: at 32 KiB of attributes noted by hand and 64 KiB of attributes from events each, 48 MiB at
most."""

STANDINGS_PORTION_LEADS = 100
"""The same with all that the folds know of them."""

_EXPORTED = """
    FROM leads l JOIN snapshots n USING (project_id, lead_id)
    WHERE l.project_id = %(project)s AND n.merged_into = ''
      AND (%(any_stage)s OR n.stage = ANY(%(stages)s))
      AND (%(min_score)s::bigint IS NULL OR n.score >= %(min_score)s)
      AND (%(max_score)s::bigint IS NULL OR n.score <= %(max_score)s)
"""
_COUNT_EXPORTED = "SELECT count(*)" + _EXPORTED
# A state of another format, or that can't be read, is made anew when the lead is touched; nothing is known of it yet.
_EXPORT = f"""
    SELECT l.lead_id, l.email, l.display_name, l.company, n.score, n.stage, '', n.risk, n.velocity,
           n.version, n.event_count, n.rule_set_version,
           CASE WHEN n.state_format = {FORMAT} AND n.state IS JSON OBJECT THEN
               'epoch'::timestamptz
               + (n.state::jsonb #>> '{{activity,0}}')::bigint * '1 microsecond'::interval
           END,
           n.last_occurred_at, l.created_at, greatest(l.updated_at, n.updated_at), l.attributes::text,
           coalesce(CASE WHEN n.state_format = {FORMAT} AND n.state IS JSON OBJECT
                         THEN n.state::json ->> 'attributes' END, '{{}}'),
           n.activation,
           CASE WHEN %(standings)s AND n.state_format = {FORMAT} THEN n.state ELSE '' END,
           n.updated_at
    {_EXPORTED}
    ORDER BY l.lead_id
"""
_STANDING_COLUMNS = 3


class ExportQueries(MoverQueries):
    """See analytics_ports.AnalyticsReads."""

    async def count_exported(self, project_id: str, which: LeadFilter) -> int:
        count: int = (await self._all(_COUNT_EXPORTED, _filter(project_id, which)))[0][0]
        return count

    async def exported_leads(
        self, project_id: str, which: LeadFilter, standings: bool
    ) -> AsyncGenerator[Sequence[tuple[ExportedLead, Standing]], None]:
        portion = STANDINGS_PORTION_LEADS if standings else EXPORT_PORTION_LEADS
        values = {**_filter(project_id, which), "standings": standings}
        async with self._cursor.connection.cursor(name="exported_leads") as cursor:
            await cursor.execute(_EXPORT, values)
            while found := await cursor.fetchmany(portion):
                yield [
                    (
                        ExportedLead(*columns[:-_STANDING_COLUMNS]),
                        Standing(*columns[-_STANDING_COLUMNS:]),
                    )
                    for columns in found
                ]


def _filter(project_id: str, which: LeadFilter) -> dict[str, Any]:
    return {
        "project": project_id,
        "any_stage": not which.stages,
        "stages": list(which.stages),
        "min_score": which.min_score,
        "max_score": which.max_score,
    }
