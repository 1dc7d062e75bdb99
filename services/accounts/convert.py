"""Between the contracts and the domain, and what the `credentials` bucket holds. Nothing else touches both."""

from collections.abc import Sequence
from dataclasses import dataclass

from scoreline.accounts.v1 import account_pb2, accounts_service_pb2
from scoreline.common.v1 import scope_pb2
from services.accounts.domain import checks
from services.accounts.domain.model import ApiKey, Project, Scope
from services.shared.credentials import KEY_SUBJECT, PROJECT_SUBJECT
from services.shared.errors import Violations
from services.shared.times import to_timestamp

_SCOPES: dict[Scope, scope_pb2.Scope] = {
    Scope.INGEST: scope_pb2.SCOPE_INGEST,
    Scope.READ: scope_pb2.SCOPE_READ,
    Scope.ADMIN: scope_pb2.SCOPE_ADMIN,
}
_SCOPE_OF = {int(wire): scope for scope, wire in _SCOPES.items()}


@dataclass(frozen=True, slots=True)
class BucketEntry:
    """A message for the bucket's stream."""

    subject: str
    version: int
    """1, 2, 3 ... on its subject."""
    payload: bytes


def new_project(request: accounts_service_pb2.CreateProjectRequest) -> tuple[str, str]:
    """Project id and display name of the project to make. Raises InvalidFields."""
    project = request.project
    wrong = Violations()
    _note(wrong, "project.project_id", checks.project_id_problem(project.project_id))
    _note(wrong, "project.display_name", checks.display_name_problem(project.display_name))
    wrong.raise_if_any()
    return project.project_id, project.display_name


def new_key(request: accounts_service_pb2.CreateApiKeyRequest) -> tuple[str, frozenset[Scope]]:
    """Display name and scopes of the key to make. Raises InvalidFields."""
    key = request.api_key
    wrong = Violations()
    _note(wrong, "api_key.display_name", checks.display_name_problem(key.display_name))
    _note(wrong, "api_key.scopes", checks.scopes_problem(key.scopes))
    scopes = set()
    for index, wire in enumerate(key.scopes):
        scope = _SCOPE_OF.get(wire)
        if scope is None:
            wrong.add(f"api_key.scopes[{index}]", "must be SCOPE_INGEST, SCOPE_READ or SCOPE_ADMIN")
        else:
            scopes.add(scope)
    wrong.raise_if_any()
    return key.display_name, frozenset(scopes)


def project_message(project: Project) -> account_pb2.Project:
    """The project as the contract has it."""
    return account_pb2.Project(
        project_id=project.project_id,
        display_name=project.display_name,
        create_time=to_timestamp(project.create_time),
    )


def key_message(key: ApiKey) -> account_pb2.ApiKey:
    """The key as the contract has it: without its hash."""
    return account_pb2.ApiKey(
        key_id=key.key_id,
        display_name=key.display_name,
        scopes=_wire(key.scopes),
        create_time=to_timestamp(key.create_time),
        revoke_time=to_timestamp(key.revoke_time) if key.revoke_time else None,
    )


def project_entry(project: Project) -> BucketEntry:
    """What tells the services of a new project."""
    payload = project_message(project).SerializeToString()
    return BucketEntry(PROJECT_SUBJECT + project.project_id, 1, payload)


def valid_key_entry(key: ApiKey) -> BucketEntry:
    """What makes a key valid on every service."""
    credential = account_pb2.Credential(
        project_id=key.project_id, key_id=key.key_id, scopes=_wire(key.scopes)
    )
    return BucketEntry(KEY_SUBJECT + key.key_hash, 1, credential.SerializeToString())


def revoked_key_entry(key: ApiKey) -> BucketEntry:
    """What makes a key worthless on every service: an empty entry."""
    return BucketEntry(KEY_SUBJECT + key.key_hash, 2, b"")


def _wire(scopes: frozenset[Scope]) -> Sequence[scope_pb2.Scope]:
    return sorted(_SCOPES[scope] for scope in scopes)


def _note(wrong: Violations, field: str, problem: str | None) -> None:
    if problem:
        wrong.add(field, problem)
