"""GetIntelligence over gRPC, and every field of its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from scoreline.scoring.v1 import intelligence_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.scoring.conditions import situation
from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import DAY
from services.scoring.domain.model import (
    MILLI,
    Bounds,
    Grade,
    Grading,
    Group,
    NextAction,
    Rule,
    RuleSet,
    Stage,
)
from services.shared.times import to_datetime, to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_calls import Api, fails

RULES = RuleSet(
    version=4,
    rules=(
        Rule("view", "page_view", 10 * MILLI, group="engagement"),
        Rule("title", "identify", 30 * MILLI, group="fit"),
    ),
    stages=(Stage("cold", 0), Stage("warm", 30 * MILLI)),
    groups=(Group("engagement", Bounds(0, 40 * MILLI)), Group("fit")),
    grading=Grading(
        "fit",
        (Grade("A", 30 * MILLI), Grade("B", 0)),
        "engagement",
        (Grade("1", 40 * MILLI), Grade("2", 0)),
    ),
    velocity=Velocity(DAY),
    risk=Risk(7 * DAY, 14 * DAY),
    next_actions=(
        NextAction("call", situation('grade == "A1"'), 'grade == "A1"'),
        NextAction(
            "write",
            situation("events.page_view >= 2 && groups.fit >= 30 && lead.plan == 'pro'"),
            "",
        ),
        NextAction("wait"),
    ),
    engagement_group="engagement",
)


@pytest.fixture
async def watched(api: Api) -> Api:
    await api.events.record_activation(replace(cases.activation(1), rule_set=RULES))
    await api.events.apply_events(
        [
            cases.incoming("e1", "page_view", -60),
            cases.incoming("e2", "page_view", -30),
            cases.incoming("e3", "identify", -10, plan="pro"),
        ]
    )
    return api


async def ask(api: Api, hours: float = 0) -> intelligence_pb2.Intelligence:
    as_of = to_timestamp(START + timedelta(hours=hours))
    request = pb.GetIntelligenceRequest(lead_id="ada", as_of=as_of)
    found: intelligence_pb2.Intelligence = (await api.call("GetIntelligence", request)).intelligence
    return found


async def test_everything_is_said(watched: Api) -> None:
    found = await ask(watched)
    # Three events: floor(10 * 3 / 8) = 3. 20 of 40 points are 5.0 of 10.
    assert found == intelligence_pb2.Intelligence(
        lead_id="ada",
        as_of=to_timestamp(START),
        score=50,
        stage="warm",
        grade="A2",
        fit_grade="A",
        engagement_grade="2",
        velocity=3,
        trend=intelligence_pb2.TREND_INCREASING,
        recent_points=50,
        earlier_points=0,
        risk=intelligence_pb2.RISK_LEVEL_LOW,
        inactivity_index=0,
        engagement_score=5,
        next_action="write",
        first_event_time=to_timestamp(START - timedelta(hours=1)),
        last_event_time=to_timestamp(START - timedelta(minutes=10)),
        next_transition=intelligence_pb2.Transition(
            # The first event leaves the window of velocity: floor(10 * 2 / 7) = 2.
            time=to_timestamp(START + timedelta(hours=23)),
            score=50,
            stage="warm",
            velocity=2,
            risk=intelligence_pb2.RISK_LEVEL_LOW,
        ),
        rule_set_version=4,
    )


async def test_time_alone_changes_it(watched: Api) -> None:
    after = await ask(watched, 24 * 10)
    assert (after.velocity, after.recent_points, after.earlier_points) == (0, 0, 50)
    assert after.trend == intelligence_pb2.TREND_DECREASING
    assert after.risk == intelligence_pb2.RISK_LEVEL_MEDIUM
    assert after.inactivity_index == 35
    assert after.next_transition.risk == intelligence_pb2.RISK_LEVEL_HIGH
    # Idle for longer than 14 days: from the next microsecond on.
    last = START - timedelta(minutes=10)
    due = to_datetime(after.next_transition.time)
    assert due == last + timedelta(days=14, microseconds=1)
    final = await ask(watched, 24 * 40)
    assert final.inactivity_index == 99
    assert not final.HasField("next_transition")


async def test_before_the_first_event_there_is_nothing_to_say(watched: Api) -> None:
    nothing = await ask(watched, -2)
    assert (nothing.score, nothing.trend, nothing.risk) == (0, 0, 0)
    assert not nothing.HasField("inactivity_index")
    assert not nothing.HasField("last_event_time")
    assert nothing.next_action == "wait"


async def test_what_is_refused(watched: Api) -> None:
    long_ago = Timestamp(seconds=-62_135_596_801)
    with fails(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "lead_id", "as_of"):
        await watched.call("GetIntelligence", pb.GetIntelligenceRequest(as_of=long_ago))
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await watched.call("GetIntelligence", pb.GetIntelligenceRequest(lead_id="nobody"))
