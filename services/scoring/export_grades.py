"""The grades of exported leads: nothing keeps them, they are told from a lead's state as of its newest version, as its
score, stage and risk are."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from services.scoring.analytics_ports import AnalyticsTransaction, ExportedLead, Standing
from services.scoring.domain.intelligence import grade_at
from services.scoring.domain.model import RuleSet, microseconds
from services.scoring.domain.state import from_json
from services.scoring.ports import LeadFilter
from services.scoring.rows import UNREADABLE_STATE

Standings = Sequence[tuple[ExportedLead, Standing]]


async def graded_leads(
    tx: AnalyticsTransaction, project_id: str, which: LeadFilter
) -> AsyncGenerator[Sequence[ExportedLead], None]:
    """The leads in portions, with their grades where the rules in force know any."""
    in_force = await tx.rules_under(project_id, None)
    known = {in_force.activation: in_force.rule_set}
    grades = in_force.rule_set.grading is not None
    async with aclosing(tx.exported_leads(project_id, which, grades)) as portions:
        async for portion in portions:
            if not grades:
                yield [lead for lead, _ in portion]
                continue
            for number in {standing.activation for _, standing in portion} - known.keys():
                # Of a lead that is to be scored anew yet.
                known[number] = (await tx.rules_under(project_id, number)).rule_set
            # Takes CPU time.
            yield await asyncio.to_thread(_graded, portion, known)


def _graded(portion: Standings, rules: Mapping[int, RuleSet]) -> Sequence[ExportedLead]:
    return [
        replace(lead, grade=_grade(standing, rules[standing.activation]))
        for lead, standing in portion
    ]


def _grade(standing: Standing, rules: RuleSet) -> str:
    if not standing.state:
        return ""
    try:
        state = from_json(standing.state)
    except UNREADABLE_STATE:
        # Likewise to be made anew.
        return ""
    return grade_at(state, rules, microseconds(standing.scored_at))
