"""Why a watch is refused or ends, or an endpoint or an automation is not made.

ServiceError
├── ResumeTokenInvalid     INVALID_ARGUMENT     RESUME_TOKEN_INVALID
├── ResumeTokenExpired     OUT_OF_RANGE         RESUME_TOKEN_EXPIRED
├── WatcherTooSlow         RESOURCE_EXHAUSTED   WATCHER_TOO_SLOW
├── WatchInterrupted       UNAVAILABLE          DEPENDENCY_UNAVAILABLE, with RetryInfo
├── FeedInterrupted        UNAVAILABLE          DEPENDENCY_UNAVAILABLE, with RetryInfo
├── TooManyEndpoints       RESOURCE_EXHAUSTED   LIMIT_EXCEEDED
├── TooManyEndpointSecrets RESOURCE_EXHAUSTED   LIMIT_EXCEEDED
├── TooManyAutomations     RESOURCE_EXHAUSTED   LIMIT_EXCEEDED
├── ExecutionNotFailed     FAILED_PRECONDITION  RESOURCE_STATE
├── AutomationUnreadable   FAILED_PRECONDITION  RESOURCE_STATE
└── NoMailServer           FAILED_PRECONDITION  RESOURCE_STATE
"""

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.shared.errors import DependencyUnavailable, LimitExceeded, ServiceError


class ResumeTokenInvalid(ServiceError):
    """The token is malformed, forged or belongs to another project."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = error_reason_pb2.ERROR_REASON_RESUME_TOKEN_INVALID

    def __init__(self) -> None:
        super().__init__("resume_token is not a token that this project was given")


class ResumeTokenExpired(ServiceError):
    """Changes behind the watcher's position are gone: nobody can tell it all that happened since."""

    code = grpc.StatusCode.OUT_OF_RANGE
    reason = error_reason_pb2.ERROR_REASON_RESUME_TOKEN_EXPIRED

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: watch again with include_snapshot and without resume_token")


class WatcherTooSlow(ServiceError):
    """More changes wait for the watcher than are kept for one."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = error_reason_pb2.ERROR_REASON_WATCHER_TOO_SLOW

    def __init__(self, queue_messages_max: int) -> None:
        super().__init__(
            f"more than {queue_messages_max} changes were waiting to be read: resume with the last token",
            metadata={"limit": str(queue_messages_max)},
        )


class WatchInterrupted(DependencyUnavailable):
    """The service stops, or can't read changes for the time being. Nothing is lost: the last token resumes."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: resume with the last token")


class FeedInterrupted(DependencyUnavailable):
    """A stream that can't be resumed is over. A new one begins with what is so then."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: watch again")

    @classmethod
    def instead_of(cls, ending: ServiceError) -> ServiceError:
        """What ends such a stream where `ending` would end one that can be resumed."""
        if isinstance(ending, ResumeTokenExpired | WatchInterrupted):
            return cls("the service stops, or has lost sight of the changes")
        return ending


class TooManyEndpoints(LimitExceeded):
    """The project has as many webhook endpoints as it may have."""

    def __init__(self, endpoints_max: int) -> None:
        super().__init__(
            f"the project has {endpoints_max} webhook endpoints: delete one that is not needed any more",
            endpoints_max,
        )


class TooManyEndpointSecrets(LimitExceeded):
    """So many secrets of an endpoint are valid already."""

    def __init__(self, secrets_max: int) -> None:
        super().__init__(
            f"{secrets_max} secrets of the endpoint are valid: wait until one ends, or rotate with a shorter overlap",
            secrets_max,
        )


class TooManyAutomations(LimitExceeded):
    """The project has as many automations as it may have."""

    def __init__(self, automations_max: int) -> None:
        super().__init__(
            f"the project has {automations_max} automations: delete one that is not needed any more",
            automations_max,
        )


class ExecutionNotFailed(ServiceError):
    """Only what failed for good can be retried by hand."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_STATE

    def __init__(self, execution_id: str) -> None:
        super().__init__(
            f"execution {execution_id!r} has not failed: there is nothing to retry",
            metadata={"resource_type": "automation_execution", "resource": execution_id},
        )


class AutomationUnreadable(ServiceError):
    """An automation is kept that this process can't read: its key is gone, or a newer version wrote it."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_STATE

    def __init__(self, automation_id: str) -> None:
        super().__init__(
            f"automation {automation_id!r} can't be read: the key that it was encrypted under is missing, or a newer"
            " version of the service wrote it",
            metadata={"resource_type": "automation", "resource": automation_id},
        )


class NoMailServer(ServiceError):
    """The operator has set up no mail server, and an automation is to send e-mails."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_STATE

    def __init__(self) -> None:
        super().__init__(
            "no mail server is set up: the operator sets SCORELINE_NOTIFY_SMTP_URL and SCORELINE_NOTIFY_SMTP_FROM",
            metadata={"resource_type": "mail_server", "resource": ""},
        )
