"""Who may do what: each method with no key, a key that is none, and a key of each scope; and a key that is revoked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scoreline.accounts.v1 import accounts_service_pb2, accounts_service_pb2_grpc
from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from services.shared import contracts
from stack import Stack
from tests.e2e.methods import call
from tests.support.eventually import eventually
from tests.support.grpc_calls import CALL_TIMEOUT_S, Keyed, Refusal
from tests.support.projects import TestProject, knows, new_key, new_project

REVOKED_WITHIN_S = 1.0
"""What the contract promises for every service."""

SCOPES = (
    scope_pb2.SCOPE_INGEST,
    scope_pb2.SCOPE_READ,
    scope_pb2.SCOPE_ADMIN,
    scope_pb2.SCOPE_TRACK,
)

REQUIRED = {path: scope for path, scope in contracts.required_scopes().items() if scope is not None}

every_method = pytest.mark.parametrize("path", REQUIRED, ids=lambda path: path.rpartition("/")[2])


@pytest.fixture(scope="module")
def keys(suite: Stack) -> dict[int, str]:
    """A key for each scope, of one project."""
    project = new_project(suite, "scopes")
    return {scope: new_key(suite, project, [scope]).api_key for scope in SCOPES}


def refusal(channel: grpc.Channel, path: str, api_key: str) -> Refusal | None:
    try:
        call(channel, path, api_key)
    except grpc.RpcError as error:
        return Refusal(error)
    return None


@every_method
def test_nobody_calls_without_a_key(channel: grpc.Channel, path: str) -> None:
    for api_key, reason in (("", "CREDENTIAL_MISSING"), ("sl_x", "CREDENTIAL_INVALID")):
        said = refusal(channel, path, api_key)
        assert said is not None
        assert (said.code, said.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


@every_method
def test_only_the_right_scope_opens_a_method(
    channel: grpc.Channel, path: str, keys: dict[int, str]
) -> None:
    for scope, api_key in keys.items():
        said = refusal(channel, path, api_key)
        missing = said is not None and said.reason == "SCOPE_MISSING"
        assert missing == (scope != REQUIRED[path]), scope_pb2.Scope.Name(scope)
        if said is not None and missing:
            assert said.code == grpc.StatusCode.PERMISSION_DENIED
            required = scope_pb2.Scope.Name(REQUIRED[path]).removeprefix("SCOPE_").lower()
            assert said.metadata == {"required_scope": required}
        elif said is not None:
            assert (
                said.code
                in (
                    grpc.StatusCode.INVALID_ARGUMENT,
                    grpc.StatusCode.NOT_FOUND,
                    grpc.StatusCode.FAILED_PRECONDITION,
                )
                or said.reason == "OPERATOR_ONLY"
            ), (said.code, said.text)


def test_only_the_operator_makes_projects(
    channel: grpc.Channel, project: TestProject, suite: Stack
) -> None:
    path = "/scoreline.accounts.v1.AccountsService/CreateProject"
    said = refusal(channel, path, project.api_key)
    assert said is not None
    assert (said.code, said.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_ONLY")
    said = refusal(channel, path, suite.api_key)
    assert said is not None
    assert said.code == grpc.StatusCode.INVALID_ARGUMENT


def test_health_and_reflection_need_no_key(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_TIMEOUT_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_revoked_key_is_worthless_everywhere_within_a_second(
    suite: Stack, project: TestProject, channel: grpc.Channel, beside: ThreadPoolExecutor
) -> None:
    doomed = new_key(suite, project, list(SCOPES))
    watch = notify_service_pb2_grpc.NotifyServiceStub(channel).WatchScores(
        notify_service_pb2.WatchScoresRequest(), metadata=doomed.metadata, timeout=CALL_TIMEOUT_S
    )
    assert next(watch).WhichOneof("message") == "heartbeat"

    accounts = Keyed(accounts_service_pb2_grpc.AccountsServiceStub(channel), project.api_key)
    accounts.RevokeApiKey(accounts_service_pb2.RevokeApiKeyRequest(key_id=doomed.key_id))

    def refused(service: str) -> bool:
        return eventually(
            lambda: not knows(suite, service, doomed.api_key), timeout_s=REVOKED_WITHIN_S
        )

    services = suite.config.services
    assert list(beside.map(refused, services)) == [True] * len(services)
    # The one who was watching hears of it as well.
    with pytest.raises(grpc.RpcError) as ended:
        list(watch)
    assert Refusal(ended.value).reason == "CREDENTIAL_INVALID"
    # The key that revoked it still works, and revoking once more changes nothing.
    accounts.RevokeApiKey(accounts_service_pb2.RevokeApiKeyRequest(key_id=doomed.key_id))
