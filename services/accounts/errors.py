"""What can go wrong in accounts.

ServiceError (services/shared/errors.py)
├── OperatorOnly             PERMISSION_DENIED, OPERATOR_ONLY
├── ProjectNotFound          NOT_FOUND, RESOURCE_NOT_FOUND
├── ProjectExists            ALREADY_EXISTS, RESOURCE_ALREADY_EXISTS
├── ApiKeyNotFound           NOT_FOUND, RESOURCE_NOT_FOUND
└── TooManyKeys              RESOURCE_EXHAUSTED, LIMIT_EXCEEDED
KeyTaken                     never reaches a caller: another key has the id or the hash; draw anew
"""

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.shared.errors import (
    LimitExceeded,
    ResourceAlreadyExists,
    ResourceNotFound,
    ServiceError,
)


class OperatorOnly(ServiceError):
    """Only the operator's project may make projects."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = error_reason_pb2.ERROR_REASON_OPERATOR_ONLY

    def __init__(self) -> None:
        super().__init__("only a key of the operator's project may make projects")


class ProjectNotFound(ResourceNotFound):
    """There is no such project."""

    def __init__(self, project_id: str) -> None:
        super().__init__("project", project_id)


class ProjectExists(ResourceAlreadyExists):
    """The project id is taken."""

    def __init__(self, project_id: str) -> None:
        super().__init__("project", project_id)


class ApiKeyNotFound(ResourceNotFound):
    """The project has no such key."""

    def __init__(self, key_id: str) -> None:
        super().__init__("api_key", key_id)


class TooManyKeys(LimitExceeded):
    """The project has as many valid keys as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a project may have {limit} valid keys: revoke one first", limit)


class KeyTaken(Exception):
    """Another key has this id in its project, or this very secret."""
