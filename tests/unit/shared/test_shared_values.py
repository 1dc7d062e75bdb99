"""Conversions every service relies on: Structs, timestamps, page tokens, statuses."""

import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.shared import errors, paging, structs
from services.shared.times import to_datetime, to_timestamp

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(string.ascii_letters, max_size=5), JSON, max_size=5))
def test_structs_keep_json(values: dict[str, Any]) -> None:
    assert structs.to_dict(structs.from_dict(values)) == values


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"inner": value}
    return value


def test_struct_depth_limit_counts_the_outermost_level() -> None:
    assert structs.problem(structs.from_dict({"a": nested(structs.MAX_DEPTH - 1)})) is None
    too_deep = structs.problem(structs.from_dict({"a": nested(structs.MAX_DEPTH)}))
    assert too_deep is not None
    assert "8 levels" in too_deep


def test_struct_depth_limit_counts_lists() -> None:
    value: Any = 1
    for _ in range(structs.MAX_DEPTH):
        value = [value]
    assert structs.problem(structs.from_dict({"a": value})) is not None


def test_struct_size_limit() -> None:
    assert structs.problem(structs.from_dict({"a": "x" * 30_000})) is None
    assert "32768 bytes" in (structs.problem(structs.from_dict({"a": "x" * 33_000})) or "")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_struct_numbers_must_be_finite(number: float) -> None:
    struct = Struct()
    struct["a"] = number
    assert "NaN" in (structs.problem(struct) or "")


@pytest.mark.parametrize("values", [{"a": "x\x00"}, {"a\x00": 1}, {"a": {"b": ["\x00"]}}])
def test_struct_texts_must_fit_into_postgres(values: dict[str, Any]) -> None:
    assert "NUL" in (structs.problem(structs.from_dict(values)) or "")


@given(st.integers(0, 250_000_000_000_000_000))
def test_times_keep_microseconds(microseconds: int) -> None:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert to_datetime(to_timestamp(instant)) == instant


def test_times_cut_off_nanoseconds() -> None:
    assert to_datetime(Timestamp(seconds=1, nanos=1_999)).microsecond == 1


def test_page_token_belongs_to_its_request() -> None:
    request = pb.ListLeadsRequest(query="ada", page_size=5)
    token = paging.encode(["x", 1], request)
    same_filter = pb.ListLeadsRequest(query="ada", page_size=50, page_token=token)
    assert paging.decode(token, same_filter, 2) == ["x", 1]
    with pytest.raises(errors.InvalidFields, match="other filters"):
        paging.decode(token, pb.ListLeadsRequest(query="bob"), 2)


@given(st.text(max_size=60))
def test_page_tokens_never_crash(token: str) -> None:
    with suppress(errors.InvalidFields):
        assert paging.decode(token, pb.ListLeadsRequest(), 2) is None


@pytest.mark.parametrize("part", ["\0", "a\ud800", 2**63, -(2**63)])
def test_page_tokens_have_nothing_that_a_database_refuses(part: object) -> None:
    request = pb.ListLeadsRequest()
    with pytest.raises(errors.InvalidFields, match="not a token"):
        paging.decode(paging.encode([part], request), request, 1)
    fine = ["\U0001f600", 2**63 - 1, 1.5, None]
    assert paging.decode(paging.encode(fine, request), request, 4) == fine


@pytest.mark.parametrize(("requested", "size"), [(0, 50), (7, 7), (5_000, 1_000)])
def test_page_size(requested: int, size: int) -> None:
    assert paging.page_size(requested, 50, 1_000) == size


def test_negative_page_size() -> None:
    with pytest.raises(errors.InvalidFields):
        paging.page_size(-1, 50, 1_000)


def test_status_has_reason_violations_and_retry() -> None:
    violations = [errors.Violation("event.type", "is required")]
    status = errors.to_status(errors.InvalidFields(violations))
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad_request)
    assert (info.reason, info.domain) == ("INVALID_FIELDS", "scoreline")
    assert bad_request.field_violations[0].field == "event.type"
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]

    retry = error_details_pb2.RetryInfo()
    away = errors.to_status(errors.DependencyUnavailable("away", retry_after_s=1.5))
    assert away.details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1_500
