"""Errors that reach a caller, and their one translation to gRPC.

    ServiceError                 code                 reason
    ├── InvalidFields            INVALID_ARGUMENT     INVALID_FIELDS, with a violation a field
    ├── ResourceNotFound         NOT_FOUND            RESOURCE_NOT_FOUND
    ├── ResourceAlreadyExists    ALREADY_EXISTS       RESOURCE_ALREADY_EXISTS
    ├── EtagMismatch             ABORTED              ETAG_MISMATCH
    ├── DependencyUnavailable    UNAVAILABLE          DEPENDENCY_UNAVAILABLE, with RetryInfo
    └── LimitExceeded            RESOURCE_EXHAUSTED   LIMIT_EXCEEDED

A service's `errors.py` adds its own below ServiceError. Text and metadata are for the caller: no personal data beyond
what the caller sent, no internals. Any other exception is a defect and reaches the caller as INTERNAL without a word
of its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from scoreline.common.v1 import error_reason_pb2

DOMAIN = "scoreline"
"""`google.rpc.ErrorInfo.domain` of every error."""

_REASON_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class Violation:
    """A field at fault and what to do about it."""

    field: str
    """Path in the request, e.g. `event.occur_time` or `events[3].type`."""
    description: str


class ServiceError(Exception):
    """A failure that a caller is told about."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    reason: ClassVar[error_reason_pb2.ErrorReason] = error_reason_pb2.ERROR_REASON_INTERNAL

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s


class InvalidFields(ServiceError):
    """One or more fields are missing or malformed."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = error_reason_pb2.ERROR_REASON_INVALID_FIELDS

    def __init__(self, violations: Sequence[Violation]) -> None:
        text = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(text, violations=violations)


class ResourceNotFound(ServiceError):
    """The project has no such resource."""

    code = grpc.StatusCode.NOT_FOUND
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_NOT_FOUND

    def __init__(self, resource_type: str, resource: str) -> None:
        super().__init__(
            f"no {resource_type.replace('_', ' ')} {resource!r} in this project",
            metadata={"resource_type": resource_type, "resource": resource},
        )


class ResourceAlreadyExists(ServiceError):
    """A resource with that id is there already."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_ALREADY_EXISTS

    def __init__(self, resource_type: str, resource: str) -> None:
        super().__init__(
            f"there is a {resource_type.replace('_', ' ')} {resource!r} already",
            metadata={"resource_type": resource_type, "resource": resource},
        )


class EtagMismatch(ServiceError):
    """Somebody else changed the resource since it was read."""

    code = grpc.StatusCode.ABORTED
    reason = error_reason_pb2.ERROR_REASON_ETAG_MISMATCH

    def __init__(self, resource_type: str, resource: str) -> None:
        super().__init__(
            f"{resource_type.replace('_', ' ')} {resource!r} has changed: read it again, then repeat the change",
            metadata={"resource_type": resource_type, "resource": resource},
        )


class DependencyUnavailable(ServiceError):
    """The broker, the database or another service can't be reached or did not confirm in time."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = error_reason_pb2.ERROR_REASON_DEPENDENCY_UNAVAILABLE

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class LimitExceeded(ServiceError):
    """The request asks for more than a documented limit."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_LIMIT_EXCEEDED

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message, metadata={"limit": str(limit)})


class Violations:
    """Collects everything that is wrong with a request, so that the caller hears it all at once."""

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Note that `field` is at fault and what to do."""
        self.found.append(Violation(field, description))

    def raise_if_any(self) -> None:
        """Raise InvalidFields unless nothing was noted."""
        if self.found:
            raise InvalidFields(self.found)


def to_status(error: ServiceError) -> status_pb2.Status:
    """The error as a `google.rpc.Status` with ErrorInfo and, where they apply, BadRequest and RetryInfo."""
    name = error_reason_pb2.ErrorReason.Name(error.reason)
    details = [
        _packed(
            error_details_pb2.ErrorInfo(
                reason=name.removeprefix(_REASON_PREFIX), domain=DOMAIN, metadata=error.metadata
            )
        )
    ]
    if error.violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad_request.field_violations.add(
                field=violation.field, description=violation.description
            )
        details.append(_packed(bad_request))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=error.code.value[0], message=error.message, details=details)


def _packed(
    detail: error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
