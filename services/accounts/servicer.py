"""The RPC edge of accounts: convert, call a handler, convert."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from scoreline.accounts.v1 import accounts_service_pb2 as pb
from scoreline.accounts.v1 import accounts_service_pb2_grpc
from services.accounts import convert
from services.accounts.domain.model import ApiKey
from services.accounts.handlers import Accounts
from services.accounts.ports import ListPosition
from services.shared import context, paging
from services.shared.errors import InvalidFields, Violation

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Context = grpc.aio.ServicerContext[Any, Any]


class AccountsServicer(accounts_service_pb2_grpc.AccountsServiceServicer):
    """scoreline.accounts.v1.AccountsService."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def CreateProject(
        self, request: pb.CreateProjectRequest, _: Context
    ) -> pb.CreateProjectResponse:
        caller = context.caller()
        self._accounts.require_operator(caller.project_id)
        project_id, display_name = convert.new_project(request)
        project, key, secret = await self._accounts.create_project(
            caller.project_id, project_id, display_name
        )
        return pb.CreateProjectResponse(
            project=convert.project_message(project),
            api_key=convert.key_message(key),
            secret=secret,
        )

    async def GetProject(self, request: pb.GetProjectRequest, _: Context) -> pb.GetProjectResponse:
        project = await self._accounts.get_project(context.caller().project_id)
        return pb.GetProjectResponse(project=convert.project_message(project))

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, _: Context
    ) -> pb.CreateApiKeyResponse:
        terms, scopes = convert.new_key(request)
        key, secret = await self._accounts.create_api_key(
            context.caller().project_id, terms, scopes
        )
        return pb.CreateApiKeyResponse(api_key=convert.key_message(key), secret=secret)

    async def UpdateApiKey(
        self, request: pb.UpdateApiKeyRequest, _: Context
    ) -> pb.UpdateApiKeyResponse:
        key_id, changes = convert.key_changes(request)
        key = await self._accounts.update_api_key(context.caller().project_id, key_id, changes)
        return pb.UpdateApiKeyResponse(api_key=convert.key_message(key))

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, _: Context
    ) -> pb.ListApiKeysResponse:
        size = paging.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        after = _position(request)
        # One more than asked for tells whether there is a next page.
        keys = await self._accounts.list_api_keys(context.caller().project_id, after, size + 1)
        page = keys[:size]
        more = len(keys) > size
        return pb.ListApiKeysResponse(
            api_keys=[convert.key_message(key) for key in page],
            next_page_token=_token(page[-1], request) if more else "",
        )

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, _: Context
    ) -> pb.RevokeApiKeyResponse:
        if not request.key_id:
            raise InvalidFields([Violation("key_id", "is required")])
        key = await self._accounts.revoke_api_key(context.caller().project_id, request.key_id)
        return pb.RevokeApiKeyResponse(api_key=convert.key_message(key))


def _token(last: ApiKey, request: pb.ListApiKeysRequest) -> str:
    microseconds = (last.create_time - _EPOCH) // _MICROSECOND
    return paging.encode([microseconds, last.key_id], request)


def _position(request: pb.ListApiKeysRequest) -> ListPosition | None:
    position = paging.decode(request.page_token, request, 2)
    if position is None:
        return None
    microseconds, key_id = position
    try:
        create_time = _EPOCH + microseconds * _MICROSECOND
        if not isinstance(key_id, str) or "\x00" in key_id:
            raise TypeError
    except (TypeError, OverflowError) as error:
        wrong = Violation("page_token", "is not a token this method has given out")
        raise InvalidFields([wrong]) from error
    return ListPosition(create_time, key_id)
