"""What can go wrong in scoring.

ServiceError (services/shared/errors.py)
├── LeadNotFound             NOT_FOUND, RESOURCE_NOT_FOUND
├── TooManyExports           RESOURCE_EXHAUSTED, LIMIT_EXCEEDED, with RetryInfo
└── ReaderTooSlow            RESOURCE_EXHAUSTED, LIMIT_EXCEEDED
StoreError
├── OutOfDate                what the transaction has read is no more so: run it again
│   ├── ConcurrentAppend     another one appended the same event id first
│   └── LeadsMoved           references went to another lead since they were looked up
├── CannotStore              the database refuses these values, whatever is tried: poison
├── StoreBroken              the database does not do its work, whatever the values: an operator must mend it
├── UnknownActivation        no such activation was ever in force: the snapshot that names it was changed from outside
└── LeadTaken                the id or a reference belongs to another lead: becomes ALREADY_EXISTS
"""

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.shared.errors import LimitExceeded, ResourceNotFound, ServiceError


class LeadNotFound(ResourceNotFound):
    """The project has no lead under that id or reference."""

    def __init__(self, reference: str) -> None:
        super().__init__("lead", reference)


class TooManyExports(ServiceError):
    """As many exports are under way as one process takes."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_LIMIT_EXCEEDED

    def __init__(self, limit: int, retry_after_s: float) -> None:
        super().__init__(
            f"{limit} exports are under way already: try again",
            metadata={"limit": str(limit)},
            retry_after_s=retry_after_s,
        )


class ReaderTooSlow(LimitExceeded):
    """The reader of an export took nothing for too long."""

    def __init__(self, stall_s_max: int) -> None:
        super().__init__(
            f"nothing of the export was read for {stall_s_max} s: begin anew", stall_s_max
        )


class LeadsMerged(ServiceError):
    """Leads to be merged are one already."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_LEADS_MERGED

    def __init__(self, lead_id: str) -> None:
        super().__init__(
            f"both are the lead {lead_id!r} already",
            metadata={"resource_type": "lead", "resource": lead_id},
        )


class LeadNotMerged(ServiceError):
    """A lead to be unmerged stands for itself."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_LEAD_NOT_MERGED

    def __init__(self, lead_id: str) -> None:
        super().__init__(
            f"the lead {lead_id!r} is not merged into another",
            metadata={"resource_type": "lead", "resource": lead_id},
        )


class StoreError(Exception):
    """The store could not do it. Never reaches a caller."""


class OutOfDate(StoreError):
    """Another transaction got there first; what this one has read is no more so."""


class ConcurrentAppend(OutOfDate):
    """The other one appended the same event id."""


class LeadsMoved(OutOfDate):
    """The other one merged or unmerged leads."""


class CannotStore(StoreError):
    """The database refuses the values themselves."""


class StoreBroken(StoreError):
    """The database answers but does not do its work: read-only, or a table or privilege is missing."""


class LeadTaken(StoreError):
    """The id or a reference of a lead to be made belongs to another one."""


class UnknownActivation(StoreError):
    """No activation has that number."""
