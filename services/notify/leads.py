"""Scoring's leads over gRPC, read in the name of whoever watches. The only place that translates scoring's errors."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import grpc

from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2, scoring_service_pb2_grpc
from services.notify import convert, convert_feeds
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.leaderboard import Place, Which
from services.notify.ports import LeadPage
from services.shared.context import Request
from services.shared.errors import DependencyUnavailable
from services.shared.interceptor import CredentialInvalid, ScopeMissing

PAGE_LEADS = 500
"""Leads asked for at once; even with 32 KB of attributes each they fit in a message."""

MESSAGE_BYTES_MAX = 32 * 1024 * 1024
"""Largest answer taken: PAGE_LEADS of the largest leads, and their references."""

CALL_TIMEOUT_S = 10.0
"""A page takes some tens of milliseconds; a scoring that is overloaded may need seconds."""

LOOKUPS_AT_ONCE = 16
"""Single leads looked up side by side: hides the round trip without crowding scoring."""

KEEPALIVE_TIME_MS = 30_000
"""A scoring process that vanished without a word is noticed this soon."""

RECONNECT_FIRST_MS = 100
RECONNECT_MAX_MS = 2_000
"""gRPC's own pauses between attempts grow to two minutes: snapshots would fail long after scoring is back."""


def connect(target: str) -> grpc.aio.Channel:
    """A channel to scoring. It connects when it is used, and again whenever that is needed."""
    return grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_FIRST_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ],
    )


class ScoringLeads:
    """`ports.LeadSource` and `ports.BoardSource` on scoring's ScoringService. A cursor is scoring's page token, or a
    place among the wanted lead ids."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = scoring_service_pb2_grpc.ScoringServiceStub(channel)

    async def page(self, request: Request, wanted: ChangeFilter, cursor: str) -> LeadPage:
        """A page of the leads that `wanted` includes."""
        try:
            if wanted.lead_ids:
                return await self._look_up(request, wanted, int(cursor or 0))
            return await self._list(request, wanted, cursor)
        except grpc.aio.AioRpcError as error:
            raise_for(error)

    async def board(self, request: Request, which: Which) -> Sequence[Place]:
        """The leaders in order."""
        try:
            answer = await self._stub.GetLeaderboard(
                convert_feeds.to_board_request(which),
                metadata=_metadata(request),
                timeout=CALL_TIMEOUT_S,
            )
        except grpc.aio.AioRpcError as error:
            raise_for(error)
        return convert_feeds.to_places(answer)

    async def _list(self, request: Request, wanted: ChangeFilter, cursor: str) -> LeadPage:
        answer = await self._stub.ListLeads(
            convert.to_list_request(wanted, PAGE_LEADS, cursor),
            metadata=_metadata(request),
            timeout=CALL_TIMEOUT_S,
        )
        return LeadPage(
            [convert.to_snapshot_lead(lead) for lead in answer.leads], answer.next_page_token
        )

    async def _look_up(self, request: Request, wanted: ChangeFilter, start: int) -> LeadPage:
        lead_ids = sorted(wanted.lead_ids)
        part = lead_ids[start : start + LOOKUPS_AT_ONCE]
        found = await asyncio.gather(*(self._get(request, lead_id) for lead_id in part))
        leads = [
            convert.to_snapshot_lead(lead)
            for lead in found
            if lead is not None and wanted.includes(lead.lead_id, lead.stage)
        ]
        end = start + LOOKUPS_AT_ONCE
        return LeadPage(leads, str(end) if end < len(lead_ids) else "")

    async def _get(self, request: Request, lead_id: str) -> lead_pb2.Lead | None:
        try:
            answer = await self._stub.GetLead(
                scoring_service_pb2.GetLeadRequest(lead_id=lead_id),
                metadata=_metadata(request),
                timeout=CALL_TIMEOUT_S,
            )
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return answer.lead


def _metadata(request: Request) -> tuple[tuple[str, str], ...]:
    metadata = (("x-api-key", request.credential), ("x-request-id", request.request_id))
    if request.traceparent:
        return (*metadata, ("traceparent", request.traceparent))
    return metadata


PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)


def raise_for(error: grpc.aio.AioRpcError) -> NoReturn:
    """Raise what an error of scoring means: DependencyUnavailable, CredentialInvalid, ScopeMissing, or itself."""
    code = error.code()
    if code in PASSING:
        raise DependencyUnavailable("scoring can't be asked for leads at the moment") from error
    if code == grpc.StatusCode.UNAUTHENTICATED:
        raise CredentialInvalid("the API key was revoked") from error
    if code == grpc.StatusCode.PERMISSION_DENIED:
        raise ScopeMissing("the API key may not read leads") from error
    raise error
