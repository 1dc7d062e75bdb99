"""What ingest may answer besides the errors every service has.

    ServiceError
    ├── IntakeFull       RESOURCE_EXHAUSTED   INTAKE_FULL, with RetryInfo
    ├── RateLimited      RESOURCE_EXHAUSTED   RATE_LIMITED, with RetryInfo
    └── QuarantineFull   RESOURCE_EXHAUSTED   LIMIT_EXCEEDED, with RetryInfo

BatchRefused stays inside: it makes the group commit store the events one by one.
"""

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.shared.errors import ServiceError


class IntakeFull(ServiceError):
    """The event stream or the queue before it has no room; nothing was acknowledged."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_INTAKE_FULL

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class QuarantineFull(ServiceError):
    """The project has no room in quarantine for what it could not keep elsewhere."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_LIMIT_EXCEEDED

    def __init__(self, items_max: int, retry_after_s: float) -> None:
        super().__init__(
            f"quarantine is full: redrive or discard some of its {items_max} items",
            metadata={"limit": str(items_max)},
            retry_after_s=retry_after_s,
        )


class RateLimited(ServiceError):
    """The API key has used up its requests of this minute."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_RATE_LIMITED

    def __init__(self, requests_per_minute: int, retry_after_s: float) -> None:
        super().__init__(
            f"the API key may make {requests_per_minute} requests a minute: try again in the next one",
            metadata={"requests_per_minute": str(requests_per_minute)},
            retry_after_s=retry_after_s,
        )


class BatchRefused(Exception):
    """The stream refused a batch as a whole and stored none of it; single events of it may be fine."""
