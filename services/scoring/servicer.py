"""The gRPC edge of scoring: check, call a handler, convert. `score_servicer.py` has the methods about scores at any
time and about the ledger, `fact_servicer.py` those by which people say something about leads, `identity_servicer.py`
those about references."""

from typing import Any

import grpc

from scoreline.scoring.v1 import scoring_service_pb2 as pb
from scoreline.scoring.v1 import scoring_service_pb2_grpc
from services.scoring import convert, requests
from services.scoring.fact_handlers import FactHandlers
from services.scoring.fact_servicer import FactMethods
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.identity_servicer import IdentityMethods
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.ports import LeadFilter
from services.scoring.replay_handlers import ReplayHandlers
from services.scoring.score_handlers import ScoreHandlers
from services.scoring.score_servicer import LedgerMethods, ScoreMethods
from services.shared import context as call_context
from services.shared import paging, structs
from services.shared.errors import Violations
from services.shared.turns import Turns

LEADS_PAGE = (50, 1_000)
"""Page size of ListLeads: default and maximum."""

LEADERBOARD_PAGE = (10, 100)
HISTORY_PAGE = (100, 1_000)
"""Of ListTimeline and ListScoreChanges."""

CHANGES_PAGE = (500, 5_000)
"""Of ListProjectScoreChanges."""

