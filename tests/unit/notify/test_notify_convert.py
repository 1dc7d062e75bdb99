"""What callers send is checked field by field; what goes out is made once."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest
from services.notify import convert
from services.notify.conditions import Conditions
from services.notify.domain.filtering import ChangeFilter
from services.notify.updates import WatchOptions
from services.shared.errors import InvalidFields

CONDITIONS = Conditions(10)


def to_options(request: WatchScoresRequest) -> WatchOptions:
    return convert.to_options(request, CONDITIONS)


def test_an_empty_request_watches_everything() -> None:
    options = to_options(WatchScoresRequest())
    assert options.wanted == ChangeFilter()
    assert (options.include_snapshot, options.resume_token) == (False, "")
    assert options.heartbeat_interval_s == 15


def test_every_field_arrives() -> None:
    options = to_options(
        WatchScoresRequest(
            lead_ids=["a", "b", "a"],
            stages=["hot"],
            min_delta=2.5,
            stage_changes_only=True,
            resume_token="t",
            heartbeat_interval=Duration(seconds=2, nanos=500_000_000),
        )
    )
    assert options.wanted == ChangeFilter(frozenset({"a", "b"}), frozenset({"hot"}), 2_500, True)
    assert options.resume_token == "t"
    assert options.heartbeat_interval_s == 2.5
    assert to_options(WatchScoresRequest(include_snapshot=True)).include_snapshot


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (WatchScoresRequest(lead_ids=[str(i) for i in range(1_001)]), "lead_ids"),
        (WatchScoresRequest(lead_ids=["a", ""]), "lead_ids[1]"),
        (WatchScoresRequest(lead_ids=["x" * 129]), "lead_ids[0]"),
        (WatchScoresRequest(lead_ids=["a\nb"]), "lead_ids[0]"),
        (WatchScoresRequest(lead_ids=["email:a@b.c"]), "lead_ids[0]"),
        (WatchScoresRequest(stages=[str(i) for i in range(33)]), "stages"),
        (WatchScoresRequest(stages=[""]), "stages[0]"),
        (WatchScoresRequest(stages=["x" * 65]), "stages[0]"),
        (WatchScoresRequest(min_delta=-0.001), "min_delta"),
        (WatchScoresRequest(min_delta=float("nan")), "min_delta"),
        (WatchScoresRequest(min_delta=float("inf")), "min_delta"),
        (WatchScoresRequest(resume_token="x" * 257), "resume_token"),
        (WatchScoresRequest(resume_token="x", include_snapshot=True), "include_snapshot"),
        (WatchScoresRequest(heartbeat_interval=Duration(nanos=999_999_999)), "heartbeat_interval"),
        (WatchScoresRequest(heartbeat_interval=Duration(seconds=61)), "heartbeat_interval"),
        (WatchScoresRequest(heartbeat_interval=Duration()), "heartbeat_interval"),
    ],
)
def test_what_is_wrong_is_named(request_: WatchScoresRequest, field: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        to_options(request_)
    assert [violation.field for violation in caught.value.violations] == [field]


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidFields) as caught:
        to_options(WatchScoresRequest(lead_ids=[""], stages=[""], min_delta=-1))
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["lead_ids[0]", "stages[0]", "min_delta"]


def test_limits_are_allowed() -> None:
    to_options(
        WatchScoresRequest(
            lead_ids=["x" * 127 + str(i % 10) for i in range(1_000)],
            stages=["s" * 64] * 32,
            min_delta=1e9,
            heartbeat_interval=Duration(seconds=60),
        )
    )
