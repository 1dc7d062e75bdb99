"""Requests into the domain with everything that is wrong at once, and answers out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

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
    assert convert.new_key(request)[1] == frozenset({Scope.ADMIN, Scope.INGEST})


def test_a_key_is_shown_without_its_hash() -> None:
    message = convert.key_message(KEY)
    assert list(message.scopes) == [1, 2]
    assert not message.HasField("revoke_time")
    assert KEY.key_hash not in str(message)


def test_bucket_entries() -> None:
    valid = convert.valid_key_entry(KEY)
    revoked = convert.revoked_key_entry(replace(KEY, version=2))
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


@pytest.mark.parametrize(
    ("scopes", "asked", "limit"),
    [
        ({Scope.TRACK}, None, 100),
        ({Scope.TRACK}, 5, 5),
        ({Scope.TRACK, Scope.INGEST}, None, 0),
        ({Scope.READ}, None, 0),
        ({Scope.READ}, 1_000_000, 1_000_000),
    ],
)
def test_services_are_told_the_limit_that_counts(
    scopes: set[Scope], asked: int | None, limit: int
) -> None:
    key = replace(KEY, scopes=frozenset(scopes), requests_per_minute=asked)
    credential = account_pb2.Credential.FromString(convert.valid_key_entry(key).payload)
    assert credential.requests_per_minute == limit
    message = convert.key_message(key)
    assert message.HasField("requests_per_minute") == (asked is not None)


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("https://www.example.com", True),
        ("http://localhost:5173", True),
        ("https://*.example.com", True),
        ("https://*.example.com:8443", True),
        ("https://xn--bcher-kva.example", True),
        ("http://[::1]:8080", True),
        ("https://WWW.example.com", False),
        ("https://www.example.com/", False),
        ("https://www.example.com:443", False),
        ("http://www.example.com:80", False),
        ("http://www.example.com:443", True),
        ("https://*", False),
        ("*", False),
        ("https://a.*.example.com", False),
        ("ftp://example.com", False),
        ("null", False),
        ("", False),
        ("https://" + "a" * 63 + ".example", True),
        ("https://" + "a." * 130 + "example", False),
    ],
)
def test_an_origin_is_what_a_browser_sends(origin: str, good: bool) -> None:
    request = pb.CreateApiKeyRequest(
        api_key=account_pb2.ApiKey(scopes=[4], allowed_origins=["https://ok.example", origin])
    )
    if good:
        assert convert.new_key(request)[0].allowed_origins == ("https://ok.example", origin)
        return
    with pytest.raises(InvalidFields) as caught:
        convert.new_key(request)
    assert fields(caught.value) == ["api_key.allowed_origins[1]"]


def test_terms_have_limits() -> None:
    origins = [f"https://{number}.example.com" for number in range(51)]
    for requests_per_minute in (0, -1, 1_000_001):
        request = pb.CreateApiKeyRequest(
            api_key=account_pb2.ApiKey(
                scopes=[4], allowed_origins=origins, requests_per_minute=requests_per_minute
            )
        )
        with pytest.raises(InvalidFields) as caught:
            convert.new_key(request)
        assert fields(caught.value) == ["api_key.allowed_origins", "api_key.requests_per_minute"]


def test_a_mask_says_what_changes() -> None:
    key = account_pb2.ApiKey(key_id="key_1", display_name="New", scopes=[1])
    request = pb.UpdateApiKeyRequest(api_key=key)
    key_id, changes = convert.key_changes(request)
    assert (key_id, changes.fields) == ("key_1", frozenset({"display_name"}))
    assert changes.applied_to(KEY) == replace(KEY, display_name="New")

    limited = replace(KEY, allowed_origins=("https://a.example",), requests_per_minute=3)
    mask = FieldMask(paths=["allowed_origins", "requests_per_minute"])
    _, changes = convert.key_changes(pb.UpdateApiKeyRequest(api_key=key, update_mask=mask))
    assert changes.applied_to(limited) == replace(KEY, display_name="Web")

    _, changes = convert.key_changes(
        pb.UpdateApiKeyRequest(api_key=key, update_mask=FieldMask(paths=["*"]))
    )
    assert changes.applied_to(limited) == replace(KEY, display_name="New")


def test_what_a_mask_may_not_say() -> None:
    key = account_pb2.ApiKey(key_id="key_1", display_name="x" * 129)
    mask = FieldMask(paths=["scopes", "requests_per_minute"])
    with pytest.raises(InvalidFields) as caught:
        convert.key_changes(pb.UpdateApiKeyRequest(api_key=key, update_mask=mask))
    assert fields(caught.value) == ["update_mask"]
    with pytest.raises(InvalidFields) as caught:
        convert.key_changes(pb.UpdateApiKeyRequest())
    assert fields(caught.value) == ["api_key.key_id", "update_mask"]
