"""Between the contracts and the domain, and what the `credentials` bucket holds. Nothing else touches both."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scoreline.accounts.v1 import account_pb2, accounts_service_pb2
from scoreline.common.v1 import scope_pb2
from services.accounts.domain import checks
from services.accounts.domain.model import ApiKey, KeyChanges, KeyTerms, Project, Scope
from services.shared.credentials import KEY_SUBJECT, PROJECT_SUBJECT
from services.shared.errors import Violations
from services.shared.times import to_timestamp

_SCOPES: dict[Scope, scope_pb2.Scope] = {
    Scope.INGEST: scope_pb2.SCOPE_INGEST,
    Scope.READ: scope_pb2.SCOPE_READ,
    Scope.ADMIN: scope_pb2.SCOPE_ADMIN,
    Scope.TRACK: scope_pb2.SCOPE_TRACK,
}
_SCOPE_OF = {int(wire): scope for scope, wire in _SCOPES.items()}
_SCOPE_NAMES = ", ".join(scope_pb2.Scope.Name(wire) for wire in _SCOPES.values())

_TERMS = ("display_name", "allowed_origins", "requests_per_minute")
"""What of a key may change, as the contract and the domain name it."""

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""


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


def new_key(
    request: accounts_service_pb2.CreateApiKeyRequest,
) -> tuple[KeyTerms, frozenset[Scope]]:
    """Terms and scopes of the key to make. Raises InvalidFields."""
    key = request.api_key
    wrong = Violations()
    terms = _terms(key, _TERMS, wrong)
    _note(wrong, "api_key.scopes", checks.scopes_problem(key.scopes))
    scopes = set()
    for index, wire in enumerate(key.scopes):
        scope = _SCOPE_OF.get(wire)
        if scope is None:
            wrong.add(f"api_key.scopes[{index}]", f"must be one of {_SCOPE_NAMES}")
        else:
            scopes.add(scope)
    wrong.raise_if_any()
    return terms, frozenset(scopes)


def key_changes(request: accounts_service_pb2.UpdateApiKeyRequest) -> tuple[str, KeyChanges]:
    """Which key, and what of it to change. Raises InvalidFields."""
    key = request.api_key
    wrong = Violations()
    if not key.key_id:
        wrong.add("api_key.key_id", "is required")
    paths = set(request.update_mask.paths)
    if paths == {EVERYTHING}:
        paths = set(_TERMS)
    known = ", ".join(f"`{name}`" for name in _TERMS)
    for path in sorted(paths - set(_TERMS)):
        wrong.add("update_mask", f"{path!r} can't be changed; what can is {known}")
    if not request.update_mask.paths:
        paths = {field.name for field, _ in key.ListFields()} & set(_TERMS)
        if not paths:
            wrong.add("update_mask", f"says nothing to change: name any of {known}")
    chosen = frozenset(paths & set(_TERMS))
    terms = _terms(key, chosen, wrong)
    wrong.raise_if_any()
    return key.key_id, KeyChanges(chosen, terms)


def _terms(key: account_pb2.ApiKey, wanted: Collection[str], wrong: Violations) -> KeyTerms:
    """A key's terms, of which only those that are wanted are looked at."""
    terms = KeyTerms(
        key.display_name,
        tuple(dict.fromkeys(key.allowed_origins)),
        key.requests_per_minute if key.HasField("requests_per_minute") else None,
    )
    if "display_name" in wanted:
        _note(wrong, "api_key.display_name", checks.display_name_problem(terms.display_name))
    if "allowed_origins" in wanted:
        for place, problem in checks.origins_problems(terms.allowed_origins):
            wrong.add(f"api_key.allowed_origins{place}", problem)
    if "requests_per_minute" in wanted:
        limit_problem = checks.requests_per_minute_problem(terms.requests_per_minute)
        _note(wrong, "api_key.requests_per_minute", limit_problem)
    return terms


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
        allowed_origins=key.allowed_origins,
        requests_per_minute=key.requests_per_minute,
    )


def project_entry(project: Project) -> BucketEntry:
    """What tells the services of a new project."""
    payload = project_message(project).SerializeToString()
    return BucketEntry(PROJECT_SUBJECT + project.project_id, 1, payload)


def credential(key: ApiKey) -> account_pb2.Credential:
    """What the services know of a valid key."""
    return account_pb2.Credential(
        project_id=key.project_id,
        key_id=key.key_id,
        scopes=_wire(key.scopes),
        allowed_origins=key.allowed_origins,
        requests_per_minute=key.request_limit,
    )


def valid_key_entry(key: ApiKey) -> BucketEntry:
    """What makes a key valid on every service, on its terms."""
    payload = credential(key).SerializeToString()
    return BucketEntry(KEY_SUBJECT + key.key_hash, key.version, payload)


def revoked_key_entry(key: ApiKey) -> BucketEntry:
    """What makes a key worthless on every service: an empty entry."""
    return BucketEntry(KEY_SUBJECT + key.key_hash, key.version, b"")


def _wire(scopes: frozenset[Scope]) -> Sequence[scope_pb2.Scope]:
    return sorted(_SCOPES[scope] for scope in scopes)


def _note(wrong: Violations, field: str, problem: str | None) -> None:
    if problem:
        wrong.add(field, problem)
