"""A service that calls another one in a project's name: it reads there, and neither writes nor reads elsewhere."""

from __future__ import annotations

import json

import grpc
import pytest

from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2, scoring_service_pb2_grpc
from services.shared import contracts
from services.shared.clock import SystemClock
from services.shared.service_keys import ServiceKeys
from stack import Stack
from stack.credentials import new_secret
from tests.e2e.methods import call
from tests.support.eventually import eventually
from tests.support.grpc_calls import Keyed, refused
from tests.support.projects import TestProject, knows, new_project

OF_SERVICES = {
    service: f"/scoreline.{service}.v1."
    for service in ("accounts", "ingest", "notify", "rules", "scoring")
}


@pytest.fixture
def keys(suite: Stack) -> ServiceKeys:
    """As each service of the suite has them."""
    kept = json.loads(suite.data_dir.secrets.read_text(encoding="utf-8"))
    return ServiceKeys(SystemClock(), kept["service_key"].encode())


def leads_of(suite: Stack, credential: str) -> list[str]:
    with grpc.insecure_channel(suite.service_target("scoring")) as opened:
        scoring = Keyed(scoring_service_pb2_grpc.ScoringServiceStub(opened), credential)
        listed = scoring.ListLeads(scoring_service_pb2.ListLeadsRequest())
        return [lead.lead_id for lead in listed.leads]


def test_scoring_answers_of_that_project_only(
    suite: Stack, keys: ServiceKeys, project: TestProject
) -> None:
    with grpc.insecure_channel(suite.service_target("scoring")) as opened:
        scoring = Keyed(scoring_service_pb2_grpc.ScoringServiceStub(opened), project.api_key)
        made = scoring.CreateLead(
            scoring_service_pb2.CreateLeadRequest(lead=lead_pb2.Lead(email="ada@example.com"))
        )
    assert leads_of(suite, keys.make(project.project_id)) == [made.lead.lead_id]
    assert leads_of(suite, keys.make(new_project(suite, "other").project_id)) == []


@pytest.mark.parametrize("service", OF_SERVICES)
def test_every_service_knows_it_and_lets_it_read_only(
    suite: Stack, keys: ServiceKeys, project: TestProject, service: str
) -> None:
    credential = keys.make(project.project_id)
    assert knows(suite, service, credential)
    writes = [
        path
        for path, scope in contracts.required_scopes().items()
        if path.startswith(OF_SERVICES[service]) and scope not in (None, scope_pb2.SCOPE_READ)
    ]
    assert writes
    for target in (suite.service_target(service), suite.grpc_target):
        with grpc.insecure_channel(target) as opened:
            for path in writes:
                with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
                    call(opened, path, credential)


def test_one_that_is_forged_is_unknown_to_every_service(suite: Stack, project: TestProject) -> None:
    forged = ServiceKeys(SystemClock(), new_secret().encode()).make(project.project_id)
    assert not any(knows(suite, service, forged) for service in OF_SERVICES)


def test_it_is_in_no_log(suite: Stack, keys: ServiceKeys, project: TestProject) -> None:
    credential = keys.make(project.project_id)
    with grpc.insecure_channel(suite.grpc_target) as opened:
        call(opened, "/scoreline.scoring.v1.ScoringService/ListLeads", credential)
        path = "/scoreline.ingest.v1.IngestService/IngestEvent"
        with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
            call(opened, path, credential)

    def logged(component: str, text: str) -> bool:
        return text in suite.data_dir.log_path(component).read_text(encoding="utf-8")

    eventually(lambda: logged("envoy", path))
    eventually(lambda: logged("ingest", path))
    signature = credential.rpartition("_")[2]
    for log in suite.data_dir.path.rglob("*.log"):
        assert signature not in log.read_text(encoding="utf-8"), log.name
