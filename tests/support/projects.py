"""A project of its own for a test, in a suite that many tests share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from scoreline.accounts.v1 import account_pb2, accounts_service_pb2, accounts_service_pb2_grpc
from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.rules.v1 import rules_service_pb2, rules_service_pb2_grpc
from scoreline.scoring.v1 import scoring_service_pb2, scoring_service_pb2_grpc
from stack import Stack
from tests.support.eventually import eventually

CALL_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class TestProject:
    """A project and its first key, which has all scopes."""

    __test__ = False

    project_id: str
    key_id: str
    api_key: str

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """What a gRPC call carries."""
        return [("x-api-key", self.api_key)]

    @property
    def headers(self) -> dict[str, str]:
        """What an HTTP request carries."""
        return {"x-api-key": self.api_key}


def new_project(stack: Stack, name: str = "test") -> TestProject:
    """Make a project; its key works on every service when this returns."""
    project_id = f"{name[:24].rstrip('-')}-{uuid.uuid4().hex[:10]}"
    with grpc.insecure_channel(stack.service_target("accounts")) as channel:
        made = accounts_service_pb2_grpc.AccountsServiceStub(channel).CreateProject(
            accounts_service_pb2.CreateProjectRequest(
                project=account_pb2.Project(project_id=project_id, display_name=name)
            ),
            metadata=[("x-api-key", stack.api_key)],
            timeout=CALL_TIMEOUT_S,
        )
    for service in stack.config.services:
        eventually(lambda service=service: knows(stack, service, made.secret))  # type: ignore[misc]
    return TestProject(project_id, made.api_key.key_id, made.secret)


def new_key(stack: Stack, project: TestProject, scopes: list[int], **terms: Any) -> TestProject:
    """Another key of the project, with these scopes only, and other fields as given."""
    with grpc.insecure_channel(stack.service_target("accounts")) as channel:
        made = accounts_service_pb2_grpc.AccountsServiceStub(channel).CreateApiKey(
            accounts_service_pb2.CreateApiKeyRequest(
                api_key=account_pb2.ApiKey(scopes=scopes, **terms)
            ),
            metadata=project.metadata,
            timeout=CALL_TIMEOUT_S,
        )
    for service in stack.config.services:
        eventually(lambda service=service: knows(stack, service, made.secret))  # type: ignore[misc]
    return TestProject(project.project_id, made.api_key.key_id, made.secret)


def knows(stack: Stack, service: str, api_key: str) -> bool:
    """Whether a service takes the key for one that is valid, whatever its scopes."""
    with grpc.insecure_channel(stack.service_target(service)) as channel:
        try:
            _PROBES[service](channel, [("x-api-key", api_key)])
        except grpc.RpcError as error:
            code = error.code()  # type: ignore[attr-defined]
            if code in _UNDECIDED:
                raise AssertionError(f"{service} answers {code.name}") from error
            return bool(code != grpc.StatusCode.UNAUTHENTICATED)
    return True


_UNDECIDED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

_Probe = Callable[[grpc.Channel, list[tuple[str, str]]], object]


def _probe_accounts(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> object:
    stub = accounts_service_pb2_grpc.AccountsServiceStub(channel)
    request = accounts_service_pb2.GetProjectRequest()
    return stub.GetProject(request, metadata=metadata, timeout=CALL_TIMEOUT_S)


def _probe_rules(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> object:
    stub = rules_service_pb2_grpc.RulesServiceStub(channel)
    request = rules_service_pb2.ListRulesRequest()
    return stub.ListRules(request, metadata=metadata, timeout=CALL_TIMEOUT_S)


def _probe_scoring(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> object:
    stub = scoring_service_pb2_grpc.ScoringServiceStub(channel)
    request = scoring_service_pb2.GetStageCountsRequest()
    return stub.GetStageCounts(request, metadata=metadata, timeout=CALL_TIMEOUT_S)


def _probe_ingest(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> object:
    # An empty event is refused after the key is looked at, and leaves nothing behind.
    stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
    request = ingest_service_pb2.IngestEventRequest()
    return stub.IngestEvent(request, metadata=metadata, timeout=CALL_TIMEOUT_S)


def _probe_notify(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> object:
    stub = notify_service_pb2_grpc.NotifyServiceStub(channel)
    # Refused after the key is looked at: a token that is none.
    request = notify_service_pb2.WatchScoresRequest(resume_token="none")
    return list(stub.WatchScores(request, metadata=metadata, timeout=CALL_TIMEOUT_S))


_PROBES: dict[str, _Probe] = {
    "accounts": _probe_accounts,
    "rules": _probe_rules,
    "scoring": _probe_scoring,
    "ingest": _probe_ingest,
    "notify": _probe_notify,
}
