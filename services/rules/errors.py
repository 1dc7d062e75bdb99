"""What can go wrong in rules, and the words for refused edits (services/rules/domain/errors.py).

ServiceError (services/shared/errors.py)
├── RuleNotFound             NOT_FOUND, RESOURCE_NOT_FOUND
├── RuleExists               ALREADY_EXISTS, RESOURCE_ALREADY_EXISTS
├── RuleSetNotFound          NOT_FOUND, RESOURCE_NOT_FOUND
├── PresetNotFound           NOT_FOUND, RESOURCE_NOT_FOUND
├── DraftExists              ALREADY_EXISTS, RESOURCE_ALREADY_EXISTS
├── RuleSetEmpty             FAILED_PRECONDITION, RULE_SET_STATE
├── GroupsMissing            FAILED_PRECONDITION, RULE_SET_STATE, with a violation for each that names one
├── RulesCostly              FAILED_PRECONDITION, RULE_SET_STATE, with a violation for each expression
├── TestsFailed              FAILED_PRECONDITION, RULE_SET_STATE, with a violation a test
├── NeverInForce             FAILED_PRECONDITION, RULE_SET_STATE
├── DependencyUnavailable    UNAVAILABLE, DEPENDENCY_UNAVAILABLE
├── InvalidFields            INVALID_ARGUMENT, INVALID_FIELDS
├── EtagMismatch             ABORTED, ETAG_MISMATCH
└── LimitExceeded            RESOURCE_EXHAUSTED, LIMIT_EXCEEDED
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc

from scoreline.common.v1 import error_reason_pb2
from services.rules.domain import errors as edits
from services.rules.domain.activation import GroupMissing
from services.rules.domain.golden import GoldenResult
from services.rules.domain.inspection import Finding
from services.shared.errors import (
    EtagMismatch,
    InvalidFields,
    LimitExceeded,
    ResourceAlreadyExists,
    ResourceNotFound,
    ServiceError,
    Violation,
)


class RuleNotFound(ResourceNotFound):
    """The version has no rule of that id."""

    def __init__(self, rule_id: str) -> None:
        super().__init__("rule", rule_id)


class RuleExists(ResourceAlreadyExists):
    """The draft has a rule of that id."""

    def __init__(self, rule_id: str) -> None:
        super().__init__("rule", rule_id)


class RuleSetNotFound(ResourceNotFound):
    """The project has no such version."""

    def __init__(self, version: int) -> None:
        super().__init__("rule_set", str(version))


class PresetNotFound(ResourceNotFound):
    """There is no preset of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("preset", name)


class RuleSetEmpty(ServiceError):
    """A version without rules would score every lead 0."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RULE_SET_STATE

    def __init__(self, version: int) -> None:
        super().__init__(
            f"rule set {version} has no rules: there is nothing to activate",
            metadata={"resource_type": "rule_set", "resource": str(version)},
        )


class GroupsMissing(ServiceError):
    """The version names groups that it does not have: points would be bounded by nothing, grades be of nothing."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RULE_SET_STATE

    def __init__(self, version: int, missing: Sequence[GroupMissing]) -> None:
        names = ", ".join(f"`{name}`" for name in sorted({one.group for one in missing}))
        super().__init__(
            f"rule set {version} names groups that it does not have: {names}",
            metadata={"resource_type": "rule_set", "resource": str(version)},
            violations=[
                Violation(
                    f"rule_set.{one.field}",
                    f"{one.user} names `{one.group}`, which is no group of the rule set",
                )
                for one in missing
            ],
        )


class RulesCostly(ServiceError):
    """Expressions of the version cost too much together: everybody's events would wait for them."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RULE_SET_STATE

    def __init__(self, version: int, found: Sequence[Finding]) -> None:
        super().__init__(
            f"expressions of rule set {version} cost too much together",
            metadata={"resource_type": "rule_set", "resource": str(version)},
            violations=[Violation(f"rule_set.{field}", text) for field, text in found],
        )


class TestsFailed(ServiceError):
    """Golden tests of the version fail: it does not do what it is meant to."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RULE_SET_STATE

    def __init__(self, version: int, failed: Sequence[tuple[int, GoldenResult]]) -> None:
        names = ", ".join(f"`{result.name}`" for _, result in failed)
        super().__init__(
            f"golden tests of rule set {version} fail: {names}",
            metadata={"resource_type": "rule_set", "resource": str(version)},
            violations=[
                Violation(
                    f"rule_set.tests[{place}]", f"`{result.name}`: {'; '.join(result.differences)}"
                )
                for place, result in failed
            ],
        )


class NeverInForce(ServiceError):
    """There is no going back to what was never in force."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = error_reason_pb2.ERROR_REASON_RULE_SET_STATE

    def __init__(self, version: int) -> None:
        what = f"rule set {version}" if version else "a rule set other than the present one"
        super().__init__(
            f"{what} was never in force",
            metadata={"resource_type": "rule_set", "resource": str(version)},
        )


class DraftExists(ServiceError):
    """There is a draft, which is not to be replaced."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = error_reason_pb2.ERROR_REASON_RESOURCE_ALREADY_EXISTS

    def __init__(self, version: str) -> None:
        super().__init__(
            f"there is a draft already, rule set {version}: activate it, or say that it may be replaced",
            metadata={"resource_type": "rule_set", "resource": version},
        )


class ProjectNotInstalled(Exception):
    """The project has no rules yet."""


def costly(found: Sequence[Finding], place: int | None) -> InvalidFields:
    """Expressions cost too much together since an edit of the rule at a place, or of the rule set where that is None.
    What the edit leaves no room for may be another rule's."""
    own = f"rules[{place}]."
    return InvalidFields(
        [
            Violation(
                f"rule.{field.removeprefix(own)}" if field.startswith(own) else f"rule_set.{field}",
                text,
            )
            for field, text in found
        ]
    )


@contextmanager
def for_the_caller() -> Iterator[None]:
    """Say refused edits in the suite's words."""
    try:
        yield
    except edits.RuleMissing as error:
        raise RuleNotFound(str(error)) from error
    except edits.RuleThere as error:
        raise RuleExists(str(error)) from error
    except edits.RuleChanged as error:
        raise EtagMismatch("rule", str(error)) from error
    except edits.RuleSetChanged as error:
        raise EtagMismatch("rule_set", str(error)) from error
    except edits.GroupsInUse as error:
        raise InvalidFields(
            [
                Violation("rule_set.groups", f"must have `{group}`: in it are {_some(rule_ids)}")
                for group, rule_ids in error.users.items()
            ]
        ) from error
    except edits.DraftThere as error:
        raise DraftExists(str(error)) from error
    except (edits.TooManyRules, edits.TooLarge) as error:
        limit = str(error)
        raise LimitExceeded(edits.LIMITS[type(error)].format(limit=limit), int(limit)) from error


_NAMED_MAX = 5
"""Rules named in an error; of more, it says how many."""


def _some(rule_ids: Sequence[str]) -> str:
    named = ", ".join(f"`{rule_id}`" for rule_id in rule_ids[:_NAMED_MAX])
    more = len(rule_ids) - _NAMED_MAX
    return f"{named} and {more} more" if more > 0 else named
