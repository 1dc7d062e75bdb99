"""Failures read off the wire."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.client import errors
from tests.support.fake_edge import status, trailing


class Failure(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, details: str, metadata: tuple[Any, ...] = ()) -> None:
        self._code, self._details, self._metadata = code, details, metadata

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[Any, ...]:
        return self._metadata


def test_details_come_through() -> None:
    refusal = status(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        "event.type: is needed",
        violations=(("event.type", "is needed"),),
        metadata={"a": "b"},
    )
    error = errors.from_rpc_error(
        Failure(grpc.StatusCode.INVALID_ARGUMENT, "short", trailing(refusal, "req-9"))
    )
    assert isinstance(error, errors.InvalidRequest)
    assert error.reason == "INVALID_FIELDS"
    assert error.message == "event.type: is needed"
    assert error.violations == (errors.FieldViolation("event.type", "is needed"),)
    assert error.metadata == {"a": "b"}
    assert error.request_id == "req-9"
    assert not error.from_transport


def test_retry_info_is_read() -> None:
    refusal = status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", retry_after_s=1.25)
    error = errors.from_status(refusal)
    assert isinstance(error, errors.Unavailable)
    assert error.retry_after_s == 1.25


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, errors.PermissionDenied),
        (grpc.StatusCode.NOT_FOUND, errors.NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, errors.AlreadyExists),
        (grpc.StatusCode.ABORTED, errors.Conflict),
        (grpc.StatusCode.FAILED_PRECONDITION, errors.FailedPrecondition),
        (grpc.StatusCode.OUT_OF_RANGE, errors.ResumeTokenExpired),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.ResourceExhausted),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, errors.InternalFailure),
        (grpc.StatusCode.UNIMPLEMENTED, errors.InternalFailure),
    ],
)
def test_each_code_has_its_class(code: grpc.StatusCode, kind: type[errors.ScorelineError]) -> None:
    error = errors.from_rpc_error(Failure(code, "no"))
    assert type(error) is kind
    assert error.code is code
    assert error.from_transport


@pytest.mark.parametrize(
    "details", [b"\xff\xff not a status", status(grpc.StatusCode.ABORTED).SerializeToString()]
)
def test_details_of_somebody_else_are_left_alone(details: bytes) -> None:
    metadata = (("grpc-status-details-bin", details),)
    error = errors.from_rpc_error(Failure(grpc.StatusCode.UNAVAILABLE, "proxy says no", metadata))
    assert isinstance(error, errors.Unavailable)
    assert error.message == "proxy says no"
