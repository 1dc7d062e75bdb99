"""ScoringService as its callers see it: adjustments, retractions, merges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from grpc import StatusCode

from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1 import facts_pb2 as pb
from scoreline.scoring.v1 import score_change_pb2, scoring_service_pb2
from services.scoring.domain.identity import lead_id_of
from services.shared import contracts
from services.shared.times import to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_calls import Api, fails

VISITOR = "anonymous:v-1"
VISITOR_ID = lead_id_of(VISITOR)


@pytest.fixture
async def known(api: Api) -> Api:
    """ada with 21 points, a visitor with 1."""
    await api.events.record_activation(cases.activation(1))
    await api.events.apply_events(
        [
            cases.incoming("e1", "signup", subject="lead:ada"),
            cases.incoming("e2", "page_view", 1, subject="lead:ada"),
            cases.incoming("v1", "page_view", subject=VISITOR),
        ]
    )
    return api


def adjust(lead_id: str = "ada", points: float = 5, reason: str = "r", **of: Any) -> Any:
    return pb.AdjustScoreRequest(lead_id=lead_id, points=points, reason=reason, **of)


def retract(*event_ids: str, reason: str = "r", **of: Any) -> Any:
    return pb.RetractEventsRequest(event_ids=pb.EventIds(event_ids=event_ids), reason=reason, **of)


def retract_like(reason: str = "r", **of: Any) -> Any:
    return pb.RetractEventsRequest(filter=pb.EventFilter(**of), reason=reason)


async def score(api: Api, lead_id: str) -> float:
    request = scoring_service_pb2.GetLeadRequest(lead_id=lead_id)
    found: float = (await api.call("GetLead", request)).lead.score
    return found


async def test_an_adjustment_answers_with_its_version(known: Api) -> None:
    answer = await known.call("AdjustScore", adjust(points=-1.5, adjustment_id="x"))
    assert answer.event_id == "scoreline:adjustment:x"
    change = answer.score_change
    assert (change.lead_id, change.version, change.event_type) == ("ada", 3, "$adjustment")
    assert change.cause == score_change_pb2.SCORE_CHANGE_CAUSE_ADJUSTMENT
    assert (change.previous_score, change.delta, change.score) == (21, -1.5, 19.5)
    assert await known.call("AdjustScore", adjust(points=-1.5, adjustment_id="x")) == answer
    with fails(StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS"):
        await known.call("AdjustScore", adjust(points=2, adjustment_id="x"))
    assert await score(known, "ada") == 19.5
    # Who gave it is kept: the key, no name.
    ((event, _),) = [
        one for key, one in known.store.contents.ledger.items() if key[1].endswith("ment:x")
    ]
    assert event.entry.properties["actor"] == "key_1"


async def test_retracted_events_are_counted(known: Api) -> None:
    answer = await known.call("RetractEvents", retract("e1", "v1", "x", validate_only=True))
    assert answer == pb.RetractEventsResponse(
        retracted_count=2, lead_count=2, unknown_event_ids=["x"], unknown_count=1
    )
    assert await score(known, "ada") == 21
    unknown = [f"x{number}" for number in range(150)]
    answer = await known.call("RetractEvents", retract("e1", *unknown))
    assert (answer.retracted_count, answer.lead_count) == (1, 1)
    assert (len(answer.unknown_event_ids), answer.unknown_count) == (100, 150)
    answer = await known.call(
        "RetractEvents",
        retract_like(
            types=["page_view"],
            source="web",
            start_time=to_timestamp(START),
            end_time=to_timestamp(START + timedelta(minutes=1)),
        ),
    )
    assert (answer.retracted_count, answer.lead_count) == (1, 1)
    assert (await score(known, "ada"), await score(known, VISITOR)) == (1, 0)


async def test_a_merge_answers_with_the_lead_and_an_unmerge_with_both(known: Api) -> None:
    request = pb.MergeLeadsRequest(lead_id="ada", merged_lead_id=VISITOR)
    lead = (await known.call("MergeLeads", request)).lead
    assert (lead.lead_id, lead.score, list(lead.merged_lead_ids)) == ("ada", 22, [VISITOR_ID])
    with fails(StatusCode.FAILED_PRECONDITION, "LEADS_MERGED"):
        await known.call("MergeLeads", request)
    answer = await known.call("UnmergeLeads", pb.UnmergeLeadsRequest(merged_lead_id=VISITOR_ID))
    assert (answer.lead.score, answer.unmerged_lead.score) == (21, 1)
    assert (list(answer.lead.merged_lead_ids), answer.unmerged_lead.lead_id) == ([], VISITOR_ID)
    with fails(StatusCode.FAILED_PRECONDITION, "LEAD_NOT_MERGED"):
        await known.call("UnmergeLeads", pb.UnmergeLeadsRequest(merged_lead_id=VISITOR_ID))


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (adjust("", 0, ""), ["lead_id", "points", "reason"]),
        (adjust(points=float("nan")), ["points"]),
        (adjust(points=float("inf")), ["points"]),
        (adjust(points=1_000_000.001), ["points"]),
        (adjust(points=0.0005), ["points"]),
        (adjust(reason=" "), ["reason"]),
        (adjust(reason="x" * 1_025), ["reason"]),
        (adjust(reason="a\nb"), ["reason"]),
        (adjust(adjustment_id="x" * 65), ["adjustment_id"]),
        (adjust(adjustment_id="a b"), ["adjustment_id"]),
        (adjust(adjustment_id="ä"), ["adjustment_id"]),
        (adjust(group="nowhere"), ["group"]),
        (adjust(group="x" * 65), ["group"]),
        (adjust(occur_time=to_timestamp(datetime(1969, 12, 31, tzinfo=UTC))), ["occur_time"]),
        (adjust(occur_time=to_timestamp(START + timedelta(days=9_000))), ["occur_time"]),
        (retract(), ["event_ids.event_ids"]),
        (retract(*(str(n) for n in range(1_001))), ["event_ids.event_ids"]),
        (retract("e1", "", "a\nb"), ["event_ids.event_ids[1]", "event_ids.event_ids[2]"]),
        (retract("e1", reason=""), ["reason"]),
        (pb.RetractEventsRequest(reason="r"), ["event_ids"]),
        (retract_like(), ["filter"]),
        (retract_like(types=["Page View"]), ["filter.types[0]"]),
        (retract_like(types=["$adjustment"]), ["filter.types[0]"]),
        (retract_like(types=["a"] * 33), ["filter.types"]),
        (retract_like(source="x" * 65), ["filter.source"]),
        (
            retract_like(start_time=to_timestamp(START), end_time=to_timestamp(START)),
            ["filter.end_time"],
        ),
        (retract_like(lead_id="x" * 300), ["filter.lead_id"]),
        (pb.MergeLeadsRequest(), ["lead_id", "merged_lead_id"]),
        (pb.MergeLeadsRequest(lead_id="a", merged_lead_id="b", reason="\n"), ["reason"]),
        (pb.UnmergeLeadsRequest(), ["merged_lead_id"]),
        (pb.UnmergeLeadsRequest(merged_lead_id=VISITOR), ["merged_lead_id"]),
    ],
)
async def test_bad_requests_are_refused_field_by_field(
    known: Api, request_: Any, fields: list[str]
) -> None:
    before = known.store.contents.copy()
    method = type(request_).__name__.removesuffix("Request")
    with fails(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", *fields):
        await known.call(method, request_)
    assert known.store.contents == before


@pytest.mark.parametrize(
    "request_",
    [
        adjust("nobody"),
        retract_like(lead_id="nobody"),
        pb.MergeLeadsRequest(lead_id="ada", merged_lead_id="nobody"),
        pb.MergeLeadsRequest(lead_id="nobody", merged_lead_id="ada"),
        pb.UnmergeLeadsRequest(merged_lead_id="nobody"),
    ],
)
async def test_leads_nobody_knows_are_not_found(known: Api, request_: Any) -> None:
    method = type(request_).__name__.removesuffix("Request")
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await known.call(method, request_)


async def test_facts_are_for_admins_of_their_own_project(known: Api) -> None:
    methods = ("AdjustScore", "RetractEvents", "MergeLeads", "UnmergeLeads")
    scopes = contracts.required_scopes()
    for method in methods:
        path = f"/scoreline.scoring.v1.ScoringService/{method}"
        assert scopes[path] == scope_pb2.SCOPE_ADMIN
        for key in ("reader", "writer"):
            request = getattr(pb, f"{method}Request")()
            with fails(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
                await known.holding(key).call(method, request)
    stranger = known.holding("p2")
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await stranger.call("AdjustScore", adjust())
    answer = await stranger.call("RetractEvents", retract("e1"))
    assert (answer.retracted_count, answer.unknown_count) == (0, 1)
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await stranger.call(
            "MergeLeads", pb.MergeLeadsRequest(lead_id="ada", merged_lead_id=VISITOR)
        )
    assert await score(known, "ada") == 21
