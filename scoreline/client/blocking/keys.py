"""API keys and projects, blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scoreline.accounts.v1.account_pb2 import ApiKey, Project
from scoreline.accounts.v1.accounts_service_pb2 import (
    CreateApiKeyResponse,
    CreateProjectResponse,
    GetProjectRequest,
    ListApiKeysRequest,
    RevokeApiKeyRequest,
)
from scoreline.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from scoreline.client import requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.client.requests import PAGE_SIZE


class Keys:
    """API keys and projects."""

    def __init__(self, calls: Calls, stub: AccountsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def project(self) -> Project:
        """The project this client's key belongs to."""
        return self._calls.repeated(self._stub.GetProject, GetProjectRequest()).project

    def create_project(self, project_id: str, *, display_name: str = "") -> CreateProjectResponse:
        """Make a project with a first key (`secret`); the operator's project only."""
        request = requests.create_project(project_id, display_name)
        return self._calls.once(self._stub.CreateProject, request)

    def create(
        self,
        display_name: str,
        scopes: Sequence[str],
        *,
        allowed_origins: Sequence[str] = (),
        requests_per_minute: int | None = None,
    ) -> CreateApiKeyResponse:
        """Make a key of scopes `ingest`, `read`, `admin`, `track`; its `secret` is shown only here.

        With `allowed_origins` only pages of these may use it, e.g. `https://*.example.com`. Ingest takes
        `requests_per_minute` with it; None: 100 with a key that can only track, no limit for others.
        """
        request = requests.create_api_key(
            display_name, scopes, allowed_origins, requests_per_minute
        )
        return self._calls.once(self._stub.CreateApiKey, request)

    def update(
        self,
        key_id: str,
        *,
        display_name: str | None = None,
        allowed_origins: Sequence[str] | None = None,
        requests_per_minute: int | None = None,
    ) -> ApiKey:
        """Change what is given: no origins are any caller, a limit of 0 is the default."""
        request = requests.update_api_key(
            key_id, display_name, allowed_origins, requests_per_minute
        )
        return self._calls.repeated(self._stub.UpdateApiKey, request).api_key

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[ApiKey]:
        """The project's keys, newest first, revoked ones included."""
        request = ListApiKeysRequest(page_size=page_size)
        return items(self._calls, self._stub.ListApiKeys, request, "api_keys")

    def revoke(self, key_id: str) -> ApiKey:
        """Make a key worthless within a second."""
        request = RevokeApiKeyRequest(key_id=key_id)
        return self._calls.repeated(self._stub.RevokeApiKey, request).api_key
