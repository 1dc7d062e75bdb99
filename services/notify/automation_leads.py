"""Scoring's leads as automations see them, read in a project's name: nobody who calls is there. What a caller's watch
reads is in `leads.py`, and so is what scoring's errors mean."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any, NoReturn

import grpc

from scoreline.scoring.v1 import (
    analytics_service_pb2_grpc,
    intelligence_pb2,
    lead_pb2,
    movers_pb2,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
)
from services.notify.automation_ports import Paused
from services.notify.domain.automations import Daily
from services.notify.leads import CALL_TIMEOUT_S, PASSING, raise_for
from services.shared import logs, structs
from services.shared.errors import DependencyUnavailable
from services.shared.service_keys import ServiceKeys
from services.shared.times import to_datetime, to_timestamp

log = logs.get("automations")

PAGE_CHANGES = 1_000
"""Score changes read at once."""

DIGEST_SPAN = timedelta(days=1)


class ScoringFacts:
    """An automation_ports.Leads, and History, on scoring's services."""

    def __init__(self, channel: grpc.aio.Channel, keys: ServiceKeys) -> None:
        self._scoring = scoring_service_pb2_grpc.ScoringServiceStub(channel)
        self._analytics = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        self._keys = keys

    async def facts(
        self, project_id: str, lead_id: str, as_of: datetime | None = None
    ) -> dict[str, Any] | None:
        asked = scoring_service_pb2.GetIntelligenceRequest(lead_id=lead_id)
        if as_of is not None:
            asked.as_of.CopyFrom(to_timestamp(as_of))
            asked.known_at.CopyFrom(to_timestamp(as_of))
        called = self._called(project_id)
        try:
            found, answer = await asyncio.gather(
                self._scoring.GetLead(
                    scoring_service_pb2.GetLeadRequest(lead_id=lead_id), **called
                ),
                self._scoring.GetIntelligence(asked, **called),
            )
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            _raise_for(error)
        if found.lead.lead_id != lead_id:
            # Merged: the id leads to another one now.
            return None
        return _facts(found.lead, answer.intelligence)

    async def last_event_time(self, project_id: str, lead_id: str) -> datetime | None:
        asked = scoring_service_pb2.GetLeadRequest(lead_id=lead_id)
        try:
            found = await self._scoring.GetLead(asked, **self._called(project_id))
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            _raise_for(error)
        lead = found.lead
        return to_datetime(lead.last_event_time) if lead.HasField("last_event_time") else None

    async def paused(
        self, project_id: str, since: datetime, until: datetime, limit: int, cursor: str
    ) -> tuple[list[Paused], str]:
        asked = scoring_service_pb2.ListLeadsRequest(
            page_size=limit,
            page_token=cursor,
            last_event_time_from=to_timestamp(since),
            last_event_time_until=to_timestamp(until),
            order_by="last_event_time",
        )
        try:
            answer = await self._scoring.ListLeads(asked, **self._called(project_id))
        except grpc.aio.AioRpcError as error:
            _raise_for(error)
        found = [
            Paused(lead.lead_id, lead.version, to_datetime(lead.last_event_time))
            for lead in answer.leads
        ]
        return found, answer.next_page_token

    async def digest(self, project_id: str, daily: Daily, until: datetime) -> dict[str, Any]:
        since = until - DIGEST_SPAN
        asked = movers_pb2.GetMoversRequest(
            from_time=to_timestamp(since),
            until_time=to_timestamp(until),
            page_size=daily.lead_count,
            qualified_stages=daily.qualified_stages,
        )
        try:
            answer = await self._analytics.GetMovers(asked, **self._called(project_id))
        except grpc.aio.AioRpcError as error:
            _raise_for(error)
        return _digest(answer, since, until)

    async def resolve(self, project_id: str, reference: str) -> str | None:
        asked = scoring_service_pb2.GetLeadRequest(lead_id=reference)
        try:
            found = await self._scoring.GetLead(asked, **self._called(project_id))
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            _raise_for(error)
        return found.lead.lead_id

    async def newest_change(self, project_id: str, lead_id: str) -> bytes | None:
        asked = scoring_service_pb2.ListScoreChangesRequest(lead_id=lead_id, page_size=PAGE_CHANGES)
        newest: bytes | None = None
        # Oldest first, and the newest counts from the moment it is made: so all of them are read.
        while True:
            try:
                answer = await self._scoring.ListScoreChanges(asked, **self._called(project_id))
            except grpc.aio.AioRpcError as error:
                if error.code() == grpc.StatusCode.NOT_FOUND:
                    return None
                _raise_for(error)
            if answer.score_changes:
                newest = answer.score_changes[-1].SerializeToString()
            if not answer.next_page_token:
                return newest
            asked.page_token = answer.next_page_token

    async def changes(
        self, project_id: str, since: datetime, until: datetime
    ) -> AsyncGenerator[bytes]:
        asked = scoring_service_pb2.ListProjectScoreChangesRequest(
            change_time_from=to_timestamp(since),
            change_time_until=to_timestamp(until),
            page_size=PAGE_CHANGES,
        )
        while True:
            try:
                answer = await self._scoring.ListProjectScoreChanges(
                    asked, **self._called(project_id)
                )
            except grpc.aio.AioRpcError as error:
                _raise_for(error)
            for change in answer.score_changes:
                yield change.SerializeToString()
            if not answer.next_page_token:
                return
            asked.page_token = answer.next_page_token

    def _called(self, project_id: str) -> dict[str, Any]:
        return {
            "metadata": (("x-api-key", self._keys.make(project_id)),),
            "timeout": CALL_TIMEOUT_S,
        }


