"""The methods of ScoringService about references: check, call a handler, convert. `servicer.py` has the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from scoreline.scoring.v1 import facts_pb2 as pb
from services.scoring import convert, requests
from services.scoring.domain.identity import merged_leads
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.identity_ports import Attached, IdentityConflict
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import InvalidFields, Violation
from services.shared.times import to_timestamp

CONFLICTS_PAGE = (50, 1_000)
"""Page size of ListIdentityConflicts: default and maximum."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class IdentityMethods:
    """See protos/scoreline/scoring/v1/scoring_service.proto."""

    _identities: IdentityHandlers

    async def GetLeadIdentities(
        self, request: pb.GetLeadIdentitiesRequest, context: ServicerContext
    ) -> pb.GetLeadIdentitiesResponse:
        reference = requests.reference("lead_id", request.lead_id)
        found = await self._identities.identities(_project(), reference)
        lead = found.lead
        return pb.GetLeadIdentitiesResponse(
            lead_id=lead.profile.lead_id,
            identities=[_attached(one) for one in found.references],
            merged_lead_ids=merged_leads(lead.profile.lead_id, lead.subjects),
        )

    async def ListIdentityConflicts(
        self, request: pb.ListIdentityConflictsRequest, context: ServicerContext
    ) -> pb.ListIdentityConflictsResponse:
        size = paging.page_size(request.page_size, *CONFLICTS_PAGE)
        reference = requests.reference("lead_id", request.lead_id) if request.lead_id else ""
        after = _position(paging.decode(request.page_token, request, 2))
        found = await self._identities.conflicts(_project(), reference, after, size + 1)
        response = pb.ListIdentityConflictsResponse(
            conflicts=[_conflict(*one) for one in found[:size]]
        )
        if len(found) > size:
            last, _ = found[size - 1]
            position = [(last.recorded_at - _EPOCH) // _MICROSECOND, last.event_id]
            response.next_page_token = paging.encode(position, request)
        return response


def _attached(one: Attached) -> pb.AttachedReference:
    message = pb.AttachedReference(
        identity=convert.identity(one.subject),
        attach_time=to_timestamp(one.attached_at),
        original_lead_id=one.original_lead_id,
        event_count=one.event_count,
    )
    if one.moved_at is not None:
        message.move_time.CopyFrom(to_timestamp(one.moved_at))
    return message


def _conflict(one: IdentityConflict, resolved: bool) -> pb.IdentityConflict:
    return pb.IdentityConflict(
        event_id=one.event_id,
        references=[convert.identity(subject) for subject in one.subjects],
        lead_ids=one.lead_ids,
        record_time=to_timestamp(one.recorded_at),
        resolved=resolved,
    )


def _position(parts: list[Any] | None) -> tuple[datetime, str] | None:
    if parts is None:
        return None
    try:
        return _EPOCH + int(parts[0]) * _MICROSECOND, str(parts[1])
    except (TypeError, ValueError, OverflowError) as error:
        problem = "is not a token this method has given out"
        raise InvalidFields([Violation("page_token", problem)]) from error


def _project() -> str:
    return call_context.caller().project_id
