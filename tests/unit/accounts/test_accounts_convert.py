"""Requests into the domain with everything that is wrong at once, and answers out of it."""

from __future__ import annotations

import pytest

from scoreline.accounts.v1 import account_pb2
from scoreline.accounts.v1 import accounts_service_pb2 as pb
from services.accounts import convert
from services.accounts.config import AccountsConfig
from services.accounts.domain.model import ApiKey, Scope
from services.shared.config import InvalidConfig, load
from services.shared.errors import InvalidFields
from tests.support.clocks import START

KEY = ApiKey("acme", "key_1", "ab" * 32, "Web", frozenset({Scope.READ, Scope.INGEST}), START)


def fields(error: InvalidFields) -> list[str]:
    return [violation.field for violation in error.violations]


def test_a_project_with_all_its_faults() -> None:
    request = pb.CreateProjectRequest(
        project=account_pb2.Project(project_id="No", display_name="x" * 129)
    )
    with pytest.raises(InvalidFields) as caught:
        convert.new_project(request)
    assert fields(caught.value) == ["project.project_id", "project.display_name"]
    with pytest.raises(InvalidFields) as caught:
        convert.new_project(pb.CreateProjectRequest())
    assert fields(caught.value) == ["project.project_id"]


def test_a_key_with_all_its_faults() -> None:
    request = pb.CreateApiKeyRequest(
        api_key=account_pb2.ApiKey(display_name="a\x07", scopes=[2, 0, 77])  # type: ignore[list-item]
    )
    with pytest.raises(InvalidFields) as caught:
        convert.new_key(request)
    assert fields(caught.value) == [
        "api_key.display_name",
        "api_key.scopes[1]",
        "api_key.scopes[2]",
    ]
    with pytest.raises(InvalidFields) as caught:
        convert.new_key(pb.CreateApiKeyRequest())
    assert fields(caught.value) == ["api_key.scopes"]


def test_scopes_are_a_set() -> None:
    request = pb.CreateApiKeyRequest(api_key=account_pb2.ApiKey(scopes=[3, 1, 3]))
    assert convert.new_key(request) == ("", frozenset({Scope.ADMIN, Scope.INGEST}))


def test_a_key_is_shown_without_its_hash() -> None:
    message = convert.key_message(KEY)
    assert list(message.scopes) == [1, 2]
    assert not message.HasField("revoke_time")
    assert KEY.key_hash not in str(message)


def test_bucket_entries() -> None:
    valid, revoked = convert.valid_key_entry(KEY), convert.revoked_key_entry(KEY)
    assert valid.subject == revoked.subject == "$KV.credentials.key." + "ab" * 32
    assert (valid.version, revoked.version, revoked.payload) == (1, 2, b"")
    credential = account_pb2.Credential.FromString(valid.payload)
    assert (credential.project_id, credential.key_id, list(credential.scopes)) == (
        "acme",
        "key_1",
        [1, 2],
    )


def test_settings_report_every_bad_value_and_repeat_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prefix = "SCORELINE_ACCOUNTS_"
    monkeypatch.setenv(prefix + "DATABASE_URL", "postgresql://x")
    monkeypatch.setenv(prefix + "BOOTSTRAP_KEY", "hunter2")
    monkeypatch.setenv(prefix + "OPERATOR_PROJECT_ID", "Über")
    with pytest.raises(InvalidConfig) as caught:
        load(AccountsConfig, prefix)
    text = str(caught.value)
    assert prefix + "BOOTSTRAP_KEY: " in text
    assert prefix + "OPERATOR_PROJECT_ID: " in text
    assert "hunter2" not in text
