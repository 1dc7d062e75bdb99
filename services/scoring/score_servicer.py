"""The methods of ScoringService about scores at any time, and about the ledger they come from: check, call a handler,
convert. `servicer.py` has the others."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from scoreline.scoring.v1 import ledger_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.scoring import requests, score_conversion
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.replay_handlers import ReplayHandlers
from services.scoring.score_handlers import ScoreHandlers
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import Violations

CONTRIBUTIONS = (100, 1_000)
"""Contributions and fadings that ExplainScore lists: default and maximum."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class ScoreMethods:
    """See protos/scoreline/scoring/v1/scoring_service.proto."""

    _scores: ScoreHandlers

    async def GetScore(
        self, request: pb.GetScoreRequest, context: ServicerContext
    ) -> pb.GetScoreResponse:
        violations = Violations()
        requests.check_reference("lead_id", request.lead_id, violations)
        as_of = score_conversion.instant(request, "as_of", violations)
        known_at = score_conversion.instant(request, "known_at", violations)
        violations.raise_if_any()
        project_id = call_context.caller().project_id
        found = await self._scores.score(project_id, request.lead_id, as_of, known_at)
        return score_conversion.score(found)

    async def ExplainScore(
        self, request: pb.ExplainScoreRequest, context: ServicerContext
    ) -> pb.ExplainScoreResponse:
        violations = Violations()
        requests.check_reference("lead_id", request.lead_id, violations)
        as_of = score_conversion.instant(request, "as_of", violations)
        known_at = score_conversion.instant(request, "known_at", violations)
        default, maximum = CONTRIBUTIONS
        if request.limit < 0:
            violations.add("limit", f"must be 0 (for {default}) to {maximum}")
        violations.raise_if_any()
        limit = min(request.limit or default, maximum)
        project_id = call_context.caller().project_id
        found, why = await self._scores.explain(project_id, request.lead_id, limit, as_of, known_at)
        return score_conversion.explanation(found, why)

    async def GetIntelligence(
        self, request: pb.GetIntelligenceRequest, context: ServicerContext
    ) -> pb.GetIntelligenceResponse:
        violations = Violations()
        requests.check_reference("lead_id", request.lead_id, violations)
        as_of = score_conversion.instant(request, "as_of", violations)
        known_at = score_conversion.instant(request, "known_at", violations)
        violations.raise_if_any()
        project_id = call_context.caller().project_id
        found = await self._scores.intelligence(project_id, request.lead_id, as_of, known_at)
        return pb.GetIntelligenceResponse(intelligence=score_conversion.intelligence(found))


class LedgerMethods:
    """See protos/scoreline/scoring/v1/scoring_service.proto."""

    _verification: VerifyHandlers
    _replay: ReplayHandlers

    async def VerifyLedger(
        self, request: ledger_pb2.VerifyLedgerRequest, context: ServicerContext
    ) -> AsyncIterator[ledger_pb2.VerifyLedgerResponse]:
        requests.check_verify(request)
        project_id = call_context.caller().project_id
        first, last = request.from_position, request.to_position
        if request.lead_id:
            steps = self._verification.verify_lead(project_id, request.lead_id)
        elif first or last:
            steps = self._verification.verify_range(project_id, first, last)
        else:
            steps = self._verification.verify(project_id)
        async with aclosing(steps):
            async for progress, mismatches in steps:
                for one in mismatches:
                    yield score_conversion.mismatch(one)
                yield score_conversion.verify_progress(progress)

    async def ReplayLeads(
        self, request: ledger_pb2.ReplayLeadsRequest, context: ServicerContext
    ) -> AsyncIterator[ledger_pb2.ReplayLeadsResponse]:
        field = score_conversion.RESUME_FIELD
        position = paging.decode(request.resume_token, request, requests.REPLAY_PARTS, field)
        which, progress = requests.replay(request, position)
        project_id = call_context.caller().project_id
        if request.lead_id:
            steps = self._replay.replay_lead(project_id, request.lead_id)
        else:
            steps = self._replay.replay(project_id, which, progress)
        async with aclosing(steps):
            async for reached in steps:
                yield score_conversion.replay_progress(reached, request)
