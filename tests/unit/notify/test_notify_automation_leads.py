"""What automations read of scoring, from a service that answers as scoring does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1 import scoring_service_pb2 as pb
from scoreline.scoring.v1 import scoring_service_pb2_grpc
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.automation_leads import ScoringFacts
from services.shared.clock import SystemClock
from services.shared.service_keys import ServiceKeys
from services.shared.times import to_timestamp

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


class Scoring(scoring_service_pb2_grpc.ScoringServiceServicer):
    """A lead with a long history, read in pages of three."""

    def __init__(self) -> None:
        self.times = [NOW - timedelta(hours=100 - number) for number in range(100)]
        self.update_time = self.times[-1]
        self.read = 0

    async def GetLead(self, request: pb.GetLeadRequest, context: Any) -> pb.GetLeadResponse:
        if request.lead_id != "a":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        lead = Lead(lead_id="a", version=len(self.times))
        lead.update_time.CopyFrom(to_timestamp(self.update_time))
        return pb.GetLeadResponse(lead=lead)

    async def ListProjectScoreChanges(
        self, request: pb.ListProjectScoreChangesRequest, context: Any
    ) -> pb.ListProjectScoreChangesResponse:
        assert list(request.lead_ids) == ["a"]
        since = until = None
        if request.HasField("change_time_from"):
            since = request.change_time_from.ToDatetime(UTC)
        if request.HasField("change_time_until"):
            until = request.change_time_until.ToDatetime(UTC)
        found = [
            ScoreChange(lead_id="a", version=version)
            for version, time in enumerate(self.times, 1)
            if (since is None or time >= since) and (until is None or time < until)
        ]
        begin = int(request.page_token or 0)
        page = found[begin : begin + 3]
        self.read += len(page)
        more = begin + 3 < len(found)
        return pb.ListProjectScoreChangesResponse(
            score_changes=page, next_page_token=str(begin + 3) if more else ""
        )


@pytest.fixture
async def scoring() -> Scoring:
    return Scoring()


@pytest.fixture
async def facts(scoring: Scoring) -> AsyncIterator[ScoringFacts]:
    server = grpc.aio.server()
    scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server(scoring, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ScoringFacts(channel, ServiceKeys(SystemClock(), b"k" * 32))
    await server.stop(None)


@pytest.mark.parametrize(
    ("edited_after", "read_max"),
    [
        (timedelta(0), 1),
        (timedelta(minutes=3), 1),
        (timedelta(hours=30), 20),
        (timedelta(days=80), 100),
        (timedelta(days=800), 100),
    ],
)
async def test_a_leads_newest_change_is_found_from_the_end(
    facts: ScoringFacts, scoring: Scoring, edited_after: timedelta, read_max: int
) -> None:
    scoring.update_time = scoring.times[-1] + edited_after
    encoded = await facts.newest_change("p", "a")
    assert encoded is not None
    assert ScoreChange.FromString(encoded).version == 100
    assert scoring.read <= read_max


async def test_a_lead_without_changes_has_none(facts: ScoringFacts, scoring: Scoring) -> None:
    scoring.times = []
    assert await facts.newest_change("p", "a") is None
    assert await facts.newest_change("p", "nobody") is None
