"""What ingest may answer besides the errors every service has.

    ServiceError
    ├── IntakeFull       RESOURCE_EXHAUSTED   INTAKE_FULL, with RetryInfo
    ├── RateLimited      RESOURCE_EXHAUSTED   RATE_LIMITED, with RetryInfo
    ├── QuarantineFull   RESOURCE_EXHAUSTED   LIMIT_EXCEEDED, with RetryInfo
    ├── TooManyImports, ImportsTooLarge, FileTooLarge, UploadStalled   RESOURCE_EXHAUSTED   LIMIT_EXCEEDED
    ├── UploadGivenUp    UNAVAILABLE          DEPENDENCY_UNAVAILABLE, with RetryInfo
    ├── TooBusy          UNAVAILABLE          DEPENDENCY_UNAVAILABLE, with RetryInfo
    ├── ImportEnded      FAILED_PRECONDITION  RESOURCE_STATE
    ├── SignatureInvalid  UNAUTHENTICATED     SIGNATURE_INVALID
    ├── SourceDisabled   PERMISSION_DENIED    SOURCE_DISABLED
    ├── MappingFailed    INVALID_ARGUMENT     MAPPING_FAILED
    └── TooManySources, TooManySecrets   RESOURCE_EXHAUSTED   LIMIT_EXCEEDED

BatchRefused stays inside: it makes the group commit store the events one by one.
"""

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.shared.errors import DependencyUnavailable, LimitExceeded, ServiceError


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
            f"quarantine is full: redrive or discard some of its {items_max} items of this kind",
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


class TooManyImports(LimitExceeded):
    """As many files of the project wait as may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} imports of this project wait already: try again later", limit)


class ImportsTooLarge(LimitExceeded):
    """The files of the project that have not ended take as much room as they may."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(
            f"the files of this project's imports that have not ended may have {bytes_max} bytes together: "
            "try again when one has",
            bytes_max,
        )


class FileTooLarge(LimitExceeded):
    """More bytes came than a file may have."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(
            f"a file may have at most {bytes_max} bytes; compress or split it", bytes_max
        )


class UploadStalled(LimitExceeded):
    """Nothing of a file came for too long."""

    def __init__(self, stall_s_max: int) -> None:
        super().__init__(f"nothing of the file came for {stall_s_max} s: send it anew", stall_s_max)


class UploadGivenUp(DependencyUnavailable):
    """A file that was being received is gone: it had been taken for broken off."""

    def __init__(self) -> None:
        super().__init__("the upload was interrupted for too long: send the file anew")


class ImportEnded(ServiceError):
    """An import that has ended otherwise can't be cancelled."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_STATE

    def __init__(self, import_id: str, state: str) -> None:
        super().__init__(
            f"the import has {state} already",
            metadata={"resource_type": "import", "resource": import_id},
        )


class SignatureInvalid(ServiceError):
    """A webhook delivery does not prove where it comes from."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = error_reason_pb2.ERROR_REASON_SIGNATURE_INVALID


class SourceDisabled(ServiceError):
    """A webhook source takes no deliveries."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = error_reason_pb2.ERROR_REASON_SOURCE_DISABLED

    def __init__(self, source_id: str) -> None:
        super().__init__(
            "this webhook source is disabled",
            metadata={"resource_type": "webhook_source", "resource": source_id},
        )


class TooBusy(DependencyUnavailable):
    """This process has no time for a webhook delivery."""


class MappingFailed(ServiceError):
    """A webhook delivery is in quarantine, and its source wants its sender to know."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = error_reason_pb2.ERROR_REASON_MAPPING_FAILED


class TooManySources(LimitExceeded):
    """The project has as many webhook sources as may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the project has {limit} webhook sources already: delete one first", limit
        )


class TooManySecrets(LimitExceeded):
    """A webhook source has as many valid secrets as may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} secrets of this source are valid already: end them with an overlap of 0",
            limit,
        )


class BatchRefused(Exception):
    """The stream refused a batch as a whole and stored none of it; single events of it may be fine."""
