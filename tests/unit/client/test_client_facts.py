"""Facts through both clients: the same requests, and which of the calls may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.scoring.v1.facts_pb2 import AdjustScoreResponse
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.0, max_wait_s=0.0)
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

CALLS: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("AdjustScore", "adjust", ("ada", -5, "r"), {"group": "fit", "occur_time": AT}),
    ("RetractEvents", "retract", (["e1", "e2"],), {"reason": "r", "validate_only": True}),
    ("RetractEvents", "retract", (), {"reason": "r", "types": ["a"], "start": AT, "end": AT}),
    ("MergeLeads", "merge", ("ada", "bob", "r"), {}),
    ("UnmergeLeads", "unmerge", ("bob", "r"), {}),
]


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def call(edge: FakeEdge, method: str, *values: Any, **named: Any) -> None:
    """Once with each client."""
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        getattr(client.facts, method)(*values, **named)

    async def run() -> None:
        async with scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as other:
            await getattr(other.facts, method)(*values, **named)

    asyncio.run(run())


@pytest.mark.parametrize(("rpc", "method", "values", "named"), CALLS)
def test_both_clients_ask_the_same(
    edge: FakeEdge, rpc: str, method: str, values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    call(edge, method, *values, **named)
    first, second = edge.requests[rpc]
    if rpc == "AdjustScore":
        # Each call has an id of its own, so that it can be repeated.
        assert first.adjustment_id != second.adjustment_id
        assert (first.points, first.occur_time.ToDatetime(UTC)) == (-5, AT)
        second.adjustment_id = first.adjustment_id
    assert first == second
    assert first.reason == "r"


def test_an_adjustment_that_may_have_been_made_is_repeated_under_its_id(edge: FakeEdge) -> None:
    tries = []

    def once_away(request: Any, context: grpc.ServicerContext) -> Any:
        tries.append(request)
        if len(tries) % 2:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))
        return AdjustScoreResponse()

    edge.on("AdjustScore", once_away)
    call(edge, "adjust", "ada", 5, "r")
    assert tries[0] == tries[1]
    assert tries[2] == tries[3]
    assert tries[0].adjustment_id != tries[2].adjustment_id


def test_a_merge_is_tried_once(edge: FakeEdge) -> None:
    def away(request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))

    edge.on("MergeLeads", away)
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        pytest.raises(errors.Unavailable),
    ):
        client.facts.merge("ada", "bob")
    assert len(edge.requests["MergeLeads"]) == 1


@pytest.mark.parametrize("named", [{}, {"event_ids": ["e1"], "source": "crm"}])
def test_events_are_retracted_in_one_way(edge: FakeEdge, named: dict[str, Any]) -> None:
    with (
        scoreline.Client(edge.target, API_KEY) as client,
        pytest.raises(ValueError, match="one of both"),
    ):
        client.facts.retract(reason="r", **named)
    assert not edge.requests