def _raise_for(error: grpc.aio.AioRpcError) -> NoReturn:
    if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        # The services' shared key differs, or their clocks do. It is tried again until that is mended.
        log.error("scoring does not take this service's credential", code=error.code().name)
        raise DependencyUnavailable("scoring does not take this service's credential") from error
    if error.code() not in PASSING:
        # A defect, here or there: what waits for it is tried again until it is too old, and hinders nothing else.
        log.error("scoring refuses what it is asked", code=error.code().name, exc_info=error)
        raise DependencyUnavailable("scoring refuses what it is asked") from error
    raise_for(error)


def _facts(lead: lead_pb2.Lead, found: intelligence_pb2.Intelligence) -> dict[str, Any]:
    return {
        "lead_id": lead.lead_id,
        "email": lead.email,
        "display_name": lead.display_name,
        "company": lead.company,
        "score": found.score,
        "stage": found.stage,
        "grade": found.grade,
        "velocity": found.velocity,
        "risk": _name(intelligence_pb2.RiskLevel, found.risk, "RISK_LEVEL_"),
        "trend": _name(intelligence_pb2.Trend, found.trend, "TREND_"),
        "next_action": found.next_action,
        # What was noted by hand first: what events say is newer.
        "attributes": structs.to_dict(lead.attributes) | structs.to_dict(lead.event_attributes),
    }


def _name(kinds: Any, value: int, prefix: str) -> str:
    name: str = kinds.Name(value).removeprefix(prefix) if value else ""
    return name


def _digest(
    found: movers_pb2.GetMoversResponse, since: datetime, until: datetime
) -> dict[str, Any]:
    return {
        "from_time": _json_time(since),
        "until_time": _json_time(until),
        "up": [_mover(one) for one in found.up],
        "down": [_mover(one) for one in found.down],
        "new_qualified": [_listed(one) for one in found.newly_qualified],
        "new_qualified_count": found.newly_qualified_count,
        "at_risk": [_listed(one) for one in found.at_risk],
        "at_risk_count": found.at_risk_count,
    }


def _mover(mover: movers_pb2.Mover) -> dict[str, Any]:
    return {
        "lead_id": mover.lead_id,
        "name": _called(mover),
        "company": mover.company,
        "previous_score": mover.score_before,
        "score": mover.score_after,
        "delta": mover.delta,
        "previous_stage": mover.stage_before,
        "stage": mover.stage_after,
    }


def _listed(lead: movers_pb2.NewlyQualifiedLead | movers_pb2.LeadAtRisk) -> dict[str, Any]:
    return {
        "lead_id": lead.lead_id,
        "name": _called(lead),
        "company": lead.company,
        "score": lead.score,
        "stage": lead.stage,
    }


def _called(lead: Any) -> str:
    name: str = lead.display_name or lead.email or lead.lead_id
    return name


def _json_time(instant: datetime) -> str:
    return to_timestamp(instant).ToJsonString()
