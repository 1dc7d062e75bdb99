"""The methods of ScoringService by which people say something about leads: check, call a handler, convert.
`servicer.py` has the others."""

from typing import Any

import grpc

from scoreline.scoring.v1 import facts_pb2 as pb
from services.scoring import convert, fact_requests
from services.scoring.fact_handlers import FactHandlers
from services.shared import context as call_context

UNKNOWN_LISTED_MAX = 100
"""Ids of events that are not in the ledger, in an answer."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class FactMethods:
    """See protos/scoreline/scoring/v1/scoring_service.proto."""

    _facts: FactHandlers

    async def AdjustScore(
        self, request: pb.AdjustScoreRequest, context: ServicerContext
    ) -> pb.AdjustScoreResponse:
        asked = fact_requests.adjustment(request)
        event_id, change = await self._facts.adjust(_project(), request.lead_id, asked)
        return pb.AdjustScoreResponse(score_change=convert.score_change(change), event_id=event_id)

    async def RetractEvents(
        self, request: pb.RetractEventsRequest, context: ServicerContext
    ) -> pb.RetractEventsResponse:
        which, said = fact_requests.retraction(request)
        found = await self._facts.retract(_project(), which, said, request.validate_only)
        return pb.RetractEventsResponse(
            retracted_count=found.events,
            lead_count=found.leads,
            unknown_event_ids=found.unknown[:UNKNOWN_LISTED_MAX],
            unknown_count=len(found.unknown),
        )

    async def MergeLeads(
        self, request: pb.MergeLeadsRequest, context: ServicerContext
    ) -> pb.MergeLeadsResponse:
        said = fact_requests.merge(request)
        lead = await self._facts.merge(_project(), request.lead_id, request.merged_lead_id, said)
        return pb.MergeLeadsResponse(lead=convert.whole_lead(lead))

    async def UnmergeLeads(
        self, request: pb.UnmergeLeadsRequest, context: ServicerContext
    ) -> pb.UnmergeLeadsResponse:
        said = fact_requests.unmerge(request)
        lead, unmerged = await self._facts.unmerge(_project(), request.merged_lead_id, said)
        return pb.UnmergeLeadsResponse(
            lead=convert.whole_lead(lead), unmerged_lead=convert.whole_lead(unmerged)
        )


def _project() -> str:
    return call_context.caller().project_id
