"""Quarantine and identities through both clients: the same requests, pages to the end, and what may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import scoreline
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.scoring.v1 import facts_pb2
from tests.support.fake_edge import API_KEY, FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def both(edge: FakeEdge, group: str, method: str, *values: Any, **named: Any) -> list[Any]:
    """What each client answers; lists are read to their end."""

    with scoreline.Client(edge.target, API_KEY) as client:
        first = getattr(getattr(client, group), method)(*values, **named)
        first = list(first) if hasattr(first, "__next__") else first

    async def run() -> Any:
        async with scoreline.AsyncClient(edge.target, API_KEY) as other:
            found = getattr(getattr(other, group), method)(*values, **named)
            if hasattr(found, "__anext__"):
                return [one async for one in found]
            return await found

    return [first, asyncio.run(run())]


def asked(edge: FakeEdge, rpc: str) -> Any:
    """What both asked, which is the same."""
    requests = edge.requests[rpc]
    half = len(requests) // 2
    assert requests[:half] == requests[half:]
    return requests[:half]


def test_lists_are_read_to_their_end(edge: FakeEdge) -> None:
    def page(request: pb.ListQuarantinedRequest, context: Any) -> pb.ListQuarantinedResponse:
        number = int(request.page_token or 0)
        return pb.ListQuarantinedResponse(
            items=[pb.QuarantinedItem(item_id=f"qua_{number}")],
            next_page_token=str(number + 1) if number < 2 else "",
        )

    edge.on("ListQuarantined", page)
    for found in both(
        edge, "quarantine", "list", reason="poison", event_id="e1", seen_after=AT, page_size=1
    ):
        assert [item.item_id for item in found] == ["qua_0", "qua_1", "qua_2"]
    first = asked(edge, "ListQuarantined")[0]
    assert first.filter.reason == pb.QUARANTINE_REASON_POISON
    assert (first.filter.event_id, first.page_size) == ("e1", 1)
    assert first.filter.seen_after.ToDatetime(UTC) == AT
    assert not first.filter.HasField("seen_before")


def test_an_item_and_the_counts(edge: FakeEdge) -> None:
    item = pb.QuarantinedItem(item_id="qua_1", payload=b"\xff")
    edge.on("GetQuarantined", lambda request, context: pb.GetQuarantinedResponse(item=item))
    assert both(edge, "quarantine", "get", "qua_1") == [item, item]
    assert [one.item_id for one in asked(edge, "GetQuarantined")] == ["qua_1"]
    count = pb.CountQuarantinedResponse.ReasonCount(
        reason=pb.QUARANTINE_REASON_POISON, item_count=2
    )
    answer = pb.CountQuarantinedResponse(counts=[count])
    edge.on("CountQuarantined", lambda request, context: answer)
    assert both(edge, "quarantine", "count") == [[count], [count]]


def test_redriving_a_filter_goes_on_to_its_end(edge: FakeEdge) -> None:
    def answer(request: pb.RedriveQuarantinedRequest, context: Any) -> Any:
        if not request.page_token:
            return pb.RedriveQuarantinedResponse(redriven_count=1_000, next_page_token="2")
        return pb.RedriveQuarantinedResponse(redriven_count=3, failed_count=2, first_failure="no")

    edge.on("RedriveQuarantined", answer)
    total = pb.RedriveQuarantinedResponse(redriven_count=1_003, failed_count=2, first_failure="no")
    found = both(edge, "quarantine", "redrive", source_id="src_1")
    assert found == [total, total]
    tokens = [one.page_token for one in asked(edge, "RedriveQuarantined")]
    assert tokens == ["", "2"]
    assert {one.filter.source_id for one in edge.requests["RedriveQuarantined"]} == {"src_1"}


def test_discarding_everything_goes_on_to_the_end(edge: FakeEdge) -> None:
    left = {"calls": 0}

    def answer(request: pb.DiscardQuarantinedRequest, context: Any) -> Any:
        left["calls"] += 1
        return pb.DiscardQuarantinedResponse(discarded_count=5, more=left["calls"] % 3 != 0)

    edge.on("DiscardQuarantined", answer)
    for total in both(edge, "quarantine", "discard", everything=True):
        assert total == pb.DiscardQuarantinedResponse(discarded_count=15)
    for one in edge.requests["DiscardQuarantined"]:
        assert one.HasField("filter")
        assert one.filter == pb.QuarantineFilter()


@pytest.mark.parametrize("method", ["redrive", "discard"])
def test_one_item_is_asked_for_once(edge: FakeEdge, method: str) -> None:
    rpc = f"{method.capitalize()}Quarantined"
    edge.on("RedriveQuarantined", lambda request, context: pb.RedriveQuarantinedResponse())
    edge.on("DiscardQuarantined", lambda request, context: pb.DiscardQuarantinedResponse())
    both(edge, "quarantine", method, "qua_1")
    (one,) = asked(edge, rpc)
    assert (one.item_id, one.HasField("filter")) == ("qua_1", False)


@pytest.mark.parametrize("method", ["redrive", "discard"])
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("qua_1",), {"reason": "poison"}),
        (("qua_1",), {"everything": True}),
        ((), {"everything": True, "event_id": "e1"}),
        ((), {"reason": "nonsense"}),
    ],
)
def test_what_is_meant_must_be_said(
    edge: FakeEdge, method: str, values: tuple[str, ...], named: dict[str, Any]
) -> None:
    with scoreline.Client(edge.target, API_KEY) as client, pytest.raises(ValueError, match=r"\w"):
        getattr(client.quarantine, method)(*values, **named)
    assert not edge.requests


def test_identities_and_contradictions(edge: FakeEdge) -> None:
    identities = facts_pb2.GetLeadIdentitiesResponse(lead_id="ada")
    edge.on("GetLeadIdentities", lambda request, context: identities)
    assert both(edge, "leads", "identities", "email:a@b.c") == [identities, identities]
    assert [one.lead_id for one in asked(edge, "GetLeadIdentities")] == ["email:a@b.c"]

    def page(request: facts_pb2.ListIdentityConflictsRequest, context: Any) -> Any:
        return facts_pb2.ListIdentityConflictsResponse(
            conflicts=[facts_pb2.IdentityConflict(event_id=request.page_token or "first")],
            next_page_token="" if request.page_token else "second",
        )

    edge.on("ListIdentityConflicts", page)
    for found in both(edge, "leads", "conflicts", "ada"):
        assert [one.event_id for one in found] == ["first", "second"]
    assert {one.lead_id for one in asked(edge, "ListIdentityConflicts")} == {"ada"}
