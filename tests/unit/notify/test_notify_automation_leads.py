"""What automations read of scoring, from a service that answers as scoring does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1 import scoring_service_pb2 as pb
from scoreline.scoring.v1 import scoring_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.automation_leads import ScoringFacts
from services.shared.clock import SystemClock
from services.shared.errors import DependencyUnavailable
from services.shared.service_keys import ServiceKeys


class Scoring(scoring_service_pb2_grpc.ScoringServiceServicer):
    """A lead with a long history, read in pages of three."""

    def __init__(self) -> None:
        self.versions = 100
        self.failure: grpc.StatusCode | None = None

    async def ListScoreChanges(
        self, request: pb.ListScoreChangesRequest, context: Any
    ) -> pb.ListScoreChangesResponse:
        if self.failure is not None:
            await context.abort(self.failure, "")
        if request.lead_id != "a":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        begin = int(request.page_token or 0)
        end = min(begin + 3, self.versions)
        return pb.ListScoreChangesResponse(
            score_changes=[
                ScoreChange(lead_id="a", version=number + 1) for number in range(begin, end)
            ],
            next_page_token=str(end) if end < self.versions else "",
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


@pytest.mark.parametrize("versions", [1, 3, 100])
async def test_a_leads_newest_change_is_its_last(
    facts: ScoringFacts, scoring: Scoring, versions: int
) -> None:
    scoring.versions = versions
    encoded = await facts.newest_change("p", "a")
    assert encoded is not None
    assert ScoreChange.FromString(encoded).version == versions


async def test_a_lead_without_changes_has_none(facts: ScoringFacts, scoring: Scoring) -> None:
    scoring.versions = 0
    assert await facts.newest_change("p", "a") is None
    assert await facts.newest_change("p", "nobody") is None


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INTERNAL,
    ],
)
async def test_whatever_scoring_says_it_is_waited_for(
    facts: ScoringFacts, scoring: Scoring, code: grpc.StatusCode
) -> None:
    scoring.failure = code
    with pytest.raises(DependencyUnavailable):
        await facts.newest_change("p", "a")
