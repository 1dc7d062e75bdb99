"""ListProjectScoreChanges as its callers see it: pages and their tokens, filters, and how large a page gets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from scoreline.scoring.v1 import score_change_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.scoring import lead_handlers, servicer
from services.shared import paging
from services.shared.times import to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START
from tests.support.scoring_calls import Api, fails

INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
METHOD = "ListProjectScoreChanges"
EVENTS = 12


@pytest.fixture(autouse=True)
async def _changes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three leads with four events each, one transaction for each event; everything is settled at once."""
    monkeypatch.setattr(lead_handlers, "SETTLED", timedelta(0))
    await api.events.record_activation(cases.activation(1))
    for number in range(EVENTS):
        lead = "lead:" + "cab"[number % 3]
        await api.events.apply_events([cases.incoming(f"e{number:02}", "signup", 0, lead)])


async def pages(api: Api, **fields: Any) -> list[list[str]]:
    request = pb.ListProjectScoreChangesRequest(**fields)
    found = []
    while True:
        answer = await api.call(METHOD, request)
        found.append([one.event_id for one in answer.score_changes])
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


ALL = [f"e{number:02}" for number in range(EVENTS)]


async def test_pages(api: Api) -> None:
    assert await pages(api) == [ALL]
    assert await pages(api, page_size=EVENTS) == [ALL]
    assert await pages(api, page_size=5) == [ALL[:5], ALL[5:10], ALL[10:]]
    assert await pages(api.holding("p2")) == [[]]
    # As the lead's own list has them.
    of_lead = pb.ListScoreChangesRequest(lead_id="a")
    own = (await api.call("ListScoreChanges", of_lead)).score_changes
    request = pb.ListProjectScoreChangesRequest(lead_ids=["a"])
    assert (await api.call(METHOD, request)).score_changes == own


async def test_filters(api: Api) -> None:
    answer = await api.call(METHOD, pb.ListProjectScoreChangesRequest())
    times = [one.change_time for one in answer.score_changes]
    assert await pages(api, change_time_from=times[3], change_time_until=times[5]) == [ALL[3:5]]
    assert await pages(api, lead_ids=["a", "b"], page_size=5) == [
        ["e01", "e02", "e04", "e05", "e07"],
        ["e08", "e10", "e11"],
    ]
    cause = score_change_pb2.ScoreChangeCause
    assert await pages(api, causes=[cause.SCORE_CHANGE_CAUSE_EVENT]) == [ALL]
    others = [cause.SCORE_CHANGE_CAUSE_RULES, cause.SCORE_CHANGE_CAUSE_DECAY]
    assert await pages(api, causes=others) == [[]]


async def test_what_comes_between_pages_is_in_none(api: Api) -> None:
    request = pb.ListProjectScoreChangesRequest(page_size=10)
    request.page_token = (await api.call(METHOD, request)).next_page_token
    await api.events.apply_events([cases.incoming("new", "signup", 0, "lead:a")])
    answer = await api.call(METHOD, request)
    assert [one.event_id for one in answer.score_changes] == ALL[10:]
    assert not answer.next_page_token
    assert await pages(api) == [[*ALL, "new"]]


async def test_a_page_ends_before_it_is_too_large(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    (answer,) = [await api.call(METHOD, pb.ListProjectScoreChangesRequest())]
    sizes = [one.ByteSize() for one in answer.score_changes]
    monkeypatch.setattr(servicer, "CHANGES_PAGE_BYTES", sum(sizes[:7]))
    assert await pages(api) == [ALL[:7], ALL[7:]]
    monkeypatch.setattr(servicer, "CHANGES_PAGE_BYTES", sum(sizes[:7]) - 1)
    assert await pages(api) == [ALL[:6], ALL[6:]]
    monkeypatch.setattr(servicer, "CHANGES_PAGE_BYTES", max(sizes))
    assert await pages(api) == [[one] for one in ALL]


def test_the_largest_page_is_one_that_clients_take() -> None:
    longest = score_change_pb2.ScoreChange(
        lead_id="😀" * 128, version=2**31 - 1, cause=8, event_id="😀" * 128, event_type="a" * 64,
        previous_score=1, score=2, delta=1, previous_stage="😀" * 64, stage="😀" * 64,
        rule_set_version=2**31 - 1, occur_time=to_timestamp(START), change_time=to_timestamp(START),
        late=True, merged_into="😀" * 128, velocity=1, previous_velocity=2, risk=3, previous_risk=2,
    )  # fmt: skip
    most = servicer.CHANGES_PAGE_BYTES // longest.ByteSize()
    page = pb.ListProjectScoreChangesResponse(score_changes=[longest] * most)
    assert most > servicer.CHANGES_PAGE[0]
    # Tags and lengths, which the limit does not count, are in this.
    usual = score_change_pb2.ScoreChange(lead_id="a")
    short = pb.ListProjectScoreChangesResponse(score_changes=[usual] * servicer.CHANGES_PAGE[1])
    for one in (page, short):
        assert one.ByteSize() < 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"page_size": -1}, "page_size"),
        ({"change_time_from": Timestamp(seconds=10**12)}, "change_time_from"),
        ({"change_time_from": to_timestamp(START), "change_time_until": to_timestamp(START)},
         "change_time_from"),
        ({"causes": [1, 0]}, "causes[1]"),
        ({"causes": [99]}, "causes[0]"),
        ({"lead_ids": ["a"] * 101}, "lead_ids"),
        ({"lead_ids": ["a", ""]}, "lead_ids[1]"),
    ],
)  # fmt: skip
async def test_what_is_refused(api: Api, fields: dict[str, Any], named: str) -> None:
    with fails(*INVALID, named):
        await api.call(METHOD, pb.ListProjectScoreChangesRequest(**fields))


async def test_tokens_can_not_be_made_up(api: Api) -> None:
    request = pb.ListProjectScoreChangesRequest()
    at = START.isoformat()
    for position in (
        [at, at, "a"],
        ["x", at, "a", 1],
        [at, "x", "a", 1],
        [at, at, 1, 1],
        [at, at, "a", "1"],
    ):
        request.page_token = paging.encode(position, request)
        with fails(*INVALID, "page_token"):
            await api.call(METHOD, request)
    request.page_token = paging.encode([at, at, "a", 1], request)
    await api.call(METHOD, request)
    with fails(*INVALID, "page_token"):
        other = pb.ListProjectScoreChangesRequest(page_token=request.page_token, lead_ids=["a"])
        await api.call(METHOD, other)
