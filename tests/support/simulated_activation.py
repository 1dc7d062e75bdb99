"""Simulate a draft, then activate it: the one must have said what the other does."""

from __future__ import annotations

from datetime import datetime, timedelta

from scoreline.rules.v1 import rule_set_pb2
from services.scoring import simulation_requests
from services.scoring.domain.simulation import Scored, SimulatedLead
from services.scoring.handlers import EventHandlers
from services.scoring.ports import IncomingEvent, Store
from services.scoring.score_handlers import ScoreHandlers
from services.scoring.simulation_handlers import Simulation, SimulationEnd, SimulationHandlers
from services.shared.times import to_timestamp
from tests.support import simulation_cases as cases
from tests.support.clocks import START, MovableClock

BEGAN = START + timedelta(days=10)
"""Within the histories: what is activated then has something before and after it."""

AS_OF = START + timedelta(days=15)
"""After every event."""


async def assert_simulated(
    store: Store,
    project_id: str,
    history: list[IncomingEvent],
    earlier: list[rule_set_pb2.RuleSet],
    draft: rule_set_pb2.RuleSet,
    as_of: datetime,
) -> None:
    """Under some earlier activations and a history, simulating the draft gives for each lead what is answered before
    and after the draft is activated."""
    clock = MovableClock(BEGAN)
    events, scores = EventHandlers(store, clock), ScoreHandlers(store, clock)
    batches = cases.in_batches(history, 3)
    # Some of the history is recorded before, some between, and some after the activations.
    for number in range(max(len(batches), len(earlier))):
        if number < len(earlier):
            await cases.activate(events, project_id, number + 1, earlier[number], clock.at)
        if number < len(batches):
            await events.apply_events(batches[number])
        clock.at += timedelta(hours=9)
    await cases.rescored(events)
    clock.at = max(clock.at, AS_OF)

    leads, end = await simulated(SimulationHandlers(store, clock), project_id, draft, as_of)
    assert end.as_of == as_of
    for lead in leads:
        assert lead.before == await answered(scores, project_id, lead.lead_id, as_of)
    clock.at += timedelta(minutes=1)
    await cases.activate(events, project_id, len(earlier) + 1, draft, clock.at)
    await cases.rescored(events)
    for lead in leads:
        assert lead.after == await answered(scores, project_id, lead.lead_id, as_of)
    assert len(leads) == end.summary.lead_count == len({event.subject for event in history})
    assert end.summary.changed_count == sum(bool(lead.moved) for lead in leads)


async def simulated(
    handlers: SimulationHandlers,
    project_id: str,
    draft: rule_set_pb2.RuleSet,
    as_of: datetime,
) -> tuple[list[SimulatedLead], SimulationEnd]:
    """Every lead, and what it came to."""
    request = simulation_requests.pb.SimulateRuleSetRequest(
        rule_set=draft, as_of=to_timestamp(as_of)
    )
    asked = simulation_requests.simulate(request)
    leads: list[SimulatedLead] = []
    end: SimulationEnd | None = None
    async for step in handlers.simulate(
        project_id, asked.draft, asked.chosen, asked.as_of, asked.days
    ):
        if isinstance(step, Simulation):
            leads += step.leads
        else:
            end = step
    assert end is not None
    return leads, end


async def answered(scores: ScoreHandlers, project_id: str, lead_id: str, as_of: datetime) -> Scored:
    """What GetScore and GetIntelligence say."""
    score = await scores.score(project_id, lead_id, as_of)
    found = (await scores.intelligence(project_id, lead_id, as_of)).intelligence
    assert (score.state.score, score.stage) == (found.measures.score, found.measures.stage)
    return Scored(
        score=score.state.score,
        stage=score.stage,
        next_action=found.next_action,
        grade=found.grade,
        risk=found.measures.risk,
        velocity=found.measures.velocity,
    )
