"""The gRPC edge of analytics and export: check, call a handler, convert."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from scoreline.scoring.v1 import analytics_service_pb2 as pb
from scoreline.scoring.v1 import analytics_service_pb2_grpc, movers_pb2
from services.scoring import analytics_conversion as conversion
from services.scoring.analytics_handlers import AnalyticsHandlers
from services.scoring.export_formats import Format
from services.scoring.exporting import Exports, Piece
from services.shared import context as call_context
from services.shared import paging
from services.shared.errors import Violations

LEAD_COUNT_HEADER = "x-lead-count"
"""How many leads an exported file has when it is whole."""

EVENT_COUNT_HEADER = "x-event-count"
"""How many events."""

MOVERS_PAGE = (10, 100)
"""Leads in each list of GetMovers: default and maximum."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class AnalyticsServicer(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    """See protos/scoreline/scoring/v1/analytics_service.proto."""

    def __init__(self, handlers: AnalyticsHandlers, exports: Exports) -> None:
        self._handlers = handlers
        self._exports = exports

    async def GetActivity(
        self, request: pb.GetActivityRequest, context: ServicerContext
    ) -> pb.GetActivityResponse:
        violations = Violations()
        start, end = conversion.times(request, violations)
        conversion.check_activity(request, violations)
        violations.raise_if_any()
        hourly = request.interval == pb.INTERVAL_HOUR
        found = await self._handlers.activity(
            _project(), start, end, hourly, request.types, request.lead_id
        )
        return conversion.activity(found)

    async def GetScoreTrend(
        self, request: pb.GetScoreTrendRequest, context: ServicerContext
    ) -> pb.GetScoreTrendResponse:
        violations = Violations()
        start, end = conversion.times(request, violations)
        conversion.check_lead(request.lead_id, violations)
        violations.raise_if_any()
        found = await self._handlers.score_trend(_project(), start, end, request.lead_id)
        return conversion.score_trend(found)

    async def GetMovers(
        self, request: movers_pb2.GetMoversRequest, context: ServicerContext
    ) -> movers_pb2.GetMoversResponse:
        size = paging.page_size(request.page_size, *MOVERS_PAGE)
        start, end, risks = conversion.movers_asked(request)
        found = await self._handlers.movers(
            _project(), start, end, request.stages, request.qualified_stages, risks, size
        )
        return conversion.movers(found)

    async def GetFunnel(
        self, request: pb.GetFunnelRequest, context: ServicerContext
    ) -> pb.GetFunnelResponse:
        violations = Violations()
        start, end = conversion.times(request, violations)
        violations.raise_if_any()
        return conversion.funnel(*await self._handlers.funnel(_project(), start, end))

    async def GetCohorts(
        self, request: pb.GetCohortsRequest, context: ServicerContext
    ) -> pb.GetCohortsResponse:
        violations = Violations()
        start, end = conversion.times(request, violations)
        conversion.check_stage(request.stage, violations)
        violations.raise_if_any()
        found = await self._handlers.cohorts(_project(), start, end, request.stage)
        return conversion.cohorts(*found)

    async def GetCompanyDistribution(
        self, request: pb.GetCompanyDistributionRequest, context: ServicerContext
    ) -> pb.GetCompanyDistributionResponse:
        limit = conversion.company_limit(request.limit)
        return conversion.companies(await self._handlers.companies(_project(), limit))

    async def GetRuleImpact(
        self, request: pb.GetRuleImpactRequest, context: ServicerContext
    ) -> pb.GetRuleImpactResponse:
        violations = Violations()
        start, end = conversion.times(request, violations)
        violations.raise_if_any()
        return conversion.rule_impact(await self._handlers.rule_impact(_project(), start, end))

    async def ExportLeads(
        self, request: pb.ExportLeadsRequest, context: ServicerContext
    ) -> AsyncIterator[HttpBody]:
        form, which = conversion.export(request)
        made = self._exports.export(_project(), which, form)
        async with aclosing(_bodies(context, made, form, "leads", LEAD_COUNT_HEADER)) as bodies:
            async for body in bodies:
                yield body

    async def ExportEvents(
        self, request: pb.ExportEventsRequest, context: ServicerContext
    ) -> AsyncIterator[HttpBody]:
        form, which = conversion.export_events(request)
        made = self._exports.export_events(_project(), which, request.lead_id, form)
        async with aclosing(_bodies(context, made, form, "events", EVENT_COUNT_HEADER)) as bodies:
            async for body in bodies:
                yield body


async def _bodies(
    context: ServicerContext,
    made: AsyncGenerator[Piece, None],
    form: Format,
    name: str,
    count_header: str,
) -> AsyncGenerator[HttpBody, None]:
    """A file as it goes out."""
    content_type = form.content_type
    async with aclosing(made) as pieces:
        async for piece in pieces:
            if content_type:
                # Not before there is something: until then a failure still has a status of its own.
                attachment = f'attachment; filename="{name}.{form.suffix}"'
                await context.send_initial_metadata(
                    (("content-disposition", attachment), (count_header, str(piece.row_count)))
                )
            yield HttpBody(content_type=content_type, data=piece.data)
            content_type = ""


def _project() -> str:
    return call_context.caller().project_id
