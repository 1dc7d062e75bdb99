"""ScoringService as its callers see it: pages of leads, leaderboard, stages, timeline and audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.shared import paging
from services.shared.times import to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_calls import Api, fails

INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")

SIGNUPS = {"a": 1, "b": 2, "c": 2, "d": 4, "e": 2, "f": 1}
"""Sign-ups of 20 points for each lead: scores 20, 40, 40, 80, 40, 20."""


@pytest.fixture
async def leads(api: Api) -> None:
    await api.events.record_activation(cases.activation(1))
    await api.events.apply_events(
        [
            cases.incoming(f"{lead}{n}", "signup", n, f"lead:{lead}", n=n)
            for lead, signups in SIGNUPS.items()
            for n in range(signups)
        ]
    )


async def pages(api: Api, method: str, request: Any, items: str) -> list[list[Any]]:
    found = []
    while True:
        response = await api.call(method, request)
        found.append(list(getattr(response, items)))
        if not response.next_page_token:
            return found
        request.page_token = response.next_page_token


async def list_ids(api: Api, **fields: Any) -> list[list[str]]:
    found = await pages(api, "ListLeads", pb.ListLeadsRequest(**fields), "leads")
    return [[lead.lead_id for lead in page] for page in found]


@pytest.mark.usefixtures("leads")
async def test_leads_come_page_by_page(api: Api) -> None:
    assert await list_ids(api) == [["a", "b", "c", "d", "e", "f"]]
    assert await list_ids(api, page_size=4) == [["a", "b", "c", "d"], ["e", "f"]]
    # A page that ends with the last lead is the last page.
    assert await list_ids(api, page_size=3) == [["a", "b", "c"], ["d", "e", "f"]]
    by_score = await list_ids(api, page_size=2, order_by="score desc")
    assert by_score == [["d", "b"], ["c", "e"], ["a", "f"]]
    for order in ("last_event_time", "create_time", "last_event_time desc", "create_time desc"):
        everything = [one for page in await list_ids(api, order_by=order) for one in page]
        by_page = await list_ids(api, page_size=1, order_by=order)
        assert [one for page in by_page for one in page] == everything


@pytest.mark.usefixtures("leads")
async def test_filters(api: Api) -> None:
    assert await list_ids(api, stages=["warm"], page_size=2) == [["b", "c"], ["e"]]
    assert await list_ids(api, min_score=20.001, max_score=79.999) == [["b", "c", "e"]]
    assert await list_ids(api, min_score=40, max_score=40, query="E") == [["e"]]
    assert await list_ids(api, max_score=0.0) == [[]]
    # Events of a lead come a minute after each other, from START on.
    minutes = [to_timestamp(START + timedelta(minutes=one)) for one in range(4)]
    since, until = {"last_event_time_from": minutes[1]}, {"last_event_time_until": minutes[1]}
    assert await list_ids(api, page_size=3, **since) == [["b", "c", "d"], ["e"]]
    assert await list_ids(api, order_by="last_event_time desc", **since) == [["d", "b", "c", "e"]]
    assert await list_ids(api, order_by="last_event_time", page_size=1, **until) == [["a"], ["f"]]
    between = {**since, "last_event_time_until": minutes[3]}
    assert await list_ids(api, **between) == [["b", "c", "e"]]
    with fails(*INVALID, "last_event_time_from"):
        await list_ids(api, **since, **until)
    with fails(*INVALID, "last_event_time_until"):
        await list_ids(api, last_event_time_until=Timestamp(seconds=2**40))
    with fails(*INVALID, "min_score", "order_by"):
        await list_ids(api, min_score=float("nan"), order_by="x")
    with fails(*INVALID, "page_size"):
        await list_ids(api, page_size=-1)


@pytest.mark.usefixtures("leads")
async def test_a_page_token_belongs_to_its_request_and_can_not_be_made_up(api: Api) -> None:
    request = pb.ListLeadsRequest(page_size=2, order_by="score")
    token = (await api.call("ListLeads", request)).next_page_token
    # Another page size is another page of the same list.
    longer = pb.ListLeadsRequest(page_size=3, order_by="score", page_token=token)
    assert len((await api.call("ListLeads", longer)).leads) == 3
    for other in (
        pb.ListLeadsRequest(page_token=token),
        pb.ListLeadsRequest(order_by="score", min_score=1, page_token=token),
        pb.ListLeadsRequest(order_by="score", page_token=token + "AAAA"),
        pb.ListLeadsRequest(order_by="score", page_token="!"),
        pb.ListLeadsRequest(order_by="score", page_token="ä"),
    ):
        with fails(*INVALID, "page_token"):
            await api.call("ListLeads", other)
    for position in (["x", "a"], [None, "a"], [2**80, "a"], [0.5, "a"], [0, "\x00"]):
        request.page_token = paging.encode(position, request)
        with fails(*INVALID, "page_token"):
            await api.call("ListLeads", request)


@pytest.mark.usefixtures("leads")
async def test_equal_scores_share_a_rank(api: Api) -> None:
    request = pb.GetLeaderboardRequest()
    entries = (await api.call("GetLeaderboard", request)).entries
    assert [(one.rank, one.lead.lead_id, one.lead.score) for one in entries] == [
        (1, "d", 80.0),
        (2, "b", 40.0),
        (2, "c", 40.0),
        (2, "e", 40.0),
        (5, "a", 20.0),
        (5, "f", 20.0),
    ]
    request = pb.GetLeaderboardRequest(page_size=3, stages=["warm", "cold"])
    entries = (await api.call("GetLeaderboard", request)).entries
    assert [(one.rank, one.lead.lead_id) for one in entries] == [(1, "b"), (1, "c"), (1, "e")]
    with fails(*INVALID, "page_size"):
        await api.call("GetLeaderboard", pb.GetLeaderboardRequest(page_size=-1))
    with fails(*INVALID, "stages"):
        await api.call("GetLeaderboard", pb.GetLeaderboardRequest(stages=["x"] * 33))


async def test_an_empty_project_has_empty_lists(api: Api) -> None:
    assert (await api.call("GetLeaderboard", pb.GetLeaderboardRequest())).entries == []
    assert await list_ids(api) == [[]]
    counts = await api.call("GetStageCounts", pb.GetStageCountsRequest())
    assert (list(counts.stage_counts), counts.total_count) == ([], 0)


@pytest.mark.usefixtures("leads")
async def test_stages_are_counted_in_their_order_and_old_ones_after_them(api: Api) -> None:
    async def counts() -> tuple[list[tuple[str, int]], int]:
        found = await api.call("GetStageCounts", pb.GetStageCountsRequest())
        return [(one.stage, one.lead_count) for one in found.stage_counts], found.total_count

    assert await counts() == ([("cold", 2), ("warm", 3), ("hot", 1)], 6)
    renamed = (replace(cases.STAGES[0], name="fresh"), *cases.STAGES[1:])
    await api.events.record_activation(cases.activation(2, replace(cases.RULES, stages=renamed)))
    assert await counts() == ([("fresh", 0), ("warm", 3), ("hot", 1), ("cold", 2)], 6)
    await api.events.rescore_next()
    assert await counts() == ([("fresh", 2), ("warm", 3), ("hot", 1)], 6)


async def history(api: Api) -> None:
    """950 points, then 100 that are cut at 1,000, then -50; one unknown event first, arrived last."""
    rules = replace(cases.RULES, rules=(*cases.RULES.rules, cases.rule("deal", 950)))
    await api.events.record_activation(cases.activation(1, rules))
    for event_id, event_type, minutes in [
        ("e1", "deal", 1),
        ("e3", "refund", 3),
        ("e2", "purchase", 2),
        ("e0", "unheard_of", 0),
    ]:
        event = cases.incoming(event_id, event_type, minutes, "lead:ada", n=minutes)
        await api.events.apply_events([event])


async def test_the_timeline_is_in_event_time_and_sums_to_the_score(api: Api) -> None:
    await history(api)
    found = await api.call("ListTimeline", pb.ListTimelineRequest(lead_id="ada"))
    assert [one.event_id for one in found.entries] == ["e0", "e1", "e2", "e3"]
    assert [one.score for one in found.entries] == [0.0, 950.0, 1000.0, 950.0]
    assert [one.stage for one in found.entries] == ["cold", "hot", "hot", "hot"]
    assert found.entries[0].effects == []
    [cut] = found.entries[2].effects
    assert (cut.rule_points, cut.points, cut.reason) == (100.0, 50.0, pb.EFFECT_REASON_CLIPPED)
    assert dict(found.entries[3].properties) == {"n": 3}
    effects = [effect for one in found.entries for effect in one.effects]
    lead = (await api.call("GetLead", pb.GetLeadRequest(lead_id="ada"))).lead
    assert sum(effect.points for effect in effects) == lead.score == 950.0
    assert {effect.rule_set_version for effect in effects} == {1}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_timeline_pages_join_in_both_directions(api: Api, size: int) -> None:
    await history(api)
    for descending in (False, True):
        request = pb.ListTimelineRequest(lead_id="ada", descending=descending)
        [everything] = await pages(api, "ListTimeline", request, "entries")
        ids = [one.event_id for one in everything]
        assert ids == sorted(ids, reverse=descending)
        request = pb.ListTimelineRequest(lead_id="ada", descending=descending, page_size=size)
        found = await pages(api, "ListTimeline", request, "entries")
        assert [one for page in found for one in page] == everything
        assert len(found) == -(-4 // size)


async def test_an_event_that_arrives_between_pages_takes_its_place(api: Api) -> None:
    await history(api)
    request = pb.ListTimelineRequest(lead_id="ada", page_size=2)
    request.page_token = (await api.call("ListTimeline", request)).next_page_token
    await api.events.apply_events([cases.incoming("e15", "page_view", 1.5)])
    found = await api.call("ListTimeline", request)
    assert [one.event_id for one in found.entries] == ["e15", "e2"]


async def test_the_timeline_explains_the_score_also_while_rescoring_is_to_come(api: Api) -> None:
    await history(api)
    other = replace(cases.RULES, rules=(cases.rule("deal", 10),))
    await api.events.record_activation(cases.activation(2, other))

    async def explained() -> tuple[float, float]:
        lead = (await api.call("GetLead", pb.GetLeadRequest(lead_id="ada"))).lead
        found = await api.call("ListTimeline", pb.ListTimelineRequest(lead_id="ada"))
        return lead.score, found.entries[-1].score

    assert await explained() == (950.0, 950.0)
    await api.events.rescore_next()
    assert await explained() == (10.0, 10.0)


async def test_score_changes_are_in_version_order(api: Api) -> None:
    await history(api)
    request = pb.ListScoreChangesRequest(lead_id="ada", page_size=3)
    found = await pages(api, "ListScoreChanges", request, "score_changes")
    assert [[one.version for one in page] for page in found] == [[1, 2, 3], [4]]
    changes = [one for page in found for one in page]
    assert [one.event_id for one in changes] == ["e1", "e3", "e2", "e0"]
    assert [one.score for one in changes] == [950.0, 900.0, 950.0, 950.0]
    assert [one.delta for one in changes] == [950.0, -50.0, 50.0, 0.0]
    assert [one.late for one in changes] == [False, False, True, True]
    request = pb.ListScoreChangesRequest(lead_id="ada", page_size=4)
    assert len(await pages(api, "ListScoreChanges", request, "score_changes")) == 1


async def test_tokens_of_histories_can_not_be_made_up(api: Api) -> None:
    await history(api)
    for method, request, positions in (
        (
            "ListTimeline",
            pb.ListTimelineRequest(lead_id="ada"),
            [["x", "e"], [START.isoformat(), 1]],
        ),
        ("ListScoreChanges", pb.ListScoreChangesRequest(lead_id="ada"), [["x"], [None], [[]]]),
    ):
        for position in positions:
            request.page_token = paging.encode(position, request)  # type: ignore[attr-defined]
            with fails(*INVALID, "page_token"):
                await api.call(method, request)
    for method, request in (
        ("ListTimeline", pb.ListTimelineRequest(lead_id="ada", page_size=-1)),
        ("ListScoreChanges", pb.ListScoreChangesRequest(lead_id="ada", page_size=-1)),
    ):
        with fails(*INVALID, "page_size"):
            await api.call(method, request)
