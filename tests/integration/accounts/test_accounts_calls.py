"""AccountsService as its callers see it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.accounts.v1 import account_pb2
from scoreline.accounts.v1 import accounts_service_pb2 as pb
from scoreline.common.v1 import scope_pb2
from stack import Stack
from tests.support.grpc_calls import Keyed, refused

pytestmark = pytest.mark.xdist_group("accounts")

Caller = Callable[[str], Keyed]


@pytest.fixture
def acme(running: Stack, caller: Caller) -> pb.CreateProjectResponse:
    """A project of its own for the test."""
    project = account_pb2.Project(project_id=f"p-{secrets.token_hex(6)}", display_name="Acme")
    made: pb.CreateProjectResponse = caller(running.api_key).CreateProject(
        pb.CreateProjectRequest(project=project)
    )
    return made


def create_key(service: Keyed, *scopes: scope_pb2.Scope) -> pb.CreateApiKeyResponse:
    key = account_pb2.ApiKey(display_name="Made", scopes=scopes)
    made: pb.CreateApiKeyResponse = service.CreateApiKey(pb.CreateApiKeyRequest(api_key=key))
    return made


def test_the_operator_gets_in_as_soon_as_accounts_serves(running: Stack, caller: Caller) -> None:
    project = caller(running.api_key).GetProject(pb.GetProjectRequest()).project
    assert project.project_id == "default"
    assert project.HasField("create_time")


def test_a_new_project_has_a_key_that_works_at_once(
    acme: pb.CreateProjectResponse, caller: Caller
) -> None:
    assert list(acme.api_key.scopes) == [1, 2, 3, 4]
    answer = caller(acme.secret).GetProject(pb.GetProjectRequest())
    assert answer.project == acme.project


def test_project_ids_are_taken_once(
    acme: pb.CreateProjectResponse, running: Stack, caller: Caller
) -> None:
    request = pb.CreateProjectRequest(project=acme.project)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS") as said:
        caller(running.api_key).CreateProject(request)
    assert said[0].metadata == {"resource_type": "project", "resource": acme.project.project_id}


def test_only_the_operator_makes_projects(acme: pb.CreateProjectResponse, caller: Caller) -> None:
    # Said before anything is said about the request: whether an id is taken is none of the caller's business.
    with refused(grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_ONLY"):
        caller(acme.secret).CreateProject(pb.CreateProjectRequest())


def test_everything_wrong_is_said_at_once(running: Stack, caller: Caller) -> None:
    project = account_pb2.Project(project_id="Nope", display_name="x" * 200)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        caller(running.api_key).CreateProject(pb.CreateProjectRequest(project=project))
    assert said[0].fields == ["project.project_id", "project.display_name"]


def test_keys_do_what_their_scopes_say(acme: pb.CreateProjectResponse, caller: Caller) -> None:
    reader = create_key(caller(acme.secret), scope_pb2.SCOPE_READ)
    caller(reader.secret).GetProject(pb.GetProjectRequest())
    with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING") as said:
        caller(reader.secret).ListApiKeys(pb.ListApiKeysRequest())
    assert said[0].metadata == {"required_scope": "admin"}
    admin = create_key(caller(acme.secret), scope_pb2.SCOPE_ADMIN)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
        caller(admin.secret).GetProject(pb.GetProjectRequest())


@pytest.mark.parametrize(
    ("key", "reason"),
    [("", "CREDENTIAL_MISSING"), ("sl_abcdefgh_" + "x" * 32, "CREDENTIAL_INVALID")],
)
def test_without_a_valid_key_nobody_gets_in(caller: Caller, key: str, reason: str) -> None:
    with refused(grpc.StatusCode.UNAUTHENTICATED, reason):
        caller(key).GetProject(pb.GetProjectRequest())


def test_keys_are_listed_newest_first_page_by_page(
    acme: pb.CreateProjectResponse, caller: Caller
) -> None:
    service = caller(acme.secret)
    made = [create_key(service, scope_pb2.SCOPE_READ).api_key for _ in range(4)]
    service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=made[1].key_id))
    listed, token = [], ""
    while True:
        page = service.ListApiKeys(pb.ListApiKeysRequest(page_size=2, page_token=token))
        listed += page.api_keys
        assert len(page.api_keys) <= 2
        if not (token := page.next_page_token):
            break
    expected = [*reversed(made), acme.api_key]
    assert [key.key_id for key in listed] == [key.key_id for key in expected]
    assert [key.HasField("revoke_time") for key in listed] == [False, False, True, False, False]


@pytest.mark.parametrize("token", ["x", "AAAAAAAAW10", "AAAAAAAAWyJhIiwxXQ"])
def test_a_made_up_page_token_is_refused(running: Stack, caller: Caller, token: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        caller(running.api_key).ListApiKeys(pb.ListApiKeysRequest(page_token=token))
    assert said[0].fields == ["page_token"]


def test_a_revoked_key_is_worthless_and_stays_so(
    acme: pb.CreateProjectResponse, caller: Caller
) -> None:
    service = caller(acme.secret)
    key = create_key(service, scope_pb2.SCOPE_READ)
    first = service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key.api_key.key_id))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"):
        caller(key.secret).GetProject(pb.GetProjectRequest())
    again = service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key.api_key.key_id))
    assert again == first


def test_another_projects_keys_are_neither_seen_nor_revoked(
    acme: pb.CreateProjectResponse, running: Stack, caller: Caller
) -> None:
    operator = caller(running.api_key)
    listed = operator.ListApiKeys(pb.ListApiKeysRequest(page_size=1_000)).api_keys
    assert acme.api_key.key_id not in {key.key_id for key in listed}
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        operator.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=acme.api_key.key_id))
    caller(acme.secret).GetProject(pb.GetProjectRequest())


def test_a_key_id_is_needed(running: Stack, caller: Caller) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        caller(running.api_key).RevokeApiKey(pb.RevokeApiKeyRequest())
    assert said[0].fields == ["key_id"]


def test_a_key_of_pages_has_its_terms_and_changes_them(
    acme: pb.CreateProjectResponse, caller: Caller
) -> None:
    service = caller(acme.secret)
    asked = account_pb2.ApiKey(
        scopes=[scope_pb2.SCOPE_TRACK, scope_pb2.SCOPE_READ],
        allowed_origins=["https://www.example.com"],
    )
    made = service.CreateApiKey(pb.CreateApiKeyRequest(api_key=asked))
    assert list(made.api_key.allowed_origins) == ["https://www.example.com"]
    assert not made.api_key.HasField("requests_per_minute")
    page = caller(made.secret)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ORIGIN_NOT_ALLOWED"):
        page.GetProject(pb.GetProjectRequest())

    # No origins any more: known as soon as the change is answered.
    key = account_pb2.ApiKey(key_id=made.api_key.key_id, requests_per_minute=5)
    mask = FieldMask(paths=["allowed_origins", "requests_per_minute"])
    changed = service.UpdateApiKey(pb.UpdateApiKeyRequest(api_key=key, update_mask=mask)).api_key
    assert (list(changed.allowed_origins), changed.requests_per_minute) == ([], 5)
    # Only ingest counts.
    for _ in range(7):
        page.GetProject(pb.GetProjectRequest())
    (listed, _) = service.ListApiKeys(pb.ListApiKeysRequest()).api_keys
    assert listed == changed
    service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key.key_id))
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        service.UpdateApiKey(pb.UpdateApiKeyRequest(api_key=key))


def test_another_projects_key_is_not_found_for_change(
    acme: pb.CreateProjectResponse, running: Stack, caller: Caller
) -> None:
    mine = acme.api_key
    request = pb.UpdateApiKeyRequest(
        api_key=account_pb2.ApiKey(key_id=mine.key_id, display_name="Stolen")
    )
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        caller(running.api_key).UpdateApiKey(request)
    (listed,) = caller(acme.secret).ListApiKeys(pb.ListApiKeysRequest()).api_keys
    assert listed.display_name == mine.display_name