CHANGES_PAGE_BYTES = 3 * 1024 * 1024
"""A page ends there: a gRPC client takes 4 MB unless told otherwise, and the longest ids and names make 5,000 changes
more than that. 5,000 usual ones are 1 MB."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class ScoringServicer(
    ScoreMethods,
    LedgerMethods,
    FactMethods,
    IdentityMethods,
    scoring_service_pb2_grpc.ScoringServiceServicer,
):
    """See protos/scoreline/scoring/v1/scoring_service.proto."""

    def __init__(
        self,
        handlers: LeadHandlers,
        scores: ScoreHandlers,
        verification: VerifyHandlers,
        replay: ReplayHandlers,
        facts: FactHandlers,
        identities: IdentityHandlers,
    ) -> None:
        self._handlers = handlers
        self._scores = scores
        self._verification = verification
        self._replay = replay
        self._facts = facts
        self._identities = identities

    async def GetLead(
        self, request: pb.GetLeadRequest, context: ServicerContext
    ) -> pb.GetLeadResponse:
        reference = requests.reference("lead_id", request.lead_id)
        view = await self._handlers.get_lead(_project(), reference)
        return pb.GetLeadResponse(lead=convert.whole_lead(view))

    async def ListLeads(
        self, request: pb.ListLeadsRequest, context: ServicerContext
    ) -> pb.ListLeadsResponse:
        size = paging.page_size(request.page_size, *LEADS_PAGE)
        which = requests.lead_filter(request, paging.decode(request.page_token, request, 2))
        found = await self._handlers.list_leads(_project(), which, size + 1)
        response = pb.ListLeadsResponse(leads=[convert.lead(view) for view in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            position = [requests.order_value(last, which.order), last.profile.lead_id]
            response.next_page_token = paging.encode(position, request)
        return response

    async def CreateLead(
        self, request: pb.CreateLeadRequest, context: ServicerContext
    ) -> pb.CreateLeadResponse:
        lead = request.lead
        lead_id, email = requests.new_lead(lead)
        view = await self._handlers.create_lead(
            _project(),
            lead_id,
            email,
            lead.display_name,
            lead.company,
            structs.to_dict(lead.attributes),
        )
        return pb.CreateLeadResponse(lead=convert.whole_lead(view))

    async def UpdateLead(
        self, request: pb.UpdateLeadRequest, context: ServicerContext
    ) -> pb.UpdateLeadResponse:
        violations = Violations()
        requests.check_reference("lead.lead_id", request.lead.lead_id, violations)
        requests.check_profile(request.lead, violations)
        change = convert.profile_change(request.lead, request.update_mask, violations)
        violations.raise_if_any()
        revision = convert.revision(request.lead.etag)
        view = await self._handlers.update_lead(_project(), request.lead.lead_id, change, revision)
        return pb.UpdateLeadResponse(lead=convert.whole_lead(view))

    async def GetLeaderboard(
        self, request: pb.GetLeaderboardRequest, context: ServicerContext
    ) -> pb.GetLeaderboardResponse:
        size = paging.page_size(request.page_size, *LEADERBOARD_PAGE)
        violations = Violations()
        requests.check_stages(request.stages, violations)
        violations.raise_if_any()
        which = LeadFilter(stages=tuple(request.stages), order="score", descending=True)
        response = pb.GetLeaderboardResponse()
        rank, score = 0, None
        for place, view in enumerate(await self._handlers.list_leads(_project(), which, size), 1):
            if view.snapshot.score != score:
                rank, score = place, view.snapshot.score
            response.entries.add(rank=rank, lead=convert.lead(view))
        return response

    async def GetStageCounts(
        self, request: pb.GetStageCountsRequest, context: ServicerContext
    ) -> pb.GetStageCountsResponse:
        counts = await self._handlers.stage_counts(_project())
        return pb.GetStageCountsResponse(
            stage_counts=[pb.StageCount(stage=stage, lead_count=count) for stage, count in counts],
            total_count=sum(count for _, count in counts),
        )

    async def ListTimeline(
        self, request: pb.ListTimelineRequest, context: ServicerContext
    ) -> pb.ListTimelineResponse:
        reference = requests.reference("lead_id", request.lead_id)
        size = paging.page_size(request.page_size, *HISTORY_PAGE)
        after = requests.timeline_position(paging.decode(request.page_token, request, 2))
        items = await self._handlers.timeline(
            _project(), reference, after, size + 1, request.descending
        )
        page = items[:size]
        response = pb.ListTimelineResponse(entries=[convert.timeline_entry(item) for item in page])
        if len(items) > size:
            occurred_at, event_id = page[-1].event.entry.position
            response.next_page_token = paging.encode([occurred_at.isoformat(), event_id], request)
        return response

    async def ListScoreChanges(
        self, request: pb.ListScoreChangesRequest, context: ServicerContext
    ) -> pb.ListScoreChangesResponse:
        reference = requests.reference("lead_id", request.lead_id)
        size = paging.page_size(request.page_size, *HISTORY_PAGE)
        after = requests.version(paging.decode(request.page_token, request, 1))
        found = await self._handlers.score_changes(_project(), reference, after, size + 1)
        response = pb.ListScoreChangesResponse(
            score_changes=[convert.score_change(change) for change in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = paging.encode([found[size - 1].change.version], request)
        return response

    async def ListProjectScoreChanges(
        self, request: pb.ListProjectScoreChangesRequest, context: ServicerContext
    ) -> pb.ListProjectScoreChangesResponse:
        size = paging.page_size(request.page_size, *CHANGES_PAGE)
        position = paging.decode(request.page_token, request, requests.CHANGES_PARTS)
        which, found = await self._handlers.project_score_changes(
            _project(),
            requests.change_filter(request, position),
            request.lead_ids,
            size + 1,
        )
        response = pb.ListProjectScoreChangesResponse()
        room, turns = CHANGES_PAGE_BYTES, Turns()
        for recorded in found[:size]:
            change = convert.score_change(recorded)
            room -= change.ByteSize()
            if room < 0:
                break
            response.score_changes.append(change)
            await turns.give()
        if len(response.score_changes) < len(found):
            last = found[len(response.score_changes) - 1]
            place = [last.changed_at.isoformat(), last.lead_id, last.change.version]
            response.next_page_token = paging.encode([which.until.isoformat(), *place], request)
        return response


def _project() -> str:
    return call_context.caller().project_id
