"""GetScore, ExplainScore, VerifyLedger and ReplayLeads over gRPC: what goes in, what comes out, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from scoreline.scoring.v1 import ledger_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.scoring import replay_handlers
from services.scoring.domain.model import MILLI
from services.shared.times import to_datetime, to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_calls import Api, fails

INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
LONG_AGO = Timestamp(seconds=-62_135_596_801)


@pytest.fixture
async def filled(api: Api) -> Api:
    await api.events.record_activation(cases.activation(1))
    await api.events.apply_events([cases.incoming("e1", "signup", -1)])
    await api.events.apply_events([cases.incoming("e2", "purchase", -2, "lead:bob")])
    await api.events.apply_events([cases.incoming("e3", "page_view", -3)])
    return api


async def stream(api: Api, method: str, request: Any) -> list[Any]:
    call = getattr(api.stub, method)(request, metadata=(("x-api-key", api.key),), timeout=10)
    return [message async for message in call]


async def test_a_score(filled: Api) -> None:
    found = await filled.call("GetScore", pb.GetScoreRequest(lead_id="ada"))
    assert (found.lead_id, found.score, found.stage) == ("ada", 21, "cold")
    assert (found.rule_set_version, found.event_count) == (1, 2)
    assert [(one.group, one.score) for one in found.group_scores] == [("", 21)]
    assert to_datetime(found.last_event_time) == START - timedelta(minutes=1)
    as_of = to_timestamp(START - timedelta(minutes=2))
    past = await filled.call("GetScore", pb.GetScoreRequest(lead_id="ada", as_of=as_of))
    assert (past.score, past.as_of) == (1, as_of)
    # Before the third batch was recorded.
    known_at = to_timestamp(to_datetime(found.known_at) - timedelta(microseconds=1))
    known = await filled.call("GetScore", pb.GetScoreRequest(lead_id="ada", known_at=known_at))
    assert (known.score, known.known_at) == (20, known_at)


async def test_an_explanation(filled: Api) -> None:
    found = await filled.call("ExplainScore", pb.ExplainScoreRequest(lead_id="ada", limit=1))
    (contribution,) = found.contributions
    assert (contribution.event_id, contribution.event_type) == ("e1", "signup")
    assert (contribution.effect.points, contribution.effect.rule_set_version) == (20, 1)
    assert (found.contribution_count, found.fading_count) == (2, 0)
    assert [(one.group, one.rule_points, one.score) for one in found.group_totals] == [("", 21, 21)]
    assert [(one.rule_id, one.event_count, one.points) for one in found.rule_totals] == [
        ("r-page_view", 1, 1),
        ("r-signup", 1, 20),
    ]
    way = found.next_stage
    assert (way.stage, way.min_score, way.missing_points) == ("warm", 30, 9)
    assert (way.step.rule_id, way.step.points, way.step.sufficient) == ("r-signup", 20, True)


async def test_a_verification(filled: Api) -> None:
    *_, last = await stream(filled, "VerifyLedger", ledger_pb2.VerifyLedgerRequest())
    assert (last.summary.entry_count, last.summary.lead_count) == (3, 2)
    assert last.summary.mismatch_count == 0
    request = ledger_pb2.VerifyLedgerRequest(from_position=2, to_position=2)
    *_, last = await stream(filled, "VerifyLedger", request)
    assert (last.summary.entry_count, last.summary.last_position) == (1, 2)
    contents = filled.store.contents
    snapshot, at = contents.snapshots[("p1", "bob")]
    contents.snapshots[("p1", "bob")] = (replace(snapshot, stage="hot!"), at)
    request = ledger_pb2.VerifyLedgerRequest(lead_id="bob")
    first, *_, last = await stream(filled, "VerifyLedger", request)
    found = first.mismatch
    assert (found.lead_id, found.field, found.found) == ("bob", "stage", "hot!")
    assert found.kind == ledger_pb2.LEDGER_MISMATCH_KIND_SNAPSHOT
    assert last.summary.mismatch_count >= 1


async def test_a_replay_and_its_token(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_handlers, "STEP_LEADS", 1)
    contents = filled.store.contents
    for lead_id in ("ada", "bob"):
        snapshot, at = contents.snapshots[("p1", lead_id)]
        contents.snapshots[("p1", lead_id)] = (replace(snapshot, score=5 * MILLI), at)
    first, *_ = await stream(filled, "ReplayLeads", ledger_pb2.ReplayLeadsRequest(max_score=200))
    (changed,) = first.changed_leads
    assert (changed.lead_id, changed.previous_score, changed.score) == ("ada", 5, 21)
    assert (first.lead_count, first.lead_total, first.changed_count, first.done) == (1, 2, 1, False)
    request = ledger_pb2.ReplayLeadsRequest(max_score=200, resume_token=first.resume_token)
    *_, last = await stream(filled, "ReplayLeads", request)
    assert (last.lead_count, last.lead_total, last.done) == (2, 2, True)
    other = ledger_pb2.ReplayLeadsRequest(max_score=201, resume_token=first.resume_token)
    for wrong in (other, ledger_pb2.ReplayLeadsRequest(resume_token="nonsense")):
        with fails(*INVALID, "resume_token"):
            await stream(filled, "ReplayLeads", wrong)


async def test_everything_wrong_is_said_at_once(filled: Api) -> None:
    with fails(*INVALID, "lead_id", "as_of", "known_at"):
        await filled.call("GetScore", pb.GetScoreRequest(as_of=LONG_AGO, known_at=LONG_AGO))
    with fails(*INVALID, "lead_id", "limit"):
        await filled.call("ExplainScore", pb.ExplainScoreRequest(limit=-1))
    verify = ledger_pb2.VerifyLedgerRequest
    with fails(*INVALID, "lead_id", "from_position"):
        await stream(filled, "VerifyLedger", verify(lead_id="ada", from_position=-1))
    with fails(*INVALID, "to_position"):
        await stream(filled, "VerifyLedger", verify(from_position=3, to_position=2))
    replay = ledger_pb2.ReplayLeadsRequest
    with fails(*INVALID, "min_score", "lead_id"):
        await stream(
            filled, "ReplayLeads", replay(lead_id="ada", min_score=float("nan"), stages=["hot"])
        )


async def test_who_is_not_there_and_who_may_not(filled: Api) -> None:
    missing = (StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    for api, lead_id in ((filled, "eve"), (filled.holding("p2"), "ada")):
        with fails(*missing):
            await api.call("GetScore", pb.GetScoreRequest(lead_id=lead_id))
        with fails(*missing):
            await api.call("ExplainScore", pb.ExplainScoreRequest(lead_id=lead_id))
        for method, request in (
            ("VerifyLedger", ledger_pb2.VerifyLedgerRequest(lead_id=lead_id)),
            ("ReplayLeads", ledger_pb2.ReplayLeadsRequest(lead_id=lead_id)),
        ):
            with fails(*missing):
                await stream(api, method, request)
            with fails(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
                await stream(filled.holding("reader"), method, request)
