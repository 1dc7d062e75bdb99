"""What a call to the suite can raise, and how it is read off the wire. Exit codes and texts for a terminal are in
scoreline/cli/failures.py.

    ScorelineError            any failure of a call: code, reason, message, violations, retry_after_s, request_id
    ├── InvalidRequest        INVALID_ARGUMENT     `violations` names the fields at fault
    ├── Unauthenticated       UNAUTHENTICATED      no API key, or one that is unknown or revoked
    ├── PermissionDenied      PERMISSION_DENIED    the key lacks a scope
    ├── NotFound              NOT_FOUND            the project has no such resource
    ├── AlreadyExists         ALREADY_EXISTS       a resource with that id is there already
    ├── Conflict              ABORTED              the etag is not current: read again, then repeat
    ├── FailedPrecondition    FAILED_PRECONDITION  the resource's state does not allow it
    ├── ResumeTokenExpired    OUT_OF_RANGE         the watch can't be resumed: resync from a snapshot
    ├── ResourceExhausted     RESOURCE_EXHAUSTED   too much at once, or more than a documented limit
    ├── Unavailable           UNAVAILABLE          not reachable, or it can't confirm now
    ├── DeadlineExceeded      DEADLINE_EXCEEDED    no answer in time; what was asked may still have happened
    └── InternalFailure       any other code       a defect; `request_id` finds it in the service's log

`reason` is the `google.rpc.ErrorInfo` reason (scoreline/common/v1/error_reason.proto); it is empty when the failure
comes from the connection or the proxy rather than from a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "scoreline"
"""`google.rpc.ErrorInfo.domain` of the suite's own errors."""

_STATUS_KEY = "grpc-status-details-bin"
_REQUEST_ID_KEY = "x-request-id"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field at fault and what to do about it."""

    field: str
    """Path in the request, e.g. `event.occur_time` or `events[3].type`."""
    description: str


class ScorelineError(Exception):
    """A call failed."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[FieldViolation] = (),
        retry_after_s: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        self.request_id = request_id

    def __str__(self) -> str:
        label = f"{self.code.name} {self.reason}".rstrip()
        return f"{label}: {self.message}"

    @property
    def from_transport(self) -> bool:
        """Whether the connection or the proxy failed rather than a service refusing."""
        return not self.reason


class InvalidRequest(ScorelineError):
    """One or more fields are missing or malformed."""


class Unauthenticated(ScorelineError):
    """No API key, or one that is unknown or revoked."""


class PermissionDenied(ScorelineError):
    """The API key lacks a scope."""


class NotFound(ScorelineError):
    """The project has no such resource."""


class AlreadyExists(ScorelineError):
    """A resource with that id is there already."""


class Conflict(ScorelineError):
    """Somebody else changed the resource since it was read."""


class FailedPrecondition(ScorelineError):
    """The resource's state does not allow it."""


class ResumeTokenExpired(ScorelineError):
    """The resume token is older than the oldest kept change."""


class ResourceExhausted(ScorelineError):
    """Too much at once, or more than a documented limit."""


class Unavailable(ScorelineError):
    """Not reachable, or it can't confirm now."""


class DeadlineExceeded(ScorelineError):
    """No answer in time."""


class InternalFailure(ScorelineError):
    """A defect in the suite, or an answer that makes no sense."""


_CLASSES: Mapping[grpc.StatusCode, type[ScorelineError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.OUT_OF_RANGE: ResumeTokenExpired,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def from_status(status: status_pb2.Status, request_id: str = "") -> ScorelineError:
    """The error that a `google.rpc.Status` describes, e.g. one event's in a batch."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason, metadata = "", {}
    violations: list[FieldViolation] = []
    retry_after_s = None
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad_request):
            violations += (
                FieldViolation(one.field, one.description) for one in bad_request.field_violations
            )
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return _CLASSES.get(code, InternalFailure)(
        status.message,
        code=code,
        reason=reason,
        metadata=metadata,
        violations=violations,
        retry_after_s=retry_after_s,
        request_id=request_id,
    )


def from_rpc_error(error: grpc.RpcError) -> ScorelineError:
    """The error that a failed call describes."""
    code = error.code()
    # Pairs in both of grpc's APIs; the stubs know one of them, and not as a pair.
    pairs = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    trailing = dict(pairs)
    request_id = trailing.get(_REQUEST_ID_KEY, "")
    status = status_pb2.Status(code=code.value[0], message=error.details() or "")
    details = trailing.get(_STATUS_KEY)
    if isinstance(details, bytes):
        try:
            sent = status_pb2.Status.FromString(details)
        except DecodeError:
            # A proxy's own idea of that header: the code and the text still say what happened.
            sent = None
        if sent is not None and sent.code == status.code:
            status = sent
    return from_status(status, str(request_id))


def invalid_locally(field: str, description: str) -> InvalidRequest:
    """What the service would say of a field, where it is not worth sending or can't be sent."""
    return InvalidRequest(
        f"{field}: {description}",
        code=_CODES[code_pb2.INVALID_ARGUMENT],
        reason="INVALID_FIELDS",
        violations=[FieldViolation(field, description)],
    )
